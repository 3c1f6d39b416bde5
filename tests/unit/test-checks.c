/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every cell of the verdicts: from a machine and a NIC that lack nothing, one thing is taken away at
 * a time; exactly the verdicts that it is about may change.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "drivers.h"
#include "facts.h"
#include "macro.h"
#include "checks.h"

struct world {
	struct machine_facts machine;
	struct interface_facts interface;
	struct nic_state state;
	struct nic_queue queues[2];
	uint32_t table[2];
};

static void world_init(struct world *w)
{
	*w = (struct world) {
		.machine = {
			.kernel = { .features = { .release = (char *)"7.2.0", .zero_copy_receive = true,
						  .queue_leasing = true,
						  .guard = true },
				    .ring_made = true, .privileged = true, .has_ethtool = true,
				    .has_netdev = true, .has_tcp_diag = true },
			.config_zcrx = CONFIG_PRESENT, .config_netkit = CONFIG_PRESENT,
			.config_file = (char *)"/boot/config-7.2.0",
			.memlock = UINT64_MAX, .huge_free = 1, .daemon_version = (char *)"0.1.0",
		},
		.interface = { .nic = { .name = "eth0", .split_was_asked = true, .firmware = "1.2" },
			       .view = VIEW_CONFIGURED, .may = MAY_LEASE },
		.state = { .ifindex = 2, .driver = (char *)"fbnic", .up = true, .has_channels = true,
			   .channels = { .combined = 2, .combined_max = 8 }, .has_split = true,
			   .split = SPLIT_ENABLED, .has_hds_threshold = true, .ntuple = FEATURE_ON,
			   .gro_hw = FEATURE_ON, .has_rss = true, .rss = { .n = 2 },
			   .has_rules = true, .n_queues = 2 },
		.queues = { { .has_counters = true }, { .has_counters = true } },
	};
	w->state.rss.entries = w->table;
	w->state.queues = w->queues;
	w->interface.nic.state = &w->state;
}

#define CASE(name_, what, expected, found_, remedy_)                                               \
	static void name_(struct world *w)                                                         \
	{                                                                                          \
		what;                                                                              \
	}
