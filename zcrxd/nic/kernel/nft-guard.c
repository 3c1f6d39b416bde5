/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See nft-guard.h. Two things make TCP read payload that lies in a client's memory, out of the
 * CPU's reach, and the kernel panics: the urgent byte (tcp_urg() calls BUG()), and signatures over
 * the payload (TCP MD5 and TCP-AO). So segments of steered flows are looked at before TCP, at the
 * ingress of the NIC, where headers are in ordinary memory: urgent ones lose the flag, so that
 * their byte arrives in its place like every other one (RFC 6093; a segment that is dropped would
 * come again and again, and hold up its connection until it times out), signed ones are dropped.
 *
 *     table netdev zcrxd-IFINDEX
 *         chain ingress: drop TCP headers in fragments; goto steered for TCP segments with URG or one
 *                        of the options; nothing else costs
 *         chain steered: goto act for those of the flows, one lookup for each kind of key
 *         chain act:     count, and drop or clear
 *
 * The chain on the NIC stays while what it leads to is replaced: a packet sees all of the old or
 * all of the new. (Of two chains on one hook it could see neither: the kernel asks each by itself
 * which of its generations is the valid one.)
 */
#include <linux/netfilter/nf_tables.h>

#include "nft-guard.h"
#include "nft.h"
#include "nft-table.h"

static int open_socket(struct nft_guard *g)
{
	return g->nl.socket ? 0 : netlink_open(&g->nl, NETLINK_NETFILTER);
}

static int begin(struct nft_guard *g, const char *ifname, struct nft_table *ret)
{
	int r = open_socket(g);

	if (r < 0)
		return r;
	*ret = (struct nft_table) { .ifname = ifname,
				    .portid = nl_socket_get_local_port(g->nl.socket) };
	snprintf(ret->table, sizeof(ret->table), NFT_TABLE_PREFIX "%u", g->ifindex);
	return 0;
}

static int send_whole(struct nft_guard *g, const struct nft_table *c, const struct nft_flows *f, bool try)
{
	_cleanup_nft_batch_ struct nft_batch b = {};

	nft_batch_begin(&b);
	nft_put_base(&b, c);
	nft_put_flows(&b, c, f->shapes, f->n_shapes, f->flows, f->n);
	nft_put_rules(&b, c);
	return nft_batch_send(&g->nl, &b, try);
}

static int send_destroy(struct nft_guard *g, const struct nft_table *c)
{
	_cleanup_nft_batch_ struct nft_batch b = {};

	nft_batch_begin(&b);
	nft_put_table(&b, NFT_MSG_DESTROYTABLE, c);
	return nft_batch_send(&g->nl, &b, false);
}

/* A tenth of what the whole costs. Where the kernel refuses that, whatever for, the whole is sent. */
static int send_changes(struct nft_guard *g, const struct nft_table *c, const struct flow *flows, size_t n)
{
	_cleanup_nft_batch_ struct nft_batch b = {};
	size_t n_changes;
	int r;

	nft_batch_begin(&b);
	r = nft_put_changes(&b, c, &g->set, flows, n, &n_changes);
	return r < 0 || n_changes == 0 ? r : nft_batch_send(&g->nl, &b, false);
}

static void flows_done(struct nft_flows *f)
{
	free(f->flows);
	free(f->shapes);
	*f = (struct nft_flows) {};
}

static int set_whole(struct nft_guard *g, struct nft_table *c, const struct nft_flows *f)
{
	int r;

	c->hooked = false;
	r = nft_table_read(&g->nl, c);

	if (r < 0)
		return r;
	r = send_whole(g, c, f, false);
	if (r >= 0 || !c->hooked || r == -EPERM)
		return r;
	/* While it was nobody's it may have been changed in ways that do not fit. */
	c->hooked = false;
	return send_whole(g, c, f, false);
}

/* Takes `f` over on success. */
static int set(struct nft_guard *g, const char *ifname, struct nft_flows *f)
{
	_cleanup_nft_table_ struct nft_table c = {};
	bool kept = false;
	int r = begin(g, ifname, &c);

	if (r >= 0 && g->certain && g->set.n > 0 && f->n > 0)
		r = nft_table_is_kept(&g->nl, &c, &kept);
	if (r < 0)
		return r;
	/* Until the kernel has answered, nobody knows which of the two there is. */
	g->certain = false;
	if (kept && send_changes(g, &c, f->flows, f->n) >= 0) {
		/* The sets are as they were, those that are empty now included. */
		free(f->shapes);
		f->shapes = TAKE_PTR(g->set.shapes);
		f->n_shapes = g->set.n_shapes;
	} else {
		r = f->n == 0 ? send_destroy(g, &c) : set_whole(g, &c, f);
		if (r < 0)
			return r;
	}
	flows_done(&g->set);
	g->set = *f;
	*f = (struct nft_flows) {};
	g->certain = true;
	return 0;
}

