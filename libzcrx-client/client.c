/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The connection to zcrxd. Everything that the library asks zcrxd goes through client_call(); a
 * connection that breaks is dropped there and made again by the next client_begin(). Leases do not
 * depend on it: their handles do.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>

#include "internal.h"

#define DEFAULT_TIMEOUT UINT64_C(45000000) /* microseconds */

static void client_enter(struct zcrx_client *c)
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
	varlink_free(client->link);
	client_clear_error(client);
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

static void disconnect(struct zcrx_client *c)
{
	c->link = varlink_free(c->link);
}

/* zcrxd was restarted since the last call. */
static bool is_hung_up(struct zcrx_client *c)
{
	struct pollfd p = { .fd = varlink_get_fd(c->link), .events = POLLRDHUP };

	return poll(&p, 1, 0) > 0 && p.revents;
}

int client_begin(struct zcrx_client *c)
{
	int r;

	client_enter(c);
	client_clear_error(c);
	if (c->link && is_hung_up(c))
		disconnect(c);
	if (c->link)
		return 0;
	if (!c->path)
		return client_fail(c, -ENOTCONN,
				   "Not connected: call zcrx_client_connect() first.");
	r = varlink_connect(c->path, c->timeout ?: DEFAULT_TIMEOUT, &c->link);
	return r < 0 ? cannot_connect(c, r) : 0;
}

int zcrx_client_connect(struct zcrx_client *client, const char *path)
{
	char *copy;

	if (!client)
		return -EINVAL;
	copy = strdup(path ?: ZCRX_SOCKET_PATH);
	if (!copy)
		return -ENOMEM;
	disconnect(client);
	free(client->path);
	client->path = copy;
	return client_begin(client);
}

int zcrx_client_set_timeout(struct zcrx_client *client, uint64_t usec)
{
	if (!client)
		return -EINVAL;
	client->timeout = usec;
	return 0;
}

int client_push_fd(struct zcrx_client *c, int fd)
{
	int r = varlink_push_fd(c->link, fd);

	if (r < 0) {
		disconnect(c); /* whatever was attached before goes with it */
		client_fail(c, r, "Cannot attach descriptor %d to a call to zcrxd: %s.", fd,
			    strerror(-r));
	}
	return r;
}

int client_call(struct zcrx_client *c, const char *what, const char *method, json_object *parameters,
		json_object **ret_reply)
{
	const char *error_id = NULL;
	json_object *reply = NULL;
	int r;

	r = varlink_call(c->link, method, parameters, c->timeout ?: DEFAULT_TIMEOUT, &reply, &error_id);
	if (r < 0) {
		disconnect(c); /* or a late answer would be taken for that of the next call */
		return r == -ETIMEDOUT ?
			       client_fail(c, r, "Cannot %s: zcrxd does not answer. See its journal: "
					   "journalctl -u zcrxd.", what) :
			       client_fail(c, r, "Cannot %s: the call to zcrxd failed: %s. See its journal "
					   "(journalctl -u zcrxd) and try again.", what, strerror(-r));
	}
	if (error_id)
		return client_refused(c, error_id, reply);
	if (ret_reply)
		*ret_reply = reply;
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
	disconnect(c);
	return client_fail(
		c, -EBADMSG,
		"Cannot %s: zcrxd's answer lacks what it should hold. Update zcrxd or the "
		"library, so that they match.",
		what);
}
