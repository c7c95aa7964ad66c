/* logs, exec and port-forward against a server that plays a Pod's API server; programs of their own, as users run them. */
#include "base/test.h"
#include "kubectl/kubectl.h"
#include "net/addr.h"
#include "net/server.h"
#include "net/sock.h"
#include "net/stream.h"
#include "rt/fiber.h"
#include "rt/loop.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define POD "/api/v1/namespaces/default/pods/p"
#define PATIENCE (5 * NS_S)

/* ---- the server ---- */

static const char pod[] = "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"p\",\"namespace\":\"default\"},\"spec\":{\"nodeName\":\"n\",\"containers\":["
	"{\"name\":\"c\",\"image\":\"i\"},{\"name\":\"d\",\"image\":\"i\"}]},\"status\":{\"phase\":\"Running\"}}";
static const char no_previous[] = "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":"
	"\"previous terminated container \\\"c\\\" in pod \\\"p\\\" not found\",\"reason\":\"BadRequest\",\"code\":400}";
static const char exit_3[] = "{\"metadata\":{},\"status\":\"Failure\",\"message\":\"command terminated with non-zero exit code: exit status 3\",\"reason\":\"NonZeroExitCode\","
	"\"details\":{\"causes\":[{\"reason\":\"ExitCode\",\"message\":\"3\"}]}}";
static const char success[] = "{\"metadata\":{},\"status\":\"Success\"}";

static bool asks(const struct http_req *q, const char *word) { return str_find(q->query, str_of(word)) >= 0; }

static void serve_log(struct http_req *q, struct http_resp *r)
{
	if (asks(q, "previous=true"))
		resp_text(r, 400, "application/json", str_of(no_previous));
	else
		resp_text(r, 200, "text/plain", asks(q, "container=d") ? STR("of d\n") : asks(q, "tailLines=1") ? STR("two\n") : STR("one\ntwo\n"));
}

static void put(struct stream *s, const char *text) { assert_true(stream_write(s, text, strlen(text), MONO_NEVER) > 0); }

/* "cat" gives its input back, "fail" ends with 3. */
static void serve_exec(struct http_req *q, struct http_resp *r)
{
	struct stream_want w = {.in = asks(q, "stdin=true"), .out = true, .err = true};
	struct stream_set set;
	char p[100];
	ssize_t n;
	ERR(e);
	CLEANUP(stream_conn_close) struct stream_conn *c = stream_accept(q, r, &w, &e);
	if (!c || stream_exec_set(c, &set, rt_now() + PATIENCE, &e))
		return;
	while (w.in && (n = stream_read(set.s[STREAM_STDIN], p, sizeof p, rt_now() + PATIENCE)) > 0)
		assert_int_equal(stream_write(set.s[STREAM_STDOUT], p, (size_t)n, MONO_NEVER), n);
	if (asks(q, "command=fail"))
		put(set.s[STREAM_STDERR], "it broke\n");
	put(set.s[STREAM_ERROR], asks(q, "command=fail") ? exit_3 : success);
}

/* Each port answers with its number and what it was sent. */
static void serve_forward(struct http_req *q, struct http_resp *r)
{
	struct stream_want w = {.port_forward = true};
	struct stream_pair pair;
	char p[100], text[130];
	ERR(e);
	CLEANUP(stream_conn_close) struct stream_conn *c = stream_accept(q, r, &w, &e);
	while (c && stream_pair_next(c, &pair, MONO_NEVER, &e) == 0) {
		ssize_t n = stream_read(pair.data, p, sizeof p, rt_now() + PATIENCE);
		if (n <= 0)
			continue;
		snprintf(text, sizeof text, "%u %.*s", pair.port, (int)n, p);
		put(pair.data, text);
		(void)!stream_half_close(pair.data);
		(void)!stream_half_close(pair.error);
	}
}

