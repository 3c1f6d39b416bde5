/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The simulated machine's links, from outside: they come, go, and are called something else. Each
 * tells its event as the kernel would.
 */
#include "sim-internal.h"

int sim_add_nic(struct nic_backend *b, const struct nic_state *state, const char *mac,
		const char *path)
{
	struct sim *s = sim_of(b);
	struct sim_nic n = { .mtu = 1500, .contexts_max = 15 };
	size_t slot;

	SIM_LOCK(s);
	if (sim_find(s, state->ifindex, &slot) == 0)
		return -EEXIST;
	if (s->n_nics == SIM_NICS_MAX || state->channels.combined_max > SIM_QUEUES_MAX)
		return -ENOSPC;
	if (path) {
		n.path = strdup(path);
		if (!n.path)
			return -ENOMEM;
	}
	if (nic_state_copy(state, &n.state) < 0) {
		free(n.path);
		return -ENOMEM;
	}
	snprintf(n.mac, sizeof(n.mac), "%s", mac ?: "");
	snprintf(n.permanent_mac, sizeof(n.permanent_mac), "%s", mac ?: "");
	slot = s->n_nics++;
	s->nics[slot] = n;
	for (size_t q = 0; q < state->n_queues; q++)
		s->shared->nics[slot].queues[q].io_uring = state->queues[q].io_uring;
	sim_sync(s, slot);
	return sim_push(s, NIC_EVENT_LINK, state->ifindex, 0);
}

/* The kernel deletes what leases from a device that goes, first. */
static void delete_netkits(struct sim *s, size_t slot)
{
	for (size_t i = s->n_netkits; i-- > 0;)
		if (s->netkits[i].slot == slot)
			sim_delete_netkit(s, i);
}

int sim_unplug(struct nic_backend *b, unsigned ifindex)
{
	SIM_AT(b, ifindex, s, slot);

	delete_netkits(s, slot);
	s->shared->nics[slot].ifindex = 0;
	s->nics[slot].state = nic_state_free(s->nics[slot].state);
	return sim_push(s, NIC_EVENT_LINK_GONE, ifindex, 0);
}

/* Rules and settings go with it, netkit devices do not. An ifq that was made without one stays. */
int sim_move_away(struct nic_backend *b, unsigned ifindex)
{
	SIM_AT(b, ifindex, s, slot);

	delete_netkits(s, slot);
	s->shared->nics[slot].ifindex = 0;
	s->nics[slot].away = TAKE_PTR(s->nics[slot].state);
	return sim_push(s, NIC_EVENT_LINK_GONE, ifindex, 0);
}

int sim_rename_netkit(struct nic_backend *b, const char *name)
{
	struct sim *s = sim_of(b);

	SIM_LOCK(s);
	if (s->n_netkits == 0)
		return -ENODEV;
	snprintf(s->netkits[0].name, sizeof(s->netkits[0].name), "%s", name);
	return sim_push(s, NIC_EVENT_LINK, s->netkits[0].ifindex, 0);
}

int sim_move_netkit(struct nic_backend *b)
{
	struct sim *s = sim_of(b);
	int r;

	SIM_LOCK(s);
	if (s->n_netkits == 0)
		return -ENODEV;
	s->netkits[0].moved = s->any_moved = true;
	sim_sync(s, s->netkits[0].slot);
	r = sim_push(s, NIC_EVENT_LINK_GONE, s->netkits[0].ifindex, 0);
	if (r == 0 && s->n_events > 0)
		s->events[s->n_events - 1].moved = true;
	return r;
}

static int find_away(struct sim *s, unsigned ifindex, size_t *ret)
{
	for (size_t i = 0; i < s->n_nics; i++)
		if (s->nics[i].away && s->nics[i].away->ifindex == ifindex) {
			*ret = i;
			return 0;
		}
	return -ENODEV;
}

int sim_move_back(struct nic_backend *b, unsigned ifindex)
{
	struct sim *s = sim_of(b);
	size_t slot;
	int r;

	SIM_LOCK(s);
	r = find_away(s, ifindex, &slot);
	if (r < 0)
		return r;
	s->nics[slot].state = TAKE_PTR(s->nics[slot].away);
	sim_sync(s, slot);
	return sim_push(s, NIC_EVENT_LINK, ifindex, 0);
}

