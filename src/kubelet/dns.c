/* resolv.conf, host names and /etc/hosts of Pods. */
#include "kubelet/impl.h"
#include <fcntl.h>
#include <unistd.h>

#define HOSTNAME_MAX 63

static void words(struct arena *a, struct str line, str_list_t *ret, bool replace)
{
	struct str word;
	if (replace)
		*ret = (str_list_t){0};
	while (str_next(&line, ' ', &word))
		if (str_trim(word).n)
			*arena_push(a, ret) = str_dup(a, str_trim(word));
}

static void resolv_line(struct arena *a, struct str line, struct cri_v1_DNSConfig *d)
{
	struct str key, rest;
	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] == '\t')
			((char *)line.p)[i] = ' ';
	str_cut(str_trim(line), ' ', &key, &rest);
	if (str_is(key, "nameserver"))
		words(a, rest, &d->servers, false);
	else if (str_is(key, "search"))
		words(a, rest, &d->searches, true);
	else if (str_is(key, "options"))
		words(a, rest, &d->options, true);
}

/* The node's own; none is fine. */
static int host_dns(struct pod *p, struct arena *a, struct cri_v1_DNSConfig *d, struct err *e)
{
	struct str file = p->k->cfg->resolvConf, text, line;
	if (!file.n)
		return 0;
	if (file_read(a, str_z(a, file), 1 << 20, &text, e))
		return err_is(e, ERR_NOT_FOUND) || e->sys == ENOENT ? (err_fini(e), 0) : -1;
	while (str_next(&text, '\n', &line))
		if (line.n && line.p[0] != '#' && line.p[0] != ';')
			resolv_line(a, line, d);
	return 0;
}

static void cluster_dns(struct pod *p, struct arena *a, struct cri_v1_DNSConfig *d)
{
	struct str domain = p->k->cfg->clusterDomain;
	str_list_t host = d->searches;
	*d = (struct cri_v1_DNSConfig){0};
	LIST_EACH(s, p->k->cfg->clusterDNS)
		*arena_push(a, &d->servers) = *s;
	if (domain.n) {
		*arena_push(a, &d->searches) = str_printf(a, "%.*s.svc.%.*s", STR_F(p->ns), STR_F(domain));
		*arena_push(a, &d->searches) = str_printf(a, "svc.%.*s", STR_F(domain));
		*arena_push(a, &d->searches) = domain;
	}
	LIST_EACH(s, host)
		*arena_push(a, &d->searches) = *s;
	*arena_push(a, &d->options) = STR("ndots:5");
}

static void option(struct arena *a, str_list_t *l, const struct core_v1_PodDNSConfigOption *o)
{
	struct str text = o->value.p ? str_printf(a, "%.*s:%.*s", STR_F(o->name), STR_F(o->value)) : o->name, name;
	LIST_EACH(x, *l) {
		str_cut(*x, ':', &name, &(struct str){0});
		if (str_eq(name, o->name)) {
			*x = text;
			return;
		}
	}
	*arena_push(a, l) = text;
}

static void own_dns(struct arena *a, const struct core_v1_PodDNSConfig *c, struct cri_v1_DNSConfig *d)
{
	LIST_EACH(s, c->nameservers)
		if (!str_list_has(&d->servers, *s))
			*arena_push(a, &d->servers) = *s;
	LIST_EACH(s, c->searches)
		if (!str_list_has(&d->searches, *s))
			*arena_push(a, &d->searches) = *s;
	LIST_EACH(o, c->options)
		option(a, &d->options, o);
}

