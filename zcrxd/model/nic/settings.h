/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The settings of a NIC that zcrxd may change, as a value: what was found before a change, and how to
 * come back to it.
 */
#pragma once

#include "plan.h"

struct nic_settings {
	bool has_channels, has_rx_ring, has_split, has_hds_threshold, has_ntuple, has_gro_hw, has_rss;
	struct nic_channels channels; /* the maxima are not looked at */
	unsigned rx_ring;
	enum data_split split;
	bool split_by_driver; /* it is enabled, and nobody has set it, as far as is known */
	unsigned hds_threshold;
	bool ntuple, gro_hw; /* has_: it can be changed */
	uint32_t *rss;	     /* NULL: the default, which follows the channels */
	size_t n_rss;
};

void nic_settings_done(struct nic_settings *s);
int nic_settings_copy(const struct nic_settings *s, struct nic_settings *ret);
/* An RSS table that is what the kernel would make it is taken for one that was never set: nothing
 * tells the two apart. */
int nic_settings_read(const struct nic_state *state, struct nic_settings *ret);
bool nic_settings_equal(const struct nic_settings *a, const struct nic_settings *b);

/*
 * From what is to `back`, by plan_restore(). Nobody holds a queue: leases are over. Whether an RSS
 * table was set cannot be seen where it looks like the default: it is made the default then, too, but
 * for the second look (`again`) at what the first plan has made. Likewise a split that is enabled is
 * given back to the driver, if that had chosen it.
 */
int plan_build_back(const struct nic_settings *back, const struct nic_state *state, bool again,
		    struct plan **ret, struct fault *reterr);
