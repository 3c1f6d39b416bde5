/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of refusals, and the two ways to fill a struct fault. See fault.h.
 */
#include <errno.h>
#include <stdarg.h>

#include "fault.h"

#define OURS(name) "io.zcrx.Manager." name

static const struct zcrx_error_info table[_ZCRX_ERROR_MAX] = {
	[ZCRX_NO_SUCH_INTERFACE] = { OURS("NoSuchInterface"), "interface", NULL,
		"No such interface is managed here; see zcrxctl status." },
	[ZCRX_NO_SUCH_LEASE] = { OURS("NoSuchLease"), "leaseId", NULL,
		"There is no such lease (any more); see zcrxctl leases." },
	[ZCRX_NO_SUCH_FLOW] = { OURS("NoSuchFlow"), "flowId", NULL,
		"The lease has no such flow (any more)." },
	[ZCRX_NO_QUEUE_AVAILABLE] = { OURS("NoQueueAvailable"), "interface", NULL,
		"No zero-copy queue is free; see zcrxctl leases." },
	[ZCRX_QUOTA_EXCEEDED] = { OURS("QuotaExceeded"), "limit", NULL,
		"The policy's limit is reached." },
	[ZCRX_INVALID_FLOW] = { OURS("InvalidFlow"), "field", NULL,
		"The flow cannot be understood." },
	[ZCRX_FLOW_NOT_PROVED] = { OURS("FlowNotProved"), NULL, NULL,
		"The socket does not prove that the flow is the caller's." },
	[ZCRX_FLOW_CONFLICT] = { OURS("FlowConflict"), "leaseId", NULL,
		"The flow overlaps one that is steered already." },
	[ZCRX_INVALID_RING] = { OURS("InvalidRing"), NULL, NULL,
		"The ring cannot take an interface queue." },
	[ZCRX_INVALID_AREA] = { OURS("InvalidArea"), NULL, NULL,
		"The area cannot be used for zero-copy receive." },
	[ZCRX_WRONG_STATE] = { OURS("WrongState"), "state", "requested",
		"The lease is in a state that does not allow this." },
	[ZCRX_NOT_SUPPORTED] = { OURS("NotSupported"), "feature", NULL,
		"The kernel or the driver lacks what this needs." },
	[ZCRX_INTERFACE_DOWN] = { OURS("InterfaceDown"), "interface", NULL,
		"The interface is down; bring it up first." },
	[ZCRX_KERNEL_REJECTED] = { OURS("KernelRejected"), NULL, "operation",
		"The kernel refused." },
	[ZCRX_PERMISSION_DENIED] = { "org.varlink.service.PermissionDenied", "rule", NULL,
		"The policy does not allow this." },
	[ZCRX_INVALID_PARAMETER] = { "org.varlink.service.InvalidParameter", "parameter", NULL,
		"A parameter is wrong." },
};

const struct zcrx_error_info *zcrx_error_info(enum zcrx_error kind)
{
	return &table[kind > ZCRX_OK && kind < _ZCRX_ERROR_MAX ? kind : ZCRX_KERNEL_REJECTED];
}

enum zcrx_error zcrx_error_from_id(const char *id)
{
	for (size_t i = 1; i < ARRAY_SIZE(table); i++)
		if (streq(table[i].id, id))
			return (enum zcrx_error)i;
	return ZCRX_OK;
}

void fault_done(struct fault *f)
{
	free(f->subject);
	free(f->operation);
	free(f->kernel_text);
	free(f->message);
	*f = (struct fault){};
}

const char *fault_text(int r, const struct fault *f)
{
	return r > 0 && f && f->message ? f->message : strerror(r < 0 ? -r : EIO);
}

void fault_append(struct fault *f, const char *format, ...)
{
	_cleanup_free_ char *more = NULL;
	char *message;
	va_list ap;
	int n;

	if (!f || !f->message)
		return;
	va_start(ap, format);
	n = vasprintf(&more, format, ap);
	va_end(ap);
	if (n < 0)
		more = NULL;
	if (n < 0 || asprintf(&message, "%s %s", f->message, more) < 0)
		return;
	free(f->message);
	f->message = message;
}

static char *dup_or_null(const char *s)
{
	return s ? strdup(s) : NULL;
}

void fault_copy(const struct fault *from, struct fault *to)
{
	fault_done(to);
	*to = (struct fault){ .kind = from->kind, .error = from->error,
			      .subject = dup_or_null(from->subject),
			      .operation = dup_or_null(from->operation),
			      .kernel_text = dup_or_null(from->kernel_text),
			      .message = dup_or_null(from->message) };
}

int fault_set(struct fault *f, enum zcrx_error kind, const char *subject, const char *format, ...)
{
	va_list ap;

	if (!f)
		return (int)kind;
	fault_done(f);
	f->kind = kind;
	f->subject = dup_or_null(subject);
	va_start(ap, format);
	if (vasprintf(&f->message, format, ap) < 0)
		f->message = NULL;
	va_end(ap);
	return (int)kind;
}

int fault_kernel(struct fault *f, int error, const char *kernel_text, const char *operation,
		 const char *format, ...)
{
	_cleanup_free_ char *remedy = NULL;
	va_list ap;

	if (!f)
		return ZCRX_KERNEL_REJECTED;
	fault_done(f);
	f->kind = ZCRX_KERNEL_REJECTED;
	f->error = error;
	f->operation = dup_or_null(operation);
	f->kernel_text = dup_or_null(kernel_text && *kernel_text ? kernel_text : NULL);
	va_start(ap, format);
	if (vasprintf(&remedy, format, ap) < 0)
		remedy = NULL;
	va_end(ap);
	if (asprintf(&f->message, "Cannot %s: %s%s%s%s.%s%s", operation, strerror(error),
		     f->kernel_text ? " (" : "", f->kernel_text ?: "", f->kernel_text ? ")" : "",
		     remedy && *remedy ? " " : "", remedy ?: "") < 0)
		f->message = NULL;
	return ZCRX_KERNEL_REJECTED;
}
