/* A server that goes on in the background once it is ready. */
#pragma once

#define DETACH_PATIENCE_S 60 /* a large store on a slow disk is read at the start */

struct detach_opts {
	const char *log;        /* file that takes what the server prints, appended */
	const char *kubeconfig; /* with which the parent asks whether the server is ready */
};
/* In the child: -1, to go on with.  In the parent: the exit code, 0 as soon as the server is ready; else its own words are on stderr. */
int detach(const struct detach_opts *o);
