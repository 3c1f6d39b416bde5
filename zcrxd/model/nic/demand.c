/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See demand.h.
 */
#include "demand.h"
#include "driver.h"

#define KIB	       UINT64_C(1024)
#define MIB	       (KIB * KIB)
#define PAGE	       (4 * KIB)
#define USUAL	       (16 * MIB) /* what programs took before anybody recommended anything */
#define REFILL_ROOM    (REFILL_ENTRIES_MAX * PAGE) /* more buffers of a page cannot be returned */
/* Beyond the ring, where less would do harm: room for what is on its way through the kernel. */
#define RESERVE	       (512 * KIB)
/* And for what the kernel has to copy, into buffers that nobody has; those in the page pool behind the ring, where
 * returned ones end, it leaves to the NIC (io_alloc_fallback_niov). */
#define COPY_ROOM      (4 * MIB)
#define POOL_MAX       (16384 * PAGE) /* page_pool_init() */
/* mlx5: a work entry is that long, and takes as many packets as fit, each with what the driver puts around it
 * (headers, headroom, struct skb_shared_info) and rounded up to a power of two. It has four at least. */
#define MLX5_ENTRY     (256 * KIB)
#define MLX5_AROUND    416
#define MLX5_ENTRIES   4
/* bnxt: a packet has as many pages in the aggregation ring, which is no longer than that. */
#define BNXT_PAGES     4
#define BNXT_JUMBO     40 /* of the MTU that the pages have not to hold */
#define BNXT_RING_MAX  2047
#define BNXT_AGGREGATE 8191
#define GVE_BUFFER     (2 * KIB)

static uint64_t power_of_two(uint64_t n)
{
	uint64_t p = 1;

	while (p < n)
		p *= 2;
	return p;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t ring_mlx5(const struct nic_state *s, unsigned mtu)
{
	uint64_t packets = MLX5_ENTRY / least(power_of_two(mtu + MLX5_AROUND), MLX5_ENTRY);

	return most(power_of_two(s->rx_ring) / packets, MLX5_ENTRIES) * MLX5_ENTRY;
}

static uint64_t ring_bnxt(const struct nic_state *s, unsigned mtu)
{
	uint64_t pages = most(BNXT_PAGES, (mtu - least(mtu, BNXT_JUMBO) + PAGE - 1) / PAGE);

	return least(least(s->rx_ring, BNXT_RING_MAX) * pages, BNXT_AGGREGATE) * PAGE;
}

static uint64_t ring_gve(const struct nic_state *s, unsigned mtu)
{
	return s->rx_ring * GVE_BUFFER;
}

/* rx is its ring of completions. */
static uint64_t ring_fbnic(const struct nic_state *s, unsigned mtu)
{
	return s->rx_jumbo_ring * PAGE;
}

/* Of a driver that is not listed it is not known; most have a page an entry. */
static uint64_t ring_other(const struct nic_state *s, unsigned mtu)
{
	return s->rx_ring * PAGE;
}

static const struct {
	const char *driver;
	uint64_t (*ring)(const struct nic_state *s, unsigned mtu);
	unsigned pool;	  /* how many times the ring its page pool keeps besides */
	uint64_t reserve; /* what an area has to have beyond it; 0: it may be smaller */
	uint64_t dry;
	uint64_t buffer_max; /* 0: not known, or pages only, which the kernel tells */
} demands[] = {
	/* The ring has to have 512 KiB of its own, or the NIC waits. */
	{ "mlx5_core", ring_mlx5, 1, RESERVE, MLX5_ENTRY, MLX5_ENTRY / 2 },
	/* A packet for which there is no other buffer is dropped, and its buffer used again. */
	{ "bnxt_en", ring_bnxt, 1, RESERVE, 0, 32 * KIB },
	{ "gve", ring_gve, 8, 0, 0, 0 },
	{ "fbnic", ring_fbnic, 2, 0, 0, 0 },
	{ NULL, ring_other, 1, 0, 0, 0 },
};

static size_t find(const char *driver)
{
	size_t i = 0;

	while (demands[i].driver && !streq(demands[i].driver, driver ?: ""))
		i++;
	return i;
}

void nic_demand(const struct nic_state *state, unsigned mtu, struct nic_demand *ret)
{
	const size_t i = find(state->driver);
	const uint64_t ring = state->has_rings && state->rx_ring > 0 ? demands[i].ring(state, mtu ?: 1500) : 0;
	const bool matters = ring > 0 && demands[i].reserve > 0;
	struct nic_demand d = { .ring = ring, .least = matters ? ring + demands[i].reserve : 0 };

	d.recommended = most(ring + least(demands[i].pool * ring, POOL_MAX) + COPY_ROOM, USUAL);
	d.recommended = most(least(d.recommended, REFILL_ROOM), d.least);
	if (demands[i].driver)
		d.enough = least(2 * ring, d.recommended);
	*ret = d;
}

int nic_demand_check(const struct nic_state *state, unsigned mtu, uint64_t size, struct fault *reterr)
{
	struct nic_demand d;

	nic_demand(state, mtu, &d);
	if (size >= d.least)
		return 0;
	return fault_set(reterr, ZCRX_INVALID_AREA, "areaSize",
			 "An area of %ju bytes is too small for %s: its driver (%s) keeps %ju bytes of it in the "
			 "ring of the queue, and %s. With a ring of %u entries and an MTU of %u an area has at least "
			 "%ju bytes, and better %ju (Lease.recommendedAreaBytes); a shorter ring (rx-ring in the "
			 "configuration) takes less.",
			 (uintmax_t)size, state->name, state->driver, (uintmax_t)d.ring,
			 nic_demand_dry(state->driver) > 0
				 ? "the whole NIC stops if the ring cannot be filled"
				 : "without more than that it drops every packet",
			 state->rx_ring, mtu ?: 1500, (uintmax_t)d.least, (uintmax_t)d.recommended);
}

uint64_t nic_demand_dry(const char *driver)
{
	return demands[find(driver)].dry;
}

int nic_demand_check_buffer(const struct nic_state *state, uint64_t length, struct fault *reterr)
{
	const uint64_t max = demands[find(state->driver)].buffer_max;

	if (max == 0 || length <= max)
		return 0;
	return fault_set(reterr, ZCRX_INVALID_PARAMETER, "receiveBufferLength",
			 "receiveBufferLength is %ju. The driver of %s (%s) receives into buffers of %ju to %ju "
			 "bytes, a power of two.",
			 (uintmax_t)length, state->name, state->driver, (uintmax_t)PAGE, (uintmax_t)max);
}
