/* Pages for people who look for what is wrong: /debug, /statusz, /flagz. */
#include "apiserver/discovery/impl.h"
#include "apiserver/flow.h"
#include "base/enc.h"
#include "base/log.h"
#include "base/version.h"
#include "os/proc.h"

#include <unistd.h>

#define PROFILES "/debug/pprof/"

/* ---- profiles: there is no profiler inside, only what the process is made of ---- */

static struct str processes(struct arena *a)
{
	struct process_facts p = {0};
	(void)!proc_facts(getpid(), &p, NULL);
	return str_printf(a, "goroutine profile: total 0\nresident bytes: %llu\nopen files: %llu\n", (unsigned long long)p.resident, (unsigned long long)p.open_fds);
}

int pprof_handle(struct request *r, struct err *e)
{
	struct str name = str_sub(r->at.path, sizeof PROFILES - 1, r->at.path.n);
	if (!str_has_prefix(r->at.path, STR(PROFILES))) {
		resp_header(r->resp, STR("location"), STR(PROFILES));
		return answer_text(r, 301, STR(""));
	}
	if (str_is(name, "goroutine"))
		return answer_text(r, 200, processes(r->arena));
	if (name.n)
		return answer_text(r, 404, STR("Unknown profile\n"));
	resp_header(r->resp, STR("x-content-type-options"), STR("nosniff"));
	r->answer = (struct answer){.kind = ANSWER_TEXT, .code = 200, .content_type = STR("text/html; charset=utf-8"),
		.text = STR("<html><head><title>" PROFILES "</title></head><body><a href=\"goroutine?debug=1\">goroutine</a></body></html>\n")};
	return 0;
}

/* ---- PUT /debug/flags/v ---- */

static int plain(struct request *r, int code, struct str text)
{
	r->answer = (struct answer){.kind = ANSWER_TEXT, .code = code, .content_type = STR("text/plain"), .text = text};
	return 0;
}

int verbosity_handle(struct request *r, struct err *e)
{
	uint64_t v;
	if (!str_is(r->http->method, "PUT"))
		return plain(r, 406, STR("unsupported http method\n"));
	if (request_body(r, e))
		return -1;
	struct str text = str_trim(r->body);
	if (str_u64(text, &v) || v > INT32_MAX) {
		BUF(q);
		enc_quote(&q, text);
		return plain(r, 400, str_printf(r->arena, "strconv.ParseUint: parsing %.*s: invalid syntax\n", STR_F(buf_view(&q))));
	}
	log_set_verbosity((int)v);
	return plain(r, 200, str_printf(r->arena, "successfully set klog.logging.verbosity to %llu", (unsigned long long)v));
}

/* ---- /statusz and /flagz: for eyes only, so plain text must be asked for ---- */

static int wants_text(struct request *r, struct err *e)
{
	struct str rest = req_header(r->http, STR("accept")), type;
	while (rest.n && str_next(&rest, ',', &type)) {
		str_cut(type, ';', &type, &(struct str){0});
		if (str_is(str_trim(type), "text/plain"))
			return 0;
	}
	return err_set(e, ERR_NOT_ACCEPTABLE, "only the following media types are accepted: text/plain");
}

int statusz_handle(struct request *r, struct err *e)
{
	struct process_facts p = {0};
	BUF(out);
	if (wants_text(r, e))
		return -1;
	buf_lit(&out, "\napiserver statusz\nMade to be read, not parsed: it may change at any time.\n\n");
	if (proc_facts(getpid(), &p, NULL) == 0)
		buf_printf(&out, "Up: %lld s\n", (long long)((r->now - p.started) / NS_S));
	buf_printf(&out, "Binary version: %s\nEmulation version: 1.36\n", C8S_VERSION);
	return answer_text(r, 200, buf_take(&out, r->arena));
}

int flagz_handle(struct request *r, struct err *e)
{
	if (wants_text(r, e))
		return -1;
	return answer_text(r, 200, str_printf(r->arena, "\napiserver flagz\nMade to be read, not parsed: it may change at any time.\n\n%.*s",
		STR_F(server_options(r->server)->flags)));
}

int priority_levels_handle(struct request *r, struct err *e)
{
	BUF(out);
	(void)e;
	flow_dump_levels(r->server, &out);
	return answer_text(r, 200, buf_take(&out, r->arena));
}
