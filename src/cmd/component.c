#include "cmd/component.h"
#include "base/log.h"
#include "client/call.h"
#include "client/elect.h"
#include "cmd/command.h"
#include "cmd/serving.h"
#include "gen/core_v1.h"
#include "os/signals.h"

#include <errno.h>
#include <unistd.h>

/* What lives while the component runs. */
struct running {
	struct component *c;
	struct transport *reviews;     /* of its own with --authentication-kubeconfig */
	struct serving *serving;
	struct elect *elect;
	struct scope scope, work;
	struct cond stop;
	bool stopping, leading;
	int code;
};

static int rest_of(struct component *c, struct str file, struct rest_config *ret, struct err *e)
{
	if (!file.n && !c->f->master.n)
		return kubeconfig_in_cluster(c->mem, ret, e) < 0 ? err_wrap(e, "neither --kubeconfig nor --master was given, and this is no Pod") : 0;
	struct clientcmd_v1_Config *k = kubeconfig_load(c->mem, file, e);
	return k ? kubeconfig_rest(c->mem, k, &(struct kubeconfig_overrides){.server = c->f->master}, ret, e) : -1;
}

static int connect_api(struct running *r, struct err *e)
{
	struct component *c = r->c;
	struct rest_config other = {0};
	if (rest_of(c, c->f->kubeconfig, &c->rest, e) < 0)
		return -1;
	c->rest.user_agent = str_printf(c->mem, "%s/c8s", c->name);
	c->rest.metrics = &c->metrics;
	c->transport = https_transport_new(c->rt, &c->rest, e);
	if (!c->transport || !c->f->authz_kubeconfig.n)
		return c->transport ? 0 : -1;
	if (rest_of(c, c->f->authz_kubeconfig, &other, e) < 0)
		return -1;
	other.user_agent = c->rest.user_agent;
	other.metrics = &c->metrics;
	r->reviews = https_transport_new(c->rt, &other, e);
	return r->reviews ? 0 : -1;
}

static void show(void *arg, struct metric_set *to)
{
	struct running *r = arg;
	metric_merge(to, &r->c->metrics);
	if (r->elect)
		metric_put(to, M_leader_election_master_status, LABELS(r->c->f->lock_name), r->leading);
	if (r->c->show && r->leading)
		r->c->show(r->c, to);
}

static void show_resources(void *arg, struct metric_set *to)
{
	struct running *r = arg;
	if (r->leading)
		r->c->show_resources(r->c, to);
}

static struct str config(void *arg, struct arena *a)
{
	struct running *r = arg;
	return r->c->config ? r->c->config(r->c, a) : (struct str){0};
}

/* The API server publishes which CA it trusts.  Without an answer nobody is known by a certificate, and tokens still work. */
static struct str published_ca(struct running *r)
{
	ERR(e);
	const struct component_flags *f = r->c->f;
	if (f->client_ca.n || f->skip_lookup || f->port == 0)
		return (struct str){0};
	const struct core_v1_ConfigMap *cm =
		client_get(r->c->transport, r->c->mem, client_resource("", "v1", "configmaps"), STR("kube-system"), STR("extension-apiserver-authentication"), &e);
	if (!cm)
		log_warn("client certificates are not taken: %s", err_text(&e));
	return cm ? str_map_get(&cm->data, STR("client-ca-file")) : (struct str){0};
}

static int open_port(struct running *r, struct err *e)
{
	const struct component_flags *f = r->c->f;
	struct serving_opts o = {.name = r->c->name, .bind_address = f->bind_address, .cert = f->cert, .key = f->key, .cert_dir = f->cert_dir,
		.client_ca = f->client_ca, .client_ca_pem = published_ca(r), .port = f->port, .open_paths = &f->open_paths, .reviews = r->reviews ? r->reviews : r->c->transport,
		.token_ttl = f->token_ttl, .allow_ttl = f->allow_ttl, .deny_ttl = f->deny_ttl, .show = show,
		.show_resources = r->c->show_resources ? show_resources : NULL, .config = config, .arg = r};
	if (!f->cert.n != !f->key.n)
		return err_set(e, ERR_BAD_REQUEST, "--tls-cert-file and --tls-private-key-file belong together");
	if (f->port == 0)
		return 0;
	r->serving = serving_start(&o, e);
	return r->serving ? 0 : -1;
}

static void end(struct running *r, int code)
{
	r->code = code;
	r->stopping = true;
	cond_wake_all(&r->stop);
}

static void work(struct running *r)
{
	ERR(e);
	r->leading = true;
	if (r->c->start(r->c, &r->work, &e) < 0)
		end(r, cmd_error("%s", err_text(&e)));
}

static void elect_fiber(void *arg)
{
	struct running *r = arg;
	if (elect_acquire(r->elect) < 0)
		return;
	log_info("leading as %.*s", STR_F(r->c->host));
	work(r);
	if (elect_hold(r->elect) == -ETIME) {
		log_error("leadership was lost");
		end(r, 1);
	}
}

static int lead(struct running *r, struct err *e)
{
	const struct component_flags *f = r->c->f;
	char id[37];
	if (!f->elect) {
		work(r);
		return 0;
	}
	if (!str_is(f->lock_type, "leases"))
		return err_set(e, ERR_BAD_REQUEST, "--leader-elect-resource-lock wants leases, not \"%.*s\"", STR_F(f->lock_type));
	rt_uuid(id);
	r->elect = elect_new(r->c->transport, &(struct elect_opts){.ns = f->lock_ns, .name = f->lock_name, .lease = f->lease, .renew = f->renew, .retry = f->retry,
		.identity = str_printf(r->c->mem, "%.*s_%s", STR_F(r->c->host), id)});
	return fiber_spawn(&r->scope, "elect", elect_fiber, r) ? 0 : err_nomem(e, 0);
}

static void signalled(void *arg, int sig)
{
	end(arg, 0);
}

static void serve(void *arg)
{
	static const int list[] = {SIGTERM, SIGINT, 0};
	struct running *r = arg;
	ERR(e);
	cond_init(&r->stop);
	scope_init(&r->scope, NULL);
	scope_init(&r->work, NULL);
	struct signals *watch = signals_watch(list, signalled, r, &e);
	if (!watch || connect_api(r, &e) < 0 || open_port(r, &e) < 0 || lead(r, &e) < 0)
		end(r, cmd_error("%s", err_text(&e)));
	while (!r->stopping)
		if (cond_wait(&r->stop, MONO_NEVER) < 0)
			break;
	scope_fini(&r->work);
	scope_fini(&r->scope);
	if (r->leading)
		r->c->stop(r->c);
	if (r->elect && r->leading)
		elect_release(r->elect);
	elect_free(r->elect);
	serving_stop(r->serving);
	transport_free(r->reviews);
	transport_free(r->c->transport);
	metric_set_fini(&r->c->metrics);
	signals_free(watch);
}

int component_main(struct component *c)
{
	struct running r = {.c = c};
	char host[256] = "";
	gethostname(host, sizeof host - 1);
	c->host = str_dup(c->mem, str_of(host));
	signals_block();
	log_setup(&(struct log_opts){.fd = 2, .verbosity = (int)c->f->verbosity, .json = str_is(c->f->log_format, "json")});
	c->rt = rt_new(NULL);
	if (!c->rt || rt_main(c->rt, c->name, serve, &r))
		return cmd_error("out of memory");
	rt_free(c->rt);
	return r.code;
}
