/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See config-reader.h.
 */
#include <ctype.h>
#include <stdarg.h>
#include <strings.h>

#include "config-reader.h"
#include "names.h"

#define SHOWN_MAX 48 /* bytes of a value that a complaint repeats */

static void print_path(FILE *f, const struct config_path *path)
{
	if (path->up)
		print_path(f, path->up);
	if (path->key)
		fprintf(f, "%s%s", path->up ? "." : "", path->key);
	else
		fprintf(f, "[%zu]", path->index);
}

char *config_path_format(const struct config_path *path)
{
	_cleanup_free_ char *s = NULL;
	size_t n;
	FILE *f = open_memstream(&s, &n);

	if (!f)
		return NULL;
	if (path)
		print_path(f, path);
	else
		fputs("document", f);
	return fclose(f) == 0 ? TAKE_PTR(s) : NULL;
}

/* What stands there, in words; NULL if there is no memory. */
static char *describe(const struct yaml_node *n)
{
	size_t length;
	char *s;

	if (n->kind == YAML_LIST)
		return strdup("a list");
	if (n->kind == YAML_MAPPING)
		return strdup("a mapping");
	if (n->plain && (!*n->text || streq(n->text, "~") || streq(n->text, "null")))
		return strdup("nothing");
	length = strnlen(n->text, SHOWN_MAX + 1);
	if (length > SHOWN_MAX) {
		/* Not in the middle of a character. */
		length = SHOWN_MAX;
		while (length > 0 && ((unsigned char)n->text[length] & 0xc0) == 0x80)
			length--;
	}
	if (asprintf(&s, "\"%.*s%s\"", (int)length, n->text, n->text[length] ? "..." : "") < 0)
		return NULL;
	for (char *c = s; *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = '?';
	return s;
}

static int complain(struct config_reader *r, const struct yaml_node *at, const char *found,
		    const char *expected)
{
	_cleanup_free_ char *path = config_path_format(r->path);

	return fault_set(r->reterr, ZCRX_INVALID_PARAMETER, path,
			 "%s:%u:%u: %s: found %s, expected %s", r->file, at->line, at->column,
			 path ?: "?", found, expected);
}

int config_bad(struct config_reader *r, const struct yaml_node *at, const char *expected, ...)
{
	_cleanup_free_ char *found = describe(at), *text = NULL;
	va_list ap;

	va_start(ap, expected);
	if (vasprintf(&text, expected, ap) < 0)
		text = NULL;
	va_end(ap);
	return found && text ? complain(r, at, found, text) : -ENOMEM;
}

int config_bad_found(struct config_reader *r, const struct yaml_node *at, const char *found,
		     const char *expected, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, expected);
	if (vasprintf(&text, expected, ap) < 0)
		text = NULL;
	va_end(ap);
	return text ? complain(r, at, found, text) : -ENOMEM;
}

int config_bad_key(struct config_reader *r, const struct yaml_node *at, const char *key,
		   const char *found, const char *expected)
{
	struct config_path path = { .up = r->path, .key = key };
	struct config_reader below = { .file = r->file, .path = &path, .reterr = r->reterr };

	return complain(&below, at, found, expected);
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Edits from one word to the other (Levenshtein); words that are far too long are far. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[33];
	size_t n = strlen(b);

	if (n >= ARRAY_SIZE(row) || strlen(a) >= ARRAY_SIZE(row))
		return UINT32_MAX;
	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= n; j++) {
			unsigned next =
				min3(row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));

			diagonal = row[j];
			row[j] = next;
		}
	}
	return row[n];
}

static int unknown_key(struct config_reader *r, const struct yaml_node *key,
		       const struct config_key *keys, size_t n_keys)
{
	_cleanup_free_ char *list = NULL, *name = describe(key);
	const char *nearest = NULL;
	unsigned least = 4;
	size_t n;
	FILE *f = open_memstream(&list, &n);

	if (!f || !name) {
		if (f)
			fclose(f);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n_keys; i++) {
		unsigned d = distance(key->text, keys[i].name);

		if (d < least) {
			least = d;
			nearest = keys[i].name;
		}
		fprintf(f, "%s%s", i ? ", " : n_keys > 1 ? "one of " : "", keys[i].name);
	}
	if (nearest)
		fprintf(f, " (did you mean %s?)", nearest);
	if (fclose(f) != 0)
		return -ENOMEM;
	name[strlen(name) - 1] = '\0'; /* a path is written without quotes */
	return config_bad_key(r, key, name + 1, "an unknown key", list);
}

