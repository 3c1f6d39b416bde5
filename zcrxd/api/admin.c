/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Methods of the owner of the NICs: Apply, Revoke, Reload. Confirm and Restore are restore.c's, Plan is
 * plan.c's.
 */
#include <errno.h>

#include "drain.h"
#include "gather.h"
#include "log.h"
#include "methods.h"
#include "policy.h"
#include "reload.h"
#include "restore.h"

#define NOT_CONFIRMED	   UINT64_MAX
#define CONFIRM_WITHIN_MIN 1000000ULL
#define CONFIRM_WITHIN_MAX (24 * 3600 * 1000000ULL)

struct apply_parameters {
	const char *interface;
	bool force;
	uint64_t confirm_within;
};

/* ------------------------------------------------------------------------------ Apply */

static int apply_one(struct gather *q, struct device *d, enum configure_mode mode,
		     uint64_t confirm_within, struct fault *reterr)
{
	int r = device_check_idle(d, reterr);

	if (r == 0)
		r = device_configure_for(d, mode, confirm_within, gather_changes, q);
	if (r == 0)
		gather_add(q);
	return r;
}

static int apply_start(sd_varlink *link, struct api *api, const char *interface,
		       enum configure_mode mode, uint64_t confirm_within)
{
	_cleanup_fault_ struct fault fault = {};
	struct gather *q = gather_new(link, "changes");
	struct device *d;
	int r = 0;

	if (!q)
		return -ENOMEM;
	if (interface) {
		r = gather_find(api, interface, &d, &fault);
		if (r == 0)
			r = apply_one(q, d, mode, confirm_within, &fault);
	} else
		TAILQ_FOREACH(d, &api->devices->list, entry)
			if (device_is_managed(d) && r == 0)
				r = apply_one(q, d, mode, confirm_within, &fault);
	gather_end(q, r, &fault);
	return 0;
}

/* Less is no time to see whether the way in still works; after a day nobody remembers. */
static int check_confirm_within(uint64_t usec, struct fault *reterr)
{
	if (usec == NOT_CONFIRMED || (usec >= CONFIRM_WITHIN_MIN && usec <= CONFIRM_WITHIN_MAX))
		return 0;
	return fault_set(reterr, ZCRX_INVALID_PARAMETER, "confirmWithinUSec",
			 "The time to confirm is at least a second and at most a day.");
}

static const sd_json_dispatch_field apply_fields[] = {
	{ "interface", _SD_JSON_VARIANT_TYPE_INVALID, dispatch_optional_string,
	  offsetof(struct apply_parameters, interface), 0 },
	{ "force", _SD_JSON_VARIANT_TYPE_INVALID, dispatch_optional_bool,
	  offsetof(struct apply_parameters, force), 0 },
	{ "confirmWithinUSec", _SD_JSON_VARIANT_TYPE_INVALID, dispatch_optional_uint64,
	  offsetof(struct apply_parameters, confirm_within), 0 },
	{}
};

static int apply(struct call *c, void *parameters)
{
	const struct apply_parameters *p = parameters;
	int r = check_confirm_within(p->confirm_within, &c->fault);

	return r != 0 ? r : apply_start(c->link, c->api, p->interface,
					p->force ? CONFIGURE_FORCE : CONFIGURE_APPLY,
					p->confirm_within == NOT_CONFIRMED ? 0 : p->confirm_within);
}

const struct method method_apply = {
	.kind = METHOD_ADMIN,
	.act_name = "apply the configuration to an interface",
	.fields = apply_fields,
	.size = sizeof(struct apply_parameters),
	.defaults = &(const struct apply_parameters){ .confirm_within = NOT_CONFIRMED },
	.act = apply,
};

/* ------------------------------------------------------------------------------ Revoke */

struct revoke_parameters {
	const char *id, *reason;
	bool force;
	uint64_t grace;
};

static void on_revoked(struct lease *l, void *userdata)
{
	_cleanup_(sd_varlink_unrefp) sd_varlink *link = userdata;

	(void)sd_varlink_reply(link, NULL);
}

#define FIELD(name, member, dispatch)                                                              \
	{ name, _SD_JSON_VARIANT_TYPE_INVALID, dispatch, offsetof(struct revoke_parameters, member), 0 }
static const sd_json_dispatch_field revoke_fields[] = {
	{ "leaseId", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
	  offsetof(struct revoke_parameters, id), SD_JSON_MANDATORY },
	FIELD("force", force, dispatch_optional_bool),
	FIELD("graceUSec", grace, dispatch_optional_uint64),
	FIELD("reason", reason, dispatch_optional_string),
	{}
};
#undef FIELD

static int revoke_lease(struct call *c, void *parameters)
{
	const struct revoke_parameters *p = parameters;
	_cleanup_(lease_unrefp) struct lease *l = request_find_lease(c->api, p->id);
	int r;

	if (!l)
		return request_no_lease(p->id, &c->fault);
	lease_ref(l);
	lease_revoke(l, p->grace, p->force, p->reason ?: "revoked by an administrator");
	r = lease_wait(l, on_revoked, sd_varlink_ref(c->link));
	if (r < 0)
		sd_varlink_unref(c->link);
	return r;
}

const struct method method_revoke = {
	.kind = METHOD_ADMIN,
	.act_name = "revoke a lease",
	.fields = revoke_fields,
	.size = sizeof(struct revoke_parameters),
	.act = revoke_lease,
};

/* ------------------------------------------------------------------------------ Reload */

static int words_to_json(const struct reload_words *w, sd_json_variant **ret)
{
	int r = sd_json_variant_new_array(ret, NULL, 0);

	for (size_t i = 0; r >= 0 && i < w->n; i++)
		r = sd_json_variant_append_arrayb(ret, SD_JSON_BUILD_STRING(w->list[i]));
	return r;
}

static void on_reloaded(int r, struct fault *fault, const struct reload_report *report, void *userdata)
{
	_cleanup_(sd_varlink_unrefp) sd_varlink *link = userdata;
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *warnings = NULL, *waiting = NULL;
	int k;

	if (r != 0) {
		(void)reply_fault(link, r, fault);
		return;
	}
	k = words_to_json(&report->warnings, &warnings);
	if (k >= 0)
		k = words_to_json(&report->waiting, &waiting);
	if (k < 0)
		(void)reply_fault(link, k, NULL);
	else
		(void)sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_VARIANT("warnings", warnings),
					 SD_JSON_BUILD_PAIR_VARIANT("waiting", waiting));
}

static const sd_json_dispatch_field reload_fields[] = { {} };

static int reload(struct call *c, void *parameters)
{
	int r;

	r = config_reload(c->api->devices, on_reloaded, sd_varlink_ref(c->link));
	if (r < 0)
		sd_varlink_unref(c->link);
	return r;
}

const struct method method_reload = {
	.kind = METHOD_ADMIN,
	.act_name = "reload the configuration",
	.fields = reload_fields,
	.act = reload,
};