int nft_guard_set(struct nft_guard *g, const char *ifname, const struct flow *flows, size_t n)
{
	struct nft_flows f = { .flows = calloc(n + 1, sizeof(*flows)), .n = n };
	int r = f.flows ? nft_find_shapes(flows, n, &f.shapes, &f.n_shapes) : -ENOMEM;

	if (r >= 0 && n > 0)
		memcpy(f.flows, flows, n * sizeof(*flows));
	if (r >= 0)
		r = set(g, ifname, &f);
	flows_done(&f);
	return r < 0 ? r : 0;
}

int nft_guard_keep(struct nft_guard *g, const char *ifname, bool *ret_lost)
{
	_cleanup_nft_table_ struct nft_table c = {};
	bool kept = true;
	int r = g->set.n > 0 ? begin(g, ifname, &c) : 0;

	if (r == 0 && g->set.n > 0)
		r = nft_table_is_kept(&g->nl, &c, &kept);
	if (r < 0)
		return r;
	*ret_lost = !kept;
	if (kept)
		return 0;
	g->certain = false;
	r = set_whole(g, &c, &g->set);
	g->certain = r >= 0;
	return r;
}

int nft_guard_count(struct nft_guard *g, uint64_t *ret_urgent, uint64_t *ret_signed)
{
	_cleanup_nft_table_ struct nft_table c = {};
	int r = 0;

	if (g->nl.socket) {
		r = begin(g, "", &c);
		if (r >= 0)
			r = nft_table_read_counters(&g->nl, &c);
	}
	if (r < 0)
		return r;
	*ret_signed = c.counters[0].packets + c.counters[1].packets;
	*ret_urgent = c.counters[2].packets;
	return 0;
}

void nft_guard_done(struct nft_guard *g, bool gone)
{
	struct nft_table c = {};

	if (gone && g->nl.socket && begin(g, "", &c) >= 0)
		(void)send_destroy(g, &c);
	netlink_done(&g->nl);
	flows_done(&g->set);
	*g = (struct nft_guard) {};
}

/* --------------------------------------------------------------------------- the machine */

int nft_guard_probe(bool *ret)
{
	static struct flow flows[] = {
		{ .protocol = FLOW_TCP4,
		  .source = { .prefix = 8 },
		  .destination = { .prefix = 32 },
		  .source_port = 1,
		  .destination_port = 1 },
		{ .protocol = FLOW_TCP6,
		  .source = { .prefix = 64 },
		  .destination = { .prefix = 128 },
		  .source_port = 1,
		  .destination_port = 1 },
	};
	const struct nft_flows f = { flows, ARRAY_SIZE(flows), flows, ARRAY_SIZE(flows) };
	struct nft_guard g = {};
	struct nft_table c = {};
	int r = begin(&g, "lo", &c);

	/* The real one, on an interface that is always there, and with an end that never comes. */
	snprintf(c.table, sizeof(c.table), NFT_TABLE_PREFIX "probe-%u", c.portid);
	if (r >= 0)
		r = send_whole(&g, &c, &f, true);
	nft_guard_done(&g, false);
	if (r == -ENOMEM || r == -EPERM)
		return r;
	*ret = r >= 0;
	return 0;
}

struct tables {
	unsigned *indices;
	size_t n;
};

static int read_table(const struct nlmsghdr *m, void *userdata)
{
	struct nlattr *tb[NFTA_TABLE_MAX + 1];
	struct tables *t = userdata;
	unsigned ifindex, *indices;
	char name[32], end;
	int r = nft_parse(m, NFT_MSG_NEWTABLE, tb, NFTA_TABLE_MAX);

	if (r < 0 || !attr_string(tb[NFTA_TABLE_NAME], name, sizeof(name)) ||
	    sscanf(name, NFT_TABLE_PREFIX "%u%c", &ifindex, &end) != 1)
		return r == -ENODATA ? 0 : r;
	indices = reallocarray(t->indices, t->n + 1, sizeof(*indices));
	if (!indices)
		return -ENOMEM;
	t->indices = indices;
	t->indices[t->n++] = ifindex;
	return 0;
}

static void forget_tables(void *userdata)
{
	((struct tables *)userdata)->n = 0;
}

int nft_guard_sweep(bool (*is_needed)(unsigned ifindex, void *userdata), void *userdata)
{
	struct nft_guard g = {};
	struct tables t = {};
	int r = open_socket(&g), failed = 0;

	if (r >= 0)
		r = netlink_dump(&g.nl, nft_request(NFT_MSG_GETTABLE), read_table, forget_tables,
				 &t);
	for (size_t i = 0; r >= 0 && i < t.n; i++) {
		if (is_needed(t.indices[i], userdata))
			continue;
		g.ifindex = t.indices[i];
		failed = nft_guard_set(&g, "", NULL, 0);
	}
	free(t.indices);
	nft_guard_done(&g, false);
	return r < 0 ? r : failed;
}
