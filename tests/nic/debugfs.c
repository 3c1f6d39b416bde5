// SPDX-License-Identifier: GPL-2.0-only
/*
 * The back door of the simulation, /sys/kernel/debug/zcnic/<device>/: failures and delays of the
 * next calls of an operation, the rules with their hits, and the quirks a driver may have.
 */
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/rtnetlink.h>
#include <linux/seq_file.h>
#include <net/netdev_lock.h>

#include "zcnic.h"

#define ZCNIC_MAX_DELAY_MS 60000

static struct dentry *zcnic_debugfs_root;

static const char *const zcnic_op_names[ZCNIC_OP_MAX] = {
	[ZCNIC_OP_OPEN] = "open",
	[ZCNIC_OP_MTU] = "mtu",
	[ZCNIC_OP_MAC] = "mac",
	[ZCNIC_OP_FEATURES] = "features",
	[ZCNIC_OP_CHANNELS] = "channels",
	[ZCNIC_OP_RINGPARAM] = "ringparam",
	[ZCNIC_OP_RXFH_GET] = "rxfh_get",
	[ZCNIC_OP_RXFH] = "rxfh",
	[ZCNIC_OP_CTX_CREATE] = "ctx_create",
	[ZCNIC_OP_CTX_MODIFY] = "ctx_modify",
	[ZCNIC_OP_CTX_REMOVE] = "ctx_remove",
	[ZCNIC_OP_RULE_COUNT] = "rule_count",
	[ZCNIC_OP_RULE_LIST] = "rule_list",
	[ZCNIC_OP_RULE_GET] = "rule_get",
	[ZCNIC_OP_RULE_INS] = "rule_ins",
	[ZCNIC_OP_RULE_DEL] = "rule_del",
	[ZCNIC_OP_QUEUE_ALLOC] = "queue_alloc",
	[ZCNIC_OP_QUEUE_START] = "queue_start",
	[ZCNIC_OP_QUEUE_STOP] = "queue_stop",
	[ZCNIC_OP_RX_ALLOC] = "rx_alloc",
};

/* Whether this call is one to hit, and how. */
static bool zcnic_fault_take(struct zcnic_port *port, enum zcnic_op op,
			     struct zcnic_fault *ret_fault)
{
	struct zcnic_fault *fault = &port->fault[op];
	bool hit = false;

	/* The usual case, for every frame. */
	if (!READ_ONCE(fault->count))
		return false;

	spin_lock_bh(&port->fault_lock);
	if (fault->skip) {
		fault->skip--;
	} else if (fault->count) {
		fault->count--;
		fault->hits++;
		*ret_fault = *fault;
		hit = true;
	}
	spin_unlock_bh(&port->fault_lock);
	return hit;
}

/* For calls that may not sleep. */
int zcnic_fault_atomic(struct zcnic_port *port, enum zcnic_op op)
{
	struct zcnic_fault fault;

	return zcnic_fault_take(port, op, &fault) ? -fault.error : 0;
}

/* What a slow driver is slow at: settings and binding, not answers, opening or single frames. */
static void zcnic_dawdle(const struct zcnic_port *port, enum zcnic_op op)
{
	const unsigned long slow = BIT(ZCNIC_OP_FEATURES) | BIT(ZCNIC_OP_CHANNELS) |
				   BIT(ZCNIC_OP_RINGPARAM) | BIT(ZCNIC_OP_RXFH) |
				   BIT(ZCNIC_OP_CTX_CREATE) | BIT(ZCNIC_OP_CTX_MODIFY) |
				   BIT(ZCNIC_OP_CTX_REMOVE) | BIT(ZCNIC_OP_RULE_INS) |
				   BIT(ZCNIC_OP_RULE_DEL) | BIT(ZCNIC_OP_QUEUE_START);

	if (zcnic_has(port, ZCNIC_SLOW) && BIT(op) & slow)
		msleep(ZCNIC_SLOW_MS);
}

