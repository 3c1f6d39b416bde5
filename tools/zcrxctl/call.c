/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls to zcrxd. See call.h.
 */
#include <errno.h>

#include "call.h"
#include "fault.h"

#define PATIENCE (10 * UINT64_C(1000000)) /* microseconds */

/* Whether anybody is at home: what every Varlink server answers, and at once. On a connection of its own, which
 * would not do for sd_varlink_observe() any more. */
static enum exit_status check_answers(const char *socket)
{
	_cleanup_link_ sd_varlink *link = NULL;
	const char *error_id = NULL;
	int r = sd_varlink_connect_address(&link, socket);

	if (r >= 0)
		r = sd_varlink_set_relative_timeout(link, PATIENCE);
	if (r >= 0)
		r = sd_varlink_call(link, "org.varlink.service.GetInfo", NULL, NULL, &error_id);
	if (r == -ETIME || r == -ETIMEDOUT || (error_id && streq(error_id, SD_VARLINK_ERROR_TIMEOUT)))
		return ctl_fail(CTL_FAILED,
				"zcrxd at %s has not answered for 10 seconds; see: systemctl status zcrxd, "
				"journalctl -u zcrxd",
				socket);
	return r < 0 ? ctl_call_failed(link, "GetInfo", r, error_id, NULL) : CTL_DONE;
}

enum exit_status ctl_connect(const struct ctl *ctl, sd_varlink **ret)
{
	_cleanup_link_ sd_varlink *link = NULL;
	enum exit_status status;
	int r;

	/* sd-varlink takes other kinds of address too, and would run a command for one of them. */
	if (ctl->socket[0] != '/')
		return ctl_fail(CTL_USAGE, "--socket %s: expected an absolute path.", ctl->socket);
	r = sd_varlink_connect_address(&link, ctl->socket);
	if (r == -ENOENT || r == -ECONNREFUSED)
		return ctl_fail(CTL_FAILED,
				"Cannot reach zcrxd at %s: %s. Is it running? Try: systemctl start "
				"zcrxd.socket",
				ctl->socket, strerror(-r));
	if (r < 0)
		return ctl_fail(r == -EACCES || r == -EPERM ? CTL_DENIED : CTL_FAILED,
				"Cannot reach zcrxd at %s: %s.", ctl->socket, strerror(-r));
	status = check_answers(ctl->socket);
	if (status != CTL_DONE)
		return status;
	/* A channel change takes some drivers many seconds; whoever waits here can give up. */
	r = sd_varlink_set_relative_timeout(link, UINT64_MAX);
	if (r >= 0)
		r = sd_varlink_set_allow_fd_passing_input(link, true);
	if (r < 0)
		return ctl_fail(CTL_FAILED, "Cannot prepare the connection to zcrxd: %s.",
				strerror(-r));
	*ret = TAKE_PTR(link);
	return CTL_DONE;
}

/* The daemon speaks of fields; here they were options. */
static char *name_options(const char *message)
{
	static const struct {
		const char *field, *option;
	} names[] = {
		{ "deferHardIrqs", "--defer-hard-irqs" },
		{ "groFlushTimeoutNSec", "--gro-flush-timeout" },
		{ "irqSuspendTimeoutNSec", "--irq-suspend-timeout" },
		{ "irqAffinity", "--irq-affinity" },
		{ "timeToLiveUSec", "--ttl" },
		{ "graceUSec", "--grace" },
		{ "confirmWithinUSec", "--confirm-within" },
	};
	_cleanup_free_ char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	while (f && *message) {
		const char *option = NULL;
		size_t n = 1;

		for (size_t i = 0; i < ARRAY_SIZE(names) && !option; i++)
			if (strncmp(message, names[i].field, strlen(names[i].field)) == 0) {
				option = names[i].option;
				n = strlen(names[i].field);
			}
		if (option)
			fputs(option, f);
		else
			fputc(*message, f);
		message += n;
	}
	return f && fclose(f) == 0 ? TAKE_PTR(out) : NULL;
}

static enum exit_status status_of(const char *error_id)
{
	switch (zcrx_error_from_id(error_id)) {
	case ZCRX_PERMISSION_DENIED:
	case ZCRX_QUOTA_EXCEEDED:
	case ZCRX_FLOW_NOT_PROVED:
		return CTL_DENIED;
	case ZCRX_NO_QUEUE_AVAILABLE:
		return CTL_NOTHING;
	case ZCRX_OK:
	case ZCRX_NO_SUCH_INTERFACE:
	case ZCRX_NO_SUCH_LEASE:
	case ZCRX_NO_SUCH_FLOW:
	case ZCRX_INVALID_FLOW:
	case ZCRX_FLOW_CONFLICT:
	case ZCRX_INVALID_RING:
	case ZCRX_INVALID_AREA:
	case ZCRX_WRONG_STATE:
	case ZCRX_NOT_SUPPORTED:
	case ZCRX_INTERFACE_DOWN:
	case ZCRX_KERNEL_REJECTED:
	case ZCRX_INVALID_PARAMETER:
	case _ZCRX_ERROR_MAX:
		break;
	}
	return CTL_FAILED;
}

/* The daemon is older than this zcrxctl, or it is not zcrxd at all. */
static enum exit_status fail_unknown_method(sd_varlink *link, const char *method)
{
	sd_json_variant *reply;
	const char *error_id = NULL;

