/* The folder of `c8s server`. */
#pragma once
#include "base/err.h"

/* Refuses a folder that has files in it and nothing of a cluster: nobody's own folder is taken over because of a mistyped flag. */
int data_dir_check(const char *dir, struct err *e) must_check;
/* Makes the folder and holds it until the process ends: a second server would write the first one's files anew before it finds the store in use. */
int data_dir_lock(const char *dir, struct err *e) must_check;
