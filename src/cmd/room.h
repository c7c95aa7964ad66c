/* cmd: the program: the table of commands, flags, and one file per command that starts a component.  Floor 10.
 * Headers: command.h flags.h. */
#pragma once
