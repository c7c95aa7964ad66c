/* The command line client: `c8s kubectl ARGS`, as upstream's kubectl understands them. */
#pragma once
/* Runs the command and returns its exit code; argv[0] is the program's name. */
int kubectl_main(int argc, char **argv);