static int check_key(struct config_reader *r, const struct yaml_node *mapping, size_t at)
{
	const struct yaml_node *key = &mapping->items[at];

	if (key->kind != YAML_TEXT || !*key->text)
		return config_bad(r, key, "a key");
	for (size_t i = 0; i < at; i += 2)
		if (streq(mapping->items[i].text, key->text)) {
			_cleanup_free_ char *found = NULL;

			if (asprintf(&found, "the key a second time (first at line %u)",
				     mapping->items[i].line) < 0)
				return -ENOMEM;
			return config_bad_key(r, key, key->text, found, "it once");
		}
	return 0;
}

int config_read_mapping(struct config_reader *r, const struct yaml_node *value,
			const struct config_key *keys, size_t n_keys, void *into)
{
	if (value->kind != YAML_MAPPING)
		return config_bad(r, value, "a mapping");
	for (size_t at = 0; at + 1 < value->n_items; at += 2) {
		const char *name = value->items[at].text;
		struct config_path path = { .up = r->path };
		size_t k = 0;
		int ret;

		ret = check_key(r, value, at);
		if (ret != 0)
			return ret;
		while (k < n_keys && !streq(keys[k].name, name))
			k++;
		if (k == n_keys)
			return unknown_key(r, &value->items[at], keys, n_keys);
		path.key = keys[k].name;
		r->path = &path;
		ret = keys[k].read(r, &value->items[at + 1], into);
		r->path = path.up;
		if (ret != 0)
			return ret;
	}
	return 0;
}

int config_read_list(struct config_reader *r, const struct yaml_node *value, const char *what,
		     config_read read, size_t size, void **ret_items, size_t *ret_n)
{
	char *items;

	if (value->kind != YAML_LIST)
		return config_bad(r, value, "a list of %s", what);
	if (value->n_items == 0)
		return 0;
	items = calloc(value->n_items, size);
	if (!items)
		return -ENOMEM;
	*ret_items = items;
	*ret_n = value->n_items;
	for (size_t i = 0; i < value->n_items; i++) {
		struct config_path path = { .up = r->path, .index = i };
		int ret;

		r->path = &path;
		ret = read(r, &value->items[i], items + i * size);
		r->path = path.up;
		if (ret != 0)
			return ret;
	}
	return 0;
}

int config_read_number(struct config_reader *r, const struct yaml_node *value, unsigned min,
		       unsigned max, unsigned *ret)
{
	const char *s = value->text;
	unsigned v = 0;

	/* In quotes, too: so templates write them, and nothing else than a number is wanted here. */
	if (value->kind != YAML_TEXT || !*s || strlen(s) > 9 || s[strspn(s, "0123456789")] != '\0')
		return config_bad(r, value, "a number from %u to %u", min, max);
	/* "010" would be 8 to some readers of YAML and 10 to others. */
	if (*s == '0' && s[1])
		return config_bad(r, value, "a number from %u to %u, without zeros in front", min, max);
	for (; *s; s++)
		v = v * 10 + (unsigned)(*s - '0');
	if (v < min || v > max)
		return config_bad(r, value, "a number from %u to %u", min, max);
	*ret = v;
	return 0;
}

int config_read_bool(struct config_reader *r, const struct yaml_node *value, bool *ret)
{
	bool is_text = value->kind == YAML_TEXT;

	/* Not YAML 1.1's yes, on, y: they surprise more people than they please. */
	if (is_text && streq(value->text, "true"))
		*ret = true;
	else if (is_text && streq(value->text, "false"))
		*ret = false;
	else if (is_text && (strcasecmp(value->text, "true") == 0 || strcasecmp(value->text, "false") == 0))
		return config_bad(r, value, "true or false, in small letters");
	else
		return config_bad(r, value, "true or false");
	return 0;
}

