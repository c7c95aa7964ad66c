#include "base/log.h"
#include "base/test.h"
#include <stdio.h>
#include <unistd.h>

static int64_t fixed(void)
{
	return 1700000000123456789;
}

/* What one line looks like in a file. */
static struct str logged(bool json, const char *message, char *out, size_t size)
{
	FILE *f = tmpfile();
	assert_non_null(f);
	log_setup(&(struct log_opts){.fd = fileno(f), .json = json, .now = fixed});
	log_line('I', "a.c", 7, "%s", message);
	log_setup(&(struct log_opts){0});
	ssize_t n = pread(fileno(f), out, size, 0);
	fclose(f);
	assert_true(n > 0);
	return str_n(out, (size_t)n);
}

TEST(log_lines_are_klogs_with_control_bytes_escaped)
{
	char got[256], want[256];
	snprintf(want, sizeof want, "I1114 22:13:20.123456 %7d a.c:7] x\\n\\x1b[0m\n", (int)gettid());
	assert_str(logged(false, "x\n\033[0m", got, sizeof got), want);
}

TEST(log_json_is_valid_for_any_bytes)
{
	char got[256];
	assert_str(logged(true, "\"\\\n\001\xff\xc3\xa4", got, sizeof got),
		"{\"ts\":1700000000123.456789,\"caller\":\"a.c:7\",\"msg\":\"\\\"\\\\\\n\\u0001\\ufffd\xc3\xa4\",\"v\":0}\n");
}

TEST(log_v_is_silent_above_the_verbosity)
{
	int calls = 0;
	log_setup(&(struct log_opts){.verbosity = 2});
	log_v(3, "never %d", calls++);
	assert_int_equal(calls, 0);
	assert_int_equal(log_verbosity(), 2);
	log_setup(&(struct log_opts){0});
}
