/* c8s kube-scheduler. */
#include "base/log.h"
#include "cmd/command.h"
#include "cmd/component.h"
#include "codec/json.h"
#include "codec/yaml.h"
#include "gen/ids.h"
#include "gen/kube_scheduler_config_v1.h"
#include "os/file.h"
#include "scheduler/scheduler.h"

#include <stddef.h>

#define CONFIG_MAX (1u << 20)

typedef struct kube_scheduler_config_v1_KubeSchedulerConfiguration scheduler_config;

struct opts {
	struct component_flags c;
	struct str config, write_config;
};
#define AT(member) offsetof(struct opts, member)

static const struct flag flags[] = {
	{"config", 0, FLAG_STRING, AT(config), NULL, "KubeSchedulerConfiguration file; what it says goes over the flags"},
	{"leader-elect-resource-name", 0, FLAG_STRING, AT(c.lock_name), "kube-scheduler", "name of the lease"},
	{"pod-max-in-unschedulable-pods-duration", 0, FLAG_IGNORED, 0, NULL, ""},
	{"secure-port", 0, FLAG_INT, AT(c.port), "10259", "port to serve HTTPS on; 0: none"},
	{"write-config-to", 0, FLAG_STRING, AT(write_config), NULL, "write the configuration in use to this file and end"},
};
static const struct flag_group groups[] = {{"Scheduling", flags, ARRAY_LEN(flags), 0}, COMPONENT_GROUPS(offsetof(struct opts, c))};
const struct usage kube_scheduler_usage = {
	.name = "kube-scheduler", .arguments = "[FLAGS]", .groups = groups, .ngroups = ARRAY_LEN(groups),
	.about = "Finds the node for every Pod that has none.",
};

struct running {
	struct opts o;
	struct component c;
	scheduler_config config;
	struct informers *informers;
	struct scheduler *scheduler;
};

/* ---- the configuration file */

static const struct type *config_type(void) { return desc_type(T_kube_scheduler_config_v1_KubeSchedulerConfiguration); }

static int read_config(struct arena *a, const char *file, scheduler_config *c, struct err *e)
{
	struct str text;
	if (file_read(a, file, CONFIG_MAX, &text, e) || yaml_decode_strict(a, text, (struct ref){config_type(), c}, e))
		return err_wrap(e, "%s", file);
	return 0;
}

static void put_duration(nsec_t *to, nsec_t v)
{
	if (v)
		*to = v;
}

static void put_text(struct str *to, struct str v)
{
	if (v.n)
		*to = v;
}

/* The file's leader election and client go over the flags', as upstream's. */
static int apply_config(struct running *r, struct err *e)
{
	struct component_flags *f = &r->o.c;
	const scheduler_config *c = &r->config;
	if (!r->o.config.n)
		return 0;
	if (read_config(r->c.mem, str_z(r->c.mem, r->o.config), &r->config, e))
		return -1;
	if (c->profiles.len > 1)
		return err_set(e, ERR_INVALID, "%.*s: several profiles are not there yet", STR_F(r->o.config));
	if (c->leaderElection.has_leaderElect)
		f->elect = c->leaderElection.leaderElect;
	put_duration(&f->lease, c->leaderElection.leaseDuration);
	put_duration(&f->renew, c->leaderElection.renewDeadline);
	put_duration(&f->retry, c->leaderElection.retryPeriod);
	put_text(&f->lock_name, c->leaderElection.resourceName);
	put_text(&f->lock_ns, c->leaderElection.resourceNamespace);
	put_text(&f->lock_type, c->leaderElection.resourceLock);
	put_text(&f->kubeconfig, c->clientConnection.kubeconfig);
	return 0;
}

static void fill_config(struct running *r)
{
	scheduler_config *c = &r->config;
	const struct component_flags *f = &r->o.c;
	c->kind = STR("KubeSchedulerConfiguration");
	c->apiVersion = STR("kubescheduler.config.k8s.io/v1");
	c->leaderElection.leaderElect = f->elect;
	c->leaderElection.has_leaderElect = true;
	c->leaderElection.leaseDuration = f->lease;
	c->leaderElection.renewDeadline = f->renew;
	c->leaderElection.retryPeriod = f->retry;
	c->leaderElection.resourceLock = f->lock_type;
	c->leaderElection.resourceName = f->lock_name;
	c->leaderElection.resourceNamespace = f->lock_ns;
	c->clientConnection.kubeconfig = f->kubeconfig;
	if (!c->profiles.len)
		arena_push(r->c.mem, &c->profiles)->schedulerName = STR("default-scheduler");
}

static struct str config_json(void *component, struct arena *a)
{
	struct running *r = ((struct component *)component)->arg;
	BUF(out);
	json_encode(&out, (struct ref){config_type(), &r->config});
	return buf_take(&out, a);
}

static struct str configz(void *component, struct arena *a)
{
	return str_printf(a, "{\"kubescheduler.config.k8s.io\":%.*s}\n", STR_F(config_json(component, a)));
}

static int write_config(struct running *r)
{
	ERR(e);
	BUF(out);
	yaml_encode(&out, (struct ref){config_type(), &r->config});
	if (file_write_atomic(str_z(r->c.mem, r->o.write_config), buf_view(&out), 0644, &e))
		return cmd_error("--write-config-to: %s", err_text(&e));
	return 0;
}

/* ---- running */

static int start(struct component *c, struct scope *scope, struct err *e)
{
	struct running *r = c->arg;
	r->informers = informers_new(c->transport, scope);
	r->scheduler = scheduler_new(&(struct scheduler_opts){.transport = c->transport, .metrics = &c->metrics, .informers = r->informers, .scope = scope, .host = c->host,
		.name = r->config.profiles.items[0].schedulerName});
	if (!r->scheduler)
		return err_nomem(e, 0);
	scheduler_start(r->scheduler);
	return 0;
}

static void stop(struct component *c)
{
	struct running *r = c->arg;
	scheduler_free(r->scheduler);
	informers_free(r->informers);
}

static void show(struct component *c, struct metric_set *to) { scheduler_metrics(((struct running *)c->arg)->scheduler, to); }
static void show_resources(struct component *c, struct metric_set *to) { scheduler_resource_metrics(((struct running *)c->arg)->scheduler, to); }

int cmd_kube_scheduler(int argc, char **argv)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct running *r = arena_make(a, struct running);
	ERR(e);
	int code = usage_parse(&kube_scheduler_usage, argc, argv, &r->o, a);
	if (code >= 0)
		return code;
	r->c = (struct component){.name = "kube-scheduler", .f = &r->o.c, .mem = a, .start = start, .stop = stop, .show = show,
		.show_resources = show_resources, .config = configz, .arg = r};
	if (apply_config(r, &e) < 0)
		return cmd_error("%s", err_text(&e));
	fill_config(r);
	return r->o.write_config.n ? write_config(r) : component_main(&r->c);
}
