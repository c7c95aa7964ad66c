#include "kubectl/kubectl.h"
#include "cmd/command.h"

int cmd_kubectl(int argc, char **argv) { return kubectl_main(argc, argv); }
