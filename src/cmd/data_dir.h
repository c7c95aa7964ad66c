/* The folder of `c8s server`. */
#pragma once
#include "base/err.h"

/* Refuses a folder that has files in it and nothing of a cluster: nobody's own folder is taken over because of a mistyped flag. */
int data_dir_check(const char *dir, struct err *e) must_check;
