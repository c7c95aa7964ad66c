#include "kubectl/terminal.h"
#include "rt/fiber.h"
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define SIZE_PERIOD (NS_S / 5) /* how soon a changed window is seen */

/* For the signal handler, which has nothing else. */
static struct termios saved;
static volatile sig_atomic_t is_raw;

void terminal_restore(void)
{
	if (is_raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	is_raw = 0;
}

static void ended(int sig)
{
	terminal_restore();
	_exit(128 + sig);
}

bool terminal_raw(void)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
	if (tcgetattr(STDIN_FILENO, &saved) != 0)
		return false;
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		signal(signals[i], ended);
	struct termios t = saved;
	cfmakeraw(&t);
	is_raw = tcsetattr(STDIN_FILENO, TCSANOW, &t) == 0;
	return is_raw;
}

void terminal_sizes(void *arg)
{
	struct winsize was = {0}, now = {0};
	do {
		if (ioctl(STDIN_FILENO, TIOCGWINSZ, &now) != 0)
			return;
		if (now.ws_col == was.ws_col && now.ws_row == was.ws_row)
			continue;
		if (stream_resize_write(arg, now.ws_col, now.ws_row) != 0)
			return;
		was = now;
	} while (fiber_sleep(SIZE_PERIOD) == 0);
}
