/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See inbox.h.
 */
#include <errno.h>

#include "inbox.h"
#include "macro.h"

int inbox_add(struct inbox *b, const char *data, size_t n, const int *fds, size_t n_fds)
{
	struct inbox_fd *more_fds;
	char *more;

	if (n == 0)
		return n_fds == 0 ? 0 : -EINVAL;
	more = realloc(b->data, b->n + n);
	if (!more)
		return -ENOMEM;
	b->data = more;
	if (n_fds > 0) {
		more_fds = reallocarray(b->fds, b->n_fds + n_fds, sizeof(*b->fds));
		if (!more_fds)
			return -ENOMEM;
		b->fds = more_fds;
	}
	memcpy(b->data + b->n, data, n);
	b->n += n;
	for (size_t i = 0; i < n_fds; i++)
		b->fds[b->n_fds++] =
			(struct inbox_fd){ .at = b->offset + b->n - 1, .fd = fds[i] };
	return 0;
}

/* The end of the first message: where its NUL is; NULL if it has not come yet. */
static const char *inbox_end(struct inbox *b)
{
	const char *end = b->n > b->seen ? memchr(b->data + b->seen, 0, b->n - b->seen) : NULL;

	b->seen = end ? (size_t)(end - b->data) : b->n;
	return end;
}

bool inbox_has_message(struct inbox *b)
{
	return inbox_end(b);
}

size_t inbox_first_fds(struct inbox *b)
{
	const char *end = inbox_end(b);
	uint64_t last = b->offset + (end ? (size_t)(end - b->data) : b->n);
	size_t n = 0;

	while (n < b->n_fds && b->fds[n].at <= last)
		n++;
	return n;
}

static int take_fds(struct inbox *b, struct message *m)
{
	size_t n = inbox_first_fds(b);

	if (n == 0)
		return 0;
	m->fds = reallocarray(NULL, n, sizeof(*m->fds));
	if (!m->fds)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		m->fds[i] = b->fds[i].fd;
	m->n_fds = n;
	b->n_fds -= n;
	memmove(b->fds, b->fds + n, b->n_fds * sizeof(*b->fds));
	return 0;
}

/* What is left keeps no more memory than it needs: most often there is nothing. */
static void inbox_drop(struct inbox *b, size_t n)
{
	char *less;

	b->n -= n;
	b->offset += n;
	b->seen = 0;
	memmove(b->data, b->data + n, b->n);
	if (b->n == 0) {
		free(TAKE_PTR(b->data));
		if (b->n_fds == 0)
			free(TAKE_PTR(b->fds));
		return;
	}
	less = realloc(b->data, b->n);
	if (less)
		b->data = less;
}

int inbox_next(struct inbox *b, struct message *ret)
{
	const char *end = inbox_end(b);
	struct message m = {};

	if (!end)
		return 0;
	m.n = (size_t)(end - b->data);
	m.text = malloc(m.n + 1);
	if (!m.text)
		return -ENOMEM;
	if (take_fds(b, &m) < 0) {
		free(m.text);
		return -ENOMEM;
	}
	memcpy(m.text, b->data, m.n + 1);
	inbox_drop(b, m.n + 1);
	*ret = m;
	return 1;
}

void inbox_done(struct inbox *b)
{
	free(b->data);
	free(b->fds);
	*b = (struct inbox){};
}

void message_done(struct message *m)
{
	free(m->text);
	free(m->fds);
	*m = (struct message){};
}
