/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the ring of a queue keeps of an area, driver by driver: the numbers are those of their sources.
 */
#include "testlib.h"

#include "demand.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * KIB)

struct row {
	const char *driver;
	unsigned ring, jumbo, mtu;
	uint64_t kept, least, recommended;
};

static const struct row rows[] = {
	/* Work entries of 256 KiB with 128 packets of 2048 bytes, or 16 of 16384; four at least. */
	{ "mlx5_core", 1024, 0, 1500, 2 * MIB, 2560 * KIB, 16 * MIB },
	{ "mlx5_core", 1000, 0, 1500, 2 * MIB, 2560 * KIB, 16 * MIB },
	{ "mlx5_core", 64, 0, 1500, 1 * MIB, 1536 * KIB, 16 * MIB },
	{ "mlx5_core", 8192, 0, 1500, 16 * MIB, 16896 * KIB, 36 * MIB },
	{ "mlx5_core", 1024, 0, 9000, 16 * MIB, 16896 * KIB, 36 * MIB },
	/* More than a refill ring has entries for: what is needed all the same, and no more. */
	{ "mlx5_core", 8192, 0, 9000, 128 * MIB, 131584 * KIB, 131584 * KIB },
	{ "mlx5_core", 4096, 0, 9000, 64 * MIB, 66048 * KIB, 128 * MIB },
	{ "mlx5_core", 1024, 0, 0, 2 * MIB, 2560 * KIB, 16 * MIB },
	/* Four pages a packet, whatever the MTU, as long as it fits into them; the rings have an end. */
	{ "bnxt_en", 511, 0, 1500, 8176 * KIB, 8688 * KIB, 20448 * KIB },
	{ "bnxt_en", 511, 0, 9000, 8176 * KIB, 8688 * KIB, 20448 * KIB },
	{ "bnxt_en", 1023, 0, 1500, 16368 * KIB, 16880 * KIB, 36832 * KIB },
	{ "bnxt_en", 2047, 0, 1500, 32752 * KIB, 33264 * KIB, 69600 * KIB },
	{ "bnxt_en", 8191, 0, 1500, 32752 * KIB, 33264 * KIB, 69600 * KIB },
	/* Half a page, and four pages in the pool; these do with whatever there is. */
	{ "gve", 1024, 0, 1500, 2 * MIB, 0, 22 * MIB },
	{ "gve", 8192, 0, 9000, 16 * MIB, 0, 84 * MIB },
	{ "fbnic", 4096, 256, 1500, 1 * MIB, 0, 16 * MIB },
	{ "fbnic", 4096, 4096, 1500, 16 * MIB, 0, 52 * MIB },
	{ "zcnic", 1024, 0, 1500, 4 * MIB, 0, 16 * MIB },
	{ NULL, 4096, 0, 1500, 16 * MIB, 0, 36 * MIB },
};

static struct nic_state nic(const struct row *r)
{
	return (struct nic_state){ .name = "nic0", .driver = (char *)r->driver, .has_rings = r->ring > 0,
				   .rx_ring = r->ring, .rx_jumbo_ring = r->jumbo };
}

static void test_each_driver(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct nic_state s = nic(&rows[i]);
		struct nic_demand d;

		nic_demand(&s, rows[i].mtu, &d);
		if (d.ring != rows[i].kept || d.least != rows[i].least ||
		    d.recommended != rows[i].recommended)
			fail_msg("row %zu (%s %u %u): %ju, %ju, %ju", i, rows[i].driver, rows[i].ring,
				 rows[i].mtu, (uintmax_t)d.ring, (uintmax_t)d.least,
				 (uintmax_t)d.recommended);
	}
}

static void test_an_area_that_is_too_small_is_refused_with_the_number(void **state)
{
	const struct nic_state s = nic(&rows[9]);
	_cleanup_fault_ struct fault fault = {};

	assert_int_equal(nic_demand_check(&s, 9000, 8688 * KIB, &fault), 0);
	assert_int_equal(nic_demand_check(&s, 9000, 8688 * KIB - 1, &fault), ZCRX_INVALID_AREA);
	CHECK_CONTAINS(fault.message, "An area of 8896511 bytes is too small for nic0");
	CHECK_CONTAINS(fault.message, "8372224 bytes of it in the ring");
	CHECK_CONTAINS(fault.message, "drops every packet");
	CHECK_CONTAINS(fault.message, "at least 8896512 bytes, and better 20938752");
}

static void test_what_is_not_known_is_not_refused(void **state)
{
	struct nic_state s = nic(&(struct row){ .driver = "bnxt_en" });
	_cleanup_fault_ struct fault fault = {};
	struct nic_demand d;

	nic_demand(&s, 1500, &d);
	assert_int_equal(d.ring, 0);
	assert_int_equal(d.recommended, 16 * MIB);
	assert_int_equal(nic_demand_check(&s, 1500, 4096, &fault), 0);
	s.driver = (char *)"zcnic";
	s.has_rings = true;
	s.rx_ring = 1024;
	assert_int_equal(nic_demand_check(&s, 1500, 4096, &fault), 0);
}

static void test_who_waits_for_others_buffers(void **state)
{
	assert_int_equal(nic_demand_dry("mlx5_core"), 256 * KIB);
	assert_int_equal(nic_demand_dry("bnxt_en"), 0);
	assert_int_equal(nic_demand_dry(NULL), 0);
}

static void test_buffers_have_the_lengths_that_the_driver_takes(void **state)
{
	static const struct {
		const char *driver;
		uint64_t max;
	} drivers[] = { { "mlx5_core", 128 * KIB }, { "bnxt_en", 32 * KIB } };
	_cleanup_fault_ struct fault fault = {};
	struct nic_state s = { .name = "nic0" };

	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
		s.driver = (char *)drivers[i].driver;
		assert_int_equal(nic_demand_check_buffer(&s, 0, &fault), 0);
		assert_int_equal(nic_demand_check_buffer(&s, drivers[i].max, &fault), 0);
		assert_int_equal(nic_demand_check_buffer(&s, 2 * drivers[i].max, &fault),
				 ZCRX_INVALID_PARAMETER);
		CHECK_CONTAINS(fault.message, drivers[i].driver);
		fault_done(&fault);
	}
	s.driver = (char *)"gve";
	assert_int_equal(nic_demand_check_buffer(&s, 2 * MIB, &fault), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_driver),
		cmocka_unit_test(test_an_area_that_is_too_small_is_refused_with_the_number),
		cmocka_unit_test(test_what_is_not_known_is_not_refused),
		cmocka_unit_test(test_who_waits_for_others_buffers),
		cmocka_unit_test(test_buffers_have_the_lengths_that_the_driver_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
