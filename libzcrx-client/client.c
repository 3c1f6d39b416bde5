/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The connection to zcrxd. Everything that the library asks zcrxd goes through client_call() (call.c); a
 * connection that breaks is dropped there and made again by the next client_begin(). Leases do not
 * depend on it: their handles do.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>

#include "internal.h"

void client_enter(struct zcrx_client *c)
{
	__atomic_store_n(&c->thread, pthread_self(), __ATOMIC_RELAXED);
}

int zcrx_client_new(struct zcrx_client **ret)
{
	struct zcrx_client *c;

	if (!ret)
		return -EINVAL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->refs = 1;
	c->epoll = c->timer = c->watched = -EBADF;
	client_enter(c);
	*ret = c;
	return 0;
}

struct zcrx_client *zcrx_client_ref(struct zcrx_client *client)
{
	if (client)
		count_up(&client->refs);
	return client;
}

struct zcrx_client *zcrx_client_unref(struct zcrx_client *client)
{
	if (!client || !count_down(&client->refs))
		return NULL;
	call_drop(client);
	varlink_free(client->link);
	client_clear_error(client);
	closep(&client->epoll);
	closep(&client->timer);
	free(client->path);
	free(client);
	return NULL;
}

static int cannot_connect(struct zcrx_client *c, int error)
{
	const char *remedy;

	switch (error) {
	case -ENOENT:
	case -ECONNREFUSED:
		remedy = "Is it running? Try: systemctl start zcrxd.socket";
		break;
	case -ETIMEDOUT:
		remedy = "It does not take connections at the moment: see its journal, journalctl -u zcrxd.";
		break;
	case -EACCES:
		remedy = "By default everybody may connect; check the permissions of the socket and its directory.";
		break;
	default:
		remedy = "See the journal: journalctl -u zcrxd.";
		break;
	}
	return client_fail(c, error, "Cannot connect to zcrxd at %s: %s. %s", c->path,
			   strerror(-error), remedy);
}

void client_disconnect(struct zcrx_client *c)
{
	c->link = varlink_free(c->link);
}

/* zcrxd was restarted since the last call. */
static bool is_hung_up(struct zcrx_client *c)
{
	struct pollfd p = { .fd = varlink_get_fd(c->link), .events = POLLRDHUP };

	return poll(&p, 1, 0) > 0 && p.revents;
}

int client_begin(struct zcrx_client *c, const void *object)
{
	int r;

	client_enter(c);
	client_clear_error(c);
	c->next = (struct call_key) { .object = object };
	if (c->call.kind == CALL_METHOD)
		return 0; /* client_call() knows whether it is this one */
	if (c->link && is_hung_up(c))
		client_disconnect(c);
	if (c->link) {
		varlink_forget(c->link);
		return 0;
	}
	if (!c->path)
		return client_fail(c, -ENOTCONN,
				   "Not connected: call zcrx_client_connect() first.");
	r = call_connect(c);
	return r < 0 && r != -EINPROGRESS ? cannot_connect(c, r) : r;
}

int zcrx_client_connect(struct zcrx_client *client, const char *path)
{
	char *copy;

	if (!client)
		return -EINVAL;
	path = path ?: ZCRX_SOCKET_PATH;
	if (client->call.kind == CALL_CONNECT && streq(client->path, path))
		return client_begin(client, NULL);
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	call_drop(client);
	client_disconnect(client);
	free(client->path);
	client->path = copy;
	return client_begin(client, NULL);
}

int zcrx_client_set_nonblocking(struct zcrx_client *client, int nonblocking)
{
	if (!client)
		return -EINVAL;
	client->nonblocking = nonblocking != 0;
	return 0;
}

int zcrx_client_set_timeout(struct zcrx_client *client, uint64_t usec)
{
	if (!client)
		return -EINVAL;
	client->timeout = usec;
	return 0;
}

int client_take_handle(struct zcrx_client *c, const char *what, json_object *reply)
{
	uint64_t index;
	int fd = -EBADF;

	if (message_get_unsigned(reply, "handleFileDescriptor", INT_MAX, &index) == 0)
		fd = varlink_take_fd(c->link, index);
	return fd >= 0 ? fd : client_bad_reply(c, what);
}

int client_bad_reply(struct zcrx_client *c, const char *what)
{
	client_disconnect(c);
	return client_fail(
		c, -EBADMSG,
		"Cannot %s: zcrxd's answer lacks what it should hold. Update zcrxd or the "
		"library, so that they match.",
		what);
}
