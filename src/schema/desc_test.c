#include "base/test.h"
#include "gen/core_v1.h"
#include "gen/ids.h"
#include "schema/desc.h"

TEST(types_are_found_by_name_and_kind)
{
	const struct type *t = type_by_name(STR("core/v1.Pod"));
	assert_non_null(t);
	assert_ptr_equal(t, desc_type(T_core_v1_Pod));
	assert_ptr_equal(t, type_by_api_version(STR("v1"), STR("Pod")));
	assert_int_equal(t->size, sizeof(struct core_v1_Pod));
	assert_int_equal(t->meta, offsetof(struct core_v1_Pod, metadata));
	assert_str(desc_str(t->go_name), "v1.Pod");
	assert_ptr_equal(type_by_gvk(STR("apps"), STR("v1"), STR("Deployment")), desc_type(T_apps_v1_Deployment));
	assert_ptr_equal(type_by_api_version(STR("apps/v1"), STR("DeleteOptions")), desc_type(T_meta_v1_DeleteOptions));
	assert_null(type_by_api_version(STR("v1"), STR("Nothing")));
	assert_null(type_by_name(STR("core/v1.Nothing")));
}

TEST(every_field_of_every_type_is_found_by_name_and_tag)
{
	for (uint16_t i = 1; i < desc_types(); i++) {
		const struct type *t = desc_type(i);
		assert_ptr_equal(type_by_name(type_name(t)), t);
		for (unsigned j = 0; j < t->nfields; j++)
			assert_ptr_equal(field_by_name(t, field_name(type_field(t, j)), false), type_field(t, j));
		for (unsigned j = 0; j < t->nfields_pb; j++)
			assert_ptr_equal(field_by_tag(t, type_pb_field(t, j)->tag), type_pb_field(t, j));
		assert_null(field_by_name(t, STR("no such member"), false));
		assert_null(field_by_tag(t, 2047));
	}
}

TEST(names_are_folded_only_on_demand)
{
	const struct type *t = desc_type(T_core_v1_ConfigMap);
	assert_null(field_by_name(t, STR("Data"), false));
	assert_ptr_equal(field_by_name(t, STR("Data"), true), field_by_name(t, STR("data"), false));
}

TEST(inline_members_stand_in_the_outer_struct)
{
	const struct type *t = desc_type(T_core_v1_Volume);
	const struct field *f = field_by_name(t, STR("emptyDir"), false);
	assert_int_equal(f->offset, offsetof(struct core_v1_Volume, volumeSource.emptyDir));
	assert_int_equal(f->tag, 0);
	assert_int_equal(field_by_tag(t, 2)->flags & FIELD_INLINE, FIELD_INLINE);
}

TEST(rarer_facts_are_there)
{
	const struct type *t = desc_type(T_core_v1_Container);
	const struct field *ports = field_by_name(t, STR("ports"), false);
	struct str keys[4];
	assert_str(field_merge_key(ports), "containerPort");
	assert_int_equal(field_map_keys(ports, keys), 2);
	assert_str(keys[1], "protocol");
	assert_str(field_go_type(ports), "[]v1.ContainerPort");
	assert_str(field_go_type(field_by_name(desc_type(T_core_v1_ResourceRequirements), STR("limits"), false)), "v1.ResourceList");
	assert_str(field_go_type(field_by_name(t, STR("imagePullPolicy"), false)), "v1.PullPolicy");
	const uint32_t *v;
	assert_int_equal(field_enum(field_by_name(t, STR("imagePullPolicy"), false), &v), 3);
	assert_str(desc_str(v[0]), "Always");
}

TEST(resources_columns_gates_and_methods_are_found)
{
	const struct resource *r = resource_by_name(STR("apps"), STR("v1"), STR("deployments"));
	assert_ptr_equal(r, resource_by_kind(STR("apps"), STR("v1"), STR("Deployment")));
	assert_int_equal(r->type, T_apps_v1_Deployment);
	assert_int_equal(r->list_type, T_apps_v1_DeploymentList);
	assert_str(desc_str(resource_sub(r, 0)->name), "scale");
	const struct column *c;
	assert_true(desc_columns(STR(""), STR("Pod"), &c) > 4);
	assert_str(desc_str(c[1].name), "Ready");
	bool known;
	assert_true(desc_gate_default(STR("APIResponseCompression"), &known) && known);
	assert_false(desc_gate_default(STR("NoSuchGate"), &known) || known);
	assert_int_equal(method_by_path(STR("/runtime.v1.RuntimeService/Version"))->request, T_cri_v1_VersionRequest);
}