#define MACHINE w->machine
#define KERNEL	w->machine.kernel
#define NIC	w->state
#define FACTS	w->interface
#define CASES                                                                                      \
	CASE(no_zcrx, KERNEL.features.zero_copy_receive = false, "zero-copy-receive=no",           \
	     "which refuses interface queues", "6.15")                                             \
	CASE(no_option, MACHINE.config_zcrx = CONFIG_ABSENT, "CONFIG_IO_URING_ZCRX=advice",        \
	     "not set in /boot/config-7.2.0", "built with it")                                     \
	CASE(no_config, MACHINE.config_zcrx = CONFIG_UNKNOWN, "CONFIG_IO_URING_ZCRX=unknown",      \
	     "not readable", "Look where")                                                         \
	CASE(no_netkit, MACHINE.config_netkit = CONFIG_ABSENT,                                     \
	     "CONFIG_NETKIT=advice queue-leasing=advice", "not set in", "built with it")           \
	CASE(no_leasing, KERNEL.features.queue_leasing = false, "queue-leasing=advice",            \
	     "not in this kernel", "Linux 7.1")                                                    \
	CASE(unknown_netkit, (KERNEL.privileged = false, MACHINE.config_netkit = CONFIG_UNKNOWN),  \
	     "CONFIG_NETKIT=unknown queue-leasing=unknown", "not readable", "Look where")          \
	CASE(netkit_by_config, KERNEL.privileged = false, "", NULL, NULL)                          \
	CASE(added_areas, (KERNEL.features.added_areas = true, MACHINE.fuse_users = true),         \
	     "added-areas=advice", "max_request_timeout is 0, and users can", "grants: direct")    \
	CASE(added_areas_bounded, (KERNEL.features.added_areas = true, MACHINE.fuse_users = true,  \
				   MACHINE.fuse_timeout = 5), "", NULL, NULL)                      \
	CASE(added_areas_without_fuse, KERNEL.features.added_areas = true, "", NULL, NULL)         \
	CASE(no_guard, KERNEL.features.guard = false, "unsafe-kernel=no", "no nf_tables",         \
	     "modprobe nf_tables")                                                               \
	CASE(unknown_guard, (KERNEL.privileged = false, KERNEL.features.guard = false),            \
	     "unsafe-kernel=needed-unknown", "cannot be asked", "as root")                        \
	CASE(no_netdev, KERNEL.has_netdev = false, "netlink=no", "netdev: no", "ETHTOOL_NETLINK")  \
	CASE(no_ethtool, KERNEL.has_ethtool = false, "netlink=no", "ethtool: no", "ETHTOOL_NETLINK") \
	CASE(no_tcp_diag, KERNEL.has_tcp_diag = false, "tcp-diag=no", "does not answer",           \
	     "modprobe tcp_diag")                                                                  \
	CASE(uring_off, (KERNEL.ring_made = false, MACHINE.io_uring_disabled = 2),                 \
	     "io-uring-allowed=no", "is 2", "Nobody may")                                          \
	CASE(uring_group, (KERNEL.ring_made = false, MACHINE.io_uring_disabled = 1),               \
	     "io-uring-allowed=no", "is 1", "io_uring_group")                                      \
	CASE(uring_group_member, MACHINE.io_uring_disabled = 1, "", NULL, NULL)                    \
	CASE(uring_filtered, (KERNEL.ring_made = false, KERNEL.ring_error = EPERM,                 \
			      MACHINE.io_uring_disabled = -1),                                     \
	     "io-uring-allowed=no", "io_uring_setup: Operation not permitted", "seccomp profile")       \
	CASE(uring_filtered_in_spite_of_the_setting, (KERNEL.ring_made = false, KERNEL.ring_error = ENOSYS), \
	     "io-uring-allowed=no", "io_uring_setup: Function not implemented", "CONTAINERS.md")       \
	CASE(uring_nothing_known, (KERNEL.ring_made = false, KERNEL.ring_error = EPERM,            \
				   MACHINE.config_zcrx = CONFIG_UNKNOWN),                          \
	     "zero-copy-receive=needed-unknown CONFIG_IO_URING_ZCRX=needed-unknown io-uring-allowed=no",  \
	     "which cannot be asked", "see io-uring-allowed")                                                   \
	CASE(uring_and_config_absent, (KERNEL.ring_made = false, KERNEL.ring_error = EPERM,        \
				       MACHINE.config_zcrx = CONFIG_ABSENT),                       \
	     "zero-copy-receive=no CONFIG_IO_URING_ZCRX=no io-uring-allowed=no",                   \
	     "which cannot be asked", "6.15")                                                      \
	CASE(ptrace_3, MACHINE.ptrace_scope = 3, "ptrace-scope=no", "is 3", "reboot")              \
	CASE(ptrace_2, MACHINE.ptrace_scope = 2, "", NULL, NULL)                                   \
	CASE(no_yama, MACHINE.ptrace_scope = -1, "", NULL, NULL)                                   \
	CASE(memlock_low, MACHINE.memlock = 8 << 20, "memlock=advice", "8M, less than one area of 16M", "LimitMEMLOCK=64M")       \
	CASE(memlock_few, MACHINE.memlock = 32 << 20, "memlock=advice", "32M", "ulimit -l 65536")       \
	CASE(memlock_privileged, (MACHINE.memlock = 8 << 20, MACHINE.may_lock = true), "", NULL, NULL)       \
	CASE(memlock_enough, MACHINE.memlock = 64 << 20, "", NULL, NULL)                           \
	CASE(no_huge, MACHINE.huge_free = 0, "huge-pages=advice", "0 free", "nr_hugepages")        \
	CASE(balanced, MACHINE.irqbalance = true, "irq-affinity=advice", "irqbalance runs",        \
	     "--banirq")                                                                           \
	CASE(guard_by_the_daemon,                                                                   \
	     (KERNEL.features.guard = false, KERNEL.privileged = false, MACHINE.daemon_guards = true), "", NULL, NULL) \
	CASE(of_the_host, (MACHINE.caller = (char *)"of the host", MACHINE.caller_is_host = true), "", \
	     NULL, NULL)                                                                           \
	CASE(of_a_container, MACHINE.caller = (char *)"of a container: another user namespace",     \
	     "where=advice", "another user namespace", "where: host")                              \
	CASE(no_daemon, MACHINE.daemon_error = "nothing listens on its socket", "zcrxd=no",         \
	     "nothing listens on its socket", "systemctl")                                         \
	CASE(wrong_with_itself, MACHINE.daemon_problem = (char *)"It cannot write.",                \
	     "zcrxd-itself=no", "something is wrong", "It cannot write. See zcrxctl status.")      \
	CASE(small_area, (NIC.has_rings = true, NIC.rx_jumbo_ring = 256, NIC.rx_ring = 512,         \
			  FACTS.small_area = (char *)"Queue 6 has an area of 64K."), "area=advice",  \
	     "16M a queue: its ring of 512 entries keeps 1M", "Queue 6")                           \
	CASE(down, NIC.up = false,                                                                 \
	     "link=no queue-facts=needed-unknown queue-counters=unknown no-af-xdp=needed-unknown", \
	     "down", "ip link set eth0 up")                                                        \
	CASE(gone, (FACTS.nic.state = NULL, FACTS.nic.failure = (char *)"No such device"),         \
	     "link=no", "No such device", "ip link")                                               \
	CASE(driver_cannot, NIC.driver = (char *)"virtio_net", "queue-management=no rss-contexts=advice", \
	     "driver virtio_net, firmware 1.2", "use a NIC of")                                    \
	CASE(driver_cannot_by_the_kernel, (NIC.driver = (char *)"new", NIC.no_queue_management = true), \
	     "queue-management=no rss-contexts=unknown", "driver new", "software queues")          \
	CASE(driver_depends, NIC.driver = (char *)"mlx5_core", "queue-management=needed-unknown",  \
	     "driver mlx5_core", "ConnectX-7")                                                     \
	CASE(driver_proved, (NIC.driver = (char *)"mlx5_core", w->queues[1].io_uring = true), "",  \
	     NULL, NULL)                                                                           \
	CASE(driver_proved_by_lease, (NIC.driver = (char *)"bnxt_en", w->queues[1].leased = true), \
	     "", NULL, NULL)                                                                       \
	CASE(driver_unknown, NIC.driver = (char *)"new",                                           \
	     "queue-management=needed-unknown rss-contexts=unknown", "driver new", "not known here") \
	CASE(driver_none, NIC.driver = (char *)"",                                                 \
	     "hardware=no", "it has no driver", "software queues")                                 \
	CASE(driver_of_software, strcpy(FACTS.nic.kind, "dummy"), "hardware=no", "none: dummy",    \
	     "Name a NIC")                                                                         \
	CASE(one_queue, (NIC.channels.combined = NIC.channels.combined_max = 1),                   \
	     "channels=no rss=no", "1 of at most 1", "use a NIC with more")                        \
	CASE(too_few, NIC.channels.combined = 1, "channels=no rss=no", "1 of at most 8",           \
	     "ethtool -L eth0")                                                                    \
	CASE(separate, (NIC.channels = (struct nic_channels) { .rx = 2, .rx_max = 2 }), "", NULL,  \
	     NULL)                                                                                 \
	CASE(no_channels, (NIC.has_channels = false, NIC.channels = (struct nic_channels) {}), "", \
	     NULL, NULL)                                                                           \
	CASE(too_few_separate, (NIC.channels = (struct nic_channels) { .rx = 1, .rx_max = 8 }),     \
	     "channels=no rss=no", "1 of at most 8", "ethtool -L eth0 rx 2")                       \
	CASE(split_auto, NIC.split = SPLIT_UNKNOWN, "tcp-data-split=no", "unknown",                \
	     "ethtool -G eth0 tcp-data-split on")                                                  \
	CASE(split_off, NIC.split = SPLIT_DISABLED, "tcp-data-split=no", "disabled", "zcrxctl apply") \
	CASE(split_unasked, (NIC.split = SPLIT_DISABLED, FACTS.nic.split_was_asked = false),       \
	     "tcp-data-split=no", "disabled", "as root")                                           \
	CASE(split_never, (NIC.split = SPLIT_DISABLED, NIC.split_refusal = (char *)"not supported"), \
	     "tcp-data-split=no", "not supported", "another NIC")                                  \
	CASE(threshold, NIC.hds_threshold = 256, "hds-threshold=no", "256 bytes", "hds-thresh 0")  \
	CASE(threshold_fixed, (NIC.has_hds_threshold = false, NIC.hds_threshold = 9), "", NULL, NULL) \
	CASE(gro_needed, (NIC.driver = (char *)"mlx5_core", NIC.gro_hw = FEATURE_OFF),             \
	     "queue-management=needed-unknown rx-gro-hw=no", "firmware 1.2", "ConnectX-7")         \
	CASE(gro_by_flags, (NIC.driver = (char *)"mlx5_core", NIC.gro_hw = FEATURE_OFF,            \
			    NIC.cqe_compression = NIC.legacy_rq = true,                            \
			    w->queues[1].io_uring = true),                                         \
	     "rx-gro-hw=no", "off",                                                                \
	     "ethtool --set-priv-flags eth0 rx_cqe_compress off rx_striding_rq on")                \
	CASE(gro_never, (NIC.driver = (char *)"mlx5_core", NIC.gro_hw = FEATURE_FIXED_OFF,         \
			 w->queues[1].io_uring = true),                                            \
	     "rx-gro-hw=no", "off, and cannot be switched on", "ConnectX-7")                       \
	CASE(split_never_mlx5, (NIC.driver = (char *)"mlx5_core", NIC.gro_hw = FEATURE_FIXED_OFF,  \
				NIC.split = SPLIT_DISABLED, w->queues[1].io_uring = true),         \
	     "tcp-data-split=no rx-gro-hw=no", "no hardware GRO", "another NIC")                   \
	CASE(split_never_gve, (NIC.driver = (char *)"gve", NIC.split = SPLIT_UNKNOWN,              \
			       w->queues[1].io_uring = true),                                      \
	     "tcp-data-split=no rss-contexts=advice", "neither on nor off", "another NIC")         \
	CASE(rss_bounces, (NIC.driver = (char *)"bnxt_en", w->table[1] = 1, w->queues[1].leased = true), \
	     "rss=no", "spreads over 2 of 2", "equal 1 (the link goes down for it)")               \
	CASE(gro_not_needed, NIC.gro_hw = FEATURE_OFF, "", NULL, NULL)                             \
	CASE(ntuple_off, NIC.ntuple = FEATURE_OFF, "ntuple-filters=no", "off", "ethtool -K eth0")  \
	CASE(ntuple_not_needed, (NIC.driver = (char *)"mlx5_core", NIC.ntuple = FEATURE_OFF),        \
	     "queue-management=needed-unknown", "firmware 1.2", "ConnectX-7")                      \
	CASE(accelerated_rfs, (NIC.rfs_queues = (uint32_t[]){ 1 }, NIC.n_rfs_queues = 1),          \
	     "no-accelerated-rfs=no", "anybody's flows to 1 queue", "rx-N/rps_flow_cnt")          \
	CASE(ntuple_never, NIC.ntuple = FEATURE_FIXED_OFF, "ntuple-filters=no", "cannot be switched", \
	     "another NIC")                                                                        \
	CASE(ntuple_absent, NIC.ntuple = FEATURE_ABSENT, "ntuple-filters=no", "not there",         \
	     "another NIC")                                                                        \
	CASE(ntuple_fixed, NIC.ntuple = FEATURE_FIXED_ON, "", NULL, NULL)                          \
	CASE(no_rules, NIC.has_rules = false, "ntuple-filters=no", "takes no rules", "another NIC") \
	CASE(no_rss, NIC.has_rss = false, "rss=no", "no table", "another NIC")                     \
	CASE(rss_everywhere, w->table[1] = 1, "rss=no", "spreads over 2 of 2",                     \
	     "ethtool -X eth0 equal 1")                                                            \
	CASE(rss_everywhere_until_leased, (w->table[1] = 1, FACTS.serves = true), "", NULL, NULL)   \
	CASE(contexts_seen, (NIC.driver = (char *)"new", NIC.n_contexts = 1),                      \
	     "queue-management=needed-unknown", "driver new", "not known here")                    \
	CASE(no_facts, NIC.n_queues = 0, "queue-facts=no queue-counters=advice", "tells of 0",     \
	     "queue-get")                                                                          \
	CASE(no_counters, w->queues[0].has_counters = w->queues[1].has_counters = false,           \
	     "queue-counters=advice", "0 queues", "zcrxctl status")                                \
	CASE(xdp, FACTS.nic.xdp = true, "no-xdp=no", "is attached", "ip link set eth0 xdp off")    \
	CASE(af_xdp, w->queues[0].xsk = true, "no-af-xdp=no", "1 queue with", "ss --xdp")              \
	CASE(bridged, FACTS.nic.no_receiver = (char *)"eth0 belongs to br0.", "receiver=no",       \
	     "another device", "eth0 belongs to br0.")                                            \
	CASE(bonded, FACTS.nic.receiver = ((struct stack_receiver) { 5, "bond0", true }), "",      \
	     NULL, NULL)                                                                           \
	CASE(foreign, FACTS.view = VIEW_FOREIGN, "configured=no", "not in /etc/zcrxd.yaml", "reload") \
	CASE(listed, FACTS.view = VIEW_LISTED, "configured=no", "listed in", "systemctl")          \
	CASE(degraded, (FACTS.view = VIEW_DEGRADED, FACTS.reason = (char *)"It is so."),           \
	     "configured=no", "cannot lease", "It is so.")                                         \
	CASE(unasked, (FACTS.view = VIEW_UNKNOWN, FACTS.may = MAY_UNKNOWN),                        \
	     "configured=needed-unknown policy=needed-unknown", "cannot be asked", "Start zcrxd")  \
	CASE(denied, (FACTS.may = MAY_NOT, FACTS.why_not = (char *)"No rule."), "policy=no",       \
	     "may not lease", "No rule.")

