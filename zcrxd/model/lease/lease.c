/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of a lease's life, and the names and ids that leases go by.
 *
 * Every cell is written down; a test compares them with a second opinion. Three rules shape it:
 * a queue goes back to FREE only through DRAINING or QUARANTINED and only on the kernel's word
 * (CLEAN); nothing is steered at a queue that has no ifq, but for leases that register themselves;
 * a rule that was inserted while the lease was already being taken back is taken away by draining
 * once more.
 */
#include <assert.h>
#include <ctype.h>

#include "lease.h"

#define STORE  LEASE_EFFECT_STORE
#define NOTIFY LEASE_EFFECT_NOTIFY
#define DRAIN  LEASE_EFFECT_DRAIN
#define FORGET LEASE_EFFECT_FORGET

#define GO(state, what) { .verdict = LEASE_GO, .next = LEASE_##state, .effects = (what) }
#define REFUSE		{ .verdict = LEASE_REFUSE }
#define IGNORE		{ .verdict = LEASE_IGNORE }
#define ILLEGAL		{ .verdict = LEASE_ILLEGAL }

/* A lease that is alive ends the same way whatever the cause. */
#define RECLAIM GO(DRAINING, STORE | NOTIFY | DRAIN)

static const struct lease_transition table[_LEASE_STATE_MAX][_LEASE_EVENT_MAX] = {
	[LEASE_FREE] = {
		[LEASE_ACQUIRE] = GO(RESERVED, STORE | NOTIFY),
		[LEASE_REGISTER] = ILLEGAL,
		[LEASE_REGISTERED] = ILLEGAL,
		[LEASE_ADD_FLOW] = ILLEGAL,
		[LEASE_ADD_FLOW_EARLY] = ILLEGAL,
		[LEASE_FLOW_ADDED] = ILLEGAL,
		[LEASE_LAST_FLOW_GONE] = ILLEGAL,
		[LEASE_LAST_FLOW_GONE_UNBOUND] = ILLEGAL,
		[LEASE_UNBOUND] = ILLEGAL,
		[LEASE_RELEASE] = ILLEGAL,
		[LEASE_HANDLE_GONE] = ILLEGAL,
		[LEASE_EXPIRED] = ILLEGAL,
		[LEASE_REVOKE] = ILLEGAL,
		[LEASE_INTERFACE_GONE] = ILLEGAL,
		[LEASE_ACQUIRE_FAILED] = ILLEGAL,
		[LEASE_CLEAN] = ILLEGAL,
		[LEASE_STUCK] = ILLEGAL,
	},
	[LEASE_RESERVED] = {
		[LEASE_ACQUIRE] = ILLEGAL,
		[LEASE_REGISTER] = IGNORE,
		[LEASE_REGISTERED] = GO(BOUND, STORE | NOTIFY),
		[LEASE_ADD_FLOW] = REFUSE,
		[LEASE_ADD_FLOW_EARLY] = IGNORE,
		[LEASE_FLOW_ADDED] = GO(STEERED, STORE | NOTIFY),
		[LEASE_LAST_FLOW_GONE] = ILLEGAL,
		[LEASE_LAST_FLOW_GONE_UNBOUND] = IGNORE,
		[LEASE_UNBOUND] = IGNORE,
		[LEASE_RELEASE] = RECLAIM,
		[LEASE_HANDLE_GONE] = RECLAIM,
		[LEASE_EXPIRED] = RECLAIM,
		[LEASE_REVOKE] = RECLAIM,
		[LEASE_INTERFACE_GONE] = RECLAIM,
		/* The queues may be somebody else's: only the kernel's word makes them free. */
		[LEASE_ACQUIRE_FAILED] = RECLAIM,
		[LEASE_CLEAN] = IGNORE,
		[LEASE_STUCK] = ILLEGAL,
	},
	[LEASE_BOUND] = {
		[LEASE_ACQUIRE] = ILLEGAL,
		/* A further queue of the lease. */
		[LEASE_REGISTER] = IGNORE,
		[LEASE_REGISTERED] = GO(BOUND, STORE | NOTIFY),
		[LEASE_ADD_FLOW] = IGNORE,
		[LEASE_ADD_FLOW_EARLY] = IGNORE,
		[LEASE_FLOW_ADDED] = GO(STEERED, STORE | NOTIFY),
		[LEASE_LAST_FLOW_GONE] = IGNORE,
		[LEASE_LAST_FLOW_GONE_UNBOUND] = ILLEGAL,
		[LEASE_UNBOUND] = GO(RESERVED, STORE | NOTIFY),
		[LEASE_RELEASE] = RECLAIM,
		[LEASE_HANDLE_GONE] = RECLAIM,
		[LEASE_EXPIRED] = RECLAIM,
		[LEASE_REVOKE] = RECLAIM,
		[LEASE_INTERFACE_GONE] = RECLAIM,
		[LEASE_ACQUIRE_FAILED] = ILLEGAL,
		[LEASE_CLEAN] = IGNORE,
		[LEASE_STUCK] = ILLEGAL,
	},
	[LEASE_STEERED] = {
		[LEASE_ACQUIRE] = ILLEGAL,
		[LEASE_REGISTER] = IGNORE,
		[LEASE_REGISTERED] = GO(STEERED, STORE | NOTIFY),
		[LEASE_ADD_FLOW] = IGNORE,
		[LEASE_ADD_FLOW_EARLY] = IGNORE,
		[LEASE_FLOW_ADDED] = GO(STEERED, STORE | NOTIFY),
		/* No watcher is told: there is no event for flows that went. */
		[LEASE_LAST_FLOW_GONE] = GO(BOUND, STORE),
		[LEASE_LAST_FLOW_GONE_UNBOUND] = GO(RESERVED, STORE),
		/* The rules are lifted first. */
		[LEASE_UNBOUND] = ILLEGAL,
		[LEASE_RELEASE] = RECLAIM,
		[LEASE_HANDLE_GONE] = RECLAIM,
		[LEASE_EXPIRED] = RECLAIM,
		[LEASE_REVOKE] = RECLAIM,
		[LEASE_INTERFACE_GONE] = RECLAIM,
		[LEASE_ACQUIRE_FAILED] = ILLEGAL,
		[LEASE_CLEAN] = IGNORE,
		[LEASE_STUCK] = ILLEGAL,
	},
	[LEASE_DRAINING] = {
		[LEASE_ACQUIRE] = ILLEGAL,
		[LEASE_REGISTER] = REFUSE,
		/* It was under way: the ifq goes with the grant, or is waited for. */
		[LEASE_REGISTERED] = IGNORE,
		[LEASE_ADD_FLOW] = REFUSE,
		[LEASE_ADD_FLOW_EARLY] = REFUSE,
		/* It was under way, and drain may have run past it. */
		[LEASE_FLOW_ADDED] = GO(DRAINING, STORE | DRAIN),
		[LEASE_LAST_FLOW_GONE] = IGNORE,
		[LEASE_LAST_FLOW_GONE_UNBOUND] = IGNORE,
		[LEASE_UNBOUND] = IGNORE,
		[LEASE_RELEASE] = IGNORE,
		[LEASE_HANDLE_GONE] = IGNORE,
		[LEASE_EXPIRED] = IGNORE,
		[LEASE_REVOKE] = IGNORE,
		[LEASE_INTERFACE_GONE] = IGNORE,
		[LEASE_ACQUIRE_FAILED] = IGNORE,
		[LEASE_CLEAN] = GO(FREE, NOTIFY | FORGET),
		[LEASE_STUCK] = GO(QUARANTINED, STORE | NOTIFY),
	},
	[LEASE_QUARANTINED] = {
		[LEASE_ACQUIRE] = ILLEGAL,
		[LEASE_REGISTER] = REFUSE,
		[LEASE_REGISTERED] = IGNORE,
		[LEASE_ADD_FLOW] = REFUSE,
		[LEASE_ADD_FLOW_EARLY] = REFUSE,
		[LEASE_FLOW_ADDED] = GO(QUARANTINED, STORE | DRAIN),
		[LEASE_LAST_FLOW_GONE] = IGNORE,
		[LEASE_LAST_FLOW_GONE_UNBOUND] = IGNORE,
		[LEASE_UNBOUND] = IGNORE,
		[LEASE_RELEASE] = IGNORE,
		[LEASE_HANDLE_GONE] = IGNORE,
		[LEASE_EXPIRED] = IGNORE,
		/* The administrator's way to try once more. */
		[LEASE_REVOKE] = GO(QUARANTINED, DRAIN),
		[LEASE_INTERFACE_GONE] = IGNORE,
		[LEASE_ACQUIRE_FAILED] = IGNORE,
		[LEASE_CLEAN] = GO(FREE, NOTIFY | FORGET),
		[LEASE_STUCK] = IGNORE,
	},
};