int sim_plug_back(struct nic_backend *b, const struct nic_state *state)
{
	struct sim *s = sim_of(b);
	struct nic_state *copy;
	size_t slot;
	int r;

	SIM_LOCK(s);
	r = find_away(s, state->ifindex, &slot);
	if (r == 0)
		r = nic_state_copy(state, &copy);
	if (r < 0)
		return r;
	nic_state_free(TAKE_PTR(s->nics[slot].away));
	s->nics[slot].state = copy;
	for (size_t q = 0; q < SIM_QUEUES_MAX; q++)
		sim_unbind(&s->shared->nics[slot].queues[q]);
	sim_sync(s, slot);
	return sim_push(s, NIC_EVENT_LINK, state->ifindex, 0);
}

int sim_set_up(struct nic_backend *b, unsigned ifindex, bool up)
{
	SIM_AT(b, ifindex, s, slot);

	s->nics[slot].state->up = up;
	return sim_push(s, NIC_EVENT_LINK, ifindex, 0);
}

int sim_rename(struct nic_backend *b, unsigned ifindex, const char *name)
{
	SIM_AT(b, ifindex, s, slot);

	snprintf(s->nics[slot].state->name, IFNAMSIZ, "%s", name);
	return sim_push(s, NIC_EVENT_LINK, ifindex, 0);
}

static int set_text(char **text, const char *to)
{
	char *copy = to ? strdup(to) : NULL;

	if (to && !copy)
		return -ENOMEM;
	free(*text);
	*text = copy;
	return 0;
}

int sim_set_altnames(struct nic_backend *b, unsigned ifindex, const char *altnames)
{
	int r;

	SIM_AT(b, ifindex, s, slot);

	r = set_text(&s->nics[slot].altnames, altnames);
	return r < 0 ? r : sim_push(s, NIC_EVENT_LINK, ifindex, 0);
}

int sim_set_path(struct nic_backend *b, unsigned ifindex, const char *path)
{
	int r;

	SIM_AT(b, ifindex, s, slot);

	r = set_text(&s->nics[slot].path, path);
	return r < 0 ? r : sim_push(s, NIC_EVENT_LINK, ifindex, 0);
}

int sim_set_mac(struct nic_backend *b, unsigned ifindex, const char *mac)
{
	SIM_AT(b, ifindex, s, slot);

	snprintf(s->nics[slot].mac, sizeof(s->nics[slot].mac), "%s", mac);
	return sim_push(s, NIC_EVENT_LINK, ifindex, 0);
}

int sim_set_mtu(struct nic_backend *b, unsigned ifindex, unsigned mtu)
{
	SIM_AT(b, ifindex, s, slot);

	s->nics[slot].mtu = mtu;
	return sim_push(s, NIC_EVENT_LINK, ifindex, 0);
}

int sim_set_master(struct nic_backend *b, unsigned ifindex, unsigned master)
{
	SIM_AT(b, ifindex, s, slot);

	s->nics[slot].master = master;
	return sim_push(s, NIC_EVENT_LINK, ifindex, 0);
}

int sim_set_standby(struct nic_backend *b, unsigned ifindex, bool standby)
{
	SIM_AT(b, ifindex, s, slot);

	s->nics[slot].standby = standby;
	return sim_push(s, NIC_EVENT_LINK, ifindex, 0);
}

struct sim_other *sim_find_other(struct sim *s, unsigned ifindex)
{
	for (size_t i = 0; i < s->n_others; i++)
		if (s->others[i].link.ifindex == ifindex)
			return &s->others[i];
	return NULL;
}

int sim_set_link(struct nic_backend *b, const struct nic_link *link)
{
	struct sim *s = sim_of(b);
	struct sim_other *o;

	SIM_LOCK(s);
	o = sim_find_other(s, link->ifindex);
	if (!o && s->n_others == SIM_OTHERS_MAX)
		return -ENOSPC;
	if (!o)
		o = &s->others[s->n_others++];
	o->link = *link;
	return sim_push(s, NIC_EVENT_LINK, link->ifindex, 0);
}

int sim_remove_link(struct nic_backend *b, unsigned ifindex)
{
	struct sim *s = sim_of(b);
	struct sim_other *o;

	SIM_LOCK(s);
	o = sim_find_other(s, ifindex);
	if (!o)
		return -ENODEV;
	free(o->addresses);
	*o = s->others[--s->n_others];
	return sim_push(s, NIC_EVENT_LINK_GONE, ifindex, 0);
}
