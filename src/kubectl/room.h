/* kubectl: the command line client.  Floor 9.  Headers: kubectl.h.
 *
 *   facts.h options.h      flags of all commands (data) and their values on one command line
 *   command.h              the table of commands; how to add one
 *   ctl.h                  what every command works with: connection, namespace, output, errors
 *   mapping.h target.h     words and files to resources and objects
 *   tab.h table.h print.h jsonpath.h columns.h    output
 *   cmd_*.c                the commands; describe_*.c what describe prints of a kind */
#pragma once
