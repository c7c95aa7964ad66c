#include "base/str.h"
#include "base/version.h"
#include "cmd/command.h"
#include "os/confine.h"
#include <stdio.h>
#include <sys/prctl.h>

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* Children of a server run /proc/self/exe: without a name of their own they would all be "exe". */
static int run(const struct command *c, int argc, char **argv)
{
	prctl(PR_SET_NAME, c->name, 0, 0, 0);
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return printf("Kubernetes %s\n", C8S_VERSION) < 0;
	return c->run(argc, argv);
}

int main(int argc, char **argv)
{
	proc_title_init(argc, argv);
	const struct command *c = argc ? program_find(base_name(argv[0])) : NULL;
	if (c)
		return run(c, argc, argv);
	if (argc < 2)
		return commands_print(stderr), 1;
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return commands_print(stdout), 0;
	if (strcmp(argv[1], "--version") == 0)
		return printf("Cybernetes %s\n", C8S_VERSION) < 0;
	c = program_find(argv[1]);
	if (!c)
		return cmd_error("unknown command \"%s\"; c8s --help lists them", argv[1]);
	return run(c, argc - 1, argv + 1);
}
