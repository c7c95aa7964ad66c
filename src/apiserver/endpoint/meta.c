/* What the API server does to every object's metadata. */
#include "apiserver/endpoint/endpoint.h"
#include "api/name.h"
#include "codec/ops.h"
#include "gen/meta_v1.h"

void meta_new_name(struct request *r, struct meta_v1_ObjectMeta *m)
{
	uint8_t rnd[NAME_SUFFIX];
	rt_random(rnd, sizeof rnd);
	m->name = name_generate(r->arena, m->generateName, rnd);
}

void meta_fill(struct request *r, struct ref o)
{
	struct meta_v1_ObjectMeta *m = obj_meta(o);
	char uid[37];
	rt_uuid(uid);
	m->uid = str_dup(r->arena, str_n(uid, 36));
	m->creationTimestamp = api_time_sec(r->now);
	m->selfLink = (struct str){0};
	m->has_deletionTimestamp = m->has_deletionGracePeriodSeconds = false;
	m->deletionTimestamp = (struct api_time){0};
	m->deletionGracePeriodSeconds = 0;
	if (!m->name.n && m->generateName.n)
		meta_new_name(r, m);
}

void meta_dedup_owners(struct request *r, struct ref o)
{
	struct meta_v1_ObjectMeta *m = obj_meta(o);
	uint32_t kept = 0;
	BUF(uids);
	LIST_EACH(ref, m->ownerReferences) {
		bool seen = false;
		for (uint32_t i = 0; i < kept; i++)
			seen |= obj_equal_at(type_by_name(STR("meta/v1.OwnerReference")), &m->ownerReferences.items[i], ref);
		if (!seen)
			m->ownerReferences.items[kept++] = *ref;
		else
			buf_printf(&uids, "%s%.*s", uids.n ? ", " : "", STR_F(ref->uid));
	}
	m->ownerReferences.len = kept;
	if (uids.n)
		request_warn(r,
			".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests as early as "
			"1.24; please fix your requests; duplicate UID(s) observed: %.*s",
			STR_F(buf_view(&uids)));
}

int meta_namespace(struct request *r, struct ref o, struct err *e)
{
	struct meta_v1_ObjectMeta *m = obj_meta(o);
	if (!r->res->namespaced) {
		m->namespace = (struct str){0};
		return 0;
	}
	if (m->namespace.n && !str_eq(m->namespace, r->at.ns))
		return err_set(e, ERR_BAD_REQUEST, "the namespace of the provided object does not match the namespace sent on the request");
	m->namespace = r->at.ns;
	return 0;
}

int meta_name(struct request *r, struct ref o, struct err *e)
{
	struct meta_v1_ObjectMeta *m = obj_meta(o);
	if (!m->name.n)
		return err_set(e, ERR_BAD_REQUEST, "the name of the object (%.*s based on URL) was undeterminable: name must be provided", STR_F(r->at.name));
	if (!str_eq(m->name, r->at.name))
		return err_set(e, ERR_BAD_REQUEST, "the name of the object (%.*s) does not match the name on the URL (%.*s)", STR_F(m->name), STR_F(r->at.name));
	return 0;
}

void meta_carry_over(struct ref o, struct ref old)
{
	struct meta_v1_ObjectMeta *m = obj_meta(o), *was = obj_meta(old);
	m->generation = was->generation;
	m->selfLink = (struct str){0};
	if (!m->uid.n)
		m->uid = was->uid;
	m->creationTimestamp = was->creationTimestamp;
	if (was->has_deletionTimestamp) {
		m->has_deletionTimestamp = true;
		m->deletionTimestamp = was->deletionTimestamp;
	}
	if (was->has_deletionGracePeriodSeconds && !m->has_deletionGracePeriodSeconds) {
		m->has_deletionGracePeriodSeconds = true;
		m->deletionGracePeriodSeconds = was->deletionGracePeriodSeconds;
	}
}
