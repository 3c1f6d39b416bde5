/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ethtool family: replies as the kernel sends them, whole, damaged and cut off; requests as it
 * wants them, byte for byte.
 */
#include "ethnl.h"
#include "hostile.h"

#define FAMILY 0x20

static const struct netlink_family family = { .id = FAMILY };

static void header(struct message *m, unsigned ifindex)
{
	size_t nest = message_nest(m, 1);

	message_u32(m, 1, ifindex);
	message_string(m, 2, "zc0");
	message_end(m, nest);
}

static void channels_reply(struct message *m)
{
	message_genl(m, FAMILY, 18);
	header(m, 3);
	message_u32(m, 2, 64); /* RX_MAX */
	message_u32(m, 3, 63); /* TX_MAX */
	message_u32(m, 5, 62); /* COMBINED_MAX */
	message_u32(m, 6, 4);
	message_u32(m, 7, 5);
	message_u32(m, 9, 8);
}

static void test_channels(void **state)
{
	struct nic_channels c = { .other = 99 };
	struct message m;

	channels_reply(&m);
	assert_int_equal(ethnl_read_channels(message_header(&m), &c), 0);
	assert_int_equal(c.rx_max, 64);
	assert_int_equal(c.tx_max, 63);
	assert_int_equal(c.combined_max, 62);
	assert_int_equal(c.rx, 4);
	assert_int_equal(c.tx, 5);
	assert_int_equal(c.combined, 8);
	assert_int_equal(c.other, 0);
	assert_int_equal(ethnl_read_ifindex(message_header(&m)), 3);
}

static void rings_reply(struct message *m, uint8_t split)
{
	message_genl(m, FAMILY, 16);
	header(m, 3);
	message_u32(m, 2, 4096);
	message_u32(m, 6, 1024);
	message_u8(m, 11, split);
	message_u32(m, 17, 100);
	message_u32(m, 18, 1000);
}

static void test_rings(void **state)
{
	struct ethnl_rings r;
	struct message m;

	rings_reply(&m, 2);
	assert_int_equal(ethnl_read_rings(message_header(&m), &r), 0);
	assert_int_equal(r.rx, 1024);
	assert_int_equal(r.rx_max, 4096);
	assert_true(r.has_split);
	assert_int_equal(r.split, SPLIT_ENABLED);
	assert_true(r.has_hds_threshold);
	assert_int_equal(r.hds_threshold, 100);

	/* A value that does not exist is not believed. */
	rings_reply(&m, 3);
	assert_int_equal(ethnl_read_rings(message_header(&m), &r), 0);
	assert_false(r.has_split);

	/* A driver without either says nothing. */
	message_genl(&m, FAMILY, 16);
	message_u32(&m, 6, 256);
	assert_int_equal(ethnl_read_rings(message_header(&m), &r), 0);
	assert_false(r.has_split);
	assert_false(r.has_hds_threshold);
}

static void bitset(struct message *m, uint16_t type, const char *const *names)
{
	size_t set = message_nest(m, type), bits, bit;

	message_attr(m, 1, NULL, 0); /* NOMASK */
	message_u32(m, 2, 64);	     /* SIZE */
	bits = message_nest(m, 3);
	for (; *names; names++) {
		bit = message_nest(m, 1);
		message_u32(m, 1, 7);
		message_string(m, 2, *names);
		message_end(m, bit);
	}
	message_end(m, bits);
	message_end(m, set);
}

static void features_reply(struct message *m, const char *const *hw, const char *const *active,
			   const char *const *fixed)
{
	message_genl(m, FAMILY, 11);
	header(m, 3);
	bitset(m, 2, hw);
	bitset(m, 3, active);
	bitset(m, 4, active);
	bitset(m, 5, fixed);
}

#define NAMES(...) ((const char *const[]) { __VA_ARGS__ __VA_OPT__(, ) NULL })
#define NTUPLE	   "rx-ntuple-filter"
#define GRO_HW	   "rx-gro-hw"

static void test_features(void **state)
{
	const struct {
		const char *const *hw, *const *active, *const *fixed;
		enum feature_state ntuple, gro_hw;
	} cases[] = {
		{ NAMES(NTUPLE, GRO_HW), NAMES(NTUPLE), NAMES(), FEATURE_ON, FEATURE_OFF },
		{ NAMES(GRO_HW), NAMES("rx-gro", GRO_HW), NAMES(), FEATURE_FIXED_OFF, FEATURE_ON },
		{ NAMES(), NAMES(NTUPLE), NAMES(), FEATURE_FIXED_ON, FEATURE_FIXED_OFF },
		{ NAMES(NTUPLE), NAMES(NTUPLE), NAMES(NTUPLE), FEATURE_FIXED_ON,
		  FEATURE_FIXED_OFF },
		/* Neither a part of a name nor a longer one. */
		{ NAMES("rx-ntuple-filter2", "rx-gro-h"), NAMES("rx-ntuple", "rx-gro-hw-"), NAMES(),
		  FEATURE_FIXED_OFF, FEATURE_FIXED_OFF },
	};
	struct ethnl_features f;
	struct message m;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		features_reply(&m, cases[i].hw, cases[i].active, cases[i].fixed);
		assert_int_equal(ethnl_read_features(message_header(&m), &f), 0);
		assert_int_equal(f.ntuple, cases[i].ntuple);
		assert_int_equal(f.gro_hw, cases[i].gro_hw);
	}
}