static void answer(void *arg, struct http_req *q, struct http_resp *r)
{
	if (str_is(q->path, POD "/log"))
		serve_log(q, r);
	else if (str_is(q->path, POD "/exec"))
		serve_exec(q, r);
	else if (str_is(q->path, POD "/portforward"))
		serve_forward(q, r);
	else if (str_is(q->path, "/a.yaml"))
		resp_text(r, 200, "text/plain", STR("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}"));
	else if (str_is(q->path, "/moved")) {
		resp_header(r, STR("location"), STR("/a.yaml"));
		resp_text(r, 302, "text/plain", STR(""));
	} else if (str_is(q->path, POD))
		resp_text(r, 200, "application/json", str_of(pod));
	else
		resp_text(r, 404, "text/plain", STR("nothing here\n"));
}

static int tell_port = -1;

static void serve(void *arg)
{
	uint16_t port;
	ERR(e);
	int fd = listen_tcp((struct ipaddr){.family = 4, .b = {127, 0, 0, 1}}, 0, &port, &e);
	struct http_server *s = fd < 0 ? NULL : http_serve(fd, &(struct http_opts){.handler = answer}, &e);
	if (!s || write(tell_port, &port, sizeof port) != sizeof port)
		_exit(1);
	(void)!fiber_sleep(60 * NS_S);
	_exit(0);
}

/* ---- programs ---- */

static char server_flag[60];
static pid_t server;

static int start_server(void **state)
{
	int p[2];
	uint16_t port;
	assert_int_equal(pipe(p), 0);
	server = fork();
	if (server == 0) {
		struct rt_opts o = {0};
		tell_port = p[1];
		struct rt *rt = rt_new(&o);
		_exit(rt && rt_main(rt, "server", serve, NULL) == 0 ? 0 : 1);
	}
	close(p[1]);
	assert_int_equal(read(p[0], &port, sizeof port), sizeof port);
	close(p[0]);
	snprintf(server_flag, sizeof server_flag, "--server=http://127.0.0.1:%u", port);
	return 0;
}

static void stop_server(void)
{
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
}

struct program {
	pid_t pid;
	int out; /* stdout and stderr */
};

static struct program run(const char *input, const char *const *args)
{
	int out[2], in[2];
	assert_int_equal(pipe(out), 0);
	assert_int_equal(pipe(in), 0);
	struct program g = {.pid = fork(), .out = out[0]};
	if (g.pid == 0) {
		const char *argv[20] = {"kubectl"};
		int n = 1;
		for (; args[n - 1]; n++)
			argv[n] = args[n - 1];
		for (int i = n; i > 2; i--)
			argv[i] = argv[i - 1]; /* before a "--" */
		argv[2] = server_flag;
		setenv("KUBECONFIG", "/dev/null", 1);
		dup2(in[0], 0), dup2(out[1], 1), dup2(out[1], 2);
		close(in[1]);
		_exit(kubectl_main(n + 1, (char **)(void *)argv));
	}
	close(out[1]);
	close(in[0]);
	assert_int_equal(write(in[1], input, strlen(input)), strlen(input));
	close(in[1]);
	return g;
}

