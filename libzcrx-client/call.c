/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One call to zcrxd, or the connecting before it: from where it begins until the application has
 * its result. Who blocks waits here; who does not gets -EINPROGRESS and comes again with the same
 * call, which is recognized by what it is made of. Until then everything that was sent or has come
 * is kept, so that nothing is asked twice.
 */
#include <errno.h>

#include "deadline.h"
#include "internal.h"

#define DEFAULT_TIMEOUT UINT64_C(45000000) /* microseconds */

void call_drop(struct zcrx_client *c)
{
	call_unwatch(c);
	free(c->call.text);
	c->call = (struct client_call) { .number = c->call.number };
}

static void begin(struct zcrx_client *c, int kind)
{
	c->call = (struct client_call) {
		.kind = kind,
		.number = c->call.number + 1,
		.deadline = deadline_in(c->timeout ?: DEFAULT_TIMEOUT),
	};
}

uint64_t client_under_way(const struct zcrx_client *c)
{
	return c->call.kind == CALL_NONE ? 0 : c->call.number;
}

bool client_is_under_way(const struct zcrx_client *c, uint64_t number)
{
	return number != 0 && client_under_way(c) == number;
}

static void finish(struct zcrx_client *c, int result)
{
	c->call.over = true;
	c->call.result = result;
}

/* As far as it goes without waiting. */
static void step(struct zcrx_client *c)
{
	int r;

	if (c->call.kind == CALL_NONE || c->call.over)
		return;
	if (c->call.kind == CALL_CONNECT) {
		r = varlink_connect(c->path, 0, &c->link);
		if (r != -EAGAIN)
			finish(c, r);
	} else {
		r = varlink_process(c->link);
		if (r != 0)
			finish(c, r < 0 ? r : 0);
	}
	if (!c->call.over && now_usec() >= c->call.deadline)
		finish(c, -ETIMEDOUT);
}

int call_connect(struct zcrx_client *c)
{
	int r;

	if (c->call.kind != CALL_CONNECT)
		begin(c, CALL_CONNECT);
	if (c->nonblocking) {
		step(c);
		if (!c->call.over) {
			call_watch(c);
			return -EINPROGRESS;
		}
	} else if (!c->call.over) {
		finish(c, varlink_connect(c->path, c->timeout ?: DEFAULT_TIMEOUT, &c->link));
	}
	r = c->call.result;
	call_drop(c);
	return r;
}

int client_push_fd(struct zcrx_client *c, int fd)
{
	int r;

	if (c->next.n_fds == CALL_FDS_MAX)
		return -ENOBUFS;
	r = c->call.kind == CALL_METHOD ? 0 : varlink_push_fd(c->link, fd);
	if (r < 0) {
		client_disconnect(c); /* whatever was attached before goes with it */
		return client_fail(c, r, "Cannot attach descriptor %d to a call to zcrxd: %s.", fd,
				   strerror(-r));
	}
	c->next.fds[c->next.n_fds] = fd;
	return (int)c->next.n_fds++;
}

/* What is asked, as text; NULL: no memory. */
static char *text_of(const char *method, json_object *parameters)
{
	const char *text =
		parameters ? json_object_to_json_string_ext(parameters, JSON_C_TO_STRING_PLAIN)
			   : NULL;
	char *s;

	return text && asprintf(&s, "%s %s", method, text) >= 0 ? s : NULL;
}

static int start(struct zcrx_client *c, const char *text, const char *method,
		 json_object *parameters)
{
	int r;

	begin(c, CALL_METHOD);
	c->call.key = c->next;
	c->call.text = strdup(text);
	r = varlink_start(c->link, method, json_object_get(parameters));
	if (r < 0 || !c->call.text)
		finish(c, -ENOMEM);
	return 0;
}

static bool is_the_same(const struct zcrx_client *c, const char *text)
{
	const struct call_key *a = &c->call.key, *b = &c->next;

	return streq(c->call.text, text) && a->object == b->object && a->n_fds == b->n_fds &&
	       memcmp(a->fds, b->fds, a->n_fds * sizeof(*a->fds)) == 0;
}

/* Until it is over, or as far as it goes. */
static int go_on(struct zcrx_client *c)
{
	int r;

	step(c);
	while (!c->call.over) {
		if (c->nonblocking) {
			call_watch(c);
			return -EINPROGRESS;
		}
		r = varlink_await(c->link, c->call.deadline);
		if (r < 0)
			finish(c, r);
		step(c);
	}
	r = c->call.result;
	call_drop(c);
	return r;
}

static int cannot_call(struct zcrx_client *c, const char *what, int error)
{
	client_disconnect(c); /* or a late answer would be taken for that of the next call */
	if (error == -ETIMEDOUT)
		return client_fail(c, error,
				   "Cannot %s: zcrxd does not answer. See its journal: "
				   "journalctl -u zcrxd.",
				   what);
	return client_fail(c, error,
			   "Cannot %s: the call to zcrxd failed: %s. See its journal "
			   "(journalctl -u zcrxd) and try again.",
			   what, strerror(-error));
}

int client_call(struct zcrx_client *c, const char *what, const char *method,
		json_object *parameters, json_object **ret_reply)
{
	_cleanup_json_ json_object *owned = parameters;
	_cleanup_free_ char *text = text_of(method, parameters);
	const char *error_id = NULL;
	json_object *reply = NULL;
	int r = text ? 0 : -ENOMEM;

	if (r == 0 && c->call.kind == CALL_METHOD && !is_the_same(c, text))
		return client_fail(c, -EBUSY,
				   "Cannot %s: another call to zcrxd is under way, whose result "
				   "is to be asked for first.",
				   what);
	if (r == 0 && c->call.kind == CALL_NONE)
		r = start(c, text, method, parameters);
	if (r == 0)
		r = go_on(c);
	if (r == -EINPROGRESS)
		return r;
	if (r == 0)
		r = varlink_get_reply(c->link, &reply, &error_id);
	if (r < 0)
		return cannot_call(c, what, r);
	if (error_id)
		return client_refused(c, error_id, reply);
	if (ret_reply)
		*ret_reply = reply;
	return 0;
}

int zcrx_client_process(struct zcrx_client *client)
{
	if (!client)
		return -EINVAL;
	step(client);
	call_watch(client);
	return client->call.over;
}
