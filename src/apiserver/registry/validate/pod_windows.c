/* What Windows adds to security contexts. */
#include "apiserver/registry/validate/pod.h"

#define SPEC_MAX (64 << 10)  /* of a GMSA credential spec, as upstream, like the next two */
#define USER_MAX 104
#define DOMAIN_MAX 256
#define NETBIOS_MAX 15

static bool any_of(struct str s, const char *chars)
{
	for (size_t i = 0; i < s.n; i++)
		if (strchr(chars, s.p[i]))
			return true;
	return false;
}

static bool is_netbios(struct str s) { return s.n && s.n <= NETBIOS_MAX && s.p[0] != '.' && !any_of(s, "\\/:*?\"<>|"); }

static bool is_domain(struct check *k, struct str s) { return s.n <= NAME_DNS1123_SUBDOMAIN_MAX && !name_dns1123_subdomain(lowered(k, s)).n; }

static void check_user(struct check *k, struct str path, struct str whole, struct str user)
{
	size_t dots = 0;
	while (dots < user.n && (user.p[dots] == '.' || user.p[dots] == ' '))
		dots++;
	if (!user.n)
		bad_string(k, path, whole, "runAsUserName's User cannot be empty");
	else if (user.n > USER_MAX)
		bad_string(k, path, whole, "runAsUserName's User length must not be longer than 104 characters");
	if (user.n && dots == user.n)
		bad_string(k, path, whole, "runAsUserName's User cannot contain only periods or spaces");
	if (any_of(user, "\"/\\:;|=,+*?<>@[]"))
		bad_string(k, path, whole, "runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]");
}

static void check_run_as(struct check *k, struct str path, const void *value)
{
	struct str s = *(const struct str *)value;
	ptrdiff_t slash = str_index(s, '\\', 0);
	struct str domain = slash < 0 ? (struct str){0} : str_sub(s, 0, (size_t)slash), user = slash < 0 ? s : str_sub(s, (size_t)slash + 1, s.n);
	bool control = false;
	for (size_t i = 0; i < s.n; i++)
		control |= (unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f;
	if (!s.n) {
		bad_string(k, path, s, "runAsUserName cannot be an empty string");
	} else if (control) {
		bad_string(k, path, s, "runAsUserName cannot contain control characters");
	} else if (slash >= 0 && str_index(user, '\\', 0) >= 0) {
		bad_string(k, path, s, "runAsUserName cannot contain more than one backslash");
	} else {
		if (domain.n >= DOMAIN_MAX)
			bad_string(k, path, s, "runAsUserName's Domain length must be under 256 characters");
		if (slash >= 0 && !is_netbios(domain) && !is_domain(k, domain))
			bad_string(k, path, s, "runAsUserName's Domain doesn't match the NetBios nor the DNS format");
		check_user(k, path, s, user);
	}
}

static void check_credential(struct check *k, struct str path, const void *value)
{
	struct str s = *(const struct str *)value;
	if (!s.n)
		bad_string(k, path, s, "gmsaCredentialSpec cannot be an empty string");
	else if (s.n > SPEC_MAX)
		bad_string(k, path, s, "gmsaCredentialSpec size must be under 64 KiB");
}

static void check_credential_name(struct check *k, struct str path, const void *value)
{
	struct str s = *(const struct str *)value;
	bad_wrong(k, path, s, name_dns1123_subdomain(s));
}

const struct rule windows_rules[] = {CALL("gmsaCredentialSpecName", check_credential_name), CALL("gmsaCredentialSpec", check_credential),
	CALL("runAsUserName", check_run_as), END};

/* ---- HostProcess Pods ---- */

struct host_process {
	struct check *k;
	const struct core_v1_WindowsSecurityContextOptions *pod;
	uint32_t containers, count;
};

static void count_container(struct host_process *h, struct str path, const struct core_v1_SecurityContext *s)
{
	const struct core_v1_WindowsSecurityContextOptions *own = s ? s->windowsOptions : NULL;
	bool of_pod = h->pod && h->pod->has_hostProcess, of_own = own && own->has_hostProcess;
	h->containers++;
	if (of_pod && of_own && h->pod->hostProcess != own->hostProcess)
		bad_value(h->k, at(h->k, path, "securityContext.windowsOptions.hostProcess"), own->hostProcess ? STR("true") : STR("false"),
			h->pod->hostProcess ? "pod hostProcess value must be identical if both are specified, was true" :
					      "pod hostProcess value must be identical if both are specified, was false");
	h->count += of_own ? own->hostProcess : of_pod && h->pod->hostProcess;
}

void check_host_process(struct check *k, struct str path, const struct core_v1_PodSpec *s)
{
	struct host_process h = {k, s->securityContext ? s->securityContext->windowsOptions : NULL, 0, 0};
	for (uint32_t i = 0; i < s->initContainers.len; i++)
		count_container(&h, at_index(k, at(k, path, "initContainers"), i), s->initContainers.items[i].securityContext);
	for (uint32_t i = 0; i < s->containers.len; i++)
		count_container(&h, at_index(k, at(k, path, "containers"), i), s->containers.items[i].securityContext);
	for (uint32_t i = 0; i < s->ephemeralContainers.len; i++)
		count_container(&h, at_index(k, at(k, path, "ephemeralContainers"), i), s->ephemeralContainers.items[i].ephemeralContainerCommon.securityContext);
	if (h.count && h.count != h.containers)
		bad_string(k, path, STR(""), "If pod contains any hostProcess containers then all containers must be HostProcess containers");
	if (h.count && !s->hostNetwork)
		bad_value(k, at(k, path, "hostNetwork"), STR("false"), "hostNetwork must be true if pod contains any hostProcess containers");
}
