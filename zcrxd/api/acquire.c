/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Acquire: for the caller, or, by an administrator, for another user (ownerUid).
 */
#include <ctype.h>
#include <errno.h>

#include "acquire.h"
#include "json.h"
#include "methods.h"
#include "owner.h"
#include "policy.h"

struct acquire_parameters {
	const char *interface, *name;
	uint64_t queues, time_to_live;
	bool persistent, for_owner;
	sd_json_variant *flows;
	uint64_t owner; /* for_owner */
};

/* Whose it will be, and who asks; the same person, but for an administrator who asks for another. */
struct parties {
	const struct peer *owner, *caller;
};

static void on_acquired(struct lease *l, int r, struct fault *fault, void *userdata)
{
	_cleanup_(sd_varlink_unrefp) sd_varlink *link = userdata;
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;

	if (r == 0)
		r = json_lease(l, &v);
	if (r != 0) {
		(void)reply_fault(link, r, fault);
		return;
	}
	if (l->persistent)
		r = sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_VARIANT("lease", v));
	else
		r = reply_handle(link, l, v);
	/* Nobody got the handle: nobody will ever close it. */
	if (r < 0 || (!l->persistent && l->n_handles == 0))
		(void)lease_event(l, LEASE_RELEASE, "the client went away before it had its lease", NULL);
}

static int check_name(const char *name, struct fault *reterr)
{
	size_t n = name ? strlen(name) : 0;
	bool good = n <= LEASE_NAME_MAX;

	for (size_t i = 0; good && i < n; i++)
		good = isprint((unsigned char)name[i]) || (name[i] & 0x80);
	return good ? 0
		    : fault_set(reterr, ZCRX_INVALID_PARAMETER, "name",
				"The name of a lease has at most %d bytes, all printable.",
				LEASE_NAME_MAX);
}

/* An administrator does not come by flows through somebody else's name. */
static int check_flow(const struct config *c, const struct parties *who, const struct flow *flow, struct fault *reterr)
{
	int r = policy_check_flow(c, who->owner, flow, reterr);

	return r != 0 || who->caller == who->owner ? r : policy_check_flow(c, who->caller, flow, reterr);
}

static int parse_flows(sd_json_variant *v, const struct config *c, const struct parties *who,
		       struct flow **ret, size_t *ret_n, struct fault *reterr)
{
	_cleanup_free_ struct flow *flows = NULL;
	size_t n = v ? sd_json_variant_elements(v) : 0;
	int r;

	if (n > LEASE_FLOWS_MAX)
		return fault_set(reterr, ZCRX_QUOTA_EXCEEDED, "flows", "A lease has at most %d flows.",
				 LEASE_FLOWS_MAX);
	flows = calloc(n + 1, sizeof(*flows));
	if (!flows)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		r = json_parse_flow(sd_json_variant_by_index(v, i), &flows[i], reterr);
		if (r == 0)
			r = check_flow(c, who, &flows[i], reterr);
		if (r != 0)
			return r;
	}
	*ret = TAKE_PTR(flows);
	*ret_n = n;
	return 0;
}

static int check_device(struct device *d, const struct peer *peer, unsigned queues,
			struct fault *reterr)
{
	struct interface_names names = device_names(d);
	struct policy_usage usage = {};
	int r;

	if (policy_max_queues(d->devices->config, peer) != POLICY_UNLIMITED)
		leases_usage(d->devices->leases, peer->uid, &usage);
	r = policy_check_acquire(d->devices->config, peer, &names, queues, &usage, reterr);
	if (r != 0)
		return r;
	/* What waits for leases to end keeps nobody from the queues that stay carved out; nor does what has
	 * drifted: what of it a lease cannot do without is said when it is needed. */
	if (!device_phase_is_leasable(d->phase))
		return fault_set(reterr, ZCRX_NOT_SUPPORTED, device_name(d), "%s is %s: %s",
				 device_name(d), device_phase_state(d->phase), d->reason ?: "");
	if (inventory_free_count(&d->inventory) < queues)
		return inventory_refuse(&d->inventory, device_name(d), queues,
					device_waits_for_leases(d) ? d->reason ?: "" : "", reterr);
	return 0;
}

/* How close a refusal came to a lease: "none is free" says more than "not for you". */
static int refusal_rank(int refusal)
{
	return refusal == ZCRX_NO_QUEUE_AVAILABLE || refusal == ZCRX_QUOTA_EXCEEDED ? 2 :
	       refusal == ZCRX_PERMISSION_DENIED				    ? 0 :
										      1;
}

