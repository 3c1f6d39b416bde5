/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See http-head.h. Strict where a proxy might read a request differently (RFC 9112): lines end with CR LF, there
 * are no continued lines, no spaces before colons, one Content-Length, and no Transfer-Encoding.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http-head.h"

#define BAD_REQUEST "400 Bad Request"

int head_is_complete(const char *head, size_t size)
{
	return size >= 4 && memcmp(head + size - 4, "\r\n\r\n", 4) == 0;
}

size_t head_collect(char *head, size_t *size, const char *data, size_t data_size)
{
	size_t n = 0;

	while (n < data_size && *size < HEAD_MAX && !head_is_complete(head, *size)) {
		head[(*size)++] = data[n++];
		if (*size == 2 && memcmp(head, "\r\n", 2) == 0)
			*size = 0; /* an empty line before a request, from older clients */
	}
	return n;
}

static int is_token(const char *s)
{
	size_t n = strspn(s, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

	return n > 0 && s[n] == 0;
}

/* Digits, and nothing that does not fit. */
static int parse_length(const char *s, uint64_t *ret)
{
	uint64_t n = 0;

	if (!*s)
		return -1;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || n > (UINT64_MAX - 9) / 10)
			return -1;
		n = n * 10 + (uint64_t)(*s - '0');
	}
	*ret = n;
	return 0;
}

/* "/NAME", or "http://HOST/NAME" as for a proxy. */
static const char *parse_target(const char *target, struct head *ret)
{
	size_t n;

	if (strncasecmp(target, "http://", 7) == 0)
		target += 7 + strcspn(target + 7, "/");
	if (*target++ != '/')
		return BAD_REQUEST;
	n = strspn(target, "-_.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
	if (n == 0 || target[n] || *target == '.')
		return "404 Not Found";
	if (n > NAME_MAX_LENGTH)
		return "414 URI Too Long";
	memcpy(ret->name, target, n + 1);
	return NULL;
}

/* "METHOD TARGET VERSION". */
static const char *parse_request_line(char *line, int *ret_old, struct head *ret)
{
	char *target = strchr(line, ' '), *version = target ? strchr(target + 1, ' ') : NULL;

	if (!version)
		return BAD_REQUEST;
	*target++ = 0;
	*version++ = 0;
	if (!is_token(line) || !*target)
		return BAD_REQUEST;
	*ret_old = strcmp(version, "HTTP/1.0") == 0;
	if (!*ret_old && strcmp(version, "HTTP/1.1") != 0)
		return strncmp(version, "HTTP/", 5) == 0 ? "505 HTTP Version Not Supported" : BAD_REQUEST;
	if (strcmp(line, "PUT") != 0 && strcmp(line, "POST") != 0)
		return "405 Method Not Allowed";
	return parse_target(target, ret);
}

/* Whether `word` is in the list "a, b". */
static int lists(const char *list, const char *word)
{
	size_t n = strlen(word);

	while (*list) {
		size_t m = strcspn(list, ", \t");

		if (m == n && strncasecmp(list, word, n) == 0)
			return 1;
		list += m;
		list += strspn(list, ", \t");
	}
	return 0;
}

struct fields {
	int hosts, lengths;
};

static const char *parse_field(char *line, struct fields *f, struct head *ret)
{
	char *value = strchr(line, ':'), *end;
	uint64_t length;

	if (!value)
		return BAD_REQUEST;
	*value++ = 0;
	if (!is_token(line))
		return BAD_REQUEST;
	value += strspn(value, " \t");
	for (end = value + strlen(value); end > value && strchr(" \t", end[-1]); end--)
		;
	*end = 0;
	if (strcasecmp(line, "Host") == 0) {
		f->hosts++;
	} else if (strcasecmp(line, "Transfer-Encoding") == 0) {
		return "501 Not Implemented";
	} else if (strcasecmp(line, "Content-Length") == 0) {
		if (parse_length(value, &length) < 0 || f->lengths++ > 0)
			return BAD_REQUEST;
		ret->length = length;
	} else if (strcasecmp(line, "Connection") == 0) {
		ret->closes |= lists(value, "close");
	} else if (strcasecmp(line, "Expect") == 0) {
		if (strcasecmp(value, "100-continue") != 0)
			return "417 Expectation Failed";
		ret->waits = 1;
	}
	return NULL;
}

/* Takes the next line off; NULL if it is none. */
static char *next_line(char **at)
{
	char *line = *at, *end = strstr(line, "\r\n");

	if (!end)
		return NULL;
	*end = 0;
	*at = end + 2;
	return strpbrk(line, "\r\n") ? NULL : line;
}

const char *head_parse(char *head, size_t size, struct head *ret)
{
	struct fields fields = { 0, 0 };
	const char *status;
	char *at = head, *line;
	int old = 0;

	memset(ret, 0, sizeof(*ret));
	if (memchr(head, 0, size))
		return BAD_REQUEST;
	head[size - 2] = 0; /* the empty line */
	line = next_line(&at);
	if (!line)
		return BAD_REQUEST;
	status = parse_request_line(line, &old, ret);
	while (!status && *at) {
		line = next_line(&at);
		status = line ? parse_field(line, &fields, ret) : BAD_REQUEST;
	}
	if (status)
		return status;
	if (fields.hosts > 1 || (fields.hosts == 0 && !old))
		return BAD_REQUEST;
	if (fields.lengths == 0)
		return "411 Length Required";
	if (old) {
		ret->closes = 1;
		ret->waits = 0;
	}
	return NULL;
}
