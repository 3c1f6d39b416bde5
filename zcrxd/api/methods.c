/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of methods, and how each of them begins.
 */
#include <assert.h>
#include <errno.h>
#include <stdalign.h>

#include "connection.h"
#include "methods.h"
#include "policy.h"
#include "zcrx-idl.h"

#define PARAMETERS_MAX 256

static void call_done(struct call *c)
{
	peer_done(&c->peer);
	fault_done(&c->fault);
}

static int authorise(struct call *c, const struct method *m, const void *parameters)
{
	const struct lease_reference *l = parameters;
	int r = m->kind == METHOD_OPEN ? 0 : peer_read(c->link, &c->peer);

	if (r == 0 && m->kind == METHOD_ADMIN)
		r = policy_check_administer(c->api->devices->config, &c->peer, m->act_name, &c->fault);
	if (r == 0 && m->kind == METHOD_LEASE && m->orchestrates)
		c->lease = request_orchestrated(c->api, &c->peer, l);
	if (r == 0 && m->kind == METHOD_LEASE && !c->lease)
		r = request_lease(c->link, c->api, &c->peer, l->id, l->handle, &c->lease, &c->fault);
	return r;
}

/* `timed`: what the time until its answer is added to; NULL: to nothing. */
static int method_call(const struct method *m, struct histogram *timed, sd_varlink *link, sd_json_variant *parameters,
		       sd_varlink_method_flags_t flags, void *userdata)
{
	_cleanup_(call_done) struct call c = { .link = link, .api = userdata,
					       .more = flags & SD_VARLINK_METHOD_MORE };
	alignas(max_align_t) char p[PARAMETERS_MAX] = {};
	int r;

	if (timed)
		connection_time_call(link, timed);
	assert(m->size <= sizeof(p));
	if (m->defaults)
		memcpy(p, m->defaults, m->size);
	r = sd_varlink_dispatch(link, parameters, m->fields, p);
	if (r != 0)
		return r;
	r = authorise(&c, m, p);
	if (r == 0)
		r = m->act(&c, p);
	return r != 0 ? reply_fault(link, r, &c.fault) : 0;
}

static const char *const call_names[_CALL_MAX] = {
	[CALL_DESCRIBE] = "Describe",	      [CALL_ACQUIRE] = "Acquire",
	[CALL_REGISTER] = "Register",	      [CALL_SHARE] = "Share",
	[CALL_ADD_FLOW] = "AddFlow",	      [CALL_REMOVE_FLOW] = "RemoveFlow",
	[CALL_RELEASE] = "Release",	      [CALL_TUNE] = "Tune",
	[CALL_APPLY] = "Apply",		      [CALL_RESTORE] = "Restore",
};

const char *call_kind_to_string(enum call_kind k)
{
	return call_names[k];
}

static struct histogram *times_of(struct api *api, enum call_kind k)
{
	return k < _CALL_MAX ? &api->call_times[k] : NULL;
}

/* sd-varlink does not tell a callback which method it is for. */
#define CALLBACK(name, kind)                                                                       \
	static int on_##name(sd_varlink *link, sd_json_variant *parameters,                        \
			     sd_varlink_method_flags_t flags, void *userdata)                      \
	{                                                                                          \
		return method_call(&method_##name, times_of(userdata, kind), link, parameters, flags, userdata); \
	}
#define NOT_TIMED _CALL_MAX

CALLBACK(describe, CALL_DESCRIBE)
CALLBACK(list_leases, NOT_TIMED)
CALLBACK(acquire, CALL_ACQUIRE)
CALLBACK(open, NOT_TIMED)
CALLBACK(register, CALL_REGISTER)
CALLBACK(share, CALL_SHARE)
CALLBACK(add_flow, CALL_ADD_FLOW)
CALLBACK(remove_flow, CALL_REMOVE_FLOW)
CALLBACK(release, CALL_RELEASE)
CALLBACK(renew, NOT_TIMED)
CALLBACK(tune, CALL_TUNE)
CALLBACK(watch, NOT_TIMED)
CALLBACK(explain, NOT_TIMED)
CALLBACK(plan, NOT_TIMED)
CALLBACK(apply, CALL_APPLY)
CALLBACK(confirm, NOT_TIMED)
CALLBACK(restore, CALL_RESTORE)
CALLBACK(revoke, NOT_TIMED)
CALLBACK(reload, NOT_TIMED)
CALLBACK(metrics_list, NOT_TIMED)
CALLBACK(metrics_describe, NOT_TIMED)

int methods_bind(sd_varlink_server *s)
{
	int r = sd_varlink_server_add_interface(s, &vl_interface_io_zcrx_Manager);

	if (r >= 0)
		r = sd_varlink_server_add_interface(s, &vl_interface_io_systemd_Metrics);
	return r < 0 ? r : sd_varlink_server_bind_method_many(
		s, ZCRX_METHOD("Describe"), on_describe,
		ZCRX_METHOD("ListLeases"), on_list_leases,
		ZCRX_METHOD("Acquire"), on_acquire,
		ZCRX_METHOD("Open"), on_open,
		ZCRX_METHOD("Register"), on_register,
		ZCRX_METHOD("Share"), on_share,
		ZCRX_METHOD("AddFlow"), on_add_flow,
		ZCRX_METHOD("RemoveFlow"), on_remove_flow,
		ZCRX_METHOD("Release"), on_release,
		ZCRX_METHOD("Renew"), on_renew,
		ZCRX_METHOD("Tune"), on_tune,
		ZCRX_METHOD("Watch"), on_watch,
		ZCRX_METHOD("Explain"), on_explain,
		ZCRX_METHOD("Plan"), on_plan,
		ZCRX_METHOD("Apply"), on_apply,
		ZCRX_METHOD("Confirm"), on_confirm,
		ZCRX_METHOD("Restore"), on_restore,
		ZCRX_METHOD("Revoke"), on_revoke,
		ZCRX_METHOD("Reload"), on_reload,
		METRICS_METHOD("List"), on_metrics_list,
		METRICS_METHOD("Describe"), on_metrics_describe);
}
