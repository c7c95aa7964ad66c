#include "kubectl/help.h"
#include "base/str.h"

static const struct line {
	const char *name, *text;
} lines[] = {
	{"namespace", "The namespace of the request"},
};

const char *help_of_flag(const char *name)
{
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		if (strcmp(lines[i].name, name) == 0)
			return lines[i].text;
	return "";
}
