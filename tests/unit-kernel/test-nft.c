/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the guard's sets are told when its flows change: as messages, which no kernel gets here.
 */
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "nft-guard.h"
#include "nft-table.h"
#include "nft.h"
#include "testlib.h"

#define TO(n)	{ .protocol = FLOW_TCP4, .destination = { .prefix = 32, .bytes = { 10, 0, 0, 1 } }, .destination_port = n }
#define FROM(n) { .protocol = FLOW_TCP4, .source = { .prefix = 32, .bytes = { 10, 0, 0, 2 } }, .source_port = n }
#define TO6(n)	{ .protocol = FLOW_TCP6, .destination = { .prefix = 128, .bytes = { [15] = 1 } }, .destination_port = n }

static struct flow set[] = { TO(1), FROM(7), TO(2), TO(1) };

struct changes {
	size_t added, removed;
	char sets[2][16]; /* of the last one added, and removed */
};

static struct nft_flows flows_before(void)
{
	struct nft_flows before = { .flows = set, .n = ARRAY_SIZE(set) };

	assert_int_equal(nft_find_shapes(set, ARRAY_SIZE(set), &before.shapes, &before.n_shapes), 0);
	assert_int_equal(before.n_shapes, 2);
	return before;
}

static int changes(const struct flow *flows, size_t n, struct changes *ret)
{
	struct nft_flows before = flows_before();
	const struct nft_table c = { .table = NFT_TABLE_PREFIX "1" };
	struct nlattr *tb[NFTA_SET_ELEM_LIST_MAX + 1];
	_cleanup_nft_batch_ struct nft_batch b = {};
	size_t n_changes;
	int r, rem;

	*ret = (struct changes) {};
	nft_batch_begin(&b);
	r = nft_put_changes(&b, &c, &before, flows, n, &n_changes);
	assert_false(b.failed);
	free(before.shapes);
	rem = (int)b.size;
	for (struct nlmsghdr *m = (void *)b.data; nlmsg_ok(m, rem); m = nlmsg_next(m, &rem)) {
		const uint8_t type = m->nlmsg_type & 0xff;
		const bool removed = type == NFT_MSG_DELSETELEM;

		if (m->nlmsg_type == NFNL_MSG_BATCH_BEGIN)
			continue;
		assert_true(removed || type == NFT_MSG_NEWSETELEM);
		assert_true(nft_parse(m, type, tb, NFTA_SET_ELEM_LIST_MAX) >= 0);
		assert_true(attr_string(tb[NFTA_SET_ELEM_LIST_SET], ret->sets[removed], sizeof(ret->sets[0])));
		assert_null(tb[NFTA_SET_ELEM_LIST_SET_ID]); /* which is for those of the same batch */
		*(removed ? &ret->removed : &ret->added) += 1;
	}
	assert_int_equal(n_changes, ret->added + ret->removed);
	return r;
}

/* In another order, and one of them twice: they are guarded already. */
static void test_the_same_flows_are_no_change(void **state)
{
	const struct flow flows[] = { FROM(7), TO(2), TO(2), TO(1) };
	struct changes c;

	assert_int_equal(changes(flows, ARRAY_SIZE(flows), &c), 0);
	assert_int_equal(c.added + c.removed, 0);
}

static void test_one_more_and_one_less(void **state)
{
	const struct flow more[] = { TO(1), TO(2), FROM(7), FROM(8) }, less[] = { TO(2), FROM(7) },
			  other[] = { TO(1), TO(3), FROM(7) };
	struct changes c;

	assert_int_equal(changes(more, ARRAY_SIZE(more), &c), 0);
	assert_int_equal(c.added, 1);
	assert_int_equal(c.removed, 0);
	assert_string_equal(c.sets[0], "flows-1");
	assert_int_equal(changes(less, ARRAY_SIZE(less), &c), 0);
	assert_int_equal(c.added, 0);
	assert_int_equal(c.removed, 1); /* which was there twice */
	assert_string_equal(c.sets[1], "flows-0");
	assert_int_equal(changes(other, ARRAY_SIZE(other), &c), 0);
	assert_int_equal(c.added, 1);
	assert_int_equal(c.removed, 1);
}

/* The last of its shape: the set stays, and is empty. */
static void test_a_set_may_become_empty(void **state)
{
	const struct flow flows[] = { TO(1), TO(2) };
	struct changes c;

	assert_int_equal(changes(flows, ARRAY_SIZE(flows), &c), 0);
	assert_int_equal(c.removed, 1);
	assert_string_equal(c.sets[1], "flows-1");
}

/* Without a rule that looks into its set it would not be guarded. */
static void test_another_shape_needs_the_whole(void **state)
{
	const struct flow flows[] = { TO(1), TO(2), FROM(7), TO6(1) };
	struct changes c;

	assert_int_equal(changes(flows, ARRAY_SIZE(flows), &c), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_same_flows_are_no_change),
		cmocka_unit_test(test_one_more_and_one_less),
		cmocka_unit_test(test_a_set_may_become_empty),
		cmocka_unit_test(test_another_shape_needs_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
