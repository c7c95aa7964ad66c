/* What this is a version of. */
#pragma once

#define KUBERNETES_VERSION "v1.36.3" /* whose behaviour and types these are */
#define C8S_VERSION KUBERNETES_VERSION "+c8s." C8S_BUILD