static const char *const state_names[_LEASE_STATE_MAX] = {
	[LEASE_FREE] = "free",	       [LEASE_RESERVED] = "reserved",
	[LEASE_BOUND] = "bound",       [LEASE_STEERED] = "steered",
	[LEASE_DRAINING] = "draining", [LEASE_QUARANTINED] = "quarantined",
};

static const char *const event_names[_LEASE_EVENT_MAX] = {
	[LEASE_ACQUIRE] = "acquire",
	[LEASE_REGISTER] = "register",
	[LEASE_REGISTERED] = "registered",
	[LEASE_ADD_FLOW] = "add-flow",
	[LEASE_ADD_FLOW_EARLY] = "add-flow-early",
	[LEASE_FLOW_ADDED] = "flow-added",
	[LEASE_LAST_FLOW_GONE] = "last-flow-gone",
	[LEASE_LAST_FLOW_GONE_UNBOUND] = "last-flow-gone-unbound",
	[LEASE_UNBOUND] = "unbound",
	[LEASE_RELEASE] = "release",
	[LEASE_HANDLE_GONE] = "handle-gone",
	[LEASE_EXPIRED] = "expired",
	[LEASE_REVOKE] = "revoke",
	[LEASE_INTERFACE_GONE] = "interface-gone",
	[LEASE_ACQUIRE_FAILED] = "acquire-failed",
	[LEASE_CLEAN] = "clean",
	[LEASE_STUCK] = "stuck",
};

