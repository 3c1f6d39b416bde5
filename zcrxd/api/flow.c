/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * AddFlow and RemoveFlow. A flow is proved by the socket itself, or named by value as far as the
 * policy lists it.
 */
#include <errno.h>

#include "flows.h"
#include "json.h"
#include "left-out.h"
#include "methods.h"
#include "policy.h"
#include "proof-show.h"
#include "proof.h"
#include "record.h"
#include "rules.h"
#include "snapshot.h"
#include "rss.h"
#include "unbind.h"

struct flow_parameters {
	struct lease_reference lease;
	const char *flow_id;
	uint64_t queue, socket; /* queue: NO_INDEX if none is named */
	sd_json_variant *flow;
};

/* ---------------------------------------------------------------------------- AddFlow */

static int append_flow(const struct lease *l, const struct lease_flow *f, sd_json_variant **ids,
		       sd_json_variant **flows, sd_json_variant **taken)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL, *lost = NULL;
	char id[24];
	int r;

	snprintf(id, sizeof(id), "%llu", (unsigned long long)f->id);
	r = sd_json_variant_append_arrayb(ids, SD_JSON_BUILD_STRING(id));
	if (r >= 0)
		r = json_flow(&f->flow, &v);
	if (r >= 0)
		r = sd_json_variant_append_array(flows, v);
	if (r >= 0 && f->taken.any)
		r = json_lease_flow(l, f, &lost);
	if (r >= 0 && lost)
		r = sd_json_variant_append_array(taken, lost);
	return r;
}

static int append_left_out(const struct flow *f, sd_json_variant **array)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	int r = json_flow(f, &v);

	if (r >= 0)
		r = sd_json_variant_append_array(array, v);
	return r < 0 ? r : 0;
}

static void on_added(struct lease *l, int r, struct fault *fault, const struct flow_list *added,
		     void *userdata)
{
	_cleanup_(sd_varlink_unrefp) sd_varlink *link = userdata;
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *ids = NULL, *flows = NULL, *taken = NULL,
							*left = NULL;
	const struct left_out *left_out = NULL;

	for (size_t i = 0; r == 0 && i < added->n; i++) {
		int k = append_flow(l, added->flows[i], &ids, &flows, &taken);

		if (k < 0)
			r = k;
	}
	if (r == 0 && added->n > 0 && added->flows[0]->proof)
		left_out = &added->flows[0]->proof->left_out;
	for (size_t i = 0; r == 0 && left_out && i < left_out->n && i < LEFT_OUT_LISTED; i++)
		r = append_left_out(&left_out->flows[i], &left);
	if (r != 0)
		(void)reply_fault(link, r, fault);
	else
		(void)sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_VARIANT("flowIds", ids),
					 SD_JSON_BUILD_PAIR_VARIANT("flows", flows),
					 SD_JSON_BUILD_PAIR_CONDITION(!!taken, "taken",
								      SD_JSON_BUILD_VARIANT(taken)),
					 SD_JSON_BUILD_PAIR_CONDITION(!!left, "leftOut",
								      SD_JSON_BUILD_VARIANT(left)),
					 SD_JSON_BUILD_PAIR_CONDITION(
						 !!left, "leftOutCount",
						 SD_JSON_BUILD_UNSIGNED(left_out ? left_out->n : 0)));
}

static int by_value(struct api *api, const struct peer *peer, const struct flow_parameters *p,
		    struct flow **ret, size_t *ret_n, struct fault *reterr)
{
	_cleanup_free_ struct flow *flow = calloc(1, sizeof(*flow));
	int r;

	if (!flow)
		return -ENOMEM;
	r = json_parse_flow(p->flow, flow, reterr);
	if (r == 0)
		r = policy_check_flow(api->devices->config, peer, flow, reterr);
	if (r != 0)
		return r;
	*ret = TAKE_PTR(flow);
	*ret_n = 1;
	return 0;
}

/* Every queue that the flow could reach has an ifq. */
static int check_bound(const struct lease *l, unsigned queue, struct fault *reterr)
{
	unsigned n = 0;

	if (lease_is_unbinding(l))
		return fault_set(reterr, ZCRX_WRONG_STATE, "reserved",
				 "The ring of the lease was closed, and its queues are being taken back: "
				 "Register another ring before steering flows to it.");
	if (queue != ALL_QUEUES)
		return l->per_queue[queue].bound || l->self_registered
			       ? 0
			       : fault_set(reterr, ZCRX_WRONG_STATE, "reserved",
					   "Queue %u of the lease has no ifq yet: Register it before "
					   "steering flows to it.", queue);
	for (unsigned i = 0; i < l->n_queues; i++)
		n += l->per_queue[i].bound;
	return lease_has_rss(l) && (n == l->n_queues || l->self_registered)
		       ? 0
		       : fault_set(
				 reterr, ZCRX_WRONG_STATE, "reserved",
				 "A flow that names no queue goes to all %u queues of the lease, "
				 "and %u "
				 "of them have an ifq: Register the others first, or name a queue.",
				 l->n_queues, n);
}

