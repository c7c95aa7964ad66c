/* Private to kubectl: the terminal while a shell runs elsewhere. */
#pragma once
#include "net/stream.h"

/* Keys go through unseen and unchanged, until terminal_restore or a signal that ends the program.  Nothing when stdin is no terminal. */
bool terminal_raw(void);
void terminal_restore(void);
/* Tells the other side the size of the window, now and when it changes; runs until the fiber is cancelled.  arg: the resize stream. */
void terminal_sizes(void *arg);
