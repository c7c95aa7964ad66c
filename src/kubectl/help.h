/* Private to kubectl: one line about each flag, by its name. */
#pragma once
const char *help_of_flag(const char *name); /* "" when there is none */
