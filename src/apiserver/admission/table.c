/* The admission plug-ins in the order in which they run.  To add one: its file in admission/ and its row here. */
#include "apiserver/admission.h"
#include "apiserver/server.h"

const struct admission_plugin *const *admission_plugins(size_t *n)
{
	*n = 0;
	return NULL;
}

int admission_admit(struct admit *a, struct err *e)
{
	size_t n;
	const struct admission_plugin *const *v = admission_plugins(&n);
	for (size_t i = 0; i < n; i++)
		if (v[i]->admit && (v[i]->ops & a->op) && v[i]->admit(a, e))
			return -1;
	return 0;
}

int admission_validate(struct admit *a, struct err *e)
{
	size_t n;
	const struct admission_plugin *const *v = admission_plugins(&n);
	for (size_t i = 0; i < n; i++)
		if (v[i]->validate && (v[i]->ops & a->op) && v[i]->validate(a, e))
			return -1;
	return 0;
}

const struct server_part admission_part = {0};
