/* Kinds of the storage group. */
#include "apiserver/registry/validate/rules.h"
#include "apiserver/registry/validate/validate.h"

#include "gen/core_v1.h"
#include "gen/ids.h"
#include "gen/meta_v1.h"
#include "gen/storage_v1.h"

#define PARAMETERS_MAX 512            /* keys, as upstream */
#define PARAMETERS_TEXT_MAX (256 << 10)
#define TOKEN_MIN_S 600
#define NODE_ID_MAX 192

static const struct rule no_changes[] = {END};

static struct wrong name_lower(struct str s, struct wrong (*check)(struct str s))
{
	char low[NAME_DNS1123_SUBDOMAIN_MAX + NAME_QUALIFIED_MAX + 2];
	size_t n = s.n < sizeof low ? s.n : sizeof low;
	for (size_t i = 0; i < n; i++)
		low[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + 32) : s.p[i];
	return check(str_n(low, n));
}
static struct wrong name_provisioner(struct str s) { return name_lower(s, name_qualified); }
static struct wrong name_driver(struct str s) { return name_lower(s, name_dns1123_subdomain); }

static void check_parameters(struct check *k, struct str path, const void *value)
{
	const struct str_map *m = value;
	size_t text = 0;
	if (m->len > PARAMETERS_MAX)
		bad_long(k, path, PARAMETERS_MAX);
	LIST_EACH(p, *m) {
		if (!p->key.n)
			bad_string(k, path, p->key, "field can not be empty.");
		text += p->key.n + p->value.n;
	}
	if (text > PARAMETERS_TEXT_MAX)
		bad_long(k, path, PARAMETERS_TEXT_MAX);
}

/* ---- StorageClass ---- */

static void check_topology_values(struct check *k, struct str path, const str_list_t *l)
{
	if (!l->len)
		bad_required(k, path, NULL);
	for (uint32_t i = 0; i < l->len; i++)
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(l->items[i], l->items[j])) {
				bad_duplicate(k, at_index(k, path, i), l->items[i]);
				break;
			}
}

static bool same_terms(const core_v1_TopologySelectorLabelRequirement_list_t *a, const core_v1_TopologySelectorLabelRequirement_list_t *b)
{
	if (a->len != b->len)
		return false;
	for (uint32_t i = 0; i < a->len; i++) {
		const core_v1_TopologySelectorLabelRequirement_list_t one_a = {&a->items[i], 1, 1}, one_b = {&b->items[i], 1, 1};
		const struct core_v1_TopologySelectorTerm x = {.matchLabelExpressions = one_a}, y = {.matchLabelExpressions = one_b};
		if (!same_at(T_core_v1_TopologySelectorTerm, &x, &y, "matchLabelExpressions"))
			return false;
	}
	return true;
}

static void check_topologies(struct check *k, struct str path, const void *value)
{
	const core_v1_TopologySelectorTerm_list_t *l = value;
	for (uint32_t i = 0; i < l->len; i++) {
		const core_v1_TopologySelectorLabelRequirement_list_t *t = &l->items[i].matchLabelExpressions;
		struct str terms = at(k, at_index(k, path, i), "matchLabelExpressions");
		for (uint32_t j = 0; j < t->len; j++) {
			struct str here = at_index(k, terms, j), key = t->items[j].key;
			check_topology_values(k, at(k, here, "values"), &t->items[j].values);
			bad_wrong(k, at(k, here, "key"), key, name_qualified(key));
			for (uint32_t n = 0; n < j; n++)
				if (str_eq(key, t->items[n].key)) {
					bad_duplicate(k, at(k, here, "key"), key);
					break;
				}
		}
		for (uint32_t j = 0; j < i; j++)
			if (same_terms(t, &l->items[j].matchLabelExpressions)) {
				bad_duplicate(k, terms, STR(""));
				break;
			}
	}
}

static const struct rule storageclass_rules[] = {FORMAT_NEED("provisioner", name_provisioner), CALL("parameters", check_parameters),
	ENUM("reclaimPolicy", "Delete", "Retain"), ENUM_NEED("volumeBindingMode", "Immediate", "WaitForFirstConsumer"), CALL("allowedTopologies", check_topologies), END};
