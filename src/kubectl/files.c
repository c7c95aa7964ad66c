#include "kubectl/files.h"
#include "codec/yaml.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct reader {
	struct ctl *c;
	bool deep;
	int (*each)(void *arg, struct value *v, struct str source, struct err *e);
	void *arg;
};

static int read_fd(struct ctl *c, int fd, struct str *ret, struct err *e)
{
	BUF(b);
	b.max = FILE_MAX;
	ssize_t n = 1;
	while (n > 0) {
		char *p = buf_room(&b, 65536);
		if (!p)
			return err_nomem(e, b.n + 65536);
		n = read(fd, p, 65536);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			b.n += (size_t)n;
	}
	if (n < 0)
		return err_sys(e, errno, "read");
	*ret = buf_take(&b, c->a);
	if (!ret->p)
		*ret = STR("");
	return 0;
}

int input_read(struct ctl *c, struct str path, struct str *ret, struct err *e)
{
	if (str_is(path, "-"))
		return read_fd(c, STDIN_FILENO, ret, e);
	int fd = open(str_z(c->a, path), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, ERR_BAD_REQUEST, "open %.*s: %s", STR_F(path), errno == ENOENT ? "no such file or directory" : strerror(errno));
	int failed = read_fd(c, fd, ret, e);
	close(fd);
	return failed;
}

static bool is_json(struct str doc)
{
	struct str s = str_trim(doc);
	return s.n && s.p[0] == '{';
}

/* 1: it does not parse, which is kept as a problem and ends the file. */
static int one_document(struct reader *r, struct str doc, struct str source, struct err *e)
{
	struct value *v;
	struct json_opts o = {.flags = JSON_ALIAS_INPUT};
	int failed = is_json(doc) ? json_parse(r->c->a, doc, &o, &v, e) : yaml_parse(r->c->a, doc, &o, &v, e);
	if (failed && is_json(doc) && yaml_parse(r->c->a, doc, &o, &v, NULL) == 0)
		failed = 0;
	if (failed) {
		struct str why = str_dup(r->c->a, e->message);
		int64_t at = is_json(doc) ? json_bad_at(doc) : -1;
		if (at > 0)
			why = str_printf(r->c->a, "json: offset %lld: %.*s", (long long)at, STR_F(why));
		err_set(e, ERR_BAD_REQUEST, "error parsing %.*s: %s%.*s", STR_F(source), is_json(doc) ? "" : "error converting YAML to JSON: ", STR_F(why));
		return ctl_problem(r->c, e), 1;
	}
	return v->type == V_NULL ? 0 : r->each(r->arg, v, source, e);
}

/* The length of the JSON object at the start of s; 0 when it does not end. */
static size_t object_length(struct str s)
{
	unsigned depth = 0;
	bool quoted = false;
	for (size_t i = 0; i < s.n; i++) {
		if (quoted) {
			i += s.p[i] == '\\';
			quoted = s.p[i] != '"';
		} else if (s.p[i] == '"') {
			quoted = true;
		} else if (s.p[i] == '{' || s.p[i] == '[') {
			depth++;
		} else if ((s.p[i] == '}' || s.p[i] == ']') && --depth == 0) {
			return i + 1;
		}
	}
	return 0;
}

/* JSON objects may follow each other with nothing between. */
static bool is_stream(struct str s)
{
	size_t n = is_json(s) ? object_length(str_trim(s)) : 0;
	return n && is_json(str_sub(str_trim(s), n, s.n));
}

static int stream(struct reader *r, struct str s, struct str source, struct err *e)
{
	for (s = str_trim(s); s.n; s = str_trim(s)) {
		size_t n = object_length(s);
		if (!n)
			n = s.n;
		int c = one_document(r, str_sub(s, 0, n), source, e);
		if (c > 0)
			return 0;
		if (c < 0)
			ctl_problem(r->c, e);
		s = str_sub(s, n, s.n);
	}
	return 0;
}

