/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* (configuration, NIC) -> the plan as text, one line a step. */
#include "testlib.h"

#include "driver.h"
#include "plan.h"

static struct nic_state *nic(const char *driver, unsigned queues, unsigned max)
{
	struct nic_state *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	strcpy(s->name, "eth0");
	s->driver = strdup(driver);
	s->up = true;
	s->has_channels = true;
	s->channels = (struct nic_channels) { .combined = queues, .combined_max = max };
	s->has_rings = true;
	s->rx_ring = 512;
	s->rx_ring_max = 4096;
	s->has_split = true;
	s->split_was_set = true; /* once it is enabled */
	s->has_hds_threshold = true;
	s->hds_threshold = 256;
	s->ntuple = FEATURE_OFF;
	s->gro_hw = FEATURE_OFF;
	s->has_rss = true;
	s->rss.n = 128;
	s->rss.entries = calloc(128, sizeof(uint32_t));
	for (unsigned i = 0; i < 128; i++)
		s->rss.entries[i] = i % queues;
	s->has_rules = true;
	s->n_queues = queues;
	s->queues = calloc(queues, sizeof(*s->queues));
	return s;
}

static struct config_interface config(enum channels_mode mode, unsigned channels,
				      unsigned zero_copy)
{
	return (struct config_interface) { .channels_mode = mode,
					   .channels = channels,
					   .zero_copy_queues = zero_copy,
					   .tcp_data_split = true };
}

/* "op: from -> to" lines; the caller frees. */
static char *print(const struct plan *p)
{
	_cleanup_free_ char *s = NULL;
	size_t n;
	FILE *f = open_memstream(&s, &n);

	for (size_t i = 0; i < p->n_steps; i++) {
		_cleanup_free_ char *from = NULL, *to = NULL;

		assert_int_equal(step_value_format(p->steps[i].op, &p->steps[i].from, &from), 0);
		assert_int_equal(step_value_format(p->steps[i].op, &p->steps[i].to, &to), 0);
		fprintf(f, "%s: %s -> %s\n", step_op_to_string(p->steps[i].op), from, to);
	}
	fclose(f);
	return TAKE_PTR(s);
}

static void check(const struct config_interface *c, const struct nic_state *s, unsigned first,
		  const char *expected)
{
	_cleanup_(plan_freep) struct plan *p = NULL;

	assert_int_equal(plan_build(c, s, NULL, &p, NULL), 0);
	take_and_compare(print(p), expected);
	assert_int_equal(p->carve_out.ordinary, first);
	assert_int_equal(p->carve_out.zero_copy_first, first);
	assert_int_equal(p->carve_out.zero_copy_count, c->zero_copy_queues);
}

static void refuse(const struct config_interface *c, const struct nic_state *s, const char *subject,
		   const char *message)
{
	_cleanup_fault_ struct fault f = {};
	struct plan *p = NULL;

	assert_int_equal(plan_build(c, s, NULL, &p, &f), ZCRX_NOT_SUPPORTED);
	assert_null(p);
	assert_string_equal(f.subject, subject);
	assert_string_equal(f.message, message);
}

static void test_grow(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = nic("test", 4, 16);
	struct config_interface c = config(CHANNELS_COUNT, 8, 4);

	/* The table is right as it is, but would follow the channels: it is set nevertheless. */
	check(&c, s, 4,
	      "tcp-data-split: unknown -> enabled\n"
	      "hds-threshold: 256 -> 0\n"
	      "ntuple-feature: off -> on\n"
	      "rss: default -> equal over 4 of 8 queues\n"
	      "channels: combined 4 -> combined 8\n");
	c = config(CHANNELS_COUNT, 8, 6);
	c.rx_ring = 1024;
	check(&c, s, 2,
	      "tcp-data-split: unknown -> enabled\n"
	      "hds-threshold: 256 -> 0\n"
	      "rings: 512 -> 1024\n"
	      "ntuple-feature: off -> on\n"
	      "rss: default -> equal over 2 of 8 queues\n"
	      "channels: combined 4 -> combined 8\n");
	/* The table needs queues that do not exist yet. */
	c = config(CHANNELS_MAX, 0, 4);
	check(&c, s, 12,
	      "tcp-data-split: unknown -> enabled\n"
	      "hds-threshold: 256 -> 0\n"
	      "ntuple-feature: off -> on\n"
	      "channels: combined 4 -> combined 16\n"
	      "rss: default -> equal over 12 of 16 queues\n");
}

