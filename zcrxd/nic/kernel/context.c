/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * RSS contexts of leases: created, verified, and deleted again. The indirection table counts the
 * queues of the physical device, also those that are leased to a netkit device. Other people's
 * contexts are read, never changed.
 */
#include <errno.h>
#include <linux/ethtool_netlink.h>

#include "kernel-nic.h"
#include "rxtable.h"
#include "rssioctl.h"
#include "uapi.h"

static int refuse(const struct kernel_nic *nic, int r, const char *what, uint32_t context,
		  struct fault *reterr)
{
	_cleanup_free_ char *operation = NULL;

	if (r == -ENOMEM || r == -EBADMSG || r == -ETIMEDOUT)
		return r;
	if ((context ? asprintf(&operation, "%s RSS context %u of %s", what, context, nic->name)
		     : asprintf(&operation, "%s an RSS context of %s", what, nic->name)) < 0) {
		operation = NULL;
		return -ENOMEM;
	}
	if (r == -ENODEV)
		return kernel_nic_absent(nic, operation, reterr);
	return fault_kernel(reterr, -r, nic->genl.text, operation, "%s",
			    r == -EBUSY	 ? "A rule that is not zcrxd's leads to it (ethtool -n "
					   "DEVICE); delete that rule."
			    : r == -EIO	 ? "The driver said yes, but spreads over other queues."
			    : r == -EPERM ? "zcrxd needs CAP_NET_ADMIN."
			    : r == -EINVAL ? "The driver has lost it; it stays listed until that is loaded anew."
					  : "");
}

/* Drivers without contexts, and with all of theirs in use. */
static int refuse_create(const struct kernel_nic *nic, int r, struct fault *reterr)
{
	if (r == -EOPNOTSUPP)
		return fault_set(reterr, ZCRX_NOT_SUPPORTED, nic->name,
				 "%s: the driver has no RSS contexts.", nic->name);
	if (r == -EBUSY || r == -ENOSPC)
		return fault_set(reterr, ZCRX_NOT_SUPPORTED, nic->name,
				 "%s has no RSS context left (ethtool -x %s context N shows one).",
				 nic->name, nic->name);
	return refuse(nic, r, "create", 0, reterr);
}

static int create(struct kernel_nic *nic, const uint32_t *entries, size_t n, uint32_t *ret)
{
	const struct ethtool_device device = kernel_nic_device(nic);
	int r;

	if (netlink_family_has(&nic->ethtool, UAPI_ETHTOOL_MSG_RSS_CREATE_ACT)) {
		r = netlink_call(&nic->genl,
				 ethnl_create_context(&nic->ethtool, nic->nic.ifindex, entries, n),
				 ethnl_read_context, ret);
	} else {
		netlink_forget_refusal(&nic->genl);
		r = rss_ioctl_create_context(&device, entries, n, ret);
	}
	return r < 0 ? r : *ret == 0 ? -EBADMSG : 0;
}

static int delete(struct kernel_nic *nic, uint32_t context)
{
	const struct ethtool_device device = kernel_nic_device(nic);

	if (netlink_family_has(&nic->ethtool, UAPI_ETHTOOL_MSG_RSS_DELETE_ACT))
		return netlink_call(&nic->genl,
				    ethnl_delete_context(&nic->ethtool, nic->nic.ifindex, context),
				    NULL, NULL);
	netlink_forget_refusal(&nic->genl);
	return rss_ioctl_delete_context(&device, context);
}

/* Still, or really, as we make them. */
static int is_ours(struct kernel_nic *nic, uint32_t context, const uint32_t *queues, size_t n,
		   bool *ret)
{
	struct ethnl_rss rss = {};
	int r = kernel_nic_read_rss(nic, &rss);

	if (r < 0)
		return r;
	*ret = nic_state_own_context(&(struct nic_state) { .contexts = rss.tables,
							   .n_contexts = rss.n },
				     context, queues, n);
	ethnl_rss_reset(&rss);
	return 0;
}

/* Contexts have tables of the size of the default one. */
static int make_table(struct kernel_nic *nic, const uint32_t *queues, size_t n, uint32_t **ret,
		      size_t *ret_n)
{
	struct ethnl_rss rss = {};
	size_t size = 0;
	int r = kernel_nic_read_rss(nic, &rss);

	if (r < 0)
		return r;
	for (size_t i = 0; i < rss.n; i++)
		if (rss.tables[i].context == 0)
			size = rss.tables[i].n;
	ethnl_rss_reset(&rss);
	if (size < n)
		return -EOPNOTSUPP;
	*ret = calloc(size, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	rss_table_spread(queues, n, *ret, size);
	*ret_n = size;
	return 0;
}

int kernel_nic_context_create(struct nic *base, const uint32_t *queues, size_t n,
			      uint32_t *ret_context, struct fault *reterr)
{
	struct kernel_nic *nic = kernel_nic(base);
	_cleanup_free_ uint32_t *entries = NULL;
	uint32_t context = 0;
	bool ours = false;
	size_t size;
	int r = kernel_nic_begin(nic, reterr);

	if (r != 0)
		return r;
	r = make_table(nic, queues, n, &entries, &size);
	if (r >= 0)
		r = create(nic, entries, size, &context);
	if (r < 0)
		return refuse_create(nic, r, reterr);
	r = is_ours(nic, context, queues, n, &ours);
	if (r >= 0 && ours) {
		*ret_context = context;
		return 0;
	}
	(void)delete(nic, context);
	netlink_forget_refusal(&nic->genl);
	return refuse(nic, r < 0 ? r : -EIO, "create", context, reterr);
}

/* Nothing leads to a context that its driver has lost. */
static int note_lost(struct kernel_nic *nic, uint32_t context)
{
	uint32_t *lost = reallocarray(nic->lost_contexts, nic->n_lost_contexts + 1, sizeof(*lost));

	if (!lost)
		return -ENOMEM;
	nic->lost_contexts = lost;
	lost[nic->n_lost_contexts++] = context;
	return 0;
}

/* -EINVAL is said of a context that mlx5 has lost when it recovered from an error; but also where the core, to
 * see that no rule leads to it, reads a list of rules that somebody changes (rxtable.c): then not for long. */
static int delete_surely(struct kernel_nic *nic, uint32_t context)
{
	int r = -EINVAL;

	for (unsigned i = 0; r == -EINVAL && i < RXTABLE_ATTEMPTS; i++)
		r = delete(nic, context);
	if (r == -EINVAL && note_lost(nic, context) < 0)
		return -ENOMEM;
	return r;
}

int kernel_nic_context_delete(struct nic *base, uint32_t context, const uint32_t *queues, size_t n,
			      struct fault *reterr)
{
	struct kernel_nic *nic = kernel_nic(base);
	bool ours = false;
	int r = kernel_nic_begin(nic, reterr);

	if (r != 0)
		return r;
	r = is_ours(nic, context, queues, n, &ours);
	if (r >= 0 && ours)
		r = delete_surely(nic, context);
	return r < 0 && r != -ENOENT ? refuse(nic, r, "delete", context, reterr) : 0;
}