/* All that there are, and of those that are set a value. */
static void private_flags_reply(struct message *m, bool compress, bool striding)
{
	const char *const names[] = { "rx_cqe_moder", "rx_cqe_compress", "rx_striding_rq" };
	const bool values[] = { true, compress, striding };
	size_t set, bits, bit;

	message_genl(m, FAMILY, 14);
	header(m, 1);
	set = message_nest(m, 2);
	message_u32(m, 2, 3); /* SIZE */
	bits = message_nest(m, 3);
	for (uint32_t i = 0; i < ARRAY_SIZE(names); i++) {
		bit = message_nest(m, 1);
		message_u32(m, 1, i);
		message_string(m, 2, names[i]);
		if (values[i])
			message_attr(m, 3, NULL, 0); /* VALUE */
		message_end(m, bit);
	}
	message_end(m, bits);
	message_end(m, set);
}

static void test_private_flags(void **state)
{
	struct ethnl_private_flags f;
	struct message m;

	for (unsigned i = 0; i < 4; i++) {
		private_flags_reply(&m, i & 1, i & 2);
		assert_int_equal(ethnl_read_private_flags(message_header(&m), &f), 0);
		assert_int_equal(f.cqe_compression, i & 1);
		assert_int_equal(f.striding_rq, !!(i & 2));
	}
}

static void rss_reply(struct message *m, uint32_t context, const uint32_t *entries, size_t n)
{
	message_genl(m, FAMILY, 38);
	header(m, 3);
	if (context)
		message_u32(m, 2, context);
	message_attr(m, 4, entries, n * sizeof(*entries));
	message_attr(m, 5, "keykeykey", 10);
}

static void test_rss(void **state)
{
	uint32_t created = 99;
	struct ethnl_rss rss = { .ifindex = 3 };
	struct message m;

	rss_reply(&m, 0, (uint32_t[]) { 0, 1, 2, 0 }, 4);
	assert_int_equal(ethnl_read_rss(message_header(&m), &rss), 0);
	rss_reply(&m, 7, (uint32_t[]) { 5, 6 }, 2);
	assert_int_equal(ethnl_read_rss(message_header(&m), &rss), 0);
	assert_int_equal(ethnl_read_context(message_header(&m), &created), 0);
	assert_int_equal(created, 7);
	rss_reply(&m, 8, NULL, 0);
	assert_int_equal(ethnl_read_rss(message_header(&m), &rss), 0);
	rss.ifindex = 4; /* and one of another device */
	assert_int_equal(ethnl_read_rss(message_header(&m), &rss), 0);
	assert_int_equal(rss.n, 3);
	assert_int_equal(rss.tables[0].context, 0);
	assert_int_equal(rss.tables[0].n, 4);
	assert_int_equal(rss.tables[0].entries[2], 2);
	assert_int_equal(rss.tables[1].context, 7);
	assert_int_equal(rss.tables[1].entries[1], 6);
	assert_int_equal(rss.tables[2].n, 0);
	ethnl_rss_reset(&rss);
	assert_int_equal(rss.n, 0);
}

static void read_everything(const struct nlmsghdr *m)
{
	struct nic_channels channels;
	struct ethnl_rings rings;
	struct ethnl_features features;
	struct ethnl_private_flags flags;
	struct ethnl_rss rss = { .ifindex = 3 };

	(void)ethnl_read_channels(m, &channels);
	(void)ethnl_read_rings(m, &rings);
	(void)ethnl_read_features(m, &features);
	(void)ethnl_read_private_flags(m, &flags);
	(void)ethnl_read_rss(m, &rss);
	ethnl_rss_reset(&rss);
	(void)ethnl_read_ifindex(m);
}

static void test_hostile(void **state)
{
	struct message m;

	channels_reply(&m);
	hostile_sweep(&m, read_everything);
	rings_reply(&m, 2);
	hostile_sweep(&m, read_everything);
	features_reply(&m, NAMES(NTUPLE, GRO_HW), NAMES(NTUPLE), NAMES("x"));
	hostile_sweep(&m, read_everything);
	private_flags_reply(&m, true, false);
	hostile_sweep(&m, read_everything);
	rss_reply(&m, 1, (uint32_t[]) { 0, 1, 2, 0 }, 4);
	hostile_sweep(&m, read_everything);
}

