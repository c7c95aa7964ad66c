/* describe: claims, volumes and their classes. */
#include "kubectl/describe.h"
#include "kubectl/walk.h"

#define TEXT(o, path) STR_F(value_path_str(o, path))
#define CLASS_BETA "volume.beta.kubernetes.io/storage-class"

static void put_list(struct describe *d, const char *title, const struct value *list)
{
	BUF(b);
	EACH_ITEM(x, list)
		buf_printf(&b, "%s%.*s", b.n ? " " : "", STR_F(text_of(*x)));
	describe_line(d, 0, "%s:\t[%.*s]", title, STR_F(buf_view(&b)));
}

/* "RWO,ROX" */
static struct str modes_text(struct ctl *c, const struct value *list)
{
	static const char *const names[][2] = {{"ReadWriteOnce", "RWO"}, {"ReadOnlyMany", "ROX"}, {"ReadWriteMany", "RWX"}, {"ReadWriteOncePod", "RWOP"}};
	BUF(b);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		bool has = false;
		EACH_ITEM(x, list)
			has |= str_is(text_of(*x), names[i][0]);
		if (has)
			buf_printf(&b, "%s%s", b.n ? "," : "", names[i][1]);
	}
	return buf_take(&b, c->a);
}

static struct str class_of(const struct value *o)
{
	struct str old = text_of(value_get(value_path(o, "metadata.annotations"), STR(CLASS_BETA)));
	return old.n ? old : value_path_str(o, "spec.storageClassName");
}

static void put_phase(struct describe *d)
{
	struct str deleted = value_path_str(d->obj, "metadata.deletionTimestamp");
	if (deleted.n)
		describe_line(d, 0, "Status:\tTerminating (lasts %.*s)", STR_F(ago_text(d->c, deleted)));
	else
		describe_line(d, 0, "Status:\t%.*s", TEXT(d->obj, "status.phase"));
}

static void put_optional(struct describe *d, const char *title, const char *path)
{
	if (value_path_str(d->obj, path).n)
		describe_line(d, 0, "%s:\t%.*s", title, TEXT(d->obj, path));
}

/* ---- claims */

static void put_source(struct describe *d, const struct value *source)
{
	if (!source)
		return;
	describe_line(d, 0, "DataSource:");
	if (value_path_str(source, "apiGroup").n)
		describe_line(d, 1, "APIGroup:\t%.*s", TEXT(source, "apiGroup"));
	describe_line(d, 1, "Kind:\t%.*s", TEXT(source, "kind"));
	describe_line(d, 1, "Name:\t%.*s", TEXT(source, "name"));
}

static bool mounts(const struct value *pod, struct str claim)
{
	const struct value *volumes = value_path(pod, "spec.volumes");
	EACH_ITEM(v, volumes) {
		struct str own = value_get(*v, STR("ephemeral")) ? value_path_str(pod, "metadata.name") : (struct str){0}, volume = value_path_str(*v, "name");
		bool made = own.n && claim.n == own.n + 1 + volume.n && str_has_prefix(claim, own) && claim.p[own.n] == '-' && str_has_suffix(claim, volume);
		if (made || str_eq(value_path_str(*v, "persistentVolumeClaim.claimName"), claim))
			return true;
	}
	return false;
}

static int put_users(struct describe *d, struct err *e)
{
	struct value *pods = rest_get(d->c, str_printf(d->c->a, "/api/v1/namespaces/%.*s/pods", TEXT(d->obj, "metadata.namespace")), e);
	const struct value *items = value_get(pods, STR("items"));
	bool first = true;
	if (!pods)
		return -1;
	EACH_ITEM(p, items)
		if (mounts(*p, value_path_str(d->obj, "metadata.name"))) {
			describe_line(d, 0, "%s\t%.*s", first ? "Used By:" : "", TEXT(*p, "metadata.name"));
			first = false;
		}
	if (first)
		describe_line(d, 0, "Used By:\t<none>");
	return 0;
}

int describe_claim(struct describe *d, struct err *e)
{
	const struct value *o = d->obj;
	bool bound = value_path_str(o, "spec.volumeName").n > 0;
	describe_head(d);
	describe_line(d, 0, "StorageClass:\t%.*s", STR_F(class_of(o)));
	put_phase(d);
	describe_line(d, 0, "Volume:\t%.*s", TEXT(o, "spec.volumeName"));
	describe_map(d, 0, "Labels", value_path(o, "metadata.labels"));
	describe_annotations(d, 0, value_path(o, "metadata.annotations"));
	put_list(d, "Finalizers", value_path(o, "metadata.finalizers"));
	describe_line(d, 0, "Capacity:\t%.*s", STR_F(bound ? value_path_str(o, "status.capacity.storage") : STR("")));
	describe_line(d, 0, "Access Modes:\t%.*s", STR_F(bound ? modes_text(d->c, value_path(o, "status.accessModes")) : STR("")));
	put_optional(d, "VolumeMode", "spec.volumeMode");
	put_source(d, value_path(o, "spec.dataSource"));
	if (put_users(d, e))
		return -1;
	describe_conditions_seen(d, "LastProbeTime", "lastProbeTime");
	return describe_events(d, e);
}

