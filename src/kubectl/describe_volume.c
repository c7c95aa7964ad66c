/* describe: volumes, from a table of their fields. */
#include "kubectl/describe.h"
#include "kubectl/walk.h"

enum field_kind { FIELD_TEXT = 1, FIELD_BOOL, FIELD_MAP };
static const struct volume {
	const char *name, *type;
	struct { const char *title, *path; enum field_kind kind; } fields[5];
} volumes[] = {
	{"configMap", "ConfigMap (a volume populated by a ConfigMap)", {{"Name", "name", FIELD_TEXT}, {"Optional", "optional", FIELD_BOOL}}},
	{"csi", "CSI (a Container Storage Interface (CSI) volume source)", {{"Driver", "driver", FIELD_TEXT}, {"FSType", "fsType", FIELD_TEXT},
		{"ReadOnly", "readOnly", FIELD_BOOL}, {"VolumeAttributes", "volumeAttributes", FIELD_MAP}}},
	{"emptyDir", "EmptyDir (a temporary directory that shares a pod's lifetime)", {{"Medium", "medium", FIELD_TEXT}, {"SizeLimit", "sizeLimit", FIELD_TEXT}}},
	{"hostPath", "HostPath (bare host directory volume)", {{"Path", "path", FIELD_TEXT}, {"HostPathType", "type", FIELD_TEXT}}},
	{"image", "Image (a container image or OCI artifact)", {{"Reference", "reference", FIELD_TEXT}, {"PullPolicy", "pullPolicy", FIELD_TEXT}}},
	{"iscsi", "ISCSI (an ISCSI Disk resource that is attached to a kubelet's host machine and then exposed to the pod)", {{"TargetPortal", "targetPortal", FIELD_TEXT},
		{"IQN", "iqn", FIELD_TEXT}, {"FSType", "fsType", FIELD_TEXT}, {"ReadOnly", "readOnly", FIELD_BOOL}}},
	{"local", "LocalVolume (a persistent volume backed by local storage on a node)", {{"Path", "path", FIELD_TEXT}}},
	{"nfs", "NFS (an NFS mount that lasts the lifetime of a pod)", {{"Server", "server", FIELD_TEXT}, {"Path", "path", FIELD_TEXT}, {"ReadOnly", "readOnly", FIELD_BOOL}}},
	{"persistentVolumeClaim", "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)", {{"ClaimName", "claimName", FIELD_TEXT},
		{"ReadOnly", "readOnly", FIELD_BOOL}}},
	{"secret", "Secret (a volume populated by a Secret)", {{"SecretName", "secretName", FIELD_TEXT}, {"Optional", "optional", FIELD_BOOL}}},
};

static void put_text(struct describe *d, const char *title, const struct value *v)
{
	BUF(b);
	if (v && v->type != V_STRING)
		jsonpath_write_value(&b, v);
	struct str s = b.n ? buf_view(&b) : text_of(v);
	describe_line(d, 2, "%s:\t%.*s", title, STR_F(s));
}

static void put_fields(struct describe *d, const struct volume *k, const struct value *v)
{
	describe_line(d, 2, "Type:\t%s", k->type);
	for (size_t i = 0; i < ARRAY_LEN(k->fields) && k->fields[i].title; i++) {
		const struct value *x = value_get(v, str_of(k->fields[i].path));
		if (k->fields[i].kind == FIELD_BOOL)
			describe_line(d, 2, "%s:\t%s", k->fields[i].title, is_true(x) ? "true" : "false");
		else if (k->fields[i].kind == FIELD_MAP)
			describe_map(d, 2, "VolumeAttributes", x);
		else if (x || strcmp(k->name, "emptyDir") != 0 || i == 0)
			put_text(d, k->fields[i].title, x);
		else
			describe_line(d, 2, "%s:\t<unset>", k->fields[i].title);
	}
}