struct cri_v1_DNSConfig *dns_config(struct pod *p, struct arena *a, struct err *e)
{
	const struct core_v1_PodSpec *s = &p->spec->pod->spec;
	struct cri_v1_DNSConfig *d = arena_make(a, struct cri_v1_DNSConfig);
	bool none = str_is(s->dnsPolicy, "None");
	bool cluster = str_is(s->dnsPolicy, "ClusterFirstWithHostNet") || (str_is(s->dnsPolicy, "ClusterFirst") && !s->hostNetwork);
	if (!none && host_dns(p, a, d, e))
		return NULL;
	if (cluster && p->k->cfg->clusterDNS.len)
		cluster_dns(p, a, d);
	else if (cluster)
		pod_event(p, STR(""), "Warning", "MissingClusterDNS",
			"pod: \"%.*s\". kubelet does not have ClusterDNS IP configured and cannot create Pod using \"%.*s\" policy. Falling back to \"Default\" policy.",
			STR_F(p->full), STR_F(s->dnsPolicy));
	if (s->dnsConfig)
		own_dns(a, s->dnsConfig, d);
	return d;
}

struct str pod_hostname(struct arena *a, const struct core_v1_Pod *pod, struct str *ret_domain, struct str cluster_domain)
{
	const struct core_v1_PodSpec *s = &pod->spec;
	struct str h = s->hostnameOverride.n ? s->hostnameOverride : s->hostname.n ? s->hostname : pod->metadata.name;
	*ret_domain = (struct str){0};
	if (s->hostnameOverride.n)
		return h;
	if (h.n > HOSTNAME_MAX)
		h.n = HOSTNAME_MAX;
	while (h.n && (h.p[h.n - 1] == '-' || h.p[h.n - 1] == '.'))
		h.n--;
	if (s->subdomain.n)
		*ret_domain = str_printf(a, "%.*s.%.*s.svc.%.*s", STR_F(s->subdomain), STR_F(pod->metadata.namespace), STR_F(cluster_domain));
	return h;
}

/* In place, not by rename: running containers have this very file mounted. */
static int file_fill(const char *path, struct str text, struct err *e)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(e, errno, "%s", path);
	ssize_t n = write(fd, text.p, text.n);
	int error = errno;
	close(fd);
	return n == (ssize_t)text.n ? 0 : err_sys(e, n < 0 ? error : ENOSPC, "%s", path);
}

static void aliases(struct buf *out, const struct core_v1_PodSpec *s)
{
	if (!s->hostAliases.len)
		return;
	buf_lit(out, "\n# Entries added by HostAliases.\n");
	LIST_EACH(h, s->hostAliases) {
		buf_str(out, h->ip);
		LIST_EACH(n, h->hostnames)
			buf_printf(out, "\t%.*s", STR_F(*n));
		buf_char(out, '\n');
	}
}

static void managed_hosts(struct pod *p, struct arena *a, struct buf *out)
{
	struct str domain, host = pod_hostname(a, p->spec->pod, &domain, p->k->cfg->clusterDomain);
	buf_lit(out, "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\n"
		"fe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n");
	for (uint32_t i = 0; i < p->nips; i++) {
		if (domain.n)
			buf_printf(out, "%.*s\t%.*s.%.*s\t%.*s\n", STR_F(p->ips[i]), STR_F(host), STR_F(domain), STR_F(host));
		else
			buf_printf(out, "%.*s\t%.*s\n", STR_F(p->ips[i]), STR_F(host));
	}
}

/* Written anew before each start of a container: a new sandbox may have another address. */
int hosts_write(struct pod *p, struct arena *a, struct err *e)
{
	BUF(out);
	struct str text;
	if (!p->spec->pod->spec.hostNetwork) {
		managed_hosts(p, a, &out);
	} else {
		if (file_read(a, "/etc/hosts", OBJECT_BYTES, &text, e))
			return -1;
		buf_lit(&out, "# Kubernetes-managed hosts file (host network).\n");
		buf_str(&out, text);
	}
	aliases(&out, &p->spec->pod->spec);
	return file_fill(str_z(a, str_printf(a, "%.*s/etc-hosts", STR_F(pod_dir(a, p)))), buf_view(&out), e);
}
