/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nic_ops.apply: one step of a plan onto the NIC, or those of its ring at once, and read back. Drivers round, ignore and undo:
 * a step is done when the kernel shows it.
 */
#include <linux/ethtool_netlink.h>
#include <stdarg.h>

#include "kernel-nic.h"
#include "memstream.h"
#include "rssioctl.h"
#include "uapi.h"

#define FEATURE_NTUPLE "rx-ntuple-filter"
#define FEATURE_GRO_HW "rx-gro-hw"

static int read_rings(struct kernel_nic *nic, struct ethnl_rings *ret)
{
	return kernel_nic_read(nic, ETHTOOL_MSG_RINGS_GET, ethnl_read_rings, ret);
}

/* What is asked for and what is there, as the read-back half of every step compares them. */
struct readback {
	bool equal;
	char *found; /* in words, NULL if they are equal */
};

static int differs(struct readback *ret, bool equal, const char *format, ...) _printf_(3, 4);
static int differs(struct readback *ret, bool equal, const char *format, ...)
{
	va_list ap;
	int r = 0;

	*ret = (struct readback) { .equal = equal };
	if (equal)
		return 0;
	va_start(ap, format);
	if (vasprintf(&ret->found, format, ap) < 0) {
		ret->found = NULL;
		r = -ENOMEM;
	}
	va_end(ap);
	return r;
}

static int apply_feature(struct kernel_nic *nic, const char *name, bool on, struct readback *ret)
{
	struct ethnl_features f = {};
	enum feature_state state;
	int r;

	/* The kernel answers 0 even if the driver kept the feature as it was. */
	r = netlink_call(&nic->genl, ethnl_set_feature(&nic->ethtool, nic->nic.ifindex, name, on),
			 NULL, NULL);
	if (r >= 0)
		r = kernel_nic_read(nic, ETHTOOL_MSG_FEATURES_GET, ethnl_read_features, &f);
	if (r < 0)
		return r;
	state = streq(name, FEATURE_NTUPLE) ? f.ntuple : f.gro_hw;
	return differs(ret, feature_is_on(state) == on, "%s stays %s%s", name, on ? "off" : "on",
		       state == FEATURE_FIXED_OFF || state == FEATURE_FIXED_ON
			       ? ", this device cannot change it"
			       : "");
}

static int set_rings(struct kernel_nic *nic, const struct ethnl_rings_change *c, struct ethnl_rings *ret)
{
	int r = netlink_call(&nic->genl, ethnl_set_rings(&nic->ethtool, nic->nic.ifindex, c), NULL, NULL);

	return r < 0 ? r : read_rings(nic, ret);
}

/*
 * Back is to "unknown", which hands the choice to the driver, whatever it then reports: a "disabled"
 * that was found is nearly always a driver's own choice, and bnxt and fbnic refuse to be told so; and
 * so is an "enabled" that was found. Somebody's own word is given again where the driver's choice is
 * another one.
 */
static bool gives_back(const struct step_value *split)
{
	return split && (split->number == SPLIT_DISABLED || split->by_driver);
}

static int compare_rings(const struct step *steps, size_t n, const struct ethnl_rings *rings,
			 struct readback *ret)
{
	int r = 0;

	*ret = (struct readback) { .equal = true };
	for (size_t i = 0; r == 0 && ret->equal && i < n; i++) {
		const unsigned wanted = steps[i].to.number;

		if (steps[i].op == STEP_TCP_DATA_SPLIT)
			r = differs(ret, wanted != SPLIT_ENABLED || rings->split == SPLIT_ENABLED,
				    "tcp-data-split is %s", data_split_to_string(rings->split));
		else if (steps[i].op == STEP_HDS_THRESHOLD)
			r = differs(ret, rings->hds_threshold == wanted, "the driver made hds-threshold %u",
				    rings->hds_threshold);
		else
			r = differs(ret, rings->rx == wanted, "the driver made rings %u", rings->rx);
	}
	return r;
}