/* ---- volumes */

static void put_term(struct describe *d, const struct value *term, uint32_t i)
{
	const struct value *list = value_get(term, STR("matchExpressions"));
	EACH_ITEM(x, list) {
		BUF(values);
		const struct value *all = value_get(*x, STR("values"));
		EACH_ITEM(v, all)
			buf_printf(&values, "%s%.*s", values.n ? ", " : "", STR_F(text_of(*v)));
		struct str op = value_path_str(*x, "operator"), low = str_is(op, "In") ? STR("in") : str_is(op, "NotIn") ? STR("not in") : op;
		describe_line(d, 2, "%s\t%.*s %.*s%s%.*s%s", x == list->list.items ? str_z(d->c->a, str_printf(d->c->a, "Term %u:", i)) : "", TEXT(*x, "key"), STR_F(low),
			values.n ? " [" : "", STR_F(buf_view(&values)), values.n ? "]" : "");
	}
	if (!list_len(list))
		describe_line(d, 2, "Term %u:\t<none>", i);
}

static void put_affinity(struct describe *d)
{
	const struct value *required = value_path(d->obj, "spec.nodeAffinity.required"), *terms = value_get(required, STR("nodeSelectorTerms"));
	if (!value_path(d->obj, "spec.nodeAffinity")) {
		describe_line(d, 0, "Node Affinity:\t<none>");
		return;
	}
	describe_line(d, 0, "Node Affinity:");
	describe_line(d, 1, list_len(terms) ? "Required Terms:" : "Required Terms:\t<none>");
	for (uint32_t i = 0; i < list_len(terms); i++)
		put_term(d, item_at(terms, i), i);
}

int describe_pv(struct describe *d, struct err *e)
{
	const struct value *o = d->obj;
	struct str ns = value_path_str(o, "spec.claimRef.namespace"), name = value_path_str(o, "spec.claimRef.name");
	describe_head(d);
	describe_map(d, 0, "Labels", value_path(o, "metadata.labels"));
	describe_annotations(d, 0, value_path(o, "metadata.annotations"));
	put_list(d, "Finalizers", value_path(o, "metadata.finalizers"));
	describe_line(d, 0, "StorageClass:\t%.*s", STR_F(class_of(o)));
	put_phase(d);
	describe_line(d, 0, "Claim:\t%.*s%s%.*s", STR_F(ns), name.n ? "/" : "", STR_F(name));
	describe_line(d, 0, "Reclaim Policy:\t%.*s", TEXT(o, "spec.persistentVolumeReclaimPolicy"));
	describe_line(d, 0, "Access Modes:\t%.*s", STR_F(modes_text(d->c, value_path(o, "spec.accessModes"))));
	put_optional(d, "VolumeMode", "spec.volumeMode");
	describe_line(d, 0, "Capacity:\t%.*s", TEXT(o, "spec.capacity.storage"));
	put_affinity(d);
	describe_line(d, 0, "Message:\t%.*s", TEXT(o, "status.message"));
	describe_line(d, 0, "Source:");
	describe_volume_source(d, value_get(o, STR("spec")));
	return describe_events(d, e);
}

int describe_storageclass(struct describe *d, struct err *e)
{
	const struct value *o = d->obj, *annotations = value_path(o, "metadata.annotations"), *parameters = value_get(o, STR("parameters")), *grows = value_get(o, STR("allowVolumeExpansion"));
	const struct value *options = value_get(o, STR("mountOptions"));
	struct str is_default = text_of(value_get(annotations, STR("storageclass.kubernetes.io/is-default-class")));
	BUF(notes);
	BUF(given);
	BUF(mount);
	EACH_MEMBER(m, annotations)
		buf_printf(&notes, "%s%.*s=%.*s", notes.n ? "," : "", STR_F(m->key), STR_F(text_of(m->value)));
	EACH_MEMBER(m, parameters)
		buf_printf(&given, "%s%.*s=%.*s", given.n ? "," : "", STR_F(m->key), STR_F(text_of(m->value)));
	EACH_ITEM(x, options)
		buf_printf(&mount, "%s%.*s", "\n  ", STR_F(text_of(*x)));
	describe_line(d, 0, "Name:\t%.*s", TEXT(o, "metadata.name"));
	describe_line(d, 0, "IsDefaultClass:\t%s", str_is(is_default, "true") ? "Yes" : "No");
	describe_line(d, 0, "Annotations:\t%.*s", STR_F(notes.n ? buf_view(&notes) : STR("<none>")));
	describe_line(d, 0, "Provisioner:\t%.*s", TEXT(o, "provisioner"));
	describe_line(d, 0, "Parameters:\t%.*s", STR_F(given.n ? buf_view(&given) : STR("<none>")));
	describe_line(d, 0, "AllowVolumeExpansion:\t%s", !grows ? "<unset>" : is_true(grows) ? "True" : "False");
	describe_line(d, 0, mount.n ? "MountOptions:%.*s" : "MountOptions:\t<none>%.*s", STR_F(buf_view(&mount)));
	put_optional(d, "ReclaimPolicy", "reclaimPolicy");
	put_optional(d, "VolumeBindingMode", "volumeBindingMode");
	return describe_events(d, e);
}
