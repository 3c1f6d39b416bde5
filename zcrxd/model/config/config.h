/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The configuration as a value: what /etc/zcrxd.yaml says, validated, with every default in place.
 * config-yaml.c makes one from text; nothing here reads files or looks up users.
 */
#pragma once

#include "fault.h"
#include "flow.h"
#include "types.h"

enum channels_mode {
	CHANNELS_KEEP, /* as many as there are */
	CHANNELS_MAX,
	CHANNELS_COUNT,
};

enum on_stop { ON_STOP_KEEP, ON_STOP_RESTORE };
enum on_drift { ON_DRIFT_REPAIR, ON_DRIFT_REPORT };
enum unsafe_kernel { UNSAFE_KERNEL_REFUSE, UNSAFE_KERNEL_ALLOW };
/* What RSS does with carved-out queues that nobody leases. */
enum idle_queues { IDLE_RESERVE, IDLE_SERVE };
enum grants_mode { GRANTS_AUTO, GRANTS_DIRECT };

/* Exactly one of name, driver, mac, path is set: how the device is found, by nic/match.h. */
struct config_interface {
	char *name;   /* this and the next but mac may be patterns (names.h) */
	char *driver;
	char *path;   /* as udev's ID_PATH */
	char *mac;    /* lower case, colons */
	enum channels_mode channels_mode;
	unsigned channels; /* CHANNELS_COUNT: receive queues in total */
	unsigned zero_copy_queues;
	unsigned rx_ring; /* 0: leave as it is */
	bool tcp_data_split;
	unsigned hds_threshold;
	enum idle_queues idle_queues;
	unsigned keep_free; /* IDLE_SERVE: so many of them are left out all the same */
};

enum policy_flows { POLICY_FLOWS_PROVE, POLICY_FLOWS_ANY, POLICY_FLOWS_LIST };

/* One entry of a flows: list; both conditions must hold. */
struct policy_flow {
	uint16_t port_first, port_last;	 /* local ports; 0,0 for any */
	struct flow_address *addresses4; /* local addresses; none of either kind: any */
	size_t n_addresses4;
	struct flow_address *addresses6;
	size_t n_addresses6;
};

#define POLICY_UNLIMITED UINT64_MAX
#define POLICY_MAX_FLOWS 64 /* by default, of users who do not administer */

enum account_kind { ACCOUNT_USER, ACCOUNT_GROUP, _ACCOUNT_KIND_MAX };

/* Whose number it is may change while we run (account.h). */
struct policy_number {
	bool fixed; /* it is written as a number, or root's */
	bool asked; /* somebody has looked for the name */
	bool known;
	uint32_t id;
};

struct policy_rule {
	unsigned line;	  /* in the file, for "denied by the rule at line 12" */
	char *user, *group; /* as written; either, both (both must match) or neither (everybody) */
	struct policy_number user_number, group_number; /* of these; not known: the rule matches nobody */
	unsigned where; /* as written, a set of enum where; 0: not, see policy_rule_where() */
	char *cgroup; /* a pattern (control-group.h), in which the process has to be; NULL: in any */
	char **interfaces; /* names or patterns (names.h), NULL-terminated; NULL for all */
	uint64_t max_queues, max_area /* bytes, of all areas of a uid */, max_lease_time /* us */;
	uint64_t max_flows; /* of all leases of a uid */
	bool has_max_flows; /* the rule says so */
	enum policy_flows flows;
	struct policy_flow *flow_list;
	size_t n_flow_list;
	bool tune; /* may set how its queues are polled */
	bool administer;
};

/*
 * From where the rule matches, a set of enum where. What is not written depends on what the rule gives:
 * root and administrators have to be processes of the host, because root of a container is uid 0, too;
 * rules that name no user take no uid that somebody made up in a user namespace of his own, because each
 * of 65536 such uids has quotas of its own.
 */
unsigned policy_rule_where(const struct policy_rule *rule);

struct config {
	enum on_stop on_stop;
	enum on_drift on_drift;
	enum grants_mode grants;
	enum unsafe_kernel unsafe_kernel;
	struct config_interface *interfaces;
	size_t n_interfaces;
	struct config_interface software; /* queues without a NIC; their number is 0: not offered */
	struct policy_rule *policy;
	size_t n_policy;
};

/* By what an entry finds its device: the key, and what is written there. */
const char *config_interface_key(const struct config_interface *c);
const char *config_interface_text(const struct config_interface *c);
/* What an entry says of its NIC, by whatever it is found; to be compared and read. -ENOMEM. */
int config_interface_describe(const struct config_interface *c, char **ret);

struct config *config_free(struct config *c); /* NULL is fine; returns NULL */
DEFINE_CLEANUP(struct config *, config_free)

/*
 * Text of `length` bytes (any bytes at all) to a configuration. `file` only names it in messages.
 * INVALID_PARAMETER with the message "FILE:LINE:COLUMN: KEY: found X, expected Y" otherwise.
 * An empty text is a valid configuration: no interfaces, root may do anything, nobody else may.
 */
int config_parse(const char *text, size_t length, const char *file, struct config **ret,
		 struct fault *reterr);
