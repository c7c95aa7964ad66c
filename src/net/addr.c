#include "net/addr.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024

static unsigned ipaddr_len(struct ipaddr ip)
{
	return ip.family == 4 ? 4 : ip.family == 6 ? 16 : 0;
}

static bool is_mapped(const uint8_t *b)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
	return memcmp(b, prefix, 12) == 0;
}

int ipaddr_parse(struct str s, struct ipaddr *ret)
{
	char text[IP_TEXT];
	struct ipaddr ip = {0};
	if (s.n == 0 || s.n >= sizeof text || memchr(s.p, 0, s.n))
		return -1;
	memcpy(text, s.p, s.n);
	text[s.n] = 0;
	ip.family = strchr(text, ':') ? 6 : 4;
	if (inet_pton(ip.family == 4 ? AF_INET : AF_INET6, text, ip.b) != 1)
		return -1;
	if (ip.family == 6 && is_mapped(ip.b)) {
		struct ipaddr four = {.family = 4};
		memcpy(four.b, ip.b + 12, 4);
		ip = four;
	}
	*ret = ip;
	return 0;
}

struct str ipaddr_text(struct ipaddr ip, char out[IP_TEXT])
{
	if (!ip.family || !inet_ntop(ip.family == 4 ? AF_INET : AF_INET6, ip.b, out, IP_TEXT))
		return (struct str){0};
	return str_of(out);
}

bool ipaddr_eq(struct ipaddr a, struct ipaddr b)
{
	return ipaddr_cmp(a, b) == 0;
}

int ipaddr_cmp(struct ipaddr a, struct ipaddr b)
{
	if (a.family != b.family)
		return a.family < b.family ? -1 : 1;
	return memcmp(a.b, b.b, ipaddr_len(a));
}

bool ipaddr_is_loopback(struct ipaddr ip)
{
	static const uint8_t one[16] = {[15] = 1};
	return ip.family == 4 ? ip.b[0] == 127 : ip.family == 6 && memcmp(ip.b, one, 16) == 0;
}

int host_port_split(struct str s, struct str *ret_host, struct str *ret_port)
{
	ptrdiff_t colon = str_rindex(s, ':');
	if (colon < 0)
		return -1;
	struct str host = str_sub(s, 0, colon);
	if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		host = str_sub(host, 1, host.n - 1);
	else if (str_index(host, ':', 0) >= 0 || str_index(host, '[', 0) >= 0 || str_index(host, ']', 0) >= 0)
		return -1;
	*ret_host = host;
	*ret_port = str_sub(s, colon + 1, s.n);
	return 0;
}

struct str host_port_join(struct arena *a, struct str host, unsigned port)
{
	return str_printf(a, str_index(host, ':', 0) >= 0 ? "[%.*s]:%u" : "%.*s:%u", STR_F(host), port);
}

struct addr addr_of_ip(struct ipaddr ip, uint16_t port)
{
	struct addr a = {0};
	if (ip.family == 4) {
		struct sockaddr_in *in = (struct sockaddr_in *)&a.ss;
		*in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
		memcpy(&in->sin_addr, ip.b, 4);
		a.n = sizeof *in;
	} else {
		struct sockaddr_in6 *in = (struct sockaddr_in6 *)&a.ss;
		*in = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
		memcpy(&in->sin6_addr, ip.b, 16);
		a.n = sizeof *in;
	}
	return a;
}

struct ipaddr addr_ip(const struct addr *a)
{
	struct ipaddr ip = {0};
	if (a->ss.ss_family == AF_INET) {
		ip.family = 4;
		memcpy(ip.b, &((const struct sockaddr_in *)&a->ss)->sin_addr, 4);
	} else if (a->ss.ss_family == AF_INET6) {
		ip.family = 6;
		memcpy(ip.b, &((const struct sockaddr_in6 *)&a->ss)->sin6_addr, 16);
	}
	if (ip.family == 6 && is_mapped(ip.b)) {
		struct ipaddr four = {.family = 4};
		memcpy(four.b, ip.b + 12, 4);
		return four;
	}
	return ip;
}

uint16_t addr_port(const struct addr *a)
{
	if (a->ss.ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)&a->ss)->sin_port);
	if (a->ss.ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)&a->ss)->sin6_port);
	return 0;
}

struct str addr_text(const struct addr *a, char out[ADDR_TEXT])
{
	char ip[IP_TEXT];
	struct ipaddr i = addr_ip(a);
	if (i.family)
		snprintf(out, ADDR_TEXT, i.family == 6 ? "[%s]:%u" : "%s:%u", ipaddr_text(i, ip).p, addr_port(a));
	else if (a->ss.ss_family == AF_UNIX && a->n > offsetof(struct sockaddr_un, sun_path) && ((const struct sockaddr_un *)&a->ss)->sun_path[0])
		snprintf(out, ADDR_TEXT, "unix:%.108s", ((const struct sockaddr_un *)&a->ss)->sun_path);
	else
		snprintf(out, ADDR_TEXT, "@");
	return str_of(out);
}

/* Listeners */

static int listen_fd(int fd, const struct addr *a)
{
	int one = 1, zero = 0;
	if (fd < 0)
		return -errno;
	if (a->ss.ss_family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (a->ss.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
	if (bind(fd, (const struct sockaddr *)&a->ss, a->n) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	int error = errno;
	close(fd);
	return -error;
}

static int listen_addr(const struct addr *a)
{
	return listen_fd(socket(a->ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), a);
}

int listen_tcp(struct ipaddr ip, uint16_t port, uint16_t *ret_port, struct err *e)
{
	char text[ADDR_TEXT];
	struct addr a = addr_of_ip(ip, port);
	int fd = listen_addr(&a);
	if (fd == -EAFNOSUPPORT && !ip.family) { /* a kernel without IPv6 */
		a = addr_of_ip((struct ipaddr){.family = 4}, port);
		fd = listen_addr(&a);
	}
	if (fd == -EADDRINUSE)
		return err_sys(e, fd, "listen on %s: another program has this port; stop it or choose another port", addr_text(&a, text).p);
	if (fd == -EACCES)
		return err_sys(e, fd, "listen on %s: ports below 1024 need root", addr_text(&a, text).p);
	if (fd < 0)
		return err_sys(e, fd, "listen on %s", addr_text(&a, text).p);
	if (ret_port && getsockname(fd, (struct sockaddr *)&a.ss, &a.n) == 0)
		*ret_port = addr_port(&a);
	return fd;
}

static bool answers(const struct addr *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes = fd >= 0 && connect(fd, (const struct sockaddr *)&a->ss, a->n) == 0;
	if (fd >= 0)
		close(fd);
	return yes;
}

int listen_unix(const char *path, unsigned mode, struct err *e)
{
	struct addr a = {.n = sizeof(struct sockaddr_un)};
	struct sockaddr_un *un = (struct sockaddr_un *)&a.ss;
	if (strlen(path) >= sizeof un->sun_path)
		return err_set(e, ERR_BAD_REQUEST, "socket path %s is longer than %zu bytes", path, sizeof un->sun_path - 1);
	un->sun_family = AF_UNIX;
	strcpy(un->sun_path, path);
	if (answers(&a))
		return err_sys(e, EADDRINUSE, "listen on %s: another process answers there", path);
	struct stat st;
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(path);
	int fd = listen_addr(&a);
	if (fd < 0)
		return err_sys(e, fd, "listen on %s", path);
	if (chmod(path, mode) < 0) {
		int error = errno;
		close(fd);
		return err_sys(e, error, "chmod %s", path);
	}
	return fd;
}
