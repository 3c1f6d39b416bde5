/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inserting and deleting ntuple rules; see rxnfc.h. Other people's rules are read, never
 * replaced or removed.
 */
#include <errno.h>

#include "flow.h"
#include "kernel-nic.h"
#include "rxnfc.h"
#include "rxtable.h"
#include "share.h"

/* mlx5 does not tell the size of its table, has this many slots, and wants to be told which. */
#define SILENT_TABLE_SIZE 1024

static int compare_locations(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/*
 * The lowest free one: where tables are searched in order, the client's narrow flow is not hidden
 * behind somebody's wide one. -EDQUOT: what is left is for others. A driver that chooses by itself need
 * not say how many there are. `from`: none below.
 */
static int choose_location(const struct ethtool_device *d, size_t held, uint32_t from, uint32_t *ret)
{
	_cleanup_free_ uint32_t *used = NULL;
	struct rxtable table;
	uint32_t location = from, size;
	int r = rxtable_read(d, &table);

	if (r < 0)
		return r;
	used = table.used;
	size = table.size > 0 || table.chooses ? table.size : SILENT_TABLE_SIZE;
	if (size > 0 && table.n_used < size && !share_allows(size, table.n_used, held, 1))
		return -EDQUOT;
	if (table.chooses) {
		*ret = RX_CLS_LOC_ANY;
		return 0;
	}
	qsort(used, table.n_used, sizeof(*used), compare_locations);
	for (size_t i = 0; i < table.n_used; i++)
		if (used[i] == location)
			location++;
	if (location >= size)
		return -ENOSPC;
	*ret = location;
	return 0;
}

/* It was renamed while the rule was on its way, which may have gone to what took the name: to be removed
 * wherever it is, if it is exactly that rule. */
static void withdraw(const struct ethtool_device *d, const char *called, uint32_t location,
		     const struct flow *flow, const struct rule_target *target)
{
	const struct ethtool_device other = { d->fd, ethtool_find(d, called), called };
	const struct ethtool_device *devices[] = { d, &other };

	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		_cleanup_fault_ struct fault ignored = {};

		if (devices[i]->ifindex > 0)
			(void)rxnfc_delete(devices[i], location, flow, target, &ignored);
	}
}

static int insert_once(const struct ethtool_device *d, const struct flow *flow,
		       const struct rule_target *target, size_t held, uint32_t from, uint32_t *ret_location,
		       bool *ret_chosen)
{
	struct ethtool_rxnfc nfc;
	char called[IFNAMSIZ];
	uint32_t location;
	int r = choose_location(d, held, from, &location);

	if (r < 0)
		return r;
	rxnfc_from_flow(flow, target, &nfc);
	nfc.cmd = ETHTOOL_SRXCLSRLINS;
	nfc.fs.location = location;
	*ret_chosen = location != RX_CLS_LOC_ANY;
	*ret_location = location;
	r = ethtool_ioctl(d, &nfc, called);
	if (r == -ESTALE)
		withdraw(d, called, nfc.fs.location, flow, target);
	if (r >= 0)
		*ret_location = nfc.fs.location;
	return r;
}

static const char *remedy(int error)
{
	switch (error) {
	case EOPNOTSUPP:
		return "The driver cannot steer such a flow, or its ntuple filters are off "
		       "(ethtool -K DEVICE ntuple on).";
	case EPERM:
		return "Either ntuple filters are off on this device (ethtool -K DEVICE ntuple "
		       "on), or zcrxd lacks CAP_NET_ADMIN.";
	case EIO:
		return "The driver said yes, but it does not list the rule, or lists it still.";
	case EAGAIN:
		return "The device is busy, or its driver resets it: try again.";
	case ENOMEM:
		return "Drivers say so of a full rule table, too (gve): delete rules that are not needed "
		       "(ethtool -n DEVICE lists them).";
	case ENOENT:
		return "The driver has lost the RSS context; zcrxd makes another one.";
	case ENOSPC:
		return "The rule table is full: delete rules that are not needed (ethtool -n DEVICE "
		       "lists them).";
	case EEXIST:
		return "The same rule exists already and is not zcrxd's: ethtool -n DEVICE lists "
		       "it, ethtool -N DEVICE delete N removes it.";
	case EINVAL:
		return "The driver cannot match this combination of fields, or has no such queue.";
	case ESTALE:
		return "The interface was renamed repeatedly meanwhile; try again.";
	case EBUSY:
		return "The device is being reset, the rule is in use, or other programs change rules all the "
		       "time; try again.";
	default:
		return "The kernel log may say more (journalctl -k).";
	}
}