int config_read_word(struct config_reader *r, const struct yaml_node *value,
		     const char *const *words, unsigned *ret)
{
	_cleanup_free_ char *list = NULL;

	for (unsigned i = 0; words[i]; i++) {
		char *longer = NULL;

		if (value->kind == YAML_TEXT && streq(value->text, words[i])) {
			*ret = i;
			return 0;
		}
		if (asprintf(&longer, "%s%s%s", list ?: "", list ? " or " : "", words[i]) < 0)
			return -ENOMEM;
		free(list);
		list = longer;
	}
	return config_bad(r, value, "%s", list);
}

/* The number of a character that looks like a blank, or like nothing; it comes along when text is copied
 * out of a page. 0: there is none. */
static unsigned find_invisible(const char *s)
{
	static const struct {
		const char *bytes;
		unsigned number;
	} list[] = { { "\xc2\xa0", 0xa0 },	  { "\xc2\xad", 0xad },	   { "\xe2\x80\x8b", 0x200b },
		     { "\xe2\x80\x8c", 0x200c }, { "\xe2\x80\x8d", 0x200d }, { "\xe2\x80\x8e", 0x200e },
		     { "\xe2\x80\x8f", 0x200f }, { "\xe2\x80\xaf", 0x202f }, { "\xe2\x81\xa0", 0x2060 },
		     { "\xe3\x80\x80", 0x3000 } };

	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		if (strstr(s, list[i].bytes))
			return list[i].number;
	return 0;
}

/* With `blanks`, some may be inside. */
static bool is_name(const struct yaml_node *value, size_t max, bool blanks)
{
	const char *s = value->text;
	size_t n;

	if (value->kind != YAML_TEXT || !*s || strlen(s) > max ||
	    (value->plain && (streq(s, "~") || streq(s, "null"))))
		return false;
	n = strlen(s);
	if (*s == ' ' || s[n - 1] == ' ')
		return false;
	for (; *s; s++)
		if (iscntrl((unsigned char)*s) || (isspace((unsigned char)*s) && (*s != ' ' || !blanks)))
			return false;
	return true;
}

static int read_name(struct config_reader *r, const struct yaml_node *value, const char *what, size_t max,
		     bool blanks, char **ret)
{
	unsigned invisible;

	if (!is_name(value, max, blanks))
		return config_bad(r, value, "%s of 1 to %zu characters without blanks%s", what, max,
				  blanks ? " at the ends" : "");
	invisible = find_invisible(value->text);
	if (invisible > 0) {
		_cleanup_free_ char *found = NULL;

		if (asprintf(&found, "\"%s\" with an invisible character in it (U+%04X)", value->text,
			     invisible) < 0)
			return -ENOMEM;
		return config_bad_found(r, value, found, "%s without it", what);
	}
	*ret = strdup(value->text);
	return *ret ? 0 : -ENOMEM;
}

int config_read_name(struct config_reader *r, const struct yaml_node *value, const char *what,
		     size_t max, char **ret)
{
	return read_name(r, value, what, max, false, ret);
}

int config_read_words(struct config_reader *r, const struct yaml_node *value, const char *what,
		      size_t max, char **ret)
{
	return read_name(r, value, what, max, true, ret);
}

int config_read_interface_name(struct config_reader *r, const struct yaml_node *value, char **ret)
{
	_cleanup_free_ char *name = NULL;
	int ret_name;

	ret_name = config_read_name(r, value, "the name of an interface", INTERFACE_NAME_MAX, &name);
	if (ret_name != 0)
		return ret_name;
	if (strpbrk(name, "/:") || streq(name, ".") || streq(name, ".."))
		return config_bad(r, value, "the name of an interface, as ip link shows it%s",
				  name[strlen(name) - 1] == ':' ? ", without the colon behind it" : "");
	*ret = TAKE_PTR(name);
	return 0;
}
