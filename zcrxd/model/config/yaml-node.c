/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See yaml-node.h. One pass over libyaml's events; what is open is a stack of nodes by value, so
 * that a tree that is only half built is always one that can be freed.
 */
#include <stdint.h>
#include <yaml.h>

#include "yaml-node.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

struct frame {
	struct yaml_node node;
	size_t allocated;
};

struct parser {
	yaml_parser_t yaml;
	const char *file;
	struct fault *reterr;
	struct frame stack[YAML_DEPTH_MAX]; /* lists and mappings that are open */
	size_t depth;
	size_t nodes, documents;
	struct yaml_node root;
	bool has_root;
};

void yaml_node_done(struct yaml_node *n)
{
	for (size_t i = 0; i < n->n_items; i++)
		yaml_node_done(&n->items[i]);
	free(n->items);
	free(n->text);
	*n = (struct yaml_node) {};
}

const struct yaml_node *yaml_node_get(const struct yaml_node *mapping, const char *key)
{
	for (size_t i = 0; i + 1 < mapping->n_items; i += 2)
		if (mapping->items[i].kind == YAML_TEXT && streq(mapping->items[i].text, key))
			return &mapping->items[i + 1];
	return NULL;
}

static int bad_at(const char *file, struct fault *reterr, size_t line, size_t column,
		  const char *found, const char *expected)
{
	return fault_set(reterr, ZCRX_INVALID_PARAMETER, "configuration",
			 "%s:%zu:%zu: syntax: found %s, expected %s", file, line, column, found,
			 expected);
}

static int bad(struct parser *p, yaml_mark_t mark, const char *found, const char *expected)
{
	return bad_at(p->file, p->reterr, mark.line + 1, mark.column + 1, found, expected);
}

/* Length of the UTF-8 sequence at s; 0 if there is none. */
static size_t utf8_length(const unsigned char *s, size_t left)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t least;
	} forms[] = {
		{ 0x80, 0, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 }
	};

	for (size_t n = 0; n < ARRAY_SIZE(forms) && n < left; n++) {
		uint32_t c = s[0] & (uint32_t)(unsigned char)~forms[n].mask;

		if ((s[0] & forms[n].mask) != forms[n].lead)
			continue;
		for (size_t i = 1; i <= n; i++) {
			if ((s[i] & 0xc0) != 0x80)
				return 0;
			c = c << 6 | (s[i] & 0x3f);
		}
		return c < forms[n].least || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0
											 : n + 1;
	}
	return 0;
}

