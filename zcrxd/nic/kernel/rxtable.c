/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See rxtable.h.
 */
#include <errno.h>

#include "rxnfc.h"
#include "rxtable.h"

#define TABLE_SIZE_MAX (1U << 20)

static int read_count(const struct ethtool_device *d, uint32_t *ret_count, uint64_t *ret_data)
{
	/* Whole and zeroed: some drivers do not write `data`. */
	struct ethtool_rxnfc nfc = { .cmd = ETHTOOL_GRXCLSRLCNT };
	int r = ethtool_repeat(d, &nfc, sizeof(nfc));

	if (r < 0)
		return r;
	*ret_count = nfc.rule_cnt;
	*ret_data = nfc.data;
	return 0;
}

/* As many as were counted, and no more asked for: mlx5 refuses that. *ret->rule_cnt: what the driver wrote. */
static int read_locations(const struct ethtool_device *d, uint32_t count, struct ethtool_rxnfc **ret)
{
	const size_t size = sizeof(**ret) + count * sizeof((*ret)->rule_locs[0]);
	_cleanup_free_ struct ethtool_rxnfc *nfc = calloc(1, size);
	int r = 0;

	if (!nfc)
		return -ENOMEM;
	nfc->cmd = ETHTOOL_GRXCLSRLALL;
	nfc->rule_cnt = count;
	if (count > 0)
		r = ethtool_repeat(d, nfc, size);
	if (r >= 0 && nfc->rule_cnt > count)
		r = -EMSGSIZE;
	if (r >= 0)
		*ret = TAKE_PTR(nfc);
	return r;
}

static int table_new(const struct ethtool_rxnfc *nfc, uint64_t data, struct rxtable *ret)
{
	uint32_t *used = reallocarray(NULL, nfc->rule_cnt + 1, sizeof(*used));

	if (!used)
		return -ENOMEM;
	memcpy(used, nfc->rule_locs, nfc->rule_cnt * sizeof(*used));
	*ret = (struct rxtable) {
		.chooses = data & RX_CLS_LOC_SPECIAL,
		.size = (uint32_t)(data & ~(uint64_t)RX_CLS_LOC_SPECIAL),
		.used = used,
		.n_used = nfc->rule_cnt,
	};
	return 0;
}

/*
 * Others add and delete rules between counting and reading, and drivers do not tell: a list of more than
 * was asked for is cut (mlx5, bnxt), one of fewer is refused (EINVAL, mlx5) or filled up (gve). It is whole
 * if there are as many as before when it is there, or if the driver says that it has fewer. -EBUSY: it
 * changes all the time.
 */
int rxtable_read(const struct ethtool_device *d, struct rxtable *ret)
{
	uint32_t before, after;
	uint64_t data;
	int r = read_count(d, &before, &data);

	for (unsigned i = 0; r >= 0 && i < RXTABLE_ATTEMPTS; i++) {
		_cleanup_free_ struct ethtool_rxnfc *nfc = NULL;
		int q;

		if (before > TABLE_SIZE_MAX)
			return -EBADMSG;
		r = read_locations(d, before, &nfc);
		if (r < 0 && r != -EMSGSIZE && r != -EINVAL)
			return r;
		q = read_count(d, &after, &data);
		if (q < 0)
			return q;
		if (r >= 0 && (after == before || nfc->rule_cnt < before))
			return table_new(nfc, data, ret);
		before = after;
		r = 0;
	}
	return r < 0 ? r : -EBUSY;
}

static bool table_has(const struct rxtable *table, uint32_t location)
{
	for (size_t i = 0; i < table->n_used; i++)
		if (table->used[i] == location)
			return true;
	return false;
}

/* Of a location that is listed. Asked for another one, gve of Linux 7.2 reads beyond its memory. */
static int read_rule(const struct ethtool_device *d, uint32_t location, struct nic_rule *ret)
{
	struct ethtool_rxnfc nfc = { .cmd = ETHTOOL_GRXCLSRULE, .fs.location = location };
	int r = ethtool_repeat(d, &nfc, sizeof(nfc));

	if (r < 0)
		return r;
	rxnfc_to_rule(&nfc, ret);
	ret->location = location;
	return 0;
}

/* Drivers disagree about the errno of an empty location. */
static bool is_absent(int r)
{
	return r == -ENOENT || r == -EINVAL || r == -ERANGE || r == -ENOSPC;
}

/* *ret_found: as many of the table's rules as could be read; -ENOENT with the others unread if one of them
 * was deleted since, unless that is to be ignored. */
static int read_rules(const struct ethtool_device *d, const struct rxtable *table, bool ignore,
		      struct nic_rule *ret, size_t *ret_found)
{
	size_t n = 0;

	for (size_t i = 0; i < table->n_used; i++) {
		int r = read_rule(d, table->used[i], &ret[n]);

		if (r >= 0)
			n++;
		else if (!is_absent(r))
			return r;
		else if (!ignore)
			return -ENOENT;
	}
	*ret_found = n;
	return 0;
}

int rxnfc_list(const struct ethtool_device *d, struct nic_rule **ret, size_t *ret_n,
	       bool *ret_chooses)
{
	int r = -ENOENT;

	for (unsigned i = 0; i < RXTABLE_ATTEMPTS && r == -ENOENT; i++) {
		_cleanup_free_ struct nic_rule *rules = NULL;
		_cleanup_free_ uint32_t *used = NULL;
		struct rxtable table;
		size_t n = 0;

		r = rxtable_read(d, &table);
		if (r < 0)
			return r;
		used = table.used;
		rules = calloc(table.n_used + 1, sizeof(*rules));
		if (!rules)
			return -ENOMEM;
		r = read_rules(d, &table, i + 1 == RXTABLE_ATTEMPTS, rules, &n);
		if (r < 0)
			continue;
		*ret = TAKE_PTR(rules);
		*ret_n = n;
		if (ret_chooses)
			*ret_chooses = table.chooses;
	}
	return r;
}

int rxtable_find(const struct ethtool_device *d, uint32_t location, struct nic_rule *ret)
{
	_cleanup_free_ uint32_t *used = NULL;
	struct rxtable table;
	int r = rxtable_read(d, &table);

	if (r < 0)
		return r;
	used = table.used;
	r = table_has(&table, location) ? read_rule(d, location, ret) : -ENOENT;
	return is_absent(r) ? -ENOENT : r;
}
