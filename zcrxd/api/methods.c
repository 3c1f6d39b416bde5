/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of methods, and how each of them begins.
 */
#include <assert.h>
#include <errno.h>
#include <stdalign.h>

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
	if (r == 0 && m->kind == METHOD_LEASE)
		r = request_lease(c->link, c->api, &c->peer, l->id, l->handle, &c->lease, &c->fault);
	return r;
}

static int method_call(const struct method *m, sd_varlink *link, sd_json_variant *parameters,
		       sd_varlink_method_flags_t flags, void *userdata)
{
	_cleanup_(call_done) struct call c = { .link = link, .api = userdata,
					       .more = flags & SD_VARLINK_METHOD_MORE };
	alignas(max_align_t) char p[PARAMETERS_MAX] = {};
	int r;

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

/* sd-varlink does not tell a callback which method it is for. */
#define CALLBACK(name)                                                                             \
	static int on_##name(sd_varlink *link, sd_json_variant *parameters,                        \
			     sd_varlink_method_flags_t flags, void *userdata)                      \
	{                                                                                          \
		return method_call(&method_##name, link, parameters, flags, userdata);             \
	}

CALLBACK(describe)
CALLBACK(list_leases)
CALLBACK(acquire)
CALLBACK(open)
CALLBACK(register)
CALLBACK(share)
CALLBACK(add_flow)
CALLBACK(remove_flow)
CALLBACK(release)
CALLBACK(renew)
CALLBACK(tune)
CALLBACK(watch)
CALLBACK(explain)
CALLBACK(plan)
CALLBACK(apply)
CALLBACK(confirm)
CALLBACK(restore)
CALLBACK(revoke)
CALLBACK(reload)

int methods_bind(sd_varlink_server *s)
{
	int r = sd_varlink_server_add_interface(s, &vl_interface_io_zcrx_Manager);

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
		ZCRX_METHOD("Reload"), on_reload);
}