int zcnic_fault(struct zcnic_port *port, enum zcnic_op op, struct netlink_ext_ack *extack)
{
	struct zcnic_fault fault;

	zcnic_dawdle(port, op);
	if (!zcnic_fault_take(port, op, &fault))
		return 0;
	if (fault.delay_ms)
		msleep(fault.delay_ms);
	if (fault.error)
		NL_SET_ERR_MSG_FMT_MOD(extack, "injected failure of %s", zcnic_op_names[op]);
	return -fault.error;
}

/* For calls that may not fail. They use up a count only if there is a delay to have. */
void zcnic_delay(struct zcnic_port *port, enum zcnic_op op)
{
	struct zcnic_fault fault;

	zcnic_dawdle(port, op);
	if (READ_ONCE(port->fault[op].delay_ms) && zcnic_fault_take(port, op, &fault))
		msleep(fault.delay_ms);
}

static int zcnic_fail_show(struct seq_file *file, void *data)
{
	struct zcnic_port *port = file->private;

	seq_puts(file, "operation count skip errno delay_ms hits\n");
	for (size_t i = 0; i < ARRAY_SIZE(zcnic_op_names); i++) {
		struct zcnic_fault fault;

		spin_lock_bh(&port->fault_lock);
		fault = port->fault[i];
		spin_unlock_bh(&port->fault_lock);
		seq_printf(file, "%s %u %u %d %u %lu\n", zcnic_op_names[i], fault.count, fault.skip,
			   fault.error, fault.delay_ms, fault.hits);
	}
	return 0;
}

static int zcnic_fail_set(struct zcnic_port *port, char *line)
{
	struct zcnic_fault fault = { .error = EIO };
	char name[16];
	int fields;
	int op;

	fields = sscanf(line, "%15s %u %u %d %u", name, &fault.count, &fault.skip, &fault.error,
			&fault.delay_ms);
	if (fields < 2 || fault.error < 0 || fault.error > MAX_ERRNO ||
	    fault.delay_ms > ZCNIC_MAX_DELAY_MS)
		return -EINVAL;
	op = match_string(zcnic_op_names, ARRAY_SIZE(zcnic_op_names), name);
	if (op < 0 || (op == ZCNIC_OP_RX_ALLOC && fault.delay_ms))
		return -EINVAL;

	spin_lock_bh(&port->fault_lock);
	port->fault[op] = fault;
	spin_unlock_bh(&port->fault_lock);
	return 0;
}

static ssize_t zcnic_write_line(struct file *file, const char __user *user, size_t count,
				int (*set)(struct zcnic_port *port, char *line))
{
	struct seq_file *seq = file->private_data;
	char *line;
	int err;

	if (count > PAGE_SIZE)
		return -EINVAL;
	line = memdup_user_nul(user, count);
	if (IS_ERR(line))
		return PTR_ERR(line);
	err = set(seq->private, line);
	kfree(line);
	return err ?: count;
}

static ssize_t zcnic_fail_write(struct file *file, const char __user *user, size_t count,
				loff_t *pos)
{
	return zcnic_write_line(file, user, count, zcnic_fail_set);
}
DEFINE_SHOW_STORE_ATTRIBUTE(zcnic_fail);