static void test_keep(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = nic("test", 8, 16);
	struct config_interface c = config(CHANNELS_KEEP, 0, 2);

	s->ntuple = FEATURE_FIXED_ON;
	s->has_hds_threshold = false;
	check(&c, s, 6,
	      "tcp-data-split: unknown -> enabled\n"
	      "rss: default -> equal over 6 of 8 queues\n");
	s->split = SPLIT_DISABLED;
	check(&c, s, 6,
	      "tcp-data-split: disabled -> enabled\n"
	      "rss: default -> equal over 6 of 8 queues\n");
}

static void test_shrink(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = nic("test", 16, 16);
	struct config_interface c = config(CHANNELS_COUNT, 8, 4);

	s->split = SPLIT_ENABLED;
	s->hds_threshold = 0;
	s->ntuple = FEATURE_ON;
	/* Channels can only go once no table leads to them. */
	check(&c, s, 4,
	      "rss: default -> equal over 4 of 8 queues\n"
	      "channels: combined 16 -> combined 8\n");
	for (unsigned i = 0; i < s->rss.n; i++)
		s->rss.entries[i] = i % 4;
	check(&c, s, 4, "channels: combined 16 -> combined 8\n");
	for (unsigned i = 0; i < s->rss.n; i++)
		s->rss.entries[i] = i < 100 ? 0 : 13;
	check(&c, s, 4,
	      "rss: uneven over 2 of 16 queues -> equal over 4 of 8 queues\n"
	      "channels: combined 16 -> combined 8\n");
}

static void test_done(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = nic("mlx5_core", 8, 16);
	struct config_interface c = config(CHANNELS_COUNT, 8, 2);

	s->split = SPLIT_ENABLED;
	s->hds_threshold = 0;
	s->ntuple = FEATURE_ON;
	for (unsigned i = 0; i < s->rss.n; i++)
		s->rss.entries[i] = i % 6;
	check(&c, s, 6, "");
	/* Another order is as equal. */
	for (unsigned i = 0; i < s->rss.n; i++)
		s->rss.entries[i] = 5 - i % 6;
	check(&c, s, 6, "");
	/* One entry too many for a queue is not. */
	s->rss.entries[0] = s->rss.entries[1];
	s->rss.entries[6] = s->rss.entries[7];
	check(&c, s, 6, "rss: uneven over 6 of 8 queues -> equal over 6 of 8 queues\n");
	/* Drift. */
	for (unsigned i = 0; i < s->rss.n; i++)
		s->rss.entries[i] = i % 8;
	check(&c, s, 6, "rss: default -> equal over 6 of 8 queues\n");
}

static void test_mlx5(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = nic("mlx5_core", 4, 16);
	struct config_interface c = config(CHANNELS_KEEP, 0, 1);

	check(&c, s, 3,
	      "gro-hw: off -> on\n"
	      "tcp-data-split: unknown -> enabled\n"
	      "hds-threshold: 256 -> 0\n"
	      "rss: default -> equal over 3 of 4 queues\n");
	s->gro_hw = FEATURE_ON;
	s->hds_threshold = 0;
	check(&c, s, 3,
	      "tcp-data-split: unknown -> enabled\n"
	      "rss: default -> equal over 3 of 4 queues\n");
	s->gro_hw = FEATURE_FIXED_ON;
	check(&c, s, 3,
	      "tcp-data-split: unknown -> enabled\n"
	      "rss: default -> equal over 3 of 4 queues\n");
	/* Whether it can be had is the kernel's to say. */
	s->gro_hw = FEATURE_FIXED_OFF;
	check(&c, s, 3,
	      "gro-hw: off -> on\n"
	      "tcp-data-split: unknown -> enabled\n"
	      "rss: default -> equal over 3 of 4 queues\n");
	/* With the split on it is none of ours. */
	s->split = SPLIT_ENABLED;
	check(&c, s, 3, "rss: default -> equal over 3 of 4 queues\n");
}

