/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Methods that only look, open to everybody: Describe, ListLeases, Watch.
 */
#include <errno.h>

#include "answers.h"
#include "connection.h"
#include "flow-guard.h"
#include "json.h"
#include "log.h"
#include "methods.h"
#include "policy.h"
#include "problems.h"
#include "watch.h"

/* --------------------------------------------------------------------------- Describe */

struct describe {
	struct api *api;
	sd_varlink *link; /* NULL once it is answered */
	char *interface; /* as the caller named it; NULL for all */
	struct peer peer;
	unsigned n_waiting;
	sd_event_source *patience; /* somebody else's operation may take seconds */
};

/* What the policy would say to an Acquire of one queue. */
static int add_refusal(const struct describe *q, const struct device *d, sd_json_variant **v)
{
	struct interface_names names = device_names(d);
	_cleanup_fault_ struct fault fault = {};
	struct policy_usage usage;
	int r;

	leases_usage(q->api->leases, q->peer.uid, &usage);
	r = policy_check_acquire(q->api->devices->config, &q->peer, &names, 1, &usage, &fault);
	if (r <= 0 || !fault.message)
		return r < 0 ? r : 0;
	return sd_json_variant_set_field_string(v, "leaseRefusal", fault.message);
}

/* It may have come and gone since it was named. */
static int describe_interfaces(struct describe *q, sd_json_variant **ret, struct fault *reterr)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *array = NULL;
	struct device *d, *only = NULL;
	int r = q->interface ? request_device(q->api, q->interface, &only, reterr) : 0;

	if (r == 0)
		r = sd_json_variant_new_array(&array, NULL, 0);
	TAILQ_FOREACH(d, &q->api->devices->list, entry) {
		_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;

		if (r != 0 || (only && d != only))
			continue;
		r = json_interface(d, &v);
		if (r >= 0)
			r = add_refusal(q, d, &v);
		if (r >= 0)
			r = sd_json_variant_append_array(&array, v);
		if (r > 0)
			r = 0;
	}
	if (r == 0)
		*ret = TAKE_PTR(array);
	return r;
}

static int describe_build(struct describe *q, sd_json_variant **ret, struct fault *reterr)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *kernel = NULL, *array = NULL;
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *loop = NULL, *caller = NULL, *problems = NULL;
	_cleanup_free_ char *unsafe = NULL;
	struct api *api = q->api;
	int r = describe_interfaces(q, &array, reterr);

	if (r != 0)
		return r;
	r = flow_guard_explain(api->devices, &unsafe);
	if (r >= 0)
		r = json_kernel(api->devices->backend->ops->features(api->devices->backend), &kernel);
	if (r >= 0)
		r = json_loop(&api->devices->loop->times, &loop);
	if (r >= 0)
		r = json_caller(&q->peer, policy_administers(api->devices->config, &q->peer), &caller);
	if (r >= 0)
		r = problems_list(api->devices, &problems);
	if (r < 0)
		return r;
	r = sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("version", ZCRXD_VERSION),
			      SD_JSON_BUILD_PAIR_VARIANT("kernel", kernel),
			      SD_JSON_BUILD_PAIR_VARIANT("interfaces", array),
			      SD_JSON_BUILD_PAIR_VARIANT("loop", loop),
			      SD_JSON_BUILD_PAIR_CONDITION(api->leases->state_set_aside != NULL, "stateSetAside",
						SD_JSON_BUILD_STRING(api->leases->state_set_aside)),
			      SD_JSON_BUILD_PAIR_CONDITION(unsafe != NULL, "unsafeKernel",
						SD_JSON_BUILD_STRING(unsafe)),
			      SD_JSON_BUILD_PAIR_CONDITION(api->devices->refused_config != NULL, "refusedConfig",
						SD_JSON_BUILD_STRING(api->devices->refused_config)),
			      SD_JSON_BUILD_PAIR_VARIANT("problems", problems),
			      SD_JSON_BUILD_PAIR_VARIANT("caller", caller));
	return r < 0 ? r : 0;
}

static void describe_answer(struct describe *q)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	_cleanup_fault_ struct fault fault = {};
	int r;

	r = describe_build(q, &v, &fault);
	if (r != 0)
		(void)reply_fault(q->link, r, &fault);
	else
		(void)sd_varlink_reply(q->link, v);
	q->link = sd_varlink_unref(q->link);
}

static void describe_free(struct describe *q)
{
	sd_varlink_unref(q->link);
	sd_event_source_disable_unref(q->patience);
	peer_done(&q->peer);
	free(q->interface);
	free(q);
}
DEFINE_CLEANUP(struct describe *, describe_free)

static void describe_end(void *userdata)
{
	struct describe *q = userdata;

	if (q->link)
		describe_answer(q);
	describe_free(q);
}

static void describe_finish(struct describe *q)
{
	if (--q->n_waiting == 0)
		answer_later(q->api, describe_end, q);
}

static int on_describe_timeout(sd_event_source *s, uint64_t usec, void *userdata)
{
	describe_answer(userdata);
	return 0;
}

static void on_refreshed(struct device *d, const struct device_report *report, void *userdata)
{
	(void)report; /* what could not be refreshed is told as it was */
	describe_finish(userdata);
}

static const sd_json_dispatch_field describe_fields[] = {
	{ "interface", _SD_JSON_VARIANT_TYPE_INVALID, dispatch_optional_string, 0, 0 },
	{}
};