static int zcnic_rules_show(struct seq_file *file, void *data)
{
	struct zcnic_port *port = file->private;
	unsigned int location;

	spin_lock_bh(&port->steer_lock);
	for_each_set_bit(location, port->rule_used, ZCNIC_MAX_RULES) {
		const struct zcnic_rule *rule = &port->rule[location];

		seq_printf(file, "location %u flow_type %u ", location, rule->spec.flow_type);
		if (rule->rss)
			seq_printf(file, "context %u", rule->context);
		else if (rule->spec.ring_cookie == RX_CLS_FLOW_DISC)
			seq_puts(file, "drop");
		else
			seq_printf(file, "queue %llu", rule->spec.ring_cookie);
		seq_printf(file, " hits %lu\n", rule->hits);
	}
	spin_unlock_bh(&port->steer_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(zcnic_rules);

static int zcnic_quirks_seq_show(struct seq_file *file, void *data)
{
	zcnic_quirks_show(file->private, file);
	return 0;
}

static int zcnic_quirks_open(struct inode *inode, struct file *file)
{
	return single_open(file, zcnic_quirks_seq_show, inode->i_private);
}

static ssize_t zcnic_quirks_write(struct file *file, const char __user *user, size_t count,
				  loff_t *pos)
{
	return zcnic_write_line(file, user, count, zcnic_quirks_set);
}

static const struct file_operations zcnic_quirks_fops = {
	.owner = THIS_MODULE,
	.open = zcnic_quirks_open,
	.read = seq_read,
	.write = zcnic_quirks_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/*
 * A driver that resets its device and forgets to set it up again: rules are gone, the RSS table is
 * the default one. 1: with what the kernel has for it, contexts lost and notifications sent; 2:
 * without a word; 3: likewise, with a new key, and closed and opened meanwhile.
 */
static int zcnic_reset_set(void *data, u64 value)
{
	struct zcnic_port *port = data;
	struct net_device *netdev = port->netdev;

	const bool carrier = netif_carrier_ok(netdev);
	int err = 0;

	if (value < 1 || value > 3)
		return -EINVAL;
	rtnl_lock();
	netdev_lock_ops(netdev);
	if (value == 3 && netif_running(netdev)) {
		netif_carrier_off(netdev);
		zcnic_queues_close(port, 0, netdev->real_num_rx_queues);
	}
	zcnic_rules_flush(port);
	zcnic_rss_spread(port, netdev->real_num_rx_queues);
	if (value == 1)
		zcnic_rss_lost(port);
	else
		zcnic_contexts_lost(port);
	if (value == 3) {
		zcnic_rss_new_key(port);
		if (netif_running(netdev))
			err = zcnic_queues_open(port, 0, netdev->real_num_rx_queues);
		if (!err && carrier)
			netif_carrier_on(netdev);
	}
	netdev_unlock_ops(netdev);
	rtnl_unlock();
	return err;
}
DEFINE_DEBUGFS_ATTRIBUTE(zcnic_reset_fops, NULL, zcnic_reset_set, "%llu\n");

/* As a driver does that recovers from an error, or suspends: whoever asks it is told ENODEV by the core. */
static int zcnic_detached_get(void *data, u64 *ret)
{
	const struct zcnic_port *port = data;

	*ret = !netif_device_present(port->netdev);
	return 0;
}

static int zcnic_detached_set(void *data, u64 value)
{
	struct zcnic_port *port = data;
	struct net_device *netdev = port->netdev;

	if (value > 1)
		return -EINVAL;
	rtnl_lock();
	netdev_lock(netdev);
	if (value) {
		netif_carrier_off(netdev);
		netif_device_detach(netdev);
	} else {
		struct zcnic_port *peer = rtnl_dereference(port->peer);

		netif_device_attach(netdev);
		if (netif_running(netdev) && peer && netif_running(peer->netdev))
			netif_carrier_on(netdev);
	}
	netdev_unlock(netdev);
	rtnl_unlock();
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(zcnic_detached_fops, zcnic_detached_get, zcnic_detached_set, "%llu\n");

void zcnic_debugfs_init(void)
{
	zcnic_debugfs_root = debugfs_create_dir(ZCNIC_NAME, NULL);
}

void zcnic_debugfs_exit(void)
{
	debugfs_remove(zcnic_debugfs_root);
}

void zcnic_debugfs_add(struct zcnic_port *port)
{
	const char *name = dev_name(port->netdev->dev.parent);

	port->debugfs = debugfs_create_dir(name, zcnic_debugfs_root);
	debugfs_create_file("fail", 0600, port->debugfs, port, &zcnic_fail_fops);
	debugfs_create_file("rules", 0400, port->debugfs, port, &zcnic_rules_fops);
	debugfs_create_file("quirks", 0600, port->debugfs, port, &zcnic_quirks_fops);
	debugfs_create_file_unsafe("detached", 0600, port->debugfs, port, &zcnic_detached_fops);
	debugfs_create_file_unsafe("reset", 0200, port->debugfs, port, &zcnic_reset_fops);
}

void zcnic_debugfs_remove(struct zcnic_port *port)
{
	debugfs_remove(port->debugfs);
}
