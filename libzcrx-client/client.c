/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The connection to zcrxd. Everything that the library asks zcrxd goes through client_call(); a
 * connection that breaks is dropped there and made again by the next client_begin(). Leases do not
 * depend on it: their handles do.
 */
#include <errno.h>
#include <poll.h>

#include <systemd/sd-json.h>
#include <systemd/sd-varlink.h>

#include "internal.h"
#include "zcrx-idl.h"

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
	sd_varlink_close_unref(client->link);
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
	c->link = sd_varlink_close_unref(c->link);
}

/* zcrxd was restarted since the last call. */
static bool is_hung_up(struct zcrx_client *c)
{
	struct pollfd p = { .fd = sd_varlink_get_fd(c->link), .events = POLLRDHUP };

	return p.fd < 0 || (poll(&p, 1, 0) > 0 && p.revents);
}

int client_begin(struct zcrx_client *c)
{
	sd_varlink *link = NULL;
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
	r = sd_varlink_connect_address(&link, c->path);
	if (r >= 0)
		r = sd_varlink_set_allow_fd_passing_output(link, true);
	if (r >= 0)
		r = sd_varlink_set_allow_fd_passing_input(link, true);
	if (r >= 0)
		r = sd_varlink_set_relative_timeout(link, c->timeout ?: DEFAULT_TIMEOUT);
	if (r < 0) {
		sd_varlink_close_unref(link);
		return cannot_connect(c, r);
	}
	c->link = link;
	return 0;
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
	int r;

	if (!client)
		return -EINVAL;
	client->timeout = usec;
	if (!client->link)
		return 0;
	r = sd_varlink_set_relative_timeout(client->link, usec ?: DEFAULT_TIMEOUT);
	return r < 0 ? client_cannot(client, r, "set the timeout") : 0;
}

int client_push_fd(struct zcrx_client *c, int fd)
{
	int r = sd_varlink_push_dup_fd(c->link, fd);

	if (r < 0) {
		disconnect(c); /* whatever was attached before goes with it */
		client_fail(c, r, "Cannot attach descriptor %d to a call to zcrxd: %s.", fd,
			    strerror(-r));
	}
	return r;
}

int client_call(struct zcrx_client *c, const char *what, const char *method, int built,
		sd_json_variant *parameters, sd_json_variant **ret_reply)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *p = parameters;
	sd_json_variant *reply = NULL;
	const char *error_id = NULL;
	int r = built;

	if (r >= 0)
		r = sd_varlink_call(c->link, method, p, &reply, &error_id);
	if (r == -ETIME) {
		disconnect(c); /* or a late answer would be taken for that of the next call */
		return client_fail(c, -ETIMEDOUT,
				   "Cannot %s: zcrxd does not answer. See its journal: journalctl -u zcrxd.", what);
	}
	if (r < 0) {
		disconnect(c);
		return client_fail(c, r,
				   "Cannot %s: the call to zcrxd failed: %s. See its journal "
				   "(journalctl -u zcrxd) and try again.",
				   what, strerror(-r));
	}
	if (error_id) {
		r = client_refused(c, error_id, reply);
		/* Errors of the connection itself, as libsystemd makes them up. */
		if (r == -ECONNRESET || r == -ETIMEDOUT || r == -EPROTO)
			disconnect(c);
		return r;
	}
	if (ret_reply)
		*ret_reply = reply;
	return 0;
}

int client_take_fd(struct zcrx_client *c, int index)
{
	return index < 0 ? -EBADMSG : sd_varlink_take_fd(c->link, (size_t)index);
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