static int apply_rings(struct kernel_nic *nic, const struct step *steps, size_t n, struct readback *ret)
{
	struct ethnl_rings_change c = {};
	const struct step_value *split = NULL;
	struct ethnl_rings rings = {};
	int r;

	for (size_t i = 0; i < n; i++) {
		c.has_split |= steps[i].op == STEP_TCP_DATA_SPLIT;
		c.has_hds_threshold |= steps[i].op == STEP_HDS_THRESHOLD;
		c.has_rx |= steps[i].op == STEP_RINGS;
		if (steps[i].op == STEP_TCP_DATA_SPLIT)
			split = &steps[i].to;
		else if (steps[i].op == STEP_HDS_THRESHOLD)
			c.hds_threshold = steps[i].to.number;
		else
			c.rx = steps[i].to.number;
	}
	if (split)
		c.split = gives_back(split) ? SPLIT_UNKNOWN : (enum data_split)split->number;
	r = set_rings(nic, &c, &rings);
	if (r >= 0 && gives_back(split) && (rings.split == SPLIT_ENABLED) != (split->number == SPLIT_ENABLED)) {
		c = (struct ethnl_rings_change) { .has_split = true, .split = (enum data_split)split->number };
		r = set_rings(nic, &c, &rings);
	}
	return r < 0 ? r : compare_rings(steps, n, &rings, ret);
}

static const struct rss_table *default_table(const struct ethnl_rss *rss)
{
	for (size_t i = 0; i < rss->n; i++)
		if (rss->tables[i].context == 0)
			return &rss->tables[i];
	return NULL;
}

static int set_rss(struct kernel_nic *nic, const uint32_t *table, size_t n)
{
	const struct ethtool_device device = kernel_nic_device(nic);

	if (netlink_family_has(&nic->ethtool, UAPI_ETHTOOL_MSG_RSS_SET))
		return netlink_call(&nic->genl,
				    ethnl_set_rss(&nic->ethtool, nic->nic.ifindex, table, n), NULL,
				    NULL);
	/* Until Linux 6.17. */
	netlink_forget_refusal(&nic->genl);
	return rss_ioctl_set(&device, table, n);
}

/* The size may have changed since the table was made, with the channels (mlx5), and the ioctl takes
 * none but the device's. */
static int apply_table(struct kernel_nic *nic, const struct step_value *to, struct ethnl_rss *rss,
		       struct readback *ret)
{
	const struct rss_table *found;
	_cleanup_free_ uint32_t *table = NULL;
	size_t n;
	int r = kernel_nic_read_rss(nic, rss);

	if (r < 0)
		return r;
	found = default_table(rss);
	n = found && found->n > 0 ? found->n : to->n_rss;
	table = calloc(n, sizeof(*table));
	if (!table)
		return -ENOMEM;
	rss_table_fit(to->rss, to->n_rss, table, n);
	r = set_rss(nic, table, n);
	if (r < 0)
		return r;
	ethnl_rss_reset(rss);
	r = kernel_nic_read_rss(nic, rss);
	if (r < 0)
		return r;
	found = default_table(rss);
	return differs(ret,
		       found && found->n == n &&
			       memcmp(found->entries, table, n * sizeof(*table)) == 0,
		       "the RSS table is another one");
}

static int apply_rss(struct kernel_nic *nic, const struct step_value *to, struct readback *ret)
{
	struct ethnl_rss rss = {};
	int r;

	if (to->n_rss == 0) { /* the default is whatever the driver says it is */
		*ret = (struct readback) { .equal = true };
		return set_rss(nic, NULL, 0);
	}
	r = apply_table(nic, to, &rss, ret);
	ethnl_rss_reset(&rss);
	return r;
}

static int apply_channels(struct kernel_nic *nic, const struct step *step, struct readback *ret)
{
	const struct nic_channels *to = &step->to.channels;
	struct nic_channels c = {};
	int r = netlink_call(
		&nic->genl,
		ethnl_set_channels(&nic->ethtool, nic->nic.ifindex, &step->from.channels, to), NULL,
		NULL);

	if (r >= 0)
		r = kernel_nic_read(nic, ETHTOOL_MSG_CHANNELS_GET, ethnl_read_channels, &c);
	if (r < 0)
		return r;
	return differs(ret, c.combined == to->combined && c.rx == to->rx && c.tx == to->tx,
		       "there are %u combined, %u receive and %u transmit channels", c.combined,
		       c.rx, c.tx);
}

static int apply(struct kernel_nic *nic, const struct step *step, size_t n, struct readback *ret)
{
	switch (step->op) {
	case STEP_GRO_HW:
		return apply_feature(nic, FEATURE_GRO_HW, step->to.number, ret);
	case STEP_NTUPLE:
		return apply_feature(nic, FEATURE_NTUPLE, step->to.number, ret);
	case STEP_TCP_DATA_SPLIT:
	case STEP_HDS_THRESHOLD:
	case STEP_RINGS:
		return apply_rings(nic, step, n, ret);
	case STEP_RSS:
		return apply_rss(nic, &step->to, ret);
	case STEP_CHANNELS:
		return apply_channels(nic, step, ret);
	case _STEP_OP_MAX:
		break;
	}
	return -EINVAL;
}

