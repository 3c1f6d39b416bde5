# SPDX-License-Identifier: LGPL-2.1-or-later
"""What zcrxd's behaviour rests on and no simulated NIC can prove: read in Linux 7.3.4 (Debian's 7.3.4-1~bpo13+1)
and 7.2.12, and not run on hardware. For docs/DRIVERS.md, by table.py."""

# What is so, and where it is written.
SOURCES = [
    ("While a driver has detached its device (recovery, AER, suspend), ethtool gets ENODEV, as of one that is gone; "
     "index, leases of queues and memory providers stay.",
     "`ethnl_ops_begin` (net/ethtool/netlink.c), `mlx5e_nic_disable`, `bnxt_io_error_detected`"),
    ("The list of RSS contexts is the core's, not the driver's: what mlx5 has lost in a recovery is listed, a rule to it "
     "is refused with ENOENT, and its deletion with EINVAL.",
     "`rss.c` (net/ethtool), `flow_get_tirn`, `mlx5e_rx_res_rss_destroy`"),
    ("EINVAL is also what the core says of a deletion while somebody changes the rules: to see that none leads to the "
     "context it reads the list of them.", "`ethtool_check_rss_ctx_busy` (net/ethtool/common.c)"),
    ("After its recovery mlx5 has a table that is uniform over all queues, and tells nobody; gve after a device reset "
     "likewise, with another key.", "`mlx5e_rx_res_rss_init_def`, `gve_init_rss_config`"),
    ("A list of rules is not whole while others change it: mlx5 refuses one that has become shorter and cuts one that "
     "has become longer, bnxt cuts it, gve leaves zeros.",
     "`mlx5e_ethtool_get_all_flows`, `bnxt_get_all_fltr_ids_rcu`, `gve_get_flow_rule_ids`"),
    ("gve of 7.2 reads beyond its cache when it is asked for a rule at a location that has none; 7.3 does not.",
     "`gve_get_flow_rule_entry`"),
    ("A driver may steer single flows by itself (accelerated RFS) to the queue near their consumer, also to a leased one "
     "whose `rps_flow_cnt` is set; nothing lists these filters. On mlx5 `ntuple` switches that on, and rules do not need it.",
     "`set_rps_cpu` (net/core/dev.c), `mlx5e_arfs_enable`"),
    ("Before mlx5 leads traffic to its queues again it waits for two work entries in the ring of each, up to 20 s, also "
     "in those that have an area.", "`mlx5e_wait_channels_min_rx_wqes`"),
    ("A packet of bnxt for which there is no other buffer is dropped, and its buffer used again.",
     "`__bnxt_rx_agg_netmems`"),
    ("A bnxt that cannot be opened again with a setting is closed: the interface is down.", "`bnxt_open_nic`"),
    ("fbnic forgets its rules when it goes down, and writes them again when it comes up; meanwhile they are neither "
     "listed nor deleted.", "`fbnic_clear_valid_act_tcam`"),
    ("NAPI ids stay where the driver keeps their configuration (mlx5, bnxt, fbnic); gve has others after each bind.",
     "`napi_enable_locked` (net/core/dev.c)"),
    ("The split of mlx5 is a check of `rx-gro-hw`: `tcp-data-split` changes nothing of the hardware.",
     "`mlx5e_set_ringparam`"),
    ("What the kernel has to copy goes into buffers that nobody has. What is returned while the NIC asks for none ends in "
     "the page pool behind the ring, which keeps as many as the ring (gve four pages a descriptor), and is not copied "
     "into: a smaller area copies nothing once all are there.",
     "`io_alloc_fallback_niov`, `zcrx_put_refill_niov` (io_uring/zcrx.c), `page_pool_init`"),
    ("To bind a queue or to take it back restarts that one queue, whoever asks: there is no call for several.",
     "`netdev_rx_queue_reconfig`, `netkit_queue_unlease`, `netdev_nl_bind_rx_doit`"),
    ("All of the ring is one call: bnxt and gve close the device in it once, fbnic changes to another set of queues once.",
     "`ethnl_set_rings`, `bnxt_set_ringparam`, `gve_set_ringparam`, `fbnic_set_ringparam`"),
]