CASES

#undef CASE
#define CASE(name_, what, expected_, found_, remedy_) { #name_, name_, expected_, found_, remedy_ },

static const struct scenario {
	const char *name;
	void (*break_it)(struct world *w);
	const char *expected; /* NAME=VERDICT of all that is not a plain yes */
	const char *found, *remedy; /* parts of the first one's */
} scenarios[] = { CASES };

static const char *word_of(const struct requirement *q)
{
	switch (q->verdict) {
	case VERDICT_YES:
		return NULL;
	case VERDICT_NO:
		return q->optional ? "advice" : "no";
	case VERDICT_UNKNOWN:
		return q->optional ? "unknown" : "needed-unknown";
	}
	return NULL;
}

static void check_scenario(const struct scenario *s)
{
	_cleanup_(report_done) struct report report = {};
	const struct requirement *first = NULL;
	char said[512] = "";
	bool has_no = false;
	struct world w;

	world_init(&w);
	s->break_it(&w);
	check_machine(&w.machine, &report);
	check_interface(&w.interface, &report);
	assert_false(report.failed);
	for (size_t i = 0; i < report.n; i++) {
		const struct requirement *q = &report.list[i];
		const char *word = word_of(q);
		size_t n = strlen(said);

		assert_true(q->found && *q->found);
		/* Whatever is wrong comes with something to do, and nothing else does. */
		if (!word != !q->remedy)
			fail_msg("%s: %s has %s remedy", s->name, q->name, q->remedy ? "a" : "no");
		has_no |= word && streq(word, "no");
		if (word)
			snprintf(said + n, sizeof(said) - n, "%s%s=%s", n ? " " : "", q->name, word);
		if (word && !first)
			first = q;
	}
	if (!streq(said, s->expected))
		fail_msg("%s: '%s' instead of '%s'", s->name, said, s->expected);
	if (first && !strstr(first->found, s->found))
		fail_msg("%s: found '%s', without '%s'", s->name, first->found, s->found);
	if (first && !strstr(first->remedy, s->remedy))
		fail_msg("%s: remedy '%s', without '%s'", s->name, first->remedy, s->remedy);
	assert_int_equal(report_has_no(&report), has_no);
}

