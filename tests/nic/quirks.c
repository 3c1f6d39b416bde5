// SPDX-License-Identifier: GPL-2.0-only
/*
 * What drivers do differently from each other. Every quirk is off by default; they are switched on
 * by the module's parameter, for ports that appear after that, or for one port by its file in
 * debugfs. Here are their names, and what it takes to switch them; the rest of the module asks
 * zcnic_has() where it matters. docs/DRIVERS.md says which real drivers have which.
 */
#include <linux/rtnetlink.h>
#include <linux/xarray.h>
#include <net/netdev_lock.h>
#include <net/netdev_queues.h>

#include "zcnic.h"

static const char *const zcnic_quirk_names[ZCNIC_QUIRKS] = {
	[ZCNIC_LOCATION_ANY] = "location-any",
	[ZCNIC_LOCATION_GIVEN] = "location-given",
	[ZCNIC_LOCATION_OCCUPIED] = "location-occupied",
	[ZCNIC_TABLE_SILENT] = "table-silent",
	[ZCNIC_ONE_FIELD_SET] = "one-field-set",
	[ZCNIC_RULES_LOST] = "rules-lost",
	[ZCNIC_SPLIT_FIXED] = "split-fixed",
	[ZCNIC_SPLIT_GRO_HW] = "split-gro-hw",
	[ZCNIC_SPLIT_REFUSED] = "split-refused",
	[ZCNIC_SPLIT_SHRINKS] = "split-shrinks-rings",
	[ZCNIC_THRESHOLD_DEFAULT] = "threshold-default",
	[ZCNIC_THRESHOLD_NONE] = "threshold-none",
	[ZCNIC_FEW_FILTERED] = "few-filtered",
	[ZCNIC_SEPARATE_CHANNELS] = "separate-channels",
	[ZCNIC_TABLE_REWRITTEN] = "table-rewritten",
	[ZCNIC_NO_CONTEXTS] = "no-contexts",
	[ZCNIC_BOUNCES] = "bounces",
	[ZCNIC_FAILURE_CLOSES] = "failure-closes",
	[ZCNIC_BIND_STOPS_ALL] = "bind-stops-all",
	[ZCNIC_BIND_NEEDS_UP] = "bind-needs-up",
	[ZCNIC_PAGES_ONLY] = "pages-only",
	[ZCNIC_SLOW] = "slow",
	[ZCNIC_LISTS_RACE] = "lists-race",
	[ZCNIC_DOWN_HIDES_RULES] = "down-hides-rules",
	[ZCNIC_CONTEXTS_LOST] = "contexts-lost",
	[ZCNIC_CHECKSUM_UNSAID] = "checksum-unsaid",
	[ZCNIC_NO_QUEUE_MANAGEMENT] = "no-queue-management",
	[ZCNIC_AREA_OVER_RING] = "area-over-ring",
	[ZCNIC_DRY_STOPS_ALL] = "dry-stops-all",
	[ZCNIC_BUFFER_RANGE] = "buffer-range",
	[ZCNIC_NAPI_RENEWED] = "napi-renewed",
	[ZCNIC_OTHER_ERRNOS] = "other-errnos",
};

static int zcnic_quirks_parse(char *text, unsigned long *ret)
{
	unsigned long quirks = 0;
	char *name;

	while ((name = strsep(&text, ", \n"))) {
		int quirk;

		if (!*name)
			continue;
		quirk = match_string(zcnic_quirk_names, ZCNIC_QUIRKS, name);
		if (quirk < 0)
			return -EINVAL;
		quirks |= BIT(quirk);
	}
	if ((quirks & BIT(ZCNIC_LOCATION_ANY) && quirks & BIT(ZCNIC_LOCATION_GIVEN)) ||
	    (quirks & BIT(ZCNIC_THRESHOLD_DEFAULT) && quirks & BIT(ZCNIC_THRESHOLD_NONE)) ||
	    (quirks & BIT(ZCNIC_FAILURE_CLOSES) && !(quirks & BIT(ZCNIC_BOUNCES))))
		return -EINVAL;
	*ret = quirks;
	return 0;
}

