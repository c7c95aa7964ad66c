/* Private to kubectl: lines to try, in the help of commands. */
#pragma once
const char *help_examples(const char *path); /* "get"; "" when there are none.  Lines with comments, indented by two spaces */