static const struct rule storageclass_frozen[] = {SAME("provisioner"), SAME("parameters"), SAME("reclaimPolicy"), SAME("volumeBindingMode"), END};
RULES_NEW(validate_storageclass, T_storage_v1_StorageClass, storageclass_rules)

void validate_storageclass_update(struct request *r, const void *obj, const void *old, struct err *e)
{
	CHECK(k);
	check_changes(k, STR(""), T_storage_v1_StorageClass, obj, old, storageclass_frozen);
	check_topologies(k, STR("allowedTopologies"), &((const struct storage_v1_StorageClass *)obj)->allowedTopologies);
}

/* ---- CSIDriver ---- */

static void check_tokens(struct check *k, struct str path, const void *value)
{
	const storage_v1_TokenRequest_list_t *l = value;
	for (uint32_t i = 0; i < l->len; i++) {
		const struct storage_v1_TokenRequest *t = &l->items[i];
		struct str here = at_index(k, path, i);
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(t->audience, l->items[j].audience)) {
				bad_duplicate(k, at(k, here, "audience"), t->audience);
				break;
			}
		if (t->has_expirationSeconds && t->expirationSeconds < TOKEN_MIN_S)
			bad_number(k, at(k, here, "expirationSeconds"), t->expirationSeconds, "may not specify a duration less than 10 minutes");
		if (t->has_expirationSeconds && t->expirationSeconds > 1LL << 32)
			bad_number(k, at(k, here, "expirationSeconds"), t->expirationSeconds, "may not specify a duration larger than 2^32 seconds");
	}
}

static void check_lifecycle_modes(struct check *k, struct str path, const void *value)
{
	LIST_EACH(m, *(const str_list_t *)value)
		check_choice(k, path, *m, CHOICES("Persistent", "Ephemeral"));
}

static const struct rule csidriver_rules[] = {NEED("spec.attachRequired"), NEED("spec.podInfoOnMount"), NEED("spec.storageCapacity"),
	ENUM("spec.fsGroupPolicy", "File", "None", "ReadWriteOnceWithFSType"), CALL("spec.tokenRequests", check_tokens), CALL("spec.volumeLifecycleModes", check_lifecycle_modes),
	NEED("spec.seLinuxMount"), AT_LEAST("spec.nodeAllocatableUpdatePeriodSeconds", 10, "must be greater than or equal to 10 seconds"), END};
static const struct rule csidriver_same[] = {SAME("spec.volumeLifecycleModes"), END};
RULES_NEW(validate_csidriver, T_storage_v1_CSIDriver, csidriver_rules)

void validate_csidriver_update(struct request *r, const void *obj, const void *old, struct err *e)
{
	CHECK(k);
	check_rules(k, STR(""), T_storage_v1_CSIDriver, obj, csidriver_rules);
	if (!same_at(T_storage_v1_CSIDriver, obj, old, "spec.attachRequired"))
		bad_value(k, STR("spec.attachedRequired"), STR("null"), IMMUTABLE); /* as upstream spells it */
	check_changes(k, STR(""), T_storage_v1_CSIDriver, obj, old, csidriver_same);
}

void validate_name_driver(struct str name, bool prefix, struct err *e)
{
	struct wrong w = name_driver(name);
	for (unsigned i = 0; i < w.n; i++)
		err_cause(e, "FieldValueInvalid", STR("metadata.name"), "Invalid value: \"%.*s\": %s", STR_F(name), w.v[i]);
}

/* ---- CSINode ---- */

static void check_node_driver(struct check *k, struct str path, const void *value)
{
	const struct storage_v1_CSINodeDriver *d = value;
	if (!d->name.n)
		bad_required(k, at(k, path, "name"), NULL);
	else
		bad_wrong(k, at(k, path, "name"), d->name, name_driver(d->name));
	if (!d->nodeID.n)
		bad_required(k, at(k, path, "nodeID"), NULL);
	else if (d->nodeID.n > NODE_ID_MAX)
		bad_string(k, at(k, path, "nodeID"), d->nodeID, "must be 192 characters or less");
	if (d->allocatable && d->allocatable->has_count && d->allocatable->count < 0)
		bad_number(k, at(k, path, "allocatable.count"), d->allocatable->count, NOT_NEGATIVE);
	for (uint32_t i = 0; i < d->topologyKeys.len; i++) {
		struct str key = d->topologyKeys.items[i];
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(key, d->topologyKeys.items[j])) {
				bad_duplicate(k, path, key);
				break;
			}
		bad_wrong(k, path, key, name_qualified(key));
	}
}
static const struct rule node_driver[] = {WITH(check_node_driver), END};
static const struct rule csinode_rules[] = {EACH("spec.drivers", node_driver), KEYS("spec.drivers", "name"), END};
RULES_NEW(validate_csinode, T_storage_v1_CSINode, csinode_rules)

