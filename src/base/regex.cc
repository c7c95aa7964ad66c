extern "C" {
#include "base/regex.h"
}
#include <new>
#include <re2/re2.h>
#include <vector>

struct regex {
	RE2 re;
	regex(re2::StringPiece pattern, const RE2::Options &options) : re(pattern, options) {}
};

static re2::StringPiece piece(struct str s)
{
	return re2::StringPiece(s.p, s.n);
}

static struct str unpiece(re2::StringPiece s)
{
	return str_n(s.data(), s.size());
}

extern "C" {

struct regex *regex_new(struct str pattern, struct err *e)
{
	RE2::Options options;
	options.set_log_errors(false);
	struct regex *r = new (std::nothrow) regex(piece(pattern), options);
	if (!r) {
		err_nomem(e, sizeof *r);
		return NULL;
	}
	if (!r->re.ok()) {
		err_set(e, ERR_BAD_REQUEST, "error parsing regexp: %s", r->re.error().c_str());
		delete r;
		return NULL;
	}
	return r;
}

void regex_free(struct regex *r)
{
	delete r;
}

bool regex_find(const struct regex *r, struct str s)
{
	return RE2::PartialMatch(piece(s), r->re);
}

bool regex_full(const struct regex *r, struct str s)
{
	return RE2::FullMatch(piece(s), r->re);
}

int regex_groups(const struct regex *r, struct str s, struct str *groups, int n)
{
	int count = r->re.NumberOfCapturingGroups() + 1;
	std::vector<re2::StringPiece> found(n < count ? n : count);
	if (!r->re.Match(piece(s), 0, s.n, RE2::UNANCHORED, found.data(), (int)found.size()))
		return 0;
	for (size_t i = 0; i < found.size(); i++)
		groups[i] = unpiece(found[i]);
	return count;
}
}
