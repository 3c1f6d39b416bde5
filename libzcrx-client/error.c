/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The account of what went wrong last on a client, and what each refusal of zcrxd is as an errno.
 * Written by the other files where the cause is known; read by the application.
 */
#include <errno.h>
#include <stdarg.h>

#include "fault.h"
#include "internal.h"

void client_clear_error(struct zcrx_client *c)
{
	free(c->error);
	free(c->error_id);
	c->error = c->error_id = NULL;
}

int client_fail(struct zcrx_client *c, int error, const char *format, ...)
{
	va_list ap;

	client_clear_error(c);
	va_start(ap, format);
	if (vasprintf(&c->error, format, ap) < 0)
		c->error = NULL;
	va_end(ap);
	return error;
}

static const char *why_not(int error)
{
	switch (error) {
	case -EINVAL:
		return "what was given makes no sense";
	case -EBUSY:
		return "it is acquired or registered already";
	case -EBADFD:
		return "it is not acquired or registered yet";
	case -ERANGE:
		return "the lease has no such queue";
	case -EALREADY:
		return "it has ended or stopped";
	case -EINPROGRESS:
		return "it has not stopped";
	default:
		return strerror(-error);
	}
}

int client_cannot(struct zcrx_client *c, int error, const char *what)
{
	if (!pthread_equal(__atomic_load_n(&c->thread, __ATOMIC_RELAXED), pthread_self()))
		return error;
	return client_fail(c, error, "Cannot %s: %s.", what, why_not(error));
}

/* "EBUSY" -> EBUSY; 0 if no errno has that name. */
static int errno_from_name(const char *name)
{
	for (int i = 1; i < 4096; i++) {
		const char *n = strerrorname_np(i);

		if (n && streq(n, name))
			return i;
	}
	return 0;
}

static int errno_of(enum zcrx_error kind, const char *errno_name)
{
	switch (kind) {
	case ZCRX_NO_SUCH_INTERFACE:
		return -ENODEV;
	case ZCRX_NO_SUCH_LEASE:
	case ZCRX_NO_SUCH_FLOW:
		return -ENOENT;
	case ZCRX_NO_QUEUE_AVAILABLE:
		return -EBUSY;
	case ZCRX_QUOTA_EXCEEDED:
		return -EDQUOT;
	case ZCRX_FLOW_NOT_PROVED:
		return -EACCES;
	case ZCRX_FLOW_CONFLICT:
		return -EADDRINUSE;
	case ZCRX_INVALID_FLOW:
	case ZCRX_INVALID_RING:
	case ZCRX_INVALID_AREA:
	case ZCRX_INVALID_PARAMETER:
		return -EINVAL;
	case ZCRX_WRONG_STATE:
		return -EBADFD;
	case ZCRX_NOT_SUPPORTED:
		return -EOPNOTSUPP;
	case ZCRX_INTERFACE_DOWN:
		return -ENETDOWN;
	case ZCRX_KERNEL_REJECTED:
		return errno_name && errno_from_name(errno_name) ? -errno_from_name(errno_name)
								 : -EIO;
	case ZCRX_PERMISSION_DENIED:
		return -EPERM;
	case ZCRX_OK:
	case _ZCRX_ERROR_MAX:
		break;
	}
	return -EPROTO;
}

static bool is_unknown_method(const char *id)
{
	return streq(id, "org.varlink.service.MethodNotFound") ||
	       streq(id, "org.varlink.service.MethodNotImplemented");
}

static const char *sentence_of(enum zcrx_error kind, const char *id)
{
	if (kind != ZCRX_OK)
		return zcrx_error_info(kind)->sentence;
	return is_unknown_method(id) ? "This zcrxd cannot do that: it is older than the library. Update it." : NULL;
}

int client_refused(struct zcrx_client *c, const char *id, json_object *parameters)
{
	enum zcrx_error kind = zcrx_error_from_id(id);
	const char *message = message_get_string(parameters, "message") ?: sentence_of(kind, id);
	int r;

	if (kind != ZCRX_OK)
		r = errno_of(kind, message_get_string(parameters, "errnoName"));
	else
		r = is_unknown_method(id) ? -EOPNOTSUPP : -EPROTO;

	if (message)
		client_fail(c, r, "%s", message);
	else
		client_fail(c, r, "zcrxd refused with %s.", id);
	c->error_id = strdup(id);
	return r;
}

const char *stream_error(int error)
{
	switch (error) {
	case -ENOMEM:
		return "No free buffer to copy into: the area is too small for the NIC's ring (ethtool -g) and "
		       "the page pool behind it, or the kernel cannot fall back to copying (it can since 6.19).";
	case -EFAULT:
		return "Payload landed in another lease's memory: the flow is steered to a queue "
		       "that is not this one any more.";
	case -EPROTONOSUPPORT:
		return "The socket is not a TCP socket, or something (kTLS, MPTCP) sits on it.";
	case -EINVAL:
		return "The kernel refuses to receive on this socket: is it a connected TCP "
		       "socket?";
	case -EBADMSG:
		return "The kernel named a buffer that does not exist.";
	default:
		return strerrordesc_np(-error) ?: "Unknown error.";
	}
}

const char *zcrx_client_error(struct zcrx_client *client)
{
	return client && client->error ? client->error : "";
}

const char *zcrx_client_error_id(struct zcrx_client *client)
{
	return client ? client->error_id : NULL;
}