static int describe(const char *what, const char *ifname, const struct flow *flow,
		    const struct rule_target *target, char **ret)
{
	_cleanup_free_ char *text = NULL;

	if (flow_format(flow, &text) < 0 ||
	    asprintf(ret, "%s the ntuple rule %s to %s %u of %s", what, text,
		     target->action == RULE_TO_CONTEXT ? "RSS context" : "queue", target->number,
		     ifname) < 0) {
		*ret = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int refuse(int r, const char *what, const struct ethtool_device *d, const struct flow *flow,
		  const struct rule_target *target, struct fault *reterr)
{
	_cleanup_free_ char *operation = NULL;

	if (r == -EBADMSG)
		return r;
	if (r == -ENETDOWN || (r == -EAGAIN && !ethtool_is_up(d))) /* while it is up: of a reset */
		return fault_set(reterr, ZCRX_INTERFACE_DOWN, d->name,
				 "Cannot %s an ntuple rule: interface %s is down. Bring it up "
				 "(ip link set %s up).",
				 what, d->name, d->name);
	if (describe(what, d->name, flow, target, &operation) < 0)
		return -ENOMEM;
	if (r == -ENODEV)
		return kernel_device_absent(d, operation, reterr);
	return fault_kernel(reterr, -r, NULL, operation, "%s", remedy(-r));
}

/* The location holds something else than what was asked for. If it still leads to our target it is
 * what the driver made of our rule, else somebody was faster, and it is theirs. */
static int refuse_changed(const struct ethtool_device *d, const struct nic_rule *found,
			  const struct flow *flow, const struct rule_target *target,
			  struct fault *reterr)
{
	struct ethtool_rxnfc nfc = { .cmd = ETHTOOL_SRXCLSRLDEL, .fs.location = found->location };
	_cleanup_free_ char *operation = NULL;

	if (found->action == target->action && found->target == target->number)
		(void)ethtool_repeat(d, &nfc, sizeof(nfc));
	if (describe("insert", d->name, flow, target, &operation) < 0)
		return -ENOMEM;
	return fault_kernel(reterr, EIO, NULL, operation,
			    "The driver said yes, but location %u holds another rule: either the "
			    "driver cannot match all these fields, or another program uses the "
			    "table at the same time (ethtool -n %s).",
			    found->location, d->name);
}

/* 0 if it is up. Down, a driver may accept a rule, show it to nobody, refuse to delete it, and bring it to
 * life when it comes up (fbnic). */
static int check_up(const struct ethtool_device *d, const char *what, struct fault *reterr)
{
	if (ethtool_is_up(d))
		return 0;
	if (ethtool_is_gone(d))
		return kernel_device_absent(d, "find it", reterr);
	return fault_set(reterr, ZCRX_INTERFACE_DOWN, d->name,
			 "Cannot %s an ntuple rule: interface %s is down, and some drivers show no rules then. "
			 "Bring it up (ip link set %s up).", what, d->name, d->name);
}

int rxnfc_insert(const struct ethtool_device *d, const struct flow *flow,
		 const struct rule_target *target, size_t held, uint32_t *ret_location,
		 struct fault *reterr)
{
	struct nic_rule found;
	bool chosen = true;
	uint32_t location = 0;
	int r = check_up(d, "insert", reterr), q;

	if (r != 0)
		return r;
	r = -EEXIST;
	/* At a location of our choice EEXIST may only mean that somebody took it just now. */
	for (unsigned i = 0; i < RXTABLE_ATTEMPTS && ((r == -EEXIST && chosen) || r == -ESTALE); i++)
		r = insert_once(d, flow, target, held, 0, &location, &chosen);
	/* With gve EINVAL means that, too, or that it has a rule there which it does not list. What it says of
	 * another location is the reason, unless there is none. */
	if (r == -EINVAL && chosen) {
		q = insert_once(d, flow, target, held, location + 1, &location, &chosen);
		r = q == -ENOSPC ? r : q;
	}
	if (r == -EDQUOT)
		return fault_set(reterr, ZCRX_QUOTA_EXCEEDED, "rules",
				 "The last entries of the rule table of %s are kept for users who have "
				 "few rules there; this one would have %zu. Remove flows that are not "
				 "needed, or wait until others remove some (ethtool -n %s lists them).",
				 d->name, held, d->name);
	if (r < 0) {
		q = rxnfc_refuse_fields(d, flow, -r, reterr);
		return q != 0 ? q : refuse(r, "insert", d, flow, target, reterr);
	}
	*ret_location = location;
	r = rxtable_find(d, location, &found);
	if (r == -ENOENT && (q = check_up(d, "insert", reterr)) != 0)
		return q;
	if (r < 0)
		return refuse(r == -ENOENT ? -EIO : r, "read back", d, flow, target, reterr);
	if (nic_rule_is(&found, flow, target))
		return 0;
	*ret_location = UINT32_MAX;
	return refuse_changed(d, &found, flow, target, reterr);
}

int rxnfc_delete(const struct ethtool_device *d, uint32_t location, const struct flow *flow,
		 const struct rule_target *target, struct fault *reterr)
{
	struct ethtool_rxnfc nfc = { .cmd = ETHTOOL_SRXCLSRLDEL, .fs.location = location };
	struct nic_rule found;
	int r = rxtable_find(d, location, &found), q;

	if (r == -EOPNOTSUPP)
		return 0; /* with ntuple filters off the driver has thrown all rules away */
	if (r == -ENOENT)
		return check_up(d, "delete", reterr);
	if (r < 0)
		return refuse(r, "read", d, flow, target, reterr);
	if (!nic_rule_is(&found, flow, target))
		return 0;
	r = ethtool_repeat(d, &nfc, sizeof(nfc));
	if (r < 0 && r != -ENOENT && r != -EINVAL)
		return refuse(r, "delete", d, flow, target, reterr);
	/* A rule that stays would hand the flow to whoever gets the queue next. */
	q = rxtable_find(d, location, &found);
	if (q < 0 && q != -ENOENT && q != -EOPNOTSUPP)
		return refuse(q, "read back", d, flow, target, reterr);
	if (q >= 0 && nic_rule_is(&found, flow, target))
		return refuse(r < 0 ? r : -EIO, "delete", d, flow, target, reterr);
	return 0;
}
