/* Images: present or pulled, with pauses after failures. */
#include "kubelet/impl.h"
#include "base/regex.h"

#define PAUSE_MAX (300 * NS_S)

static void waiting(struct cmem *m, const char *reason, struct str message)
{
	m->wait_reason = (char *)reason;
	buf_clear(&m->wait_message);
	buf_str(&m->wait_message, message);
	m->retry_at = rt_now() + RETRY_AFTER;
}

static int refuse(struct pod *p, struct cmem *m, const char *reason, struct str message, struct err *e)
{
	waiting(m, reason, message);
	pod_event(p, m->name, "Warning", "Failed", "Error: %s", reason);
	return err_set(e, ERR_INVALID, "%s", reason);
}

/* 1 present, 0 absent, -1. */
static int present(struct pod *p, struct arena *a, struct str image, struct cri_v1_Image **ret, struct err *e)
{
	struct cri_v1_ImageSpec spec = {.image = image};
	struct cri_v1_ImageStatusRequest req = {&spec, false};
	struct cri_v1_ImageStatusResponse resp = {0};
	if (cri_call(p->k->cri, a, CRI_IMAGE_STATUS, &req, &resp, 0, e))
		return -1;
	*ret = resp.image;
	return resp.image && resp.image->id.n;
}

/* The credentials of the first imagePullSecret that names the image's registry. */
static struct cri_v1_AuthConfig *auth_of(struct pod *p, struct arena *a, struct str image)
{
	LIST_EACH(s, p->spec->pod->spec.imagePullSecrets) {
		ERR(e);
		struct core_v1_Secret *secret = s->name.n ? object_secret(p, a, s->name, &e) : NULL;
		struct cri_v1_AuthConfig *auth = secret ? image_auth(a, str_map_get(&secret->data, STR(".dockerconfigjson")), image) : NULL;
		if (auth)
			return auth;
	}
	return NULL;
}

static void pulled_event(struct pod *p, struct cmem *m, struct str image, nsec_t span, uint64_t size)
{
	BUF(d);
	duration_put(&d, span / NS_MS * NS_MS);
	const char *t = buf_z(&d);
	pod_event(p, m->name, "Normal", "Pulled", "Successfully pulled image \"%.*s\" in %s (%s including waiting). Image size: %llu bytes.", STR_F(image), t, t,
		(unsigned long long)size);
}

static int pull(struct pod *p, struct arena *a, const struct core_v1_Container *c, struct cmem *m, struct cri_v1_Image **ret, struct err *e)
{
	struct cri_v1_ImageSpec spec = {.image = c->image};
	struct cri_v1_PullImageRequest req = {&spec, auth_of(p, a, c->image), sandbox_config(p, a, 0, e)};
	struct cri_v1_PullImageResponse resp = {0};
	mono_t began = rt_now();
	pod_event(p, m->name, "Normal", "Pulling", "Pulling image \"%.*s\"", STR_F(c->image));
	report(p);
	if (!req.sandbox_config || pod_cri_call(p, a, CRI_PULL, &req, &resp, NS_HOUR, e))
		return -1;
	p->k->images_stale = true;
	node_changed(p->k);
	int r = present(p, a, resp.image_ref.n ? resp.image_ref : c->image, ret, e);
	if (r == 0)
		r = err_set(e, ERR_NOT_FOUND, "image %.*s was pulled, but is not there", STR_F(c->image));
	if (r > 0)
		pulled_event(p, m, c->image, rt_now() - began, (*ret)->size);
	return r > 0 ? 0 : -1;
}

static int back_off(struct pod *p, struct arena *a, const struct core_v1_Container *c, struct cmem *m, nsec_t left, struct err *e)
{
	pod_event(p, m->name, "Normal", "BackOff", "Back-off pulling image \"%.*s\"", STR_F(c->image));
	int r = refuse(p, m, "ImagePullBackOff",
		str_printf(a, "Back-off pulling image \"%.*s\": ErrImagePull: %s", STR_F(c->image), buf_z(&m->pull_error)), e);
	m->retry_at = rt_now() + left;
	return r;
}

static int pull_failed(struct pod *p, const struct core_v1_Container *c, struct cmem *m, struct err *e)
{
	ERR(said);
	struct str why = cri_error_text(e);
	if (pod_to_end(p))
		return -1;
	buf_clear(&m->pull_error);
	buf_str(&m->pull_error, why);
	pause_next(&m->pull, rt_now(), rt_now(), PAUSE_MIN, PAUSE_MAX);
	pod_event(p, m->name, "Warning", "Failed", "Failed to pull image \"%.*s\": %.*s", STR_F(c->image), STR_F(why));
	refuse(p, m, "ErrImagePull", buf_view(&m->pull_error), &said);
	m->retry_at = rt_now() + NS_S; /* then it is seen to be in its pause */
	return -1;
}

static int pull_or_wait(struct pod *p, struct arena *a, const struct core_v1_Container *c, struct cmem *m, struct cri_v1_Image **ret, struct err *e)
{
	nsec_t left = pause_left(&m->pull, m->pull.updated, rt_now(), PAUSE_MAX);
	if (left)
		return back_off(p, a, c, m, left, e);
	return pull(p, a, c, m, ret, e) ? pull_failed(p, c, m, e) : 0;
}

/* Repository and tag as the distribution's reference grammar has them. */
static bool well_formed(struct str image)
{
	ERR(e);
	struct regex *r = regex_new(STR("([a-zA-Z0-9.-]+(:[0-9]+)?/|\\[[0-9a-fA-F:]+\\](:[0-9]+)?/)?[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@[A-Za-z][A-Za-z0-9]*([-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?"), &e);
	bool good = r && regex_full(r, image);
	regex_free(r);
	return good;
}

static int invalid(struct pod *p, struct arena *a, const struct core_v1_Container *c, struct cmem *m, struct err *e)
{
	struct str why = str_printf(a, "Failed to apply default image tag \"%.*s\": couldn't parse image name \"%.*s\": invalid reference format", STR_F(c->image), STR_F(c->image));
	pod_event(p, m->name, "Warning", "InspectFailed", "%.*s", STR_F(why));
	return refuse(p, m, "InvalidImageName", why, e);
}

int image_ensure(struct pod *p, struct arena *a, const struct core_v1_Container *c, struct cmem *m, struct cri_v1_Image **ret, struct err *e)
{
	if (!well_formed(c->image))
		return invalid(p, a, c, m, e);
	int there = present(p, a, c->image, ret, e);
	if (there < 0)
		return refuse(p, m, "ImageInspectError", cri_error_text(e), e);
	if (there && !str_is(c->imagePullPolicy, "Always")) {
		pod_event(p, m->name, "Normal", "Pulled", "Container image \"%.*s\" already present on machine and can be accessed by the pod", STR_F(c->image));
		return 0;
	}
	if (!str_is(c->imagePullPolicy, "Never"))
		return pull_or_wait(p, a, c, m, ret, e);
	struct str why = str_printf(a, "Container image \"%.*s\" is not present with pull policy of Never", STR_F(c->image));
	pod_event(p, m->name, "Warning", "ErrImageNeverPull", "%.*s", STR_F(why));
	return refuse(p, m, "ErrImageNeverPull", why, e);
}
