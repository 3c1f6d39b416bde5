/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See receivers.h.
 */
#include <errno.h>

#include "leases.h"
#include "log.h"
#include "proof.h"
#include "proof-check.h"
#include "receivers.h"

/* --------------------------------------------------------------------------- changes */

static void tell(struct device *d)
{
	const struct receiver *r = &d->receiver;

	if (r->refusal)
		log_message(LOG_WARNING, &(struct log_fields){ .interface = d->name }, "%s", r->refusal);
	else if (r->at.bond)
		log_message(LOG_INFO, &(struct log_fields){ .interface = d->name },
			    "%s is a port of %s now, whose addresses prove its flows.", d->name, r->at.name);
	else
		log_message(LOG_INFO, &(struct log_fields){ .interface = d->name },
			    "%s receives by itself now: its own addresses prove its flows.", d->name);
}

static struct device *find_changed(struct devices *devices)
{
	struct device *d;

	TAILQ_FOREACH(d, &devices->list, entry)
		if (d->receiver.changed)
			return d;
	return NULL;
}

void receivers_report(struct devices *devices)
{
	struct device *d;
	bool any = false;

	while ((d = find_changed(devices))) {
		d->receiver.changed = false;
		any = true;
		tell(d);
		if (device_is_open(d))
			proofs_addresses_changed(d);
	}
	if (any)
		proofs_check(devices->leases);
}

void receivers_addresses_changed(struct devices *devices, unsigned ifindex)
{
	struct device *d;

	TAILQ_FOREACH(d, &devices->list, entry) {
		d->receiver.stale = true;
		if (device_is_open(d) &&
		    (d->ifindex == ifindex || d->receiver.at.ifindex == ifindex))
			proofs_addresses_changed(d);
	}
}

/* --------------------------------------------------------------------------- problems */

static bool has_flows(const struct device *d)
{
	const struct lease *l;

	TAILQ_FOREACH(l, &d->devices->leases->list, entry)
		if (l->device == d && l->n_flows > 0)
			return true;
	return false;
}

static bool has_wildcard(const struct device *d)
{
	const struct lease *l;
	const struct proof *p;

	TAILQ_FOREACH(l, &d->devices->leases->list, entry)
		if (l->device == d)
			LIST_FOREACH(p, &l->proofs, entry)
				if (p->proved && p->wildcard)
					return true;
	return false;
}

static int refresh(struct device *d)
{
	_cleanup_fault_ struct fault fault = {};
	struct local_address *list = NULL;
	size_t n;
	int e;

	if (!d->receiver.stale || d->ifindex == SOFTWARE_IFINDEX || !d->worker)
		return 0;
	e = device_addresses(d, &list, &n, &fault);
	free(list);
	return e == -ENOMEM ? e : 0; /* it is told as it was */
}

/* "zc1, eth3 (not in the configuration)": where it receives beside this one, or only where nothing is steered.
 * NULL: nowhere. */
static int list_ports(const struct device *d, bool unsteered, char **ret)
{
	const struct receiver *r = &d->receiver;
	_cleanup_free_ char *list = NULL;

	for (size_t i = 0; i < r->n_links; i++) {
		const struct receiver_link *l = &r->links[i];
		const struct device *other = devices_find_by_index(d->devices, l->ifindex);
		char *text;

		if (!l->port || (unsteered && other && has_flows(other)))
			continue;
		if (asprintf(&text, "%s%s%s%s", list ?: "", list ? ", " : "", l->name,
			     other && device_is_managed(other) ? "" : " (not in the configuration)") < 0)
			return -ENOMEM;
		free(list);
		list = text;
	}
	*ret = TAKE_PTR(list);
	return 0;
}

int device_problems(struct device *d, char *ret[PROBLEMS_MAX])
{
	_cleanup_free_ char *ports = NULL;
	const struct receiver *r = &d->receiver;
	const bool bonded = r->at.bond && has_flows(d);
	int e = refresh(d);
	size_t n = 0;

	for (size_t i = 0; i < PROBLEMS_MAX; i++)
		ret[i] = NULL;
	if (e >= 0 && bonded)
		e = list_ports(d, !d->link.standby, &ports);
	if (e >= 0 && r->refusal)
		e = asprintf(&ret[n++], "%s", r->refusal);
	if (e >= 0 && bonded) {
		if (d->link.standby)
			e = asprintf(&ret[n++], "%s does not receive by %s at the moment: what is steered here "
						"comes in at %s, and is received by copying until %s is active "
						"again.", r->at.name, d->name, ports ?: "no port", d->name);
		else if (ports)
			e = asprintf(&ret[n++], "%s receives by %s, too: what comes in there is received by "
						"copying. For zero copy there, acquire a lease there as well.",
				     r->at.name, ports);
	}
	if (e >= 0 && r->left_out && (!r->here || has_wildcard(d)))
		e = asprintf(&ret[n++], "Listeners on all addresses are not steered at %s: no socket proves that "
					"what is sent there comes in by %s. Name such flows by value, which the "
					"policy has to allow (flows: in zcrxd.yaml(5)).", r->left_out, r->at.name);
	if (e >= 0)
		return 0;
	if (n > 0)
		ret[n - 1] = NULL; /* not to be relied on */
	for (size_t i = 0; i < PROBLEMS_MAX; i++)
		free(TAKE_PTR(ret[i]));
	return -ENOMEM;
}
