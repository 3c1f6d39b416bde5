/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The lease handle: one end of a socket pair whose other end stays here. The kernel counts the
 * copies of the client's end; their last close is the end of the lease.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "drain.h"
#include "fdstore-later.h"
#include "fdstore.h"
#include "handle.h"
#include "leases.h"
#include "log.h"

static void handle_free(struct lease_handle *h, bool leave)
{
	char name[64];

	fdstore_handle_name(h->lease->id, h->cookie, name);
	if (!leave)
		fdstore_remove_later(name, -EBADF);
	LIST_REMOVE(h, entry);
	h->lease->n_handles--;
	sd_event_source_disable_unref(h->source);
	close(h->fd);
	free(h);
}

static int on_hangup(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct lease_handle *h = userdata;
	_cleanup_(lease_unrefp) struct lease *l = lease_ref(h->lease);

	handle_free(h, false);
	if (!l->persistent && l->n_handles == 0)
		(void)lease_event(l, LEASE_HANDLE_GONE, "its handle was closed", NULL);
	if (l->n_handles == 0)
		lease_skip_grace(l);
	return 0;
}

static int socket_cookie(int fd, uint64_t *ret)
{
	socklen_t size = sizeof(*ret);

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, ret, &size) < 0 ? -errno : 0;
}

/* Takes over `fd` on success. No event is asked for: EPOLLHUP, both directions dead, is reported
 * always. */
int lease_handle_adopt(struct lease *l, int fd, uint64_t cookie)
{
	struct lease_handle *h;
	int r;

	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	*h = (struct lease_handle){ .lease = l, .fd = fd, .cookie = cookie };
	r = sd_event_add_io(l->leases->loop->event, &h->source, fd, 0, on_hangup, h);
	if (r < 0) {
		free(h);
		return r;
	}
	loop_set_protection(h->source);
	LIST_INSERT_HEAD(&l->handles, h, entry);
	l->n_handles++;
	return 0;
}

int lease_handle_new(struct lease *l, int *ret_client_fd, struct fault *reterr)
{
	_cleanup_close_ int fd = -EBADF, client_fd = -EBADF;
	char name[64];
	uint64_t cookie;
	int pair[2], r;

	if (l->n_handles >= LEASE_HANDLES_MAX)
		return fault_set(reterr, ZCRX_QUOTA_EXCEEDED, "handles",
				 "The lease has %u handles already; close some of them.",
				 LEASE_HANDLES_MAX);
	r = lease_check_store(l, 1, reterr);
	if (r != 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -errno;
	fd = pair[0];
	client_fd = pair[1];
	r = socket_cookie(client_fd, &cookie);
	if (r < 0)
		return r;
	/* Nothing is ever read here. Refusing to receive keeps a client from parking descriptors,
	 * this handle itself among them, in our buffer. */
	if (shutdown(fd, SHUT_RD) < 0)
		return -errno;
	r = lease_handle_adopt(l, fd, cookie);
	if (r < 0)
		return r;
	fdstore_handle_name(l->id, cookie, name);
	r = fdstore_push(name, TAKE_FD(fd));
	if (r < 0) {
		handle_free(LIST_FIRST(&l->handles), false);
		return r;
	}
	*ret_client_fd = TAKE_FD(client_fd);
	return 0;
}

bool lease_handle_matches(struct lease *l, int fd)
{
	struct lease_handle *h;
	uint64_t cookie;

	/* Fails on anything that is no socket. Cookies are never used twice until reboot. */
	if (socket_cookie(fd, &cookie) < 0)
		return false;
	LIST_FOREACH(h, &l->handles, entry)
		if (h->cookie == cookie)
			return true;
	return false;
}

/*
 * In JSON, so that it can grow. Nobody else writes there, so that there is room for it; whoever does
 * not read it misses nothing but the reason.
 *
 * All that is ever said on a handle is one object: a notice opens it, and the end closes it. So a client that knows of
 * no notices, and reads when the handle hangs up, finds the object whole.
 */
static void say(int fd, const char *text)
{
	(void)send(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* It is there until the client closes the handle, whichever daemon has said it: clients look at it, and leave it. */
static bool is_noticed(int fd)
{
	int n = 0;

	return ioctl(fd, SIOCOUTQ, &n) == 0 && n > 0;
}

void lease_handles_notice(struct lease *l, uint64_t deadline_usec)
{
	struct lease_handle *h;
	char text[64];

	LIST_FOREACH(h, &l->handles, entry) {
		snprintf(text, sizeof(text), "%c\"deadlineUSec\":%ju", is_noticed(h->fd) ? ',' : '{',
			 (uintmax_t)deadline_usec);
		say(h->fd, text);
	}
}

void lease_handle_send_end(int fd, enum lease_event end, const char *reason)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	_cleanup_free_ char *text = NULL;

	if (sd_json_buildo(&v, SD_JSON_BUILD_PAIR_CONDITION(
				       end != LEASE_ACQUIRE, "end",
				       SD_JSON_BUILD_STRING(lease_event_to_string(end))),
			   SD_JSON_BUILD_PAIR_STRING("reason", reason)) < 0 ||
	    sd_json_variant_format(v, 0, &text) < 0)
		return;
	if (is_noticed(fd))
		*text = ',';
	say(fd, text);
}

void lease_handles_shut(struct lease *l)
{
	struct lease_handle *h;

	while ((h = LIST_FIRST(&l->handles))) {
		if (l->reason)
			lease_handle_send_end(h->fd, l->end, l->reason);
		(void)shutdown(h->fd, SHUT_RDWR);
		handle_free(h, false);
	}
}

void lease_handles_detach(struct lease *l)
{
	while (!LIST_EMPTY(&l->handles))
		handle_free(LIST_FIRST(&l->handles), true);
}