	if (sd_varlink_call(link, ZCRX_METHOD("Describe"), NULL, &reply, &error_id) < 0 || error_id)
		return ctl_fail(CTL_FAILED, "What answers there is not zcrxd.");
	return ctl_fail(CTL_FAILED,
			"This zcrxd (%s) cannot do that: it has no method %s. A newer one may.",
			field_string(reply, "version") ?: "unknown version", method);
}

enum exit_status ctl_call_failed(sd_varlink *link, const char *method, int r, const char *error_id,
				 sd_json_variant *parameters)
{
	const char *said = field_string(parameters, "message");
	_cleanup_free_ char *named = said ? name_options(said) : NULL;
	const char *message = named ?: said;
	const char *kernel = field_string(parameters, "kernelMessage");
	const char *parameter = field_string(parameters, "parameter");
	enum zcrx_error kind;

	if (!error_id && (r == -ECONNRESET || r == -EPIPE || r == -ENOTCONN))
		return ctl_fail(CTL_FAILED,
				"zcrxd closed the connection; see: journalctl -u zcrxd");
	if (!error_id)
		return ctl_fail(CTL_FAILED, "Cannot talk to zcrxd: %s.", strerror(-r));
	if (streq(error_id, SD_VARLINK_ERROR_METHOD_NOT_FOUND) ||
	    streq(error_id, SD_VARLINK_ERROR_METHOD_NOT_IMPLEMENTED) ||
	    streq(error_id, SD_VARLINK_ERROR_INTERFACE_NOT_FOUND))
		return fail_unknown_method(link, method);
	if (message && kernel && !strstr(message, kernel))
		return ctl_fail(status_of(error_id), "%s The kernel says: %s", message, kernel);
	if (message)
		return ctl_fail(status_of(error_id), "%s", message);
	if (parameter)
		return ctl_fail(status_of(error_id), "zcrxd refuses the value of '%s'.", parameter);
	if (streq(error_id, SD_VARLINK_ERROR_SYSTEM))
		return ctl_fail(CTL_FAILED, "zcrxd failed: %s; see: journalctl -u zcrxd",
				strerror((int)field_unsigned(parameters, "errno", EIO)));
	kind = zcrx_error_from_id(error_id);
	if (kind != ZCRX_OK)
		return ctl_fail(status_of(error_id), "%s", zcrx_error_info(kind)->sentence);
	return ctl_fail(CTL_FAILED, "zcrxd refused: %s", error_id);
}

enum exit_status ctl_call(sd_varlink *link, const char *method, sd_json_variant *parameters,
			  sd_json_variant **ret)
{
	_cleanup_free_ char *full = NULL;
	sd_json_variant *reply = NULL;
	const char *error_id = NULL;
	int r;

	if (asprintf(&full, ZCRX_METHOD("%s"), method) < 0) {
		full = NULL;
		return ctl_oom();
	}
	r = sd_varlink_call(link, full, parameters, &reply, &error_id);
	if (r < 0 || error_id)
		return ctl_call_failed(link, method, r, error_id, reply);
	if (ret)
		*ret = sd_json_variant_ref(reply);
	return CTL_DONE;
}

enum exit_status ctl_describe(sd_varlink *link, const char *interface, sd_json_variant **ret)
{
	_cleanup_json_ sd_json_variant *parameters = NULL;

	if (sd_json_buildo(&parameters,
			   SD_JSON_BUILD_PAIR_CONDITION(interface != NULL, "interface",
							SD_JSON_BUILD_STRING(interface))) < 0)
		return ctl_oom();
	return ctl_call(link, "Describe", parameters, ret);
}

enum exit_status ctl_list_leases(sd_varlink *link, const char *lease_id, sd_json_variant **ret)
{
	_cleanup_json_ sd_json_variant *parameters = NULL, *leases = NULL;
	sd_json_variant *replies = NULL, *reply;
	const char *error_id = NULL;
	int r;

	r = sd_json_variant_new_array(&leases, NULL, 0);
	if (r >= 0)
		r = sd_json_buildo(&parameters,
				   SD_JSON_BUILD_PAIR_CONDITION(lease_id != NULL, "leaseId",
								SD_JSON_BUILD_STRING(lease_id)));
	if (r < 0)
		return ctl_oom();
	r = sd_varlink_collect(link, ZCRX_METHOD("ListLeases"), parameters, &replies, &error_id);
	if (r < 0 || error_id)
		return ctl_call_failed(link, "ListLeases", r, error_id, replies);
	array_foreach(reply, replies) {
		sd_json_variant *lease = field_object(reply, "lease");

		if (lease && sd_json_variant_append_array(&leases, lease) < 0)
			return ctl_oom();
	}
	*ret = TAKE_PTR(leases);
	return CTL_DONE;
}

enum exit_status ctl_print_json(const struct ctl *ctl, sd_json_variant *v)
{
	sd_json_format_flags_t flags = SD_JSON_FORMAT_NEWLINE | SD_JSON_FORMAT_FLUSH;
	int r;

	if (ctl->json == JSON_PRETTY)
		flags |= SD_JSON_FORMAT_PRETTY;
	if (ctl->style.colour)
		flags |= SD_JSON_FORMAT_COLOR;
	r = sd_json_variant_dump(v, flags, stdout, NULL);
	if (r < 0)
		return ctl_fail(CTL_FAILED, "Cannot write JSON: %s.", strerror(-r));
	return CTL_DONE;
}