static void test_every_cell(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++)
		check_scenario(&scenarios[i]);
}

/* What has no queues of its own leads to what has. */
static void test_stacked(void **state)
{
	static const struct {
		const char *kind;
		size_t n;
		const char *no_receiver;
		const char *found, *remedy; /* NULL: a yes */
	} rows[] = {
		{ "bond", 2, NULL, "a bond of zc0, zc1", NULL },
		{ "bond", 2, "bond0 belongs to br0.", "a bond of zc0, zc1", "bond0 belongs to br0." },
		{ "bond", 0, NULL, "a bond of nothing", "ip link set NIC down; ip link set NIC master eth0" },
		{ "vlan", 1, NULL, "a vlan of zc0", "The queues are those of what it lies on: zcrxctl check zc0. "
						    "No socket on a VLAN's address proves a flow" },
		{ "bridge", 2, NULL, "a bridge of zc0, zc1", "zcrxctl check zc0; zcrxctl check zc1. No socket" },
		{ "", 1, NULL, "a device of zc0", "zcrxctl check zc0" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(report_done) struct report report = {};
		struct interface_facts f = { .nic = { .name = "eth0", .under = { (char *)"zc0", (char *)"zc1" },
						      .n_under = rows[i].n,
						      .no_receiver = (char *)rows[i].no_receiver } };

		snprintf(f.nic.kind, sizeof(f.nic.kind), "%s", rows[i].kind);
		check_interface(&f, &report);
		assert_int_equal(report.n, 1);
		assert_string_equal(report.list[0].name, "hardware");
		assert_string_equal(report.list[0].found, rows[i].found);
		assert_int_equal(report.list[0].verdict, rows[i].remedy ? VERDICT_NO : VERDICT_YES);
		if (rows[i].remedy)
			assert_non_null(strstr(report.list[0].remedy, rows[i].remedy));
		else
			assert_null(report.list[0].remedy);
	}
}

static void test_order_and_owner(void **state)
{
	_cleanup_(report_done) struct report report = {};
	struct world w;
	size_t own = 0;

	world_init(&w);
	check_machine(&w.machine, &report);
	own = report.n;
	check_interface(&w.interface, &report);
	assert_string_equal(report.list[0].name, "zero-copy-receive");
	assert_string_equal(report.list[own - 1].name, "zcrxd-itself");
	assert_string_equal(report.list[report.n - 1].name, "policy");
	for (size_t i = 0; i < report.n; i++)
		if (i < own)
			assert_null(report.list[i].interface);
		else
			assert_string_equal(report.list[i].interface, "eth0");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_cell),
					    cmocka_unit_test(test_stacked),
					    cmocka_unit_test(test_order_and_owner) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
