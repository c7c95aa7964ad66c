#include "kubelet/cni_conf.h"
#include "codec/json.h"
#include "os/file.h"
#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>

#define CONF_MAX 65536

static void put_string(struct buf *out, const char *key, struct str value, const char *fallback)
{
	buf_printf(out, "\"%s\": ", key);
	json_string(out, value.n ? value : str_of(fallback));
}

/* One range per family, and a default route for each. */
static void put_ranges(struct buf *out, const struct cni_conf *c)
{
	const char *sep = "";
	buf_lit(out, "        \"ranges\": [");
	for (int i = 0; i < CNI_CIDRS_MAX; i++) {
		if (!c->pod_cidrs[i].family)
			continue;
		buf_printf(out, "%s[{\"subnet\": \"", sep);
		net_cidr_put(out, &c->pod_cidrs[i]);
		buf_lit(out, "\"}]");
		sep = ", ";
	}
	buf_lit(out, "],\n        \"routes\": [");
	sep = "";
	for (int i = 0; i < CNI_CIDRS_MAX; i++) {
		if (!c->pod_cidrs[i].family)
			continue;
		buf_printf(out, "%s{\"dst\": \"%s\"}", sep, c->pod_cidrs[i].family == AF_INET ? "0.0.0.0/0" : "::/0");
		sep = ", ";
	}
	buf_lit(out, "]\n");
}

static void put_ipam(struct buf *out, const struct cni_conf *c)
{
	buf_lit(out, "      \"ipam\": {\n        \"type\": \"host-local\",\n");
	if (c->data_dir.n) {
		buf_lit(out, "        ");
		put_string(out, "dataDir", c->data_dir, "");
		buf_lit(out, ",\n");
	}
	put_ranges(out, c);
	buf_lit(out, "      }\n");
}

static void put_bridge(struct buf *out, const struct cni_conf *c)
{
	buf_lit(out, "    {\n      \"type\": \"bridge\",\n      ");
	put_string(out, "bridge", c->bridge, "cni0");
	buf_lit(out, ",\n      \"isGateway\": true,\n      \"ipMasq\": false,\n      \"hairpinMode\": true,\n");
	if (c->mtu)
		buf_printf(out, "      \"mtu\": %u,\n", c->mtu);
	put_ipam(out, c);
	buf_lit(out, "    },\n");
}

void cni_conf_put(struct buf *out, const struct cni_conf *c)
{
	buf_lit(out, "{\n  \"cniVersion\": \"1.0.0\",\n  ");
	put_string(out, "name", c->network, "c8s");
	buf_lit(out, ",\n  \"plugins\": [\n");
	put_bridge(out, c);
	buf_lit(out, "    {\n      \"type\": \"portmap\",\n      \"capabilities\": {\"portMappings\": true}\n    }\n  ]\n}\n");
}

static bool is_there(const char *path, struct str want)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct str have;
	ERR(e);
	return !file_read(a, path, CONF_MAX, &have, &e) && str_eq(have, want);
}

int cni_conf_write(const struct cni_conf *c, const char *dir, struct err *e)
{
	BUF(b);
	char path[PATH_MAX];
	cni_conf_put(&b, c);
	if (b.failed)
		return err_nomem(e, CONF_MAX);
	if (snprintf(path, sizeof path, "%s/" CNI_CONF_FILE, dir) >= (int)sizeof path)
		return err_set(e, ERR_BAD_REQUEST, "path too long: %s", dir);
	if (is_there(path, buf_view(&b)))
		return 0;
	bool failed = file_mkdirs(dir, 0755, e) || file_write_atomic(path, buf_view(&b), 0644, e);
	return failed ? err_wrap(e, "write the network configuration") : 0;
}