/* Old firmware of bnxt has 64 entries for each 64 channels, and a table that was set never gets smaller. */
static void test_bnxt_table(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = nic("bnxt_en", 100, 128);
	struct config_interface c = config(CHANNELS_COUNT, 50, 2);

	s->split = SPLIT_ENABLED;
	s->hds_threshold = 0;
	s->ntuple = FEATURE_ON;
	for (unsigned i = 0; i < s->rss.n; i++)
		s->rss.entries[i] = i % 90;
	check(&c, s, 48,
	      "rss: equal over 90 of 100 queues -> default\n"
	      "channels: combined 100 -> combined 50\n"
	      "rss: default -> equal over 48 of 50 queues\n");
	/* Of another size it does not follow the channels. */
	s->rss.n = 64;
	for (unsigned i = 0; i < s->rss.n; i++)
		s->rss.entries[i] = i % 60;
	check(&c, s, 48,
	      "rss: equal over 60 of 100 queues -> equal over 48 of 50 queues\n"
	      "channels: combined 100 -> combined 50\n");
}

static void test_channel_kinds(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = nic("gve", 4, 0);
	struct config_interface c = config(CHANNELS_COUNT, 8, 4);

	s->split = SPLIT_ENABLED;
	s->has_hds_threshold = false;
	s->ntuple = FEATURE_ON;
	s->channels = (struct nic_channels) { .rx = 4, .rx_max = 16, .tx = 2, .tx_max = 16 };
	check(&c, s, 4,
	      "rss: default -> equal over 4 of 8 queues\n"
	      "channels: rx 4, tx 2 -> rx 8, tx 2\n");
	/* Both kinds: the combined ones change, the others count. */
	s->channels =
		(struct nic_channels) { .combined = 3, .combined_max = 16, .rx = 1, .rx_max = 16 };
	check(&c, s, 4,
	      "rss: default -> equal over 4 of 8 queues\n"
	      "channels: combined 3, rx 1, tx 0 -> combined 7, rx 1, tx 0\n");
	/* Separate ones in use where combined ones would be possible: idpf does not mix. */
	s->channels = (struct nic_channels) { .combined_max = 16, .rx = 4, .rx_max = 16, .tx = 4 };
	check(&c, s, 4,
	      "rss: default -> equal over 4 of 8 queues\n"
	      "channels: rx 4, tx 4 -> rx 8, tx 4\n");
	c = config(CHANNELS_MAX, 0, 12);
	check(&c, s, 4,
	      "rss: default -> equal over 4 of 16 queues\n"
	      "channels: rx 4, tx 4 -> rx 16, tx 4\n");
	/* No say over their number at all. */
	s->has_channels = false;
	c = config(CHANNELS_MAX, 0, 1);
	check(&c, s, 3, "rss: default -> equal over 3 of 4 queues\n");
	c = config(CHANNELS_COUNT, 4, 1);
	check(&c, s, 3, "rss: default -> equal over 3 of 4 queues\n");
	c = config(CHANNELS_COUNT, 5, 1);
	refuse(&c, s, "channels",
	       "The configuration asks for 5 channels on eth0, but its driver "
	       "cannot change their number; set channels to max or to a smaller "
	       "number.");
}

/* Said before what other settings could help. */
static void test_no_split(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = nic("test", 1, 1), *copy = NULL;
	struct config_interface c = config(CHANNELS_KEEP, 0, 1);

	s->split = SPLIT_UNKNOWN;
	s->split_refusal = strdup("setting TCP data split is not supported");
	assert_int_equal(nic_state_copy(s, &copy), 0);
	refuse(&c, copy, "tcp-data-split",
	       "eth0 cannot split headers from data (tcp-data-split), which zero-copy receive "
	       "needs. "
	       "The kernel says: setting TCP data split is not supported. This needs another NIC "
	       "or "
	       "driver.");
	/* Set from outside in the end: then it does not matter who can set it. */
	copy->split = SPLIT_ENABLED;
	refuse(&c, copy, "channels",
	       "eth0 has 1 receive queue, which is too few to carve out 1: at "
	       "least one must stay ordinary; raise channels or lower "
	       "zero-copy-queues.");
}