static int documents(struct reader *r, struct str text, struct str source, struct err *e)
{
	struct str doc;
	if (is_stream(text))
		return stream(r, text, source, e);
	while (yaml_next_document(&text, &doc)) {
		int c = one_document(r, doc, source, e);
		if (c > 0)
			return 0;
		if (c < 0)
			ctl_problem(r->c, e);
	}
	return 0;
}

static int one_file(struct reader *r, struct str path, struct err *e)
{
	struct str text;
	struct str source = str_is(path, "-") ? STR("STDIN") : path;
	if (input_read(r->c, path, &text, e) != 0)
		return -1;
	return documents(r, text, source, e);
}

static bool is_manifest(struct str name)
{
	return str_has_suffix(name, STR(".json")) || str_has_suffix(name, STR(".yaml")) || str_has_suffix(name, STR(".yml"));
}

static int by_bytes(const void *x, const void *y) { return str_cmp(*(const struct str *)x, *(const struct str *)y); }

/* Names of a folder, sorted. */
static int folder_names(struct ctl *c, const char *path, str_list_t *ret, struct err *e)
{
	struct dirent **v;
	int n = scandir(path, &v, NULL, NULL);
	if (n < 0)
		return err_sys(e, errno, "open %s", path);
	for (int i = 0; i < n; i++) {
		if (strcmp(v[i]->d_name, ".") != 0 && strcmp(v[i]->d_name, "..") != 0)
			*arena_push(c->a, ret) = str_of(str_z(c->a, str_of(v[i]->d_name)));
		free(v[i]);
	}
	free(v);
	if (ret->len)
		qsort(ret->items, ret->len, sizeof *ret->items, by_bytes);
	return 0;
}

static int folder(struct reader *r, struct str path, unsigned depth, uint32_t *found, struct err *e);
static int entry(struct reader *r, struct str dir, struct str name, unsigned depth, uint32_t *found, struct err *e)
{
	struct stat st;
	struct str path = str_printf(r->c->a, "%.*s/%.*s", STR_F(dir), STR_F(name));
	if (stat(path.p ? str_z(r->c->a, path) : "", &st) != 0)
		return 0;
	if (S_ISDIR(st.st_mode))
		return r->deep ? folder(r, path, depth + 1, found, e) : 0;
	if (!is_manifest(name))
		return 0;
	++*found;
	return one_file(r, path, e);
}

#define FOLDERS_DEEP 64 /* links may go in circles */
static int folder(struct reader *r, struct str path, unsigned depth, uint32_t *found, struct err *e)
{
	str_list_t names = {0};
	if (depth > FOLDERS_DEEP)
		return err_set(e, ERR_BAD_REQUEST, "%.*s: folders nested too deep", STR_F(path));
	if (folder_names(r->c, str_z(r->c->a, path), &names, e) != 0)
		return -1;
	LIST_EACH(name, names)
		if (entry(r, path, *name, depth, found, e) != 0)
			return -1;
	return 0;
}

static int one_path(struct reader *r, struct str path, struct err *e)
{
	struct stat st;
	uint32_t found = 0;
	if (str_is(path, "-"))
		return one_file(r, path, e);
	if (str_has_prefix(path, STR("http://")) || str_has_prefix(path, STR("https://"))) {
		struct str text;
		return url_read(r->c, path, &text, e) ? -1 : documents(r, text, path, e);
	}
	if (stat(str_z(r->c->a, path), &st) != 0)
		return err_set(e, ERR_BAD_REQUEST, "the path \"%.*s\" does not exist", STR_F(path));
	if (!S_ISDIR(st.st_mode))
		return one_file(r, path, e);
	if (folder(r, path, 0, &found, e) != 0)
		return -1;
	if (!found)
		return err_set(e, ERR_BAD_REQUEST, "error reading [%.*s]: recognized file extensions are [.json .yaml .yml]", STR_F(path));
	return 0;
}

int files_each(struct ctl *c, const str_list_t *files, bool deep, int (*each)(void *arg, struct value *v, struct str source, struct err *e), void *arg,
	struct err *e)
{
	struct reader r = {c, deep, each, arg};
	LIST_EACH(f, *files)
		if (one_path(&r, *f, e) != 0)
			return -1;
	return 0;
}
