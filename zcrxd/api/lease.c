/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Methods on a lease as a whole: Open, Release, Renew. Acquire is acquire.c's.
 */
#include "acquire.h"
#include "drain.h"
#include "methods.h"
#include "policy.h"

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
	.orchestrates = true,
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
