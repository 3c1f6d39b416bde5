/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See receiver.h.
 */
#include <errno.h>

#include "device.h"
#include "devices.h"

void receiver_done(struct receiver *r)
{
	free(r->refusal);
	free(r->links);
	free(r->left_out);
	*r = (struct receiver){};
}

/* --------------------------------------------------------------------------- looking */

static int list_links(const struct device *d, struct receiver *r, const struct nic_link *links, size_t n)
{
	r->links = calloc(n + 1, sizeof(*r->links));
	if (!r->links)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct receiver_link *l = &r->links[r->n_links++];

		l->ifindex = links[i].ifindex;
		l->place = stack_place(links, n, &r->at, d->ifindex, links[i].ifindex);
		l->port = r->at.bond && links[i].master == r->at.ifindex && l->ifindex != d->ifindex &&
			  !links[i].standby;
		memcpy(l->name, links[i].name, sizeof(l->name));
	}
	return 0;
}

static int look(const struct device *d, const struct nic_link *links, size_t n, struct receiver *r)
{
	_cleanup_fault_ struct fault fault = {};
	int e = stack_receiver(links, n, &d->link, &r->at, &fault);

	if (e > 0) {
		r->at = (struct stack_receiver){ .ifindex = d->ifindex };
		memcpy(r->at.name, d->name, sizeof(r->at.name));
		r->refusal = TAKE_PTR(fault.message);
		e = r->refusal ? 0 : -ENOMEM;
	}
	return e < 0 ? e : list_links(d, r, links, n);
}

int receiver_begin(struct device *d)
{
	struct receiver r = { .stale = true };
	struct nic_link *links;
	size_t n;
	int e;

	if (d->receiver.at.ifindex > 0)
		return 0;
	if (d->link.master == 0) { /* of the others nobody asks before they are looked at */
		e = look(d, NULL, 0, &r);
	} else {
		e = devices_links(d->devices, &links, &n);
		if (e < 0)
			return e;
		e = look(d, links, n, &r);
		nic_links_free(links, n);
	}
	if (e < 0) {
		receiver_done(&r);
		return e;
	}
	receiver_done(&d->receiver);
	d->receiver = r;
	return 0;
}

int receivers_review(struct devices *devices, const struct nic_link *links, size_t n)
{
	struct device *d;
	int e;

	TAILQ_FOREACH(d, &devices->list, entry) {
		struct receiver r = { .stale = true }, *old = &d->receiver;

		if (d->ifindex == 0 || d->phase == DEVICE_GONE)
			continue;
		e = look(d, links, n, &r);
		if (e < 0) {
			receiver_done(&r);
			return e;
		}
		r.changed = old->changed || (old->at.ifindex > 0 && (old->at.ifindex != r.at.ifindex ||
								     !old->refusal != !r.refusal));
		receiver_done(old);
		*old = r;
	}
	return 0;
}

/* --------------------------------------------------------------------------- asking */

int device_check_receiver(const struct device *d, struct fault *reterr)
{
	return d->receiver.refusal ? fault_set(reterr, ZCRX_FLOW_NOT_PROVED, NULL, "%s",
					       d->receiver.refusal)
				   : 0;
}

static void place(const struct receiver *r, struct local_address *a)
{
	a->place = a->ifindex == r->at.ifindex ? ADDRESS_HERE : ADDRESS_ELSEWHERE;
	for (size_t i = 0; i < r->n_links; i++)
		if (r->links[i].ifindex == a->ifindex) {
			a->place = r->links[i].place;
			memcpy(a->device, r->links[i].name, sizeof(a->device));
			return;
		}
	/* It came just now, and is told in a moment. */
	snprintf(a->device, sizeof(a->device), "#%u", a->ifindex);
}

int device_addresses(struct device *d, struct local_address **ret, size_t *ret_n, struct fault *reterr)
{
	struct nic_backend *b = d->devices->backend;
	struct receiver *r = &d->receiver;
	_cleanup_free_ struct local_address *list = NULL;
	char *left_out = NULL;
	size_t n;
	int e;

	e = b->ops->addresses(b, 0, &list, &n);
	if (e < 0)
		return fault_kernel(reterr, -e, NULL, "read the addresses of the interface", "Try again.");
	if (e > 0)
		return e;
	r->here = false;
	for (size_t i = 0; i < n; i++) {
		place(r, &list[i]);
		r->here |= list[i].place == ADDRESS_HERE;
	}
	if (local_addresses_left_out(list, n, &left_out) < 0)
		return -ENOMEM;
	free(r->left_out);
	r->left_out = left_out;
	r->stale = false;
	*ret = TAKE_PTR(list);
	*ret_n = n;
	return 0;
}