/* The tables of callbacks are the port's own, because some quirks are callbacks that lack. */
static void zcnic_quirks_set_ops(struct zcnic_port *port)
{
	struct ethtool_ops *ops = &port->ethtool_ops;

	*ops = zcnic_ethtool_ops;
	if (zcnic_has(port, ZCNIC_THRESHOLD_NONE))
		ops->supported_ring_params &= ~ETHTOOL_RING_USE_HDS_THRS;
	if (zcnic_has(port, ZCNIC_NO_CONTEXTS)) {
		ops->create_rxfh_context = NULL;
		ops->modify_rxfh_context = NULL;
		ops->remove_rxfh_context = NULL;
	}
	/* The carrier is changed under rtnl. */
	if (zcnic_has(port, ZCNIC_BOUNCES))
		ops->op_needs_rtnl |= ETHTOOL_OP_NEEDS_RTNL_RSS | ETHTOOL_OP_NEEDS_RTNL_SRINGPARAM;

	port->queue_mgmt_ops = zcnic_queue_mgmt_ops;
	if (zcnic_has(port, ZCNIC_PAGES_ONLY))
		port->queue_mgmt_ops.supported_params = 0;
	port->netdev->queue_mgmt_ops =
		zcnic_has(port, ZCNIC_NO_QUEUE_MANAGEMENT) ? NULL : &port->queue_mgmt_ops;
}

/* Under rtnl and the instance lock, or before the port is registered. */
static int zcnic_quirks_switch(struct zcnic_port *port, unsigned long quirks)
{
	struct net_device *netdev = port->netdev;
	const unsigned long on = quirks & ~port->quirks;

	if (!(quirks & BIT(ZCNIC_SEPARATE_CHANNELS)) &&
	    netdev->real_num_rx_queues != netdev->real_num_tx_queues)
		return -EBUSY;
	if (on & BIT(ZCNIC_NO_CONTEXTS) && netdev->ethtool && !xa_empty(&netdev->ethtool->rss_ctx))
		return -EBUSY;

	WRITE_ONCE(port->quirks, quirks);
	zcnic_quirks_set_ops(port);
	if (on & BIT(ZCNIC_THRESHOLD_DEFAULT)) {
		netdev->cfg->hds_thresh = ZCNIC_HDS_THRESH_QUIRK;
		WRITE_ONCE(port->hds_thresh, ZCNIC_HDS_THRESH_QUIRK);
	}
	if (zcnic_has(port, ZCNIC_SPLIT_GRO_HW)) {
		netdev->hw_features |= NETIF_F_GRO_HW;
	} else if (!port->offload) {
		netdev->hw_features &= ~NETIF_F_GRO_HW;
		netdev->wanted_features &= ~NETIF_F_GRO_HW;
		netdev->features &= ~NETIF_F_GRO_HW;
	}
	zcnic_split_update(port);
	return 0;
}

int zcnic_quirks_set(struct zcnic_port *port, char *text)
{
	unsigned long quirks;
	int err;

	err = zcnic_quirks_parse(text, &quirks);
	if (err)
		return err;
	if (port->netdev->reg_state != NETREG_REGISTERED)
		return zcnic_quirks_switch(port, quirks);

	rtnl_lock();
	netdev_lock(port->netdev);
	err = zcnic_quirks_switch(port, quirks);
	if (!err)
		netdev_update_features(port->netdev);
	netdev_unlock(port->netdev);
	rtnl_unlock();
	return err;
}

void zcnic_quirks_show(const struct zcnic_port *port, struct seq_file *file)
{
	for (int i = 0; i < ZCNIC_QUIRKS; i++)
		if (zcnic_has(port, i))
			seq_printf(file, "%s\n", zcnic_quirk_names[i]);
}

/*
 * Many drivers close and open the device to change a setting. Under rtnl and the instance lock. If
 * it cannot be opened, it has no queues until it is set up anew; some drivers say so by closing it.
 */
int zcnic_bounce(struct zcnic_port *port)
{
	struct net_device *netdev = port->netdev;
	const bool carrier = netif_carrier_ok(netdev);
	int err;

	if (!zcnic_has(port, ZCNIC_BOUNCES) || !netif_running(netdev))
		return 0;
	WRITE_ONCE(port->bounces, port->bounces + 1);
	netif_carrier_off(netdev);
	zcnic_queues_close(port, 0, netdev->real_num_rx_queues);
	err = zcnic_fault(port, ZCNIC_OP_OPEN, NULL) ?:
	      zcnic_queues_open(port, 0, netdev->real_num_rx_queues);
	port->dead = err;
	if (!err && carrier)
		netif_carrier_on(netdev);
	if (err && zcnic_has(port, ZCNIC_FAILURE_CLOSES))
		netif_close(netdev);
	return err;
}
