/* What this is a version of. */
#pragma once

#define KUBERNETES_VERSION "v1.36.3" /* whose behaviour and types these are */
#define C8S_VERSION KUBERNETES_VERSION "+c8s." C8S_BUILD

/* What is said of the build; nothing that would make two builds of one source differ. */
#define VERSION_MAJOR "1"
#define VERSION_MINOR "36"
#define BUILD_DATE "1970-01-01T00:00:00Z"
#define BUILD_COMPILER "gc"
#define BUILD_GO "none"
#define BUILD_TREE "clean"
#ifdef __aarch64__
#define BUILD_PLATFORM "linux/arm64"
#else
#define BUILD_PLATFORM "linux/amd64"
#endif