static int check_lease(struct lease *l, unsigned queue, struct fault *reterr)
{
	int r = lease_may(l, l->self_registered ? LEASE_ADD_FLOW_EARLY : LEASE_ADD_FLOW, reterr);

	return r == 0 ? check_bound(l, queue, reterr) : r;
}

static int check_target(struct lease *l, const struct flow_parameters *p, unsigned *ret_queue,
			struct fault *reterr)
{
	unsigned queue = p->queue != NO_INDEX ? (unsigned)p->queue :
			 l->n_queues > 1      ? ALL_QUEUES :
						0;
	int r;

	if (p->queue != NO_INDEX && p->queue >= l->n_queues)
		return fault_set(reterr, ZCRX_INVALID_PARAMETER, "queue",
				 "The lease has %u queue%s, counted from 0; there is no queue %llu.",
				 l->n_queues, l->n_queues == 1 ? "" : "s", (unsigned long long)p->queue);
	r = check_lease(l, queue, reterr);
	if (r != 0)
		return r;
	if ((p->socket == NO_INDEX) == !p->flow)
		return fault_set(reterr, ZCRX_INVALID_PARAMETER, "socketFileDescriptor",
				 "Give either the socket (socketFileDescriptor) or a flow, not both.");
	*ret_queue = queue;
	return 0;
}

/* A listener on all addresses has a flow for each; for so many of them the lease has room. */
static size_t count_fitting(const struct lease *l, size_t n, const struct proof *proof)
{
	size_t room = l->n_flows < LEASE_FLOWS_MAX ? LEASE_FLOWS_MAX - l->n_flows : 0;

	return proof && proof->wildcard && room > 0 && room < n ? room : n;
}

/* The rest is copied, which is the reply's to say. */
static void leave_out(const struct lease *l, const struct flow *flows, size_t n, struct proof *proof)
{
	_cleanup_fault_ struct fault full = {};

	(void)fault_set(&full, ZCRX_QUOTA_EXCEEDED, "flows", "A lease has at most %u flows.",
			LEASE_FLOWS_MAX);
	(void)left_out_explain(l, &full);
	left_out_note(proof, flows, n, full.message);
}

/* They are allowed; the rest is the rules. */
static int install(sd_varlink *link, const struct peer *peer, struct lease *l, unsigned queue,
		   const struct flow *flows, size_t n, struct proof *proof, struct fault *reterr)
{
	const size_t fits = count_fitting(l, n, proof);
	const uint64_t max_flows = l->max_flows;
	struct flow_list list = {};
	int r;

	r = lease_flows_check_quota(l, peer, fits, reterr);
	if (r == 0)
		r = lease_flows_add(l, queue, flows, fits, proof, &list, reterr);
	if (r == 0 && fits < n)
		leave_out(l, flows + fits, n - fits, proof);
	if (r != 0) {
		l->max_flows = max_flows; /* as it is on record */
		lease_forget_record(l);
	}
	if (r == ZCRX_QUOTA_EXCEEDED && proof && proof->wildcard && n > 1)
		r = left_out_explain(l, reterr);
	for (size_t i = 0; i < list.n; i++)
		list.flows[i]->asked = true;
	if (r == 0) {
		r = lease_flows_install(l, &list, on_added, sd_varlink_ref(link));
		if (r < 0) {
			lease_flows_free(l, &list);
			sd_varlink_unref(link);
		}
	}
	flow_list_done(&list);
	return r;
}

/* Who waits for the answer about a socket. Its policy is asked then, even if it has hung up. */
struct asker {
	sd_varlink *link;
	struct peer peer;
};

static struct asker *asker_free(struct asker *a)
{
	if (!a)
		return NULL;
	sd_varlink_unref(a->link);
	peer_done(&a->peer);
	free(a);
	return NULL;
}
DEFINE_CLEANUP(struct asker *, asker_free)

/* The lease may have lost its queue, or be over, since it was asked. */
static void on_shown(struct lease *l, int r, struct fault *fault, struct proof *proof,
		     const struct flow *flows, size_t n, void *userdata)
{
	_cleanup_(asker_freep) struct asker *a = userdata;

	if (r == 0)
		r = check_lease(l, proof->queue, fault);
	if (r == 0)
		r = install(a->link, &a->peer, l, proof->queue, flows, n, proof, fault);
	if (r != 0)
		(void)reply_fault(a->link, r, fault);
}

/* Takes the peer over. */
static int show(sd_varlink *link, struct lease *l, const struct flow_parameters *p, unsigned queue,
		struct peer *peer, struct fault *reterr)
{
	_cleanup_(asker_freep) struct asker *a = calloc(1, sizeof(*a));
	_cleanup_close_ int fd = -EBADF;
	int r;

	if (!a)
		return -ENOMEM;
	a->link = sd_varlink_ref(link);
	a->peer = *peer;
	*peer = (struct peer){};
	r = request_take_fd(link, p->socket, "socketFileDescriptor", &fd, reterr);
	if (r == 0)
		r = proof_show(l, fd, queue, a->peer.uid, on_shown, a, reterr);
	if (r == 0)
		TAKE_PTR(a);
	return r;
}