static const char *remedy(enum step_op op, int error)
{
	if (error == EPERM)
		return "zcrxd needs CAP_NET_ADMIN in the initial user namespace.";
	if (error == ENETDOWN)
		return "This driver can do it only while the interface is up.";
	if (error == EAGAIN)
		return "This driver can do it only while the interface is up, and not while it resets the device: "
		       "if it is up, try again.";
	switch (op) {
	case STEP_GRO_HW:
		return "The driver cannot change hardware GRO, or not now: ethtool -k shows whether it is "
		       "fixed, and the kernel's log (journalctl -k) what excludes it (mlx5: XDP, AF_XDP, LRO, "
		       "rx-fcs, CQE compression).";
	case STEP_TCP_DATA_SPLIT:
		return "Zero-copy receive needs a NIC that splits headers from data: not every "
		       "driver can, some only after other settings (mlx5: rx-gro-hw on; no "
		       "single-buffer XDP program).";
	case STEP_HDS_THRESHOLD:
		return "The driver cannot set the header/data split threshold; leave hds-threshold "
		       "out of the configuration.";
	case STEP_NTUPLE:
		return "Without ntuple filters no flow can be steered; the driver may lack them.";
	case STEP_RINGS:
		return "Ask for a ring size that the device has (ethtool -g shows the range).";
	case STEP_RSS:
		return "Without control over RSS no queue can be kept free of ordinary traffic.";
	case STEP_CHANNELS:
		return "Channels in use cannot be taken away: by an RSS context (ethtool -x), an "
		       "ntuple rule (ethtool -n), AF_XDP, or a lease (zcrxctl leases). ethtool -l "
		       "shows how many the device has.";
	case _STEP_OP_MAX:
		break;
	}
	return "";
}

/* "set rings of eth0 to 512"; of several, the others follow behind commas. */
static int name_operation(const struct kernel_nic *nic, const struct step *steps, size_t n, char **ret)
{
	struct memstream m;
	int r = memstream_begin(&m);

	for (size_t i = 0; r == 0 && i < n; i++) {
		_cleanup_free_ char *value = NULL;

		r = step_value_format(steps[i].op, &steps[i].to, &value);
		if (r == 0 && i == 0)
			fprintf(m.f, "set %s of %s to %s", step_op_to_string(steps[i].op), nic->name, value);
		else if (r == 0)
			fprintf(m.f, ", %s to %s", step_op_to_string(steps[i].op), value);
	}
	return memstream_end(&m, r, ret);
}

/* Of several the kernel does not tell which one it is about. */
static int remedies(const struct step *steps, size_t n, int error, char **ret)
{
	struct memstream m;
	int r = memstream_begin(&m);
	const char *last = "";

	for (size_t i = 0; r == 0 && i < n; i++) {
		const char *next = remedy(steps[i].op, error);

		if (next != last)
			fprintf(m.f, "%s%s", i > 0 ? " " : "", next);
		last = next;
	}
	return memstream_end(&m, r, ret);
}

int kernel_nic_apply(struct nic *base, const struct step *steps, size_t n, struct fault *reterr)
{
	struct kernel_nic *nic = kernel_nic(base);
	_cleanup_free_ char *operation = NULL, *help = NULL, *found = NULL;
	struct readback readback = {};
	int r = kernel_nic_begin(nic, reterr);

	if (r != 0)
		return r;
	r = apply(nic, steps, n, &readback);
	found = readback.found;
	if (r >= 0 && readback.equal)
		return 0;
	if (r == -ENOMEM || r == -EBADMSG || r == -ETIMEDOUT)
		return r;
	if (name_operation(nic, steps, n, &operation) < 0 || remedies(steps, n, r < 0 ? -r : 0, &help) < 0)
		return -ENOMEM;
	if (r == -ENODEV)
		return kernel_nic_absent(nic, operation, reterr);
	if (r < 0)
		return fault_kernel(reterr, -r, nic->genl.text, operation, "%s", help);
	return fault_kernel(reterr, EOPNOTSUPP, NULL, operation, "The kernel said yes, but %s. %s", found, help);
}
