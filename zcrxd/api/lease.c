/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Methods on the lease as a whole: Acquire, Open, Release, Renew.
 */
#include <ctype.h>
#include <errno.h>

#include "acquire.h"
#include "drain.h"
#include "handle.h"
#include "json.h"
#include "log.h"
#include "methods.h"
#include "policy.h"

/* A reply with a handle attached. */
static int reply_handle(sd_varlink *link, struct lease *l, sd_json_variant *lease)
{
	_cleanup_fault_ struct fault fault = {};
	_cleanup_close_ int fd = -EBADF;
	int r, index;

	r = lease_handle_new(l, &fd, &fault);
	if (r != 0)
		return reply_fault(link, r, &fault);
	index = sd_varlink_push_fd(link, fd);
	if (index < 0)
		return index;
	TAKE_FD(fd);
	return sd_varlink_replybo(
		link,
		SD_JSON_BUILD_PAIR_CONDITION(!!lease, "lease", SD_JSON_BUILD_VARIANT(lease)),
		SD_JSON_BUILD_PAIR_INTEGER("handleFileDescriptor", index));
}

/* ---------------------------------------------------------------------------- Acquire */

struct acquire_parameters {
	const char *interface, *name;
	uint64_t queues, time_to_live;
	bool persistent;
	sd_json_variant *flows;
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

static int parse_flows(sd_json_variant *v, const struct config *c, const struct peer *peer,
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
			r = policy_check_flow(c, peer, &flows[i], reterr);
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
			  const struct peer *peer, struct acquire_request *ret,
			  struct flow **ret_flows, struct fault *reterr)
{
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
		r = parse_flows(p->flows, api->devices->config, peer, ret_flows, &n_flows, reterr);
	if (r == 0 && n_flows > 0 && d->ifindex == SOFTWARE_IFINDEX)
		r = refuse_steering(reterr);
	if (r == 0)
		*ret = (struct acquire_request){
			.device = d, .peer = peer, .n_queues = (unsigned)p->queues, .name = p->name,
			.persistent = p->persistent, .flows = *ret_flows, .n_flows = n_flows,
			.time_to_live = policy_lease_time(api->devices->config, peer, p->time_to_live),
			.area_permitted = area_permitted(api, peer, (unsigned)p->queues),
		};
	return r;
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
	{}
};
#undef FIELD

static int acquire(struct call *c, void *parameters)
{
	_cleanup_free_ struct flow *list = NULL;
	struct acquire_request request;
	int r = acquire_decide(c->api, parameters, &c->peer, &request, &list, &c->fault);

	if (r != 0)
		return r;
	sd_varlink_ref(c->link);
	r = lease_acquire(c->api->leases, &request, on_acquired, c->link, &c->fault);
	if (r != 0)
		sd_varlink_unref(c->link);
	return r;
}

const struct method method_acquire = {
	.kind = METHOD_PEER,
	.fields = acquire_fields,
	.size = sizeof(struct acquire_parameters),
	.defaults = &(const struct acquire_parameters){ .queues = 1, .time_to_live = UINT64_MAX },
	.act = acquire,
};

/* ------------------------------------------------------------ Open, Release, Renew */

static const struct lease_reference no_handle = { .handle = NO_INDEX };
static const sd_json_dispatch_field lease_fields[] = { LEASE_FIELDS, {} };

static int open_lease(struct call *c, void *parameters)
{
	int r = lease_may(c->lease, LEASE_REGISTER, &c->fault);

	return r != 0 ? r : reply_handle(c->link, c->lease, NULL);
}

const struct method method_open = {
	.kind = METHOD_LEASE,
	.fields = lease_fields,
	.size = sizeof(struct lease_reference),
	.defaults = &no_handle,
	.act = open_lease,
};

static void on_released(struct lease *l, void *userdata)
{
	_cleanup_(sd_varlink_unrefp) sd_varlink *link = userdata;

	(void)sd_varlink_reply(link, NULL);
}

static int release(struct call *c, void *parameters)
{
	_cleanup_(lease_unrefp) struct lease *l = lease_ref(c->lease);
	int r;

	(void)lease_event(l, LEASE_RELEASE, NULL, NULL);
	lease_skip_grace(l);
	r = lease_wait(l, on_released, sd_varlink_ref(c->link));
	if (r < 0)
		sd_varlink_unref(c->link);
	return r;
}

const struct method method_release = {
	.kind = METHOD_LEASE,
	.fields = lease_fields,
	.size = sizeof(struct lease_reference),
	.defaults = &no_handle,
	.act = release,
};

struct renew_parameters {
	struct lease_reference lease;
	uint64_t time_to_live;
};

static const sd_json_dispatch_field renew_fields[] = {
	LEASE_FIELDS,
	{ "timeToLiveUSec", _SD_JSON_VARIANT_TYPE_INVALID, sd_json_dispatch_uint64,
	  offsetof(struct renew_parameters, time_to_live), SD_JSON_MANDATORY },
	{}
};

static int renew(struct call *c, void *parameters)
{
	const struct renew_parameters *p = parameters;
	int r = lease_may(c->lease, LEASE_REGISTER, &c->fault);

	if (r == 0)
		r = lease_set_time_to_live(c->lease, policy_lease_time(c->api->devices->config, &c->peer,
								       p->time_to_live));
	if (r != 0)
		return r;
	(void)lease_save(c->lease);
	return sd_varlink_reply(c->link, NULL);
}

const struct method method_renew = {
	.kind = METHOD_LEASE,
	.fields = renew_fields,
	.size = sizeof(struct renew_parameters),
	.defaults = &(const struct renew_parameters){ .lease.handle = NO_INDEX },
	.act = renew,
};