static void test_too_short(void **state)
{
	struct nic_channels channels;
	struct nlmsghdr m = { .nlmsg_len = sizeof(m) };

	assert_int_equal(ethnl_read_channels(&m, &channels), -EBADMSG);
}

/* What we send has to be what `expected` holds behind the header. */
static void compare(struct nl_msg *got, const struct message *expected)
{
	const struct nlmsghdr *h;

	assert_non_null(got);
	h = nlmsg_hdr(got);
	assert_int_equal(h->nlmsg_len, expected->n);
	assert_int_equal(h->nlmsg_type, FAMILY);
	assert_memory_equal((const uint8_t *)h + NLMSG_HDRLEN, expected->bytes + NLMSG_HDRLEN,
			    expected->n - NLMSG_HDRLEN);
	nlmsg_free(got);
}

static void expected_request(struct message *m, uint8_t command)
{
	size_t nest;

	message_genl(m, FAMILY, command);
	nest = message_nest(m, 1);
	message_u32(m, 1, 3);
	message_end(m, nest);
}

static void test_requests(void **state)
{
	const struct nic_channels from = { .combined = 4, .rx = 1, .tx = 2, .other = 1 };
	const struct nic_channels to = { .combined = 8, .rx = 1, .tx = 3, .other = 1 };
	const struct ethnl_rings_change split = { .has_split = true, .split = SPLIT_ENABLED };
	const struct ethnl_rings_change rings = { .has_hds_threshold = true, .has_rx = true, .rx = 512 };
	struct message m;

	expected_request(&m, 17);
	compare(ethnl_request(&family, 17, 3), &m);

	expected_request(&m, 18); /* only what changes */
	message_u32(&m, 9, 8);
	message_u32(&m, 7, 3);
	compare(ethnl_set_channels(&family, 3, &from, &to), &m);

	expected_request(&m, 16);
	message_u8(&m, 11, 2);
	compare(ethnl_set_rings(&family, 3, &split), &m);
	expected_request(&m, 16);
	message_u32(&m, 17, 0);
	message_u32(&m, 6, 512);
	compare(ethnl_set_rings(&family, 3, &rings), &m);

	expected_request(&m, 48);
	message_attr(&m, 4, (uint32_t[]) { 0, 1, 2 }, 12);
	compare(ethnl_set_rss(&family, 3, (uint32_t[]) { 0, 1, 2 }, 3), &m);
	expected_request(&m, 48); /* empty, but there: the reset */
	message_attr(&m, 4, NULL, 0);
	compare(ethnl_set_rss(&family, 3, NULL, 0), &m);

	expected_request(&m, 49);
	message_attr(&m, 4, (uint32_t[]) { 4, 5 }, 8);
	compare(ethnl_create_context(&family, 3, (uint32_t[]) { 4, 5 }, 2), &m);
	expected_request(&m, 50);
	message_u32(&m, 2, 7);
	compare(ethnl_delete_context(&family, 3, 7), &m);
}

static void test_feature_request(void **state)
{
	size_t wanted, bits, bit;
	struct message m;

	for (unsigned on = 0; on < 2; on++) {
		expected_request(&m, 12);
		wanted = message_nest(&m, 3);
		bits = message_nest(&m, 3);
		bit = message_nest(&m, 1);
		message_string(&m, 2, NTUPLE);
		if (on)
			message_attr(&m, 3, NULL, 0);
		message_end(&m, bit);
		message_end(&m, bits);
		message_end(&m, wanted);
		compare(ethnl_set_feature(&family, 3, NTUPLE, on), &m);
	}
}

/* A table as large as the largest NICs have must fit. */
static void test_large_table(void **state)
{
	static uint32_t table[8192];
	struct nl_msg *m = ethnl_set_rss(&family, 3, table, ARRAY_SIZE(table));

	assert_non_null(m);
	assert_true(nlmsg_hdr(m)->nlmsg_len > sizeof(table));
	nlmsg_free(m);
	assert_null(ethnl_set_rss(&family, 3, table, 1 << 20)); /* does not fit an attribute */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_channels),    cmocka_unit_test(test_rings),
		cmocka_unit_test(test_features), cmocka_unit_test(test_private_flags),    cmocka_unit_test(test_rss),
		cmocka_unit_test(test_hostile),	    cmocka_unit_test(test_too_short),
		cmocka_unit_test(test_requests),    cmocka_unit_test(test_feature_request),
		cmocka_unit_test(test_large_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
