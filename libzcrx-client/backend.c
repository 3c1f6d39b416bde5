/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which backend a lease is from: of those that the program allows, in its order or that of ZCRX_BACKEND, the
 * first that is there at all. What that one says is final, so that a refusal is never taken for a reason to
 * receive by other means.
 */
#include <errno.h>

#include "backend.h"

static const struct backend *const all[N_BACKENDS] = { &backend_zcrxd, &backend_direct, &backend_software,
						       &backend_copy };

static const struct backend *find(const char *name, size_t length)
{
	for (size_t i = 0; i < N_BACKENDS; i++)
		if (strlen(all[i]->name) == length && strncmp(all[i]->name, name, length) == 0)
			return all[i];
	return NULL;
}

static bool contains(const struct backend_list *list, const struct backend *b)
{
	for (unsigned int i = 0; i < list->n; i++)
		if (list->backends[i] == b)
			return true;
	return false;
}

/* "zcrxd,copy"; `whose` is what the sentence of a mistake begins with. */
static int parse(struct zcrx_client *c, const char *whose, const char *text, struct backend_list *ret)
{
	struct backend_list list = {};

	for (const char *name = text;; name++) {
		size_t length = strcspn(name, ",");
		const struct backend *b = find(name, length);

		if (!b)
			return client_fail(c, -EINVAL, "%s \"%s\", and \"%.*s\" is no backend: %s.", whose, text,
					   (int)length, name, "zcrxd, direct, software and copy are");
		if (!contains(&list, b))
			list.backends[list.n++] = b;
		name += length;
		if (!*name)
			break;
	}
	*ret = list;
	return 0;
}

int zcrx_lease_set_backends(struct zcrx_lease *lease, const char *backends)
{
	if (!lease)
		return -EINVAL;
	if (lease->id)
		return client_cannot(lease->client, -EBUSY, "set the backends");
	if (!backends) {
		lease->allowed = (struct backend_list) {};
		return 0;
	}
	return parse(lease->client, "The backends are set to", backends, &lease->allowed);
}

const char *zcrx_lease_get_backend(struct zcrx_lease *lease)
{
	return lease && lease->id ? lease->backend->name : NULL;
}

/* Of what ZCRX_BACKEND names, that which the program allows. */
static int choose(struct zcrx_lease *l, struct backend_list *ret)
{
	const char *wanted = secure_getenv("ZCRX_BACKEND");
	struct backend_list allowed = l->allowed, asked, list = {};
	int r;

	if (allowed.n == 0)
		allowed = (struct backend_list) { .backends = { &backend_zcrxd }, .n = 1 };
	if (l->has_owner)
		allowed = (struct backend_list) { .backends = { &backend_zcrxd }, .n = 1 };
	if (!wanted || !*wanted) {
		*ret = allowed;
		return 0;
	}
	r = parse(l->client, "ZCRX_BACKEND is", wanted, &asked);
	if (r < 0)
		return r;
	for (unsigned int i = 0; i < asked.n; i++)
		if (contains(&allowed, asked.backends[i]))
			list.backends[list.n++] = asked.backends[i];
	if (list.n == 0)
		return client_fail(l->client, -EPERM, "ZCRX_BACKEND is \"%s\", which this program does not allow%s.",
				   wanted, l->allowed.n == 0 ? ": it receives on leases of zcrxd only" : "");
	*ret = list;
	return 0;
}

/* Whether nothing is there that could have refused. */
static bool is_absent(int error)
{
	return error == -ENOENT || error == -ECONNREFUSED || error == -ENOSYS || error == -EPERM ||
	       error == -EOPNOTSUPP;
}

/* Adds what failed last to what failed before. */
static void note(struct zcrx_client *c, const struct backend *b, char **sentences)
{
	char *more = NULL;

	if (asprintf(&more, "%s%s%s: %s", *sentences ?: "", *sentences ? " -- " : "", b->name,
		     c->error ?: "out of memory") < 0)
		return;
	free(*sentences);
	*sentences = more;
}

/* All of them, if several were tried. */
static int tell(struct zcrx_client *c, int error, unsigned int tried, const char *sentences)
{
	char *id;

	if (tried <= 1 || !sentences)
		return error;
	id = TAKE_PTR(c->error_id);
	client_fail(c, error, "Cannot lease a queue. %s", sentences);
	c->error_id = id;
	return error;
}

/* From `b`, if it is there. */
static int acquire_from(struct zcrx_lease *l, const struct backend *b, bool *ret_there)
{
	int r = b->probe ? b->probe(l) : 0;

	*ret_there = r >= 0 || !is_absent(r);
	if (r < 0)
		return r;
	l->backend = b;
	r = b->acquire(l);
	if (r < 0)
		l->backend = &backend_zcrxd;
	return r;
}

/* A client that does not block comes again, and passes by the same ones as before. */
int backend_acquire(struct zcrx_lease *l)
{
	_cleanup_free_ char *sentences = NULL;
	struct backend_list list = {};
	unsigned int i = 0;
	bool there = false;
	int r;

	client_enter(l->client);
	r = choose(l, &list);
	if (r < 0)
		return r;
	for (; !there && i < list.n; i++) {
		r = acquire_from(l, list.backends[i], &there);
		if (r == -EINPROGRESS)
			return r;
		if (r < 0)
			note(l->client, list.backends[i], &sentences);
	}
	if (r < 0)
		return tell(l->client, r, i, sentences);
	client_clear_error(l->client);
	return r;
}