/* What the drivers would refuse without a word, or not say until it is asked for. */
static void test_split_that_cannot_be(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *mlx5 = nic("mlx5_core", 4, 16), *gve = nic("gve", 4, 16);
	struct config_interface c = config(CHANNELS_KEEP, 0, 1);

	mlx5->cqe_compression = true;
	refuse(&c, mlx5, "rx-gro-hw",
	       "eth0 splits headers from data with rx-gro-hw only, and its driver keeps that off with its private "
	       "flags as they are. Set them (the link goes down for it): ethtool --set-priv-flags eth0 "
	       "rx_cqe_compress off");
	mlx5->legacy_rq = true;
	assert_string_equal(driver_flags_for_gro(mlx5), "rx_cqe_compress off rx_striding_rq on");
	mlx5->gro_hw = FEATURE_ON; /* whatever they say */
	mlx5->hds_threshold = 0;
	check(&c, mlx5, 3,
	      "tcp-data-split: unknown -> enabled\n"
	      "rss: default -> equal over 3 of 4 queues\n");

	refuse(&c, gve, "tcp-data-split",
	       "eth0 cannot split headers from data (tcp-data-split), which zero-copy receive needs: its driver (gve) "
	       "reports neither on nor off. This needs a machine whose NIC has it.");
	gve->split = SPLIT_DISABLED;
	gve->hds_threshold = 0;
	check(&c, gve, 3,
	      "tcp-data-split: disabled -> enabled\n"
	      "ntuple-feature: off -> on\n"
	      "rss: default -> equal over 3 of 4 queues\n");
}

/* Whatever the settings: it is left alone. Who asks for no zero copy is served. */
static void test_no_queue_management(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = nic("ice", 4, 16);
	struct config_interface c = config(CHANNELS_COUNT, 8, 4);

	s->no_queue_management = true;
	refuse(&c, s, "queue-management",
	       "No queue of eth0 can be leased: the kernel says that its driver (ice) has no queue management. "
	       "Its settings are left as they are. This needs a NIC of mlx5_core, bnxt_en, gve or fbnic; queues "
	       "without a NIC work on any machine (software in zcrxd.yaml(5)).");
	c.tcp_data_split = false;
	check(&c, s, 4,
	      "hds-threshold: 256 -> 0\n"
	      "ntuple-feature: off -> on\n"
	      "rss: default -> equal over 4 of 8 queues\n"
	      "channels: combined 4 -> combined 8\n");
}

static void test_too_few(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *one = nic("test", 1, 1),
						    *s = nic("test", 4, 8);
	struct config_interface c = config(CHANNELS_KEEP, 0, 1);

	refuse(&c, one, "channels",
	       "eth0 has 1 receive queue, which is too few to carve out 1: at "
	       "least one must stay ordinary; raise channels or lower "
	       "zero-copy-queues.");
	c = config(CHANNELS_KEEP, 0, 4);
	refuse(&c, s, "channels",
	       "eth0 has 4 receive queues, which is too few to carve out 4: at "
	       "least one must stay ordinary; raise channels or lower "
	       "zero-copy-queues.");
	c = config(CHANNELS_MAX, 0, 9);
	refuse(&c, s, "channels",
	       "eth0 has 8 receive queues, which is too few to carve out 9: at "
	       "least one must stay ordinary; raise channels or lower "
	       "zero-copy-queues.");
	c = config(CHANNELS_COUNT, 9, 1);
	refuse(&c, s, "channels",
	       "The configuration asks for 9 channels on eth0, but the device has "
	       "fewer; set channels to max or to a smaller number.");
	/* Two queues are enough. */
	c = config(CHANNELS_COUNT, 2, 1);
	s->split = SPLIT_ENABLED;
	s->hds_threshold = 0;
	s->ntuple = FEATURE_ON;
	check(&c, s, 1,
	      "rss: default -> equal over 1 of 2 queues\n"
	      "channels: combined 4 -> combined 2\n");
}