/* Its exit code, and all that it printed. */
static int finish(struct program g, char *text, size_t max)
{
	size_t n = 0;
	ssize_t got;
	int status;
	while (n + 1 < max && (got = read(g.out, text + n, max - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = 0;
	close(g.out);
	assert_int_equal(waitpid(g.pid, &status, 0), g.pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void expect(const char *input, const char *const *args, int code, const char *text)
{
	char got[4000];
	int c = finish(run(input, args), got, sizeof got);
	if (c != code || strcmp(got, text) != 0)
		fail_msg("%s %s: exit %d, \"%s\"", args[0], args[1], c, got);
}
#define EXPECT(input, code, text, ...) expect(input, (const char *const[]){__VA_ARGS__, NULL}, code, text)

TEST(logs_of_one_container_or_of_all)
{
	start_server(NULL);
	EXPECT("", 0, "one\ntwo\n", "logs", "p", "-c", "c");
	EXPECT("", 0, "two\n", "logs", "p", "-c", "c", "--tail=1");
	EXPECT("", 0, "Defaulted container \"c\" out of: c, d\none\ntwo\n", "logs", "p");
	EXPECT("", 0, "one\ntwo\nof d\n", "logs", "p", "--all-containers");
	EXPECT("", 0, "[pod/p/c] one\n[pod/p/c] two\n[pod/p/d] of d\n", "logs", "p", "--all-containers", "--prefix");
	EXPECT("", 1, "error: --since must be greater than 0\n", "logs", "p", "--since=-1s");
	EXPECT("", 1, "error: parsing time \"2024-01-01\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"\" as \"T\"\n", "logs", "p", "--since-time=2024-01-01");
	EXPECT("", 1, "error: container x is not valid for pod p out of: c, d\n", "logs", "p", "-c", "x");
	EXPECT("", 1, "Error from server (BadRequest): previous terminated container \"c\" in pod \"p\" not found\n", "logs", "p", "-c", "c", "-p");
	stop_server();
}

TEST(exec_hands_input_output_and_exit_code_on)
{
	start_server(NULL);
	EXPECT("hello\n", 0, "hello\n", "exec", "p", "-c", "c", "-i", "--", "cat");
	EXPECT("", 3, "it broke\ncommand terminated with exit code 3\n", "exec", "p", "-c", "c", "--", "fail");
	EXPECT("", 0, "Defaulted container \"c\" out of: c, d\n", "exec", "p", "--", "true");
	EXPECT("", 1, "error: you must specify at least one command for the container\n", "exec", "p");
	setenv("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", "false", 1);
	EXPECT("spdy\n", 0, "spdy\n", "exec", "p", "-c", "c", "-i", "--", "cat");
	unsetenv("KUBECTL_REMOTE_COMMAND_WEBSOCKETS");
	stop_server();
}

static void talk(uint16_t port, const char *say, const char *want)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	char p[100];
	size_t n = 0;
	ssize_t got;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(write(fd, say, strlen(say)), strlen(say));
	shutdown(fd, SHUT_WR);
	while (n + 1 < sizeof p && (got = read(fd, p + n, sizeof p - 1 - n)) > 0)
		n += (size_t)got;
	p[n] = 0;
	close(fd);
	assert_string_equal(p, want);
}

TEST(a_forwarded_port_reaches_the_pod)
{
	start_server(NULL);
	struct program g = run("", (const char *const[]){"port-forward", "p", ":80", "--address=127.0.0.1", NULL});
	char line[200] = "", rest[400];
	size_t n = 0;
	while (n + 1 < sizeof line && read(g.out, line + n, 1) == 1 && line[n] != '\n')
		n++;
	unsigned port = 0;
	assert_int_equal(sscanf(line, "Forwarding from 127.0.0.1:%u -> 80", &port), 1);
	talk((uint16_t)port, "ping", "80 ping");
	talk((uint16_t)port, "again", "80 again");
	kill(g.pid, SIGINT);
	finish(g, rest, sizeof rest);
	snprintf(line, sizeof line, "Handling connection for %u\nHandling connection for %u\n", port, port);
	assert_string_equal(rest, line);
	stop_server();
}

TEST(manifests_are_read_from_urls)
{
	char url[80], error[200];
	start_server(NULL);
	snprintf(url, sizeof url, "%s/a.yaml", server_flag + strlen("--server="));
	EXPECT("", 0, "configmap/a\n", "create", "-f", url, "--dry-run=client", "-o", "name");
	snprintf(url, sizeof url, "%s/moved", server_flag + strlen("--server="));
	EXPECT("", 0, "configmap/a\n", "create", "-f", url, "--dry-run=client", "-o", "name");
	snprintf(url, sizeof url, "%s/gone", server_flag + strlen("--server="));
	snprintf(error, sizeof error, "error: unable to read URL \"%s\", server reported 404 Not Found, status code=404\n", url);
	EXPECT("", 1, error, "create", "-f", url, "--dry-run=client", "-o", "name");
	EXPECT("", 1, "The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?\n", "create", "-f", "http://127.0.0.1:1/x.yaml");
	stop_server();
}