/* Nobody who asks for any interface is given a copy where there is a NIC, be it all leased. */
static bool is_for_anybody(const struct api *api, const struct device *d)
{
	return d->ifindex != SOFTWARE_IFINDEX || api->devices->config->n_interfaces == 0;
}

/* The named one; or the first that would do. Of the refusals, the one that came closest counts. */
static int choose_device(struct api *api, const char *name, const struct peer *peer,
			 unsigned queues, struct device **ret, struct fault *reterr)
{
	struct device *d;
	int r = 0;

	if (name) {
		r = request_device(api, name, ret, reterr);
		return r ?: check_device(*ret, peer, queues, reterr);
	}
	TAILQ_FOREACH(d, &api->devices->list, entry) {
		_cleanup_fault_ struct fault fault = {};
		int k;

		if (!is_for_anybody(api, d))
			continue;
		k = check_device(d, peer, queues, &fault);
		if (k <= 0) {
			*ret = d;
			return k;
		}
		if (r != 0 && refusal_rank(k) <= refusal_rank(r))
			continue;
		r = k;
		fault_done(reterr);
		*reterr = fault;
		fault = (struct fault){};
	}
	return r != 0 ? r
		      : fault_set(reterr, ZCRX_NO_QUEUE_AVAILABLE, NULL,
				  "No interface is configured. Name one in %s.", api->devices->config_path);
}

/* What max-area leaves for each queue, in whole pages, one at least; 0: there is no limit. */
static uint64_t area_permitted(const struct api *api, const struct peer *peer, unsigned queues)
{
	const uint64_t max = policy_max_area(api->devices->config, peer), page = 4096;
	struct policy_usage usage;
	uint64_t left;

	if (max == POLICY_UNLIMITED)
		return 0;
	leases_usage(api->leases, peer->uid, &usage);
	left = usage.area < max ? (max - usage.area) / queues : 0;
	return left > page ? left / page * page : page;
}

static int acquire_decide(struct api *api, const struct acquire_parameters *p,
			  const struct parties *who, struct acquire_request *ret,
			  struct flow **ret_flows, struct fault *reterr)
{
	const struct peer *peer = who->owner;
	struct device *d = NULL;
	size_t n_flows = 0;
	int r;

	if (api->devices->stopping)
		return fault_set(reterr, ZCRX_WRONG_STATE, "stopping", "zcrxd is being stopped.");
	if (p->queues < 1 || p->queues > LEASE_QUEUES_MAX)
		return fault_set(reterr, ZCRX_INVALID_PARAMETER, "queues",
				 "A lease has 1 to %d queues.", LEASE_QUEUES_MAX);
	r = check_name(p->name, reterr);
	if (r == 0)
		r = choose_device(api, p->interface, peer, (unsigned)p->queues, &d, reterr);
	if (r == 0)
		r = parse_flows(p->flows, api->devices->config, who, ret_flows, &n_flows, reterr);
	if (r == 0 && n_flows > 0 && d->ifindex == SOFTWARE_IFINDEX)
		r = refuse_steering(reterr);
	if (r == 0)
		*ret = (struct acquire_request){
			.device = d, .peer = peer, .acquirer = who->caller, .n_queues = (unsigned)p->queues, .name = p->name,
			.persistent = p->persistent, .flows = *ret_flows, .n_flows = n_flows,
			.time_to_live = policy_lease_time(api->devices->config, peer, p->time_to_live),
			.area_permitted = area_permitted(api, peer, (unsigned)p->queues),
		};
	return r;
}

static int acquire_start(struct api *api, sd_varlink *link, const struct acquire_parameters *p, const struct parties *who,
			 struct fault *reterr)
{
	_cleanup_free_ struct flow *list = NULL;
	struct acquire_request request;
	int r = acquire_decide(api, p, who, &request, &list, reterr);

	if (r != 0)
		return r;
	sd_varlink_ref(link);
	r = lease_acquire(api->leases, &request, on_acquired, link, reterr);
	if (r != 0)
		sd_varlink_unref(link);
	return r;
}

/* ----------------------------------------------------------------- for another user */

/* While nss is asked who he is. */
struct acquire_for {
	struct api *api;
	sd_varlink *link;
	struct acquire_parameters parameters;
	char *interface, *name; /* of these: the call's own are gone by then */
	sd_json_variant *flows;
};

static void acquire_for_free(struct acquire_for *f)
{
	sd_varlink_unref(f->link);
	sd_json_variant_unref(f->flows);
	free(f->interface);
	free(f->name);
	free(f);
}