void validate_csinode_update(struct request *r, const void *obj, const void *old_, struct err *e)
{
	const struct storage_v1_CSINode *now = obj, *old = old_;
	CHECK(k);
	check_rules(k, STR(""), T_storage_v1_CSINode, obj, csinode_rules);
	LIST_EACH(d, now->spec.drivers)
		LIST_EACH(o, old->spec.drivers)
			if (str_eq(d->name, o->name) && (!str_eq(d->nodeID, o->nodeID) || !same_at(T_storage_v1_CSINodeDriver, d, o, "topologyKeys")))
				bad_value(k, STR("spec.drivers"), json_text(k, (struct ref){desc_type(T_storage_v1_CSINodeDriver), d}), IMMUTABLE);
}

/* ---- CSIStorageCapacity, VolumeAttachment, VolumeAttributesClass ---- */

static const struct rule capacity_rules[] = {SELECTOR("nodeTopology"), FORMAT_ALWAYS("storageClassName", name_dns1123_subdomain), QUANTITY("capacity"),
	QUANTITY("maximumVolumeSize"), END};
static const struct rule capacity_same[] = {SAME("nodeTopology"), SAME("storageClassName"), END};
RULES_NEW(validate_csistoragecapacity, T_storage_v1_CSIStorageCapacity, capacity_rules)
RULES_CHANGE(validate_csistoragecapacity_update, T_storage_v1_CSIStorageCapacity, capacity_rules, capacity_same)

static void check_attached(struct check *k, struct str path, const void *value)
{
	const struct storage_v1_VolumeAttachmentSource *s = value;
	struct str inline_path = at(k, path, "inlineVolumeSpec");
	if (!s->inlineVolumeSpec && !s->persistentVolumeName.p)
		bad_required(k, path, "must specify exactly one of inlineVolumeSpec and persistentVolumeName");
	else if (s->inlineVolumeSpec && s->persistentVolumeName.p)
		bad_forbidden(k, path, "must specify exactly one of inlineVolumeSpec and persistentVolumeName");
	else if (s->persistentVolumeName.p && !s->persistentVolumeName.n)
		bad_required(k, at(k, path, "persistentVolumeName"), "must specify non empty persistentVolumeName");
	else if (s->inlineVolumeSpec) {
		if (s->inlineVolumeSpec->capacity.len)
			bad_forbidden(k, at(k, inline_path, "capacity"), "may not be specified in the context of inline volumes");
		if (!s->inlineVolumeSpec->persistentVolumeSource.csi)
			bad_required(k, at(k, inline_path, "csi"), "has to be specified in the context of inline volumes");
	}
}
static const struct rule attachment_rules[] = {FORMAT_NEED("spec.attacher", name_driver), CALL("spec.source", check_attached),
	FORMAT_ALWAYS("spec.nodeName", name_dns1123_subdomain), END};
static const struct rule attachment_same[] = {SAME("spec"), END};
RULES_NEW(validate_volumeattachment, T_storage_v1_VolumeAttachment, attachment_rules)
RULES_CHANGE(validate_volumeattachment_update, T_storage_v1_VolumeAttachment, attachment_rules, attachment_same)

static const struct rule attributes_rules[] = {FORMAT_NEED("driverName", name_provisioner), NEED_WHY("parameters", "must contain at least one key/value pair"),
	CALL("parameters", check_parameters), END};
static const struct rule attributes_frozen[] = {FROZEN("driverName", "updates to driverName are forbidden."), FROZEN("parameters", "updates to parameters are forbidden."), END};
RULES_NEW(validate_volumeattributesclass, T_storage_v1_VolumeAttributesClass, attributes_rules)
RULES_CHANGE(validate_volumeattributesclass_update, T_storage_v1_VolumeAttributesClass, no_changes, attributes_frozen)