static void put_projected(struct describe *d, const struct value *v)
{
	const struct value *sources = value_get(v, STR("sources"));
	static const char *const named[][2] = {{"configMap", "ConfigMapName"}, {"secret", "SecretName"}};
	describe_line(d, 2, "Type:\tProjected (a volume that contains injected data from multiple sources)");
	EACH_ITEM(s, sources) {
		for (size_t i = 0; i < ARRAY_LEN(named); i++) {
			const struct value *x = value_get(*s, str_of(named[i][0]));
			if (!x)
				continue;
			describe_line(d, 2, "%s:\t%.*s", named[i][1], STR_F(value_path_str(x, "name")));
			describe_line(d, 2, "Optional:\t%s", is_true(value_get(x, STR("optional"))) ? "true" : "false");
		}
		const struct value *token = value_get(*s, STR("serviceAccountToken"));
		if (token)
			describe_line(d, 2, "TokenExpirationSeconds:\t%lld", (long long)int_of(value_get(token, STR("expirationSeconds")), 0));
		if (value_get(*s, STR("downwardAPI")))
			describe_line(d, 2, "DownwardAPI:\ttrue");
	}
}

static void put_ephemeral(struct describe *d, const struct value *v)
{
	const struct value *t = value_get(v, STR("volumeClaimTemplate"));
	describe_line(d, 2, "Type:\tEphemeralVolume (an inline specification for a volume that gets created and deleted with the pod)");
	describe_line(d, 2, "StorageClass:\t%.*s", STR_F(value_path_str(t, "spec.storageClassName")));
	describe_line(d, 2, "Volume:\t%.*s", STR_F(value_path_str(t, "spec.volumeName")));
	describe_map(d, 2, "Labels", value_path(t, "metadata.labels"));
	describe_annotations(d, 2, value_path(t, "metadata.annotations"));
	describe_line(d, 2, "Capacity:\t");
	describe_line(d, 2, "Access Modes:\t");
	describe_line(d, 2, "VolumeMode:\t%.*s", STR_F(value_path_str(t, "spec.volumeMode")));
}

static void put_downward(struct describe *d, const struct value *v)
{
	const struct value *items = value_get(v, STR("items"));
	describe_line(d, 2, "Type:\tDownwardAPI (a volume populated by information about the pod)");
	describe_line(d, 2, "Items:");
	EACH_ITEM(x, items) {
		struct str field = value_path_str(*x, "fieldRef.fieldPath"), resource = value_path_str(*x, "resourceFieldRef.resource");
		if (field.n || resource.n)
			describe_line(d, 3, "%.*s -> %.*s", STR_F(field.n ? field : resource), STR_F(value_path_str(*x, "path")));
	}
}

void describe_volume_source(struct describe *d, const struct value *v)
{
	for (size_t i = 0; i < ARRAY_LEN(volumes); i++)
		if (value_get(v, str_of(volumes[i].name))) {
			put_fields(d, &volumes[i], value_get(v, str_of(volumes[i].name)));
			return;
		}
	if (value_get(v, STR("projected")))
		put_projected(d, value_get(v, STR("projected")));
	else if (value_get(v, STR("downwardAPI")))
		put_downward(d, value_get(v, STR("downwardAPI")));
	else if (value_get(v, STR("ephemeral")))
		put_ephemeral(d, value_get(v, STR("ephemeral")));
	else
		describe_line(d, 2, "<unknown>");
}

void describe_volumes(struct describe *d, const struct value *list)
{
	int indent = d->indent;
	describe_line(d, 0, list_len(list) ? "Volumes:" : "Volumes:\t<none>");
	d->indent = 0;
	EACH_ITEM(v, list) {
		describe_line(d, 1, "%s%.*s:", d->template ? " " : "", STR_F(value_path_str(*v, "name")));
		d->inner = "    ";
		describe_volume_source(d, *v);
		d->inner = NULL;
	}
	d->indent = indent;
}