static int check_acquire_for(struct api *api, const struct peer *caller, struct fault *reterr)
{
	return policy_check_administer(api->devices->config, caller, "acquire a lease for another user (ownerUid)",
				       reterr);
}

/* The policy, and whether the caller is still there, are as they are now. */
static int acquire_for_owner(struct acquire_for *f, const struct peer *owner, struct fault *reterr)
{
	_cleanup_peer_ struct peer caller = {};
	const struct parties who = { .owner = owner, .caller = &caller };
	int r = peer_read(f->link, &caller);

	if (r == 0)
		r = check_acquire_for(f->api, &caller, reterr);
	if (r != 0)
		return r;
	r = acquire_start(f->api, f->link, &f->parameters, &who, reterr);
	if (r > 0)
		fault_append(reterr, "It is uid %u for whom this was asked (ownerUid).", (unsigned)owner->uid);
	return r;
}

static void on_owner(int r, const struct peer *owner, void *userdata)
{
	struct acquire_for *f = userdata;
	_cleanup_fault_ struct fault fault = {};

	if (r == 0)
		r = acquire_for_owner(f, owner, &fault);
	if (r != 0)
		(void)reply_fault(f->link, r, &fault);
	acquire_for_free(f);
}

static int acquire_for_new(struct call *c, const struct acquire_parameters *p, struct acquire_for **ret)
{
	struct acquire_for *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	*f = (struct acquire_for){ .api = c->api, .link = sd_varlink_ref(c->link), .parameters = *p,
				   .interface = p->interface ? strdup(p->interface) : NULL,
				   .name = p->name ? strdup(p->name) : NULL, .flows = sd_json_variant_ref(p->flows) };
	if ((p->interface && !f->interface) || (p->name && !f->name)) {
		acquire_for_free(f);
		return -ENOMEM;
	}
	f->parameters.interface = f->interface;
	f->parameters.name = f->name;
	f->parameters.flows = f->flows;
	*ret = f;
	return 0;
}

static int acquire_for(struct call *c, const struct acquire_parameters *p)
{
	struct acquire_for *f;
	int r = check_acquire_for(c->api, &c->peer, &c->fault);

	if (r == 0) /* what follows is (uid_t)-1, which is nobody */
		r = check_range(p->owner, 0, UINT32_MAX - 1, "ownerUid", &c->fault);
	if (r == 0 && !p->persistent)
		r = fault_set(&c->fault, ZCRX_INVALID_PARAMETER, "persistent",
			      "A lease for another user (ownerUid) has no handle here: it has to be persistent, and that "
			      "user opens it.");
	if (r == 0)
		r = acquire_for_new(c, p, &f);
	if (r != 0)
		return r;
	r = owner_find(c->api->server, (uid_t)p->owner, on_owner, f);
	if (r < 0)
		acquire_for_free(f);
	return r;
}

/* ------------------------------------------------------------------------ the method */

static int dispatch_owner(const char *name, sd_json_variant *v, sd_json_dispatch_flags_t flags, void *userdata)
{
	struct acquire_parameters *p = userdata;

	if (sd_json_variant_is_null(v))
		return 0;
	p->for_owner = true;
	return sd_json_dispatch_uint64(name, v, flags, &p->owner);
}

#define FIELD(name, member, optional)                                                              \
	{ name, _SD_JSON_VARIANT_TYPE_INVALID, optional, offsetof(struct acquire_parameters, member), 0 }
static const sd_json_dispatch_field acquire_fields[] = {
	FIELD("interface", interface, dispatch_optional_string),
	FIELD("queues", queues, dispatch_optional_uint64),
	FIELD("name", name, dispatch_optional_string),
	FIELD("persistent", persistent, dispatch_optional_bool),
	FIELD("timeToLiveUSec", time_to_live, dispatch_optional_uint64),
	FIELD("flows", flows, dispatch_optional_variant),
	{ "ownerUid", _SD_JSON_VARIANT_TYPE_INVALID, dispatch_owner, 0, 0 },
	{}
};
#undef FIELD

static int acquire(struct call *c, void *parameters)
{
	const struct acquire_parameters *p = parameters;
	const struct parties who = { .owner = &c->peer, .caller = &c->peer };

	return p->for_owner ? acquire_for(c, p) : acquire_start(c->api, c->link, p, &who, &c->fault);
}

const struct method method_acquire = {
	.kind = METHOD_PEER,
	.fields = acquire_fields,
	.size = sizeof(struct acquire_parameters),
	.defaults = &(const struct acquire_parameters){ .queues = 1, .time_to_live = UINT64_MAX },
	.act = acquire,
};
