/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Methods of the owner of the NICs: Apply, Revoke, Reload. Confirm and Restore are restore.c's, Plan is
 * plan.c's.
 */
#include <errno.h>

#include "drain.h"
#include "json.h"
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

struct gather {
	sd_varlink *link;
	unsigned n_waiting;
	sd_json_variant *changes;
	uint64_t confirm_until; /* the last one's */
	int r; /* the first refusal */
	struct fault fault;
};

static void gather_finish(struct gather *q)
{
	if (--q->n_waiting > 0)
		return;
	if (q->r != 0)
		(void)reply_fault(q->link, q->r, &q->fault);
	else
		(void)sd_varlink_replybo(
			q->link, SD_JSON_BUILD_PAIR_VARIANT("changes", q->changes),
			SD_JSON_BUILD_PAIR_CONDITION(q->confirm_until > 0, "confirmUntilUSec",
						     SD_JSON_BUILD_UNSIGNED(q->confirm_until)));
	sd_varlink_unref(q->link);
	sd_json_variant_unref(q->changes);
	fault_done(&q->fault);
	free(q);
}

static int append_change(sd_json_variant **changes, int r, sd_json_variant *change)
{
	if (r >= 0)
		r = sd_json_variant_append_array(changes, change);
	sd_json_variant_unref(change);
	return r;
}

int changes_append(sd_json_variant **changes, const struct device *d, const struct plan *plan,
		   const struct step_result *results, bool tried)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < plan->n_steps; i++) {
		const struct step_result *result = results ? &results[i] : NULL;
		sd_json_variant *v = NULL;

		r = json_change(d, &plan->steps[i], result, &v);
		r = append_change(changes, r, v);
	}
	for (size_t i = 0; r >= 0 && i < plan->n_waiting; i++) {
		sd_json_variant *v = NULL;

		r = json_waiting_change(d, &plan->waiting[i], tried, &v);
		r = append_change(changes, r, v);
	}
	return r;
}

static bool some_step_failed(const struct device_report *report)
{
	for (size_t i = 0; report->plan && report->results && i < report->plan->n_steps; i++)
		if (report->results[i].outcome == STEP_FAILED)
			return true;
	return false;
}

void gather_done(struct device *d, const struct device_report *report, void *userdata)
{
	struct gather *q = userdata;
	int r = report->r;

	if (report->confirm_until > q->confirm_until)
		q->confirm_until = report->confirm_until;

	if (report->plan && (r == 0 || some_step_failed(report)))
		/* the failed step carries the message */
		r = changes_append(&q->changes, d, report->plan, report->results, true);
	if (r != 0 && q->r == 0) {
		q->r = r;
		q->fault = *report->fault;
		*report->fault = (struct fault){};
	}
	gather_finish(q);
}

struct gather *gather_new(sd_varlink *link)
{
	struct gather *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	*q = (struct gather) { .link = sd_varlink_ref(link), .n_waiting = 1 };
	if (sd_json_variant_new_array(&q->changes, NULL, 0) < 0)
		q->r = -ENOMEM;
	return q;
}

void gather_add(struct gather *q)
{
	q->n_waiting++;
}

void gather_end(struct gather *q, int r, struct fault *fault)
{
	if (r != 0 && q->r == 0) {
		q->r = r;
		q->fault = *fault;
		*fault = (struct fault){};
	}
	gather_finish(q);
}

int gather_find(struct api *api, const char *interface, struct device **ret, struct fault *reterr)
{
	struct device *d;
	int r = request_device(api, interface, &d, reterr);

	if (r != 0)
		return r;
	if (!device_is_managed(d))
		return fault_set(reterr, ZCRX_NO_SUCH_INTERFACE, interface, "%s: %s.", interface,
				 d->reason ?: "it is going away");
	*ret = d;
	return 0;
}

static int apply_one(struct gather *q, struct device *d, enum configure_mode mode,
		     uint64_t confirm_within, struct fault *reterr)
{
	int r = device_check_idle(d, reterr);

	if (r == 0)
		r = device_configure_for(d, mode, confirm_within, gather_done, q);
	if (r == 0)
		gather_add(q);
	return r;
}

static int apply_start(sd_varlink *link, struct api *api, const char *interface,
		       enum configure_mode mode, uint64_t confirm_within)
{
	_cleanup_fault_ struct fault fault = {};
	struct gather *q = gather_new(link);
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
		return fault_set(&c->fault, ZCRX_NO_SUCH_LEASE, p->id, "There is no such lease (any more).");
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

static void on_reloaded(int r, struct fault *fault, char *const *warnings,
			size_t n, void *userdata)
{
	_cleanup_(sd_varlink_unrefp) sd_varlink *link = userdata;
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *array = NULL;
	int k;

	if (r != 0) {
		(void)reply_fault(link, r, fault);
		return;
	}
	k = sd_json_variant_new_array(&array, NULL, 0);
	for (size_t i = 0; k >= 0 && i < n; i++)
		k = sd_json_variant_append_arrayb(&array, SD_JSON_BUILD_STRING(warnings[i]));
	if (k < 0)
		(void)reply_fault(link, k, NULL);
	else
		(void)sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_VARIANT("warnings", array));
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