static int describe(struct call *c, void *parameters)
{
	const char *interface = *(const char **)parameters;
	_cleanup_(describe_freep) struct describe *new = calloc(1, sizeof(*new));
	struct device *d, *only = NULL;
	struct api *api = c->api;
	struct describe *q;
	int r;

	if (!new)
		return -ENOMEM;
	*new = (struct describe){ .api = api, .n_waiting = 1 };
	new->interface = interface ? strdup(interface) : NULL;
	r = interface && !new->interface ? -ENOMEM : 0;
	if (r == 0 && interface)
		r = request_device(api, interface, &only, &c->fault);
	if (r != 0)
		return r;
	q = TAKE_PTR(new);
	q->peer = c->peer;
	c->peer = (struct peer){};
	q->link = sd_varlink_ref(c->link);
	TAILQ_FOREACH(d, &api->devices->list, entry)
		if ((!only || d == only) && !device_is_stalled(d) &&
		    device_refresh(d, on_refreshed, q) == 0)
			q->n_waiting++;
	if (q->n_waiting > 1) {
		r = sd_event_add_time_relative(api->devices->loop->event, &q->patience,
					       CLOCK_MONOTONIC, DESCRIBE_TIMEOUT_USEC, 0,
					       on_describe_timeout, q);
		if (r < 0)
			log_errno(r, "Cannot arm a timer for Describe");
	}
	describe_finish(q);
	return 0;
}

const struct method method_describe = {
	.kind = METHOD_PEER,
	.fields = describe_fields,
	.size = sizeof(const char *),
	.act = describe,
};

/* ------------------------------------------------------------------------- ListLeases */

/* All of them, a reply each. What is said of the next one is known before the last is sent, for the last
 * reply is another kind of message, and leases come and go between the turns that this takes. */
struct listing {
	struct api *api;
	sd_varlink *link;
	uint32_t *ids;
	size_t n, next;
	sd_json_variant *lease; /* to be sent */
};

static int reply_lease(sd_varlink *link, struct lease *l)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	int r = json_lease(l, &v);

	return r < 0 ? r : sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_VARIANT("lease", v));
}

static void listing_end(struct listing *q, int r)
{
	if (r < 0)
		(void)reply_fault(q->link, r, NULL);
	else
		(void)sd_varlink_replybo(q->link, SD_JSON_BUILD_PAIR_CONDITION(
							  q->lease != NULL, "lease",
							  SD_JSON_BUILD_VARIANT(q->lease)));
	sd_json_variant_unref(q->lease);
	sd_varlink_unref(q->link);
	free(q->ids);
	free(q);
}

static void listing_step(void *userdata)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *next = NULL;
	struct listing *q = userdata;
	struct lease *l = NULL;
	int r = 0;

	while (!l && q->next < q->n)
		l = leases_find(q->api->leases, q->ids[q->next++]);
	if (l)
		r = json_lease(l, &next);
	if (r >= 0 && l && q->lease)
		r = sd_varlink_notifybo(q->link, SD_JSON_BUILD_PAIR_VARIANT("lease", q->lease));
	if (r < 0 || !l) {
		listing_end(q, r);
		return;
	}
	sd_json_variant_unref(q->lease);
	q->lease = TAKE_PTR(next);
	answer_later(q->api, listing_step, q);
}

static int list_all(sd_varlink *link, struct api *api)
{
	struct listing *q = calloc(1, sizeof(*q));
	const struct lease *l;
	size_t n = 0;

	if (!q)
		return -ENOMEM;
	TAILQ_FOREACH(l, &api->leases->list, entry)
		n++;
	*q = (struct listing){ .api = api, .ids = calloc(n + 1, sizeof(*q->ids)) };
	if (!q->ids) {
		free(q);
		return -ENOMEM;
	}
	TAILQ_FOREACH(l, &api->leases->list, entry)
		q->ids[q->n++] = l->id;
	q->link = sd_varlink_ref(link);
	listing_step(q);
	return 0;
}

static const sd_json_dispatch_field list_leases_fields[] = {
	{ "leaseId", _SD_JSON_VARIANT_TYPE_INVALID, dispatch_optional_string, 0, 0 },
	{}
};

static int list_leases(struct call *c, void *parameters)
{
	const char *id = *(const char **)parameters;
	const struct lease_list *list = &c->api->leases->list;
	struct lease *l;

	if (id) {
		l = request_find_lease(c->api, id);
		return l ? reply_lease(c->link, l) : request_no_lease(id, &c->fault);
	}
	if (!c->more && !TAILQ_EMPTY(list) && TAILQ_NEXT(TAILQ_FIRST(list), entry)) {
		(void)sd_varlink_error(c->link, SD_VARLINK_ERROR_EXPECTED_MORE, NULL);
		return 0;
	}
	return list_all(c->link, c->api);
}

const struct method method_list_leases = {
	.kind = METHOD_OPEN,
	.fields = list_leases_fields,
	.size = sizeof(const char *),
	.act = list_leases,
};

/* ------------------------------------------------------------------------------ Watch */

static const sd_json_dispatch_field watch_fields[] = {
	{ "leaseId", _SD_JSON_VARIANT_TYPE_INVALID, dispatch_optional_string, 0, 0 },
	{}
};

static int watch(struct call *c, void *parameters)
{
	const char *id = *(const char **)parameters;
	const struct lease *l = NULL;
	int r;

	if (!c->more) {
		(void)sd_varlink_error(c->link, SD_VARLINK_ERROR_EXPECTED_MORE, NULL);
		return 0;
	}
	if (id)
		l = request_find_lease(c->api, id);
	if (id && !l)
		return request_no_lease(id, &c->fault);
	r = watch_add(c->api->server, c->link, l ? l->id : 0);
	return r != -EBUSY ? r : fault_set(&c->fault, ZCRX_QUOTA_EXCEEDED, "watchers",
					   "This user has %d watchers already; close some of them.",
					   WATCHERS_PER_UID_MAX);
}

const struct method method_watch = {
	.kind = METHOD_OPEN,
	.fields = watch_fields,
	.size = sizeof(const char *),
	.act = watch,
};