static void test_missing_features(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = nic("test", 4, 8);
	struct config_interface c = config(CHANNELS_KEEP, 0, 1);

	/* The kernel explains this one better. */
	s->has_split = false;
	s->hds_threshold = 0;
	s->ntuple = FEATURE_ON;
	check(&c, s, 3,
	      "tcp-data-split: unknown -> enabled\n"
	      "rss: default -> equal over 3 of 4 queues\n");
	s->split = SPLIT_ENABLED;
	/* Rules without the feature, as on mlx5 without aRFS. */
	s->ntuple = FEATURE_FIXED_OFF;
	check(&c, s, 3, "rss: default -> equal over 3 of 4 queues\n");
	s->ntuple = FEATURE_ABSENT;
	check(&c, s, 3, "rss: default -> equal over 3 of 4 queues\n");
	s->has_rules = false;
	refuse(&c, s, "ntuple-filters",
	       "eth0 has no ntuple filters, so flows cannot be steered to a "
	       "queue; this needs another NIC or driver.");
	s->ntuple = FEATURE_OFF;
	check(&c, s, 3,
	      "ntuple-feature: off -> on\n"
	      "rss: default -> equal over 3 of 4 queues\n");
	s->ntuple = FEATURE_ON;
	c.rx_ring = 4097;
	refuse(&c, s, "rx-ring",
	       "The configuration asks for receive rings of 4097 on eth0, but the "
	       "device takes at most 4096; lower rx-ring.");
	s->has_rings = false;
	refuse(&c, s, "rx-ring", "The driver of eth0 has no ring sizes; leave rx-ring out.");
	c.rx_ring = 0;
	s->rss.n = 2;
	refuse(&c, s, "rss",
	       "The RSS table of eth0 has 2 entries, too few to spread over 3 queues; "
	       "lower channels.");
	s->has_rss = false;
	refuse(&c, s, "rss",
	       "eth0 has no RSS table that could be narrowed, so ordinary traffic cannot "
	       "be kept off the carved-out queues; this needs another NIC or driver.");
}

#define UNKNOWN "the link may bounce: nothing is known of "
#define PAUSE	"traffic pauses, the queues are recreated by fbnic"
#define BOUNCE	"the link bounces, as it does with "

static void check_effect(enum step_op op, const char *driver, const char *expected)
{
	char *s, *full;

	assert_int_equal(step_effect_format(op, driver, &s), 0);
	assert_int_equal(step_disturbs(op, driver), !streq(expected, "none"));
	assert_true(asprintf(&full, "%s%s", expected,
			     streq(expected, UNKNOWN) || streq(expected, BOUNCE)
				     ? driver && *driver ? driver : "its driver"
				     : "") > 0);
	take_and_compare(s, full);
	free(full);
}

static void test_words(void **state)
{
	static const struct {
		enum step_op op;
		const char *name, *unknown, *mlx5, *bnxt, *gve, *fbnic;
	} cases[] = {
		{ STEP_GRO_HW, "gro-hw", UNKNOWN, BOUNCE, BOUNCE, BOUNCE, PAUSE },
		{ STEP_TCP_DATA_SPLIT, "tcp-data-split", UNKNOWN, "none", BOUNCE, BOUNCE, PAUSE },
		{ STEP_HDS_THRESHOLD, "hds-threshold", UNKNOWN, "none", BOUNCE, BOUNCE, PAUSE },
		{ STEP_RINGS, "rings", UNKNOWN, BOUNCE, BOUNCE, BOUNCE, PAUSE },
		{ STEP_NTUPLE, "ntuple-feature", "none", "none", BOUNCE, "none", "none" },
		{ STEP_RSS, "rss", "none", "none", BOUNCE, "none", "none" },
		{ STEP_CHANNELS, "channels", UNKNOWN, BOUNCE, BOUNCE, BOUNCE, PAUSE },
	};
	uint32_t table[] = { 0, 1, 0, 1 }, one[] = { 0, 0 };
	char *s;

	assert_int_equal(ARRAY_SIZE(cases), _STEP_OP_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_string_equal(step_op_to_string(cases[i].op), cases[i].name);
		check_effect(cases[i].op, "", cases[i].unknown);
		check_effect(cases[i].op, NULL, cases[i].unknown);
		check_effect(cases[i].op, "test", cases[i].unknown);
		check_effect(cases[i].op, "mlx5_core", cases[i].mlx5);
		check_effect(cases[i].op, "bnxt_en", cases[i].bnxt);
		check_effect(cases[i].op, "gve", cases[i].gve);
		check_effect(cases[i].op, "fbnic", cases[i].fbnic);
	}
	/* Without a word on how many queues there are in all. */
	assert_int_equal(
		step_value_format(STEP_RSS, &(struct step_value) { .rss = table, .n_rss = 4 }, &s),
		0);
	take_and_compare(s, "equal over 2 queues");
	assert_int_equal(
		step_value_format(STEP_RSS, &(struct step_value) { .rss = one, .n_rss = 2 }, &s),
		0);
	take_and_compare(s, "equal over 1 queue");
}

