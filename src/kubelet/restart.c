/* Whether a container that ended is to run again. */
#include "kubelet/impl.h"

static bool rule_fits(const struct core_v1_ContainerRestartRule *r, int exit_code)
{
	bool in = false;
	if (!r->exitCodes)
		return false;
	LIST_EACH(v, r->exitCodes->values)
		in |= *v == exit_code;
	return str_is(r->exitCodes->operator, "In") ? in : !in;
}

bool restart_wanted(const struct core_v1_Pod *pod, const struct core_v1_Container *c, int exit_code, bool init)
{
	struct str policy = c->restartPolicy.n ? c->restartPolicy : pod->spec.restartPolicy;
	LIST_EACH(r, c->restartPolicyRules)
		if (rule_fits(r, exit_code))
			return str_is(r->action, "Restart") || str_is(r->action, "RestartAllContainers");
	if (str_is(policy, "Never"))
		return false;
	return exit_code != 0 || (str_is(policy, "Always") && (!init || c->restartPolicy.n));
}