static int add(sd_varlink *link, struct api *api, const struct flow_parameters *p,
		    struct peer *peer, struct lease *l, struct fault *reterr)
{
	_cleanup_free_ struct flow *flows = NULL;
	unsigned queue = 0;
	size_t n = 0;
	int r;

	if (l->grant.kind == GRANT_SOFTWARE)
		return refuse_steering(reterr);
	r = check_target(l, p, &queue, reterr);
	if (r == 0 && !p->flow)
		return show(link, l, p, queue, peer, reterr);
	if (r == 0)
		r = by_value(api, peer, p, &flows, &n, reterr);
	return r == 0 ? install(link, peer, l, queue, flows, n, NULL, reterr) : r;
}

#define ID_FIELD                                                                                   \
	{ "leaseId", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,                        \
	  offsetof(struct flow_parameters, id), SD_JSON_MANDATORY }
#define OPTIONAL(name, member, dispatch)                                                           \
	{ name, _SD_JSON_VARIANT_TYPE_INVALID, dispatch, offsetof(struct flow_parameters, member), 0 }

static const sd_json_dispatch_field add_flow_fields[] = {
	LEASE_FIELDS,
	OPTIONAL("queue", queue, dispatch_optional_uint64),
	OPTIONAL("socketFileDescriptor", socket, dispatch_optional_uint64),
	OPTIONAL("flow", flow, dispatch_optional_variant),
	{}
};

static int add_flow(struct call *c, void *parameters)
{
	return add(c->link, c->api, parameters, &c->peer, c->lease, &c->fault);
}

const struct method method_add_flow = {
	.kind = METHOD_LEASE,
	.fields = add_flow_fields,
	.size = sizeof(struct flow_parameters),
	.defaults = &(const struct flow_parameters){ .lease.handle = NO_INDEX, .queue = NO_INDEX, .socket = NO_INDEX },
	.act = add_flow,
};

/* ------------------------------------------------------------------------- RemoveFlow */

static void on_removed(struct lease *l, int r, struct fault *fault, const struct flow_list *added,
		       void *userdata)
{
	_cleanup_(sd_varlink_unrefp) sd_varlink *link = userdata;

	if (r != 0)
		(void)reply_fault(link, r, fault);
	else
		(void)sd_varlink_reply(link, NULL);
}

static int remove_one(sd_varlink *link, const struct flow_parameters *p, struct lease *l,
		       struct fault *reterr)
{
	struct lease_flow *f = NULL;
	char *end = NULL;
	uint64_t id;
	int r;

	errno = 0;
	id = strtoull(p->flow_id, &end, 10);
	if (errno == 0 && end != p->flow_id && *end == '\0' && p->flow_id[0] != '-')
		f = lease_find_flow(l, id);
	if (!f || (f->state == FLOW_REMOVING && !f->lifted))
		return fault_set(reterr, ZCRX_NO_SUCH_FLOW, p->flow_id,
				 "The lease has no flow %s (any more); see zcrxctl leases.", p->flow_id);
	if (f->state == FLOW_REMOVING)
		return fault_set(reterr, ZCRX_WRONG_STATE, lease_state_to_string(l->state),
				 "The rule of flow %s is being lifted, because its ring was closed; try again.",
				 p->flow_id);
	if (f->state == FLOW_INSTALLING)
		return fault_set(reterr, ZCRX_WRONG_STATE, lease_state_to_string(l->state),
				 "Flow %s is being steered just now; try again.", p->flow_id);
	if (f->proof)
		proof_unfollow_addresses(f->proof);
	if (f->state == FLOW_PENDING) {
		lease_flow_drop(l, f);
		(void)lease_save(l);
		return sd_varlink_reply(link, NULL);
	}
	r = lease_flows_remove(l, &(struct flow_list){ .flows = &f, .n = 1 }, on_removed,
			       sd_varlink_ref(link));
	if (r < 0)
		sd_varlink_unref(link);
	return r;
}

static const sd_json_dispatch_field remove_flow_fields[] = {
	LEASE_FIELDS,
	{ "flowId", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
	  offsetof(struct flow_parameters, flow_id), SD_JSON_MANDATORY },
	{}
};

static int remove_flow(struct call *c, void *parameters)
{
	const struct flow_parameters *p = parameters;
	struct lease *l = c->lease;
	int r = 0;

	if (l->state == LEASE_DRAINING || l->state == LEASE_QUARANTINED)
		r = lease_may(l, LEASE_ADD_FLOW, &c->fault);
	if (r == 0)
		r = remove_one(c->link, p, l, &c->fault);
	return r == -ENOTCONN ? 0 : r;
}

const struct method method_remove_flow = {
	.kind = METHOD_LEASE,
	.fields = remove_flow_fields,
	.size = sizeof(struct flow_parameters),
	.defaults = &(const struct flow_parameters){ .lease.handle = NO_INDEX },
	.act = remove_flow,
};