static const char *const grant_names[_GRANT_KIND_MAX] = {
	[GRANT_NETKIT] = "netkit",
	[GRANT_DIRECT] = "direct",
	[GRANT_SOFTWARE] = "software",
};

struct lease_transition lease_step(enum lease_state state, enum lease_event event)
{
	assert(state >= 0 && state < _LEASE_STATE_MAX);
	assert(event >= 0 && event < _LEASE_EVENT_MAX);
	return table[state][event];
}

static const char *remedy(enum lease_state state)
{
	switch (state) {
	case LEASE_RESERVED:
		return "register a ring on its queue first";
	case LEASE_DRAINING:
	case LEASE_QUARANTINED:
		return "it is being reclaimed; acquire another one";
	case LEASE_FREE:
	case LEASE_BOUND:
	case LEASE_STEERED:
	case _LEASE_STATE_MAX:
		break;
	}
	return "acquire another one";
}

int lease_refusal(enum lease_state state, enum lease_event event, const char *lease_id,
		  struct fault *reterr)
{
	if (lease_step(state, event).verdict != LEASE_REFUSE)
		return 0;
	fault_set(reterr, ZCRX_WRONG_STATE, lease_state_to_string(state),
		  "Lease %s is %s, so %s is not possible; %s.", lease_id,
		  lease_state_to_string(state), lease_event_to_string(event), remedy(state));
	if (reterr)
		reterr->operation = strdup(lease_event_to_string(event));
	return ZCRX_WRONG_STATE;
}

const char *lease_state_to_string(enum lease_state s)
{
	return s >= 0 && s < _LEASE_STATE_MAX ? state_names[s] : "unknown";
}

const char *lease_event_to_string(enum lease_event e)
{
	return e >= 0 && e < _LEASE_EVENT_MAX ? event_names[e] : "unknown";
}

const char *grant_kind_to_string(enum grant_kind k)
{
	return k >= 0 && k < _GRANT_KIND_MAX ? grant_names[k] : "unknown";
}

void lease_id_format(uint32_t id, char ret[LEASE_ID_DIGITS + 1])
{
	snprintf(ret, LEASE_ID_DIGITS + 1, "%08x", id);
}

/* Exactly what lease_id_format writes, so that an id has one spelling. */
int lease_id_parse(const char *s, uint32_t *ret)
{
	uint32_t id = 0;

	if (strnlen(s, LEASE_ID_DIGITS + 1) != LEASE_ID_DIGITS)
		return -EINVAL;
	for (; *s; s++) {
		if (!isxdigit((unsigned char)*s) || isupper((unsigned char)*s))
			return -EINVAL;
		id = id << 4 | (uint32_t)(isdigit((unsigned char)*s) ? *s - '0' : *s - 'a' + 10);
	}
	if (id == 0)
		return -EINVAL;
	*ret = id;
	return 0;
}

void lease_device_name(uint32_t id, char ret[IFNAMSIZ])
{
	snprintf(ret, IFNAMSIZ, LEASE_DEVICE_PREFIX "%08x", id);
}

int lease_id_from_device(const char *device, uint32_t *ret)
{
	size_t n = strlen(LEASE_DEVICE_PREFIX);

	return strncmp(device, LEASE_DEVICE_PREFIX, n) == 0 ? lease_id_parse(device + n, ret)
							    : -EINVAL;
}