static void check_plan_effect(const struct plan *p, size_t i, const char *driver, const char *expected)
{
	char *s;

	assert_int_equal(plan_effect_format(p, i, driver, &s), 0);
	take_and_compare(s, expected);
}

/* One call, one bounce; of mlx5 it is the ring's. */
static void test_the_effect_of_one_call_is_told_once(void **state)
{
	static const char with[] = "none beyond that of tcp-data-split, with which it is set";
	_cleanup_(nic_state_freep) struct nic_state *s = nic("bnxt_en", 4, 16);
	struct config_interface c = config(CHANNELS_KEEP, 0, 2);
	_cleanup_(plan_freep) struct plan *p = NULL;

	c.rx_ring = 1024;
	assert_int_equal(plan_build(&c, s, NULL, &p, NULL), 0);
	assert_int_equal(plan_at_once(p, 0), 3);
	assert_int_equal(plan_at_once(p, 3), 1);
	check_plan_effect(p, 0, "bnxt_en", "the link bounces, as it does with bnxt_en");
	check_plan_effect(p, 1, "bnxt_en", with);
	check_plan_effect(p, 2, "bnxt_en", with);
	check_plan_effect(p, 3, "bnxt_en", "the link bounces, as it does with bnxt_en");
	check_plan_effect(p, 1, "mlx5_core", "none");
	check_plan_effect(p, 2, "mlx5_core", "the link bounces, as it does with mlx5_core");
}

/* bnxt takes a ring again that is larger than it can be with the split only after that. */
static void test_a_ring_that_waits_for_the_split_is_a_call_of_its_own(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *found = nic("bnxt_en", 4, 16), *now = nic("bnxt_en", 4, 16);
	_cleanup_(plan_freep) struct plan *p = NULL;

	now->split = SPLIT_ENABLED;
	now->hds_threshold = 0;
	now->rx_ring_max = 2047;
	found->rx_ring = 4096;
	assert_int_equal(plan_restore(found, now, NULL, false, &p, NULL), 0);
	assert_int_equal(p->n_steps, 3);
	assert_int_equal(plan_at_once(p, 0), 2);
	assert_int_equal(p->steps[2].op, STEP_RINGS);
	assert_int_equal(plan_at_once(p, 2), 1);
	p = plan_free(p);
	found->rx_ring = 256;
	assert_int_equal(plan_restore(found, now, NULL, false, &p, NULL), 0);
	assert_int_equal(plan_at_once(p, 0), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grow),
		cmocka_unit_test(test_keep),
		cmocka_unit_test(test_shrink),
		cmocka_unit_test(test_done),
		cmocka_unit_test(test_mlx5),
		cmocka_unit_test(test_bnxt_table),
		cmocka_unit_test(test_channel_kinds),
		cmocka_unit_test(test_no_split),
		cmocka_unit_test(test_split_that_cannot_be),
		cmocka_unit_test(test_no_queue_management),
		cmocka_unit_test(test_too_few),
		cmocka_unit_test(test_missing_features),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_the_effect_of_one_call_is_told_once),
		cmocka_unit_test(test_a_ring_that_waits_for_the_split_is_a_call_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
