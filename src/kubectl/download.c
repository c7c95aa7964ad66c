/* Files that are named by a URL: fetched as upstream does, redirects and a second try included. */
#include "kubectl/files.h"
#include "net/http_client.h"
#include "net/tls.h"
#include "rt/fiber.h"

#define REDIRECTS_MAX 10
#define ATTEMPTS 3            /* of servers that fail */
#define PAUSE (1 * NS_S)      /* between them */
#define WAIT (60 * NS_S)

struct fetch {
	struct ctl *c;
	struct str url;
	int status;
	struct str location, body;
};

/* "https://host:port" and "/path?query" of a URL. */
static void split_url(struct ctl *c, struct str url, struct str *ret_base, struct str *ret_path)
{
	ptrdiff_t at = str_find(url, STR("://")), slash = at < 0 ? -1 : str_index(url, '/', (size_t)at + 3), hash = str_index(url, '#', 0);
	if (hash >= 0)
		url = str_sub(url, 0, (size_t)hash);
	*ret_base = slash < 0 ? url : str_dup(c->a, str_sub(url, 0, (size_t)slash));
	*ret_path = slash < 0 ? STR("/") : str_sub(url, (size_t)slash, url.n);
}

static int fetch_once(struct fetch *f, struct err *e)
{
	struct str base, path;
	split_url(f->c, f->url, &base, &path);
	CLEANUP(tls_unref) struct tls *tls = str_has_prefix(f->url, STR("https://")) ? tls_client_new(&(struct tls_client_opts){0}, e) : NULL;
	if (!tls && str_has_prefix(f->url, STR("https://")))
		return -1;
	CLEANUP(http_client_free) struct http_client *client = http_client_new(&(struct http_client_opts){.url = str_z(f->c->a, base), .tls = tls}, e);
	struct http_call q = {.path = path, .deadline = rt_now() + WAIT};
	CLEANUP(http_answer_close) struct http_answer *r = client ? http_call(client, &q, f->c->a, e) : NULL;
	if (!r)
		return -1;
	f->status = r->status;
	f->location = http_answer_header(r, STR("location"));
	return http_answer_all(r, FILE_MAX, &f->body, rt_now() + WAIT, e);
}

static bool is_redirect(int status) { return (status >= 301 && status <= 303) || status == 307 || status == 308; }

/* A location may leave the server out. */
static void follow(struct fetch *f)
{
	struct str base, path;
	split_url(f->c, f->url, &base, &path);
	bool whole = str_find(f->location, STR("://")) > 0;
	f->url = whole ? f->location : str_printf(f->c->a, "%.*s%s%.*s", STR_F(base), str_has_prefix(f->location, STR("/")) ? "" : "/", STR_F(f->location));
}

static int fetch(struct fetch *f, struct err *e)
{
	for (int i = 0; i < REDIRECTS_MAX; i++) {
		if (fetch_once(f, e) < 0)
			return -1;
		if (!is_redirect(f->status) || !f->location.n)
			return 0;
		follow(f);
	}
	return err_set(e, ERR_BAD_REQUEST, "Get \"%.*s\": stopped after 10 redirects", STR_F(f->url));
}

int url_read(struct ctl *c, struct str url, struct str *ret, struct err *e)
{
	struct fetch f = {.c = c, .url = url};
	for (int i = 0; i < ATTEMPTS; i++) {
		if (i && fiber_sleep(PAUSE) < 0)
			return err_set(e, ERR_BAD_REQUEST, "reading %.*s was broken off", STR_F(url));
		f.url = url;
		if (fetch(&f, e) < 0) {
			c->rest.server = f.url; /* what the message about the connection names */
			return -1;
		}
		if (f.status == 200)
			return *ret = f.body, 0;
		if (f.status < 500)
			break;
	}
	return err_set(e, ERR_BAD_REQUEST, "unable to read URL \"%.*s\", server reported %d %s, status code=%d", STR_F(url), f.status, http_reason(f.status), f.status);
}