/* Before libyaml sees it: it would guess at encodings, and stop without saying where. */
static int check_text(const char *text, size_t length, const char *file, struct fault *reterr)
{
	size_t line = 1, column = 1, n;

	if (length > YAML_BYTES_MAX)
		return bad_at(file, reterr, 1, 1, "a file of more than 1M", "a smaller one");
	if (length >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
		return bad_at(file, reterr, 1, 1, "UTF-16", "text in UTF-8");
	for (size_t i = 0; i < length; i += n) {
		unsigned char c = (unsigned char)text[i];

		if (length - i >= strlen(BYTE_ORDER_MARK) &&
		    memcmp(text + i, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0)
			return bad_at(file, reterr, line, column,
				      "a byte order mark (the start of another file?)",
				      "one at the beginning at most");

		n = utf8_length((const unsigned char *)text + i, length - i);
		if (n == 0)
			return bad_at(file, reterr, line, column, "a byte that is not UTF-8",
				      "text in UTF-8");
		if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f)
			return bad_at(file, reterr, line, column,
				      c ? "a control character" : "a NUL byte", "text");
		column++;
		if (c == '\n') {
			line++;
			column = 1;
		}
	}
	return 0;
}

/* Hands a finished node to the one that is open, or makes it the root. Takes what it holds. */
static int attach(struct parser *p, struct yaml_node *n)
{
	struct frame *f;

	if (p->depth == 0) {
		p->root = *n;
		p->has_root = true;
		return 0;
	}
	f = &p->stack[p->depth - 1];
	if (f->node.n_items == f->allocated) {
		size_t more = f->allocated ? f->allocated * 2 : 8;
		struct yaml_node *items = reallocarray(f->node.items, more, sizeof(*items));

		if (!items) {
			yaml_node_done(n);
			return -ENOMEM;
		}
		f->node.items = items;
		f->allocated = more;
	}
	f->node.items[f->node.n_items++] = *n;
	return 0;
}

static struct yaml_node node_at(enum yaml_kind kind, yaml_mark_t mark)
{
	return (struct yaml_node) { .kind = kind,
				    .line = (unsigned)mark.line + 1,
				    .column = (unsigned)mark.column + 1 };
}

static int check_plain(struct parser *p, const yaml_event_t *e, const yaml_char_t *anchor,
		       const yaml_char_t *tag)
{
	if (anchor)
		return bad(p, e->start_mark, "an anchor", "plain YAML: write the value out");
	if (tag)
		return bad(p, e->start_mark, "a tag", "plain YAML: leave it out");
	if (++p->nodes > YAML_NODES_MAX)
		return bad(p, e->start_mark, "too many values", "a smaller file");
	return 0;
}

static int on_text(struct parser *p, const yaml_event_t *e)
{
	struct yaml_node n = node_at(YAML_TEXT, e->start_mark);
	int r;

	r = check_plain(p, e, e->data.scalar.anchor, e->data.scalar.tag);
	if (r != 0)
		return r;
	/* A NUL can still come from an escape in a quoted text. */
	if (memchr(e->data.scalar.value, 0, e->data.scalar.length))
		return bad(p, e->start_mark, "a NUL byte", "text");
	n.plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	n.text = strdup((const char *)e->data.scalar.value);
	return n.text ? attach(p, &n) : -ENOMEM;
}

static int on_start(struct parser *p, const yaml_event_t *e, enum yaml_kind kind,
		    const yaml_char_t *anchor, const yaml_char_t *tag)
{
	int r;

	r = check_plain(p, e, anchor, tag);
	if (r != 0)
		return r;
	if (p->depth == YAML_DEPTH_MAX)
		return bad(p, e->start_mark, "too many levels", "lists and mappings less deep");
	p->stack[p->depth++] = (struct frame) { .node = node_at(kind, e->start_mark) };
	return 0;
}

static int on_end(struct parser *p)
{
	struct yaml_node n = p->stack[--p->depth].node;

	return attach(p, &n);
}

static int on_event(struct parser *p, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (p->documents++ > 0)
			return bad(p, e->start_mark, "a second document", "one in a file");
		return 0;
	case YAML_ALIAS_EVENT:
		return bad(p, e->start_mark, "an alias",
			   "plain YAML: write the value out, or quote a text that begins with *");
	case YAML_SCALAR_EVENT:
		return on_text(p, e);
	case YAML_SEQUENCE_START_EVENT:
		return on_start(p, e, YAML_LIST, e->data.sequence_start.anchor,
				e->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return on_start(p, e, YAML_MAPPING, e->data.mapping_start.anchor,
				e->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return on_end(p);
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		break;
	}
	return 0;
}

static int syntax_error(struct parser *p)
{
	const yaml_parser_t *y = &p->yaml;
	_cleanup_free_ char *found = NULL;

	if (y->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (asprintf(&found, "a mistake (%s%s%s)", y->problem ?: "unreadable",
		     y->context ? " " : "", y->context ?: "") < 0)
		return -ENOMEM;
	return bad(p, y->problem_mark, found, "valid YAML");
}

static int parse_events(struct parser *p)
{
	bool end = false;
	int r = 0;

	while (r == 0 && !end) {
		yaml_event_t e;

		if (!yaml_parser_parse(&p->yaml, &e))
			return syntax_error(p);
		end = e.type == YAML_STREAM_END_EVENT;
		r = on_event(p, &e);
		yaml_event_delete(&e);
	}
	return r;
}

int yaml_parse(const char *text, size_t length, const char *file, struct yaml_node *ret,
	       struct fault *reterr)
{
	struct parser p = { .file = file, .reterr = reterr };
	int r;

	/* Editors of Windows put one in front, and do not show it. */
	if (length >= strlen(BYTE_ORDER_MARK) &&
	    memcmp(text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0) {
		text += strlen(BYTE_ORDER_MARK);
		length -= strlen(BYTE_ORDER_MARK);
	}
	r = check_text(text, length, file, reterr);
	if (r != 0)
		return r;
	if (!yaml_parser_initialize(&p.yaml))
		return -ENOMEM;
	yaml_parser_set_encoding(&p.yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p.yaml, (const unsigned char *)text, length);
	r = parse_events(&p);
	yaml_parser_delete(&p.yaml);
	while (p.depth > 0)
		yaml_node_done(&p.stack[--p.depth].node);
	if (r != 0) {
		yaml_node_done(&p.root);
		return r;
	}
	if (!p.has_root)
		p.root = (struct yaml_node) { .kind = YAML_MAPPING, .line = 1, .column = 1 };
	*ret = p.root;
	return 0;
}
