/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The requirements of one interface; see checks.h. They are about the interface as it is now: what
 * zcrxd would set is a no until it has done so, and the remedy says that it does.
 */
#include "driver.h"
#include "drivers.h"
#include "macro.h"
#include "checks-internal.h"

#define BY_ZCRXD "zcrxd sets it on the interfaces in /etc/zcrxd.yaml (zcrxctl plan, zcrxctl apply); by hand: "

struct subject {
	const char *name;
	const struct nic_state *state;
	const struct interface_facts *facts;
	const struct driver_facts *driver;
	struct report *report;
};

#define REQUIRE(s, ...) require((s)->report, (s)->name, __VA_ARGS__)
#define HINT(s, ...)	hint((s)->report, __VA_ARGS__)

static void check_link(const struct subject *s)
{
	struct requirement *q = REQUIRE(s, "link", yes_if(s->state->up), "index %u, %s",
					s->state->ifindex, s->state->up ? "up" : "down");

	HINT(s, q,
	     "The kernel tells nothing about the queues of an interface that is down: ip link "
	     "set %s up",
	     s->name);
}

/* Whether a queue of it is registered, leased or bound: then it can be done, whatever we know. */
static bool has_held_queue(const struct nic_state *state)
{
	for (size_t i = 0; i < state->n_queues; i++)
		if (state->queues[i].io_uring || state->queues[i].leased || state->queues[i].dmabuf)
			return true;
	return false;
}

static void check_driver(const struct subject *s)
{
	static const enum verdict verdicts[] = { [ABILITY_UNKNOWN] = VERDICT_UNKNOWN,
						 [ABILITY_YES] = VERDICT_YES,
						 [ABILITY_DEPENDS] = VERDICT_UNKNOWN,
						 [ABILITY_NO] = VERDICT_NO };
	const struct nic_inspection *nic = &s->facts->nic;
	const char *driver = s->state->driver && *s->state->driver ? s->state->driver : "none";
	bool held = has_held_queue(s->state);
	enum ability queues = s->state->no_queue_management ? ABILITY_NO : s->driver->queues;
	struct requirement *q = REQUIRE(s, "queue-management", held ? VERDICT_YES : verdicts[queues],
					"driver %s%s%s", driver, *nic->firmware ? ", firmware " : "",
					nic->firmware);

	switch (queues) {
	case ABILITY_NO:
		HINT(s, q,
		     "This driver cannot give single queues to a program: use a NIC of "
		     "mlx5_core, bnxt_en, gve or fbnic, or software queues (zcrxd.yaml(5)).");
		break;
	case ABILITY_DEPENDS:
		HINT(s, q,
		     "For %s %s. Lease a queue and register it to see: zcrxperf receive "
		     "--interface %s --port 9999",
		     driver, s->driver->condition, s->name);
		break;
	case ABILITY_UNKNOWN:
	case ABILITY_YES:
		HINT(s, q,
		     "The kernel does not tell, and this driver is not known here. Lease a queue "
		     "and register it to see: zcrxperf receive --interface %s --port 9999",
		     s->name);
		break;
	}
}

static void check_channels(const struct subject *s)
{
	const struct nic_channels *c = &s->state->channels;
	unsigned now = nic_state_rx_queues(s->state);
	unsigned max = s->state->has_channels ? c->combined_max + c->rx_max : now;
	struct requirement *q = REQUIRE(s, "channels", yes_if(now >= 2), "%u of at most %u receive queues",
					now, max);

	if (max >= 2)
		HINT(s, q,
		     "One stays ordinary, so it takes two; " BY_ZCRXD "ethtool -L %s %s 2",
		     s->name, c->combined_max > 0 ? "combined" : "rx");
	else
		HINT(s, q,
		     "One stays ordinary, so it takes two: use a NIC with more, or give the "
		     "virtual machine more queues.");
}

/* Why the device cannot split whatever is set; NULL: it may. */
static const char *split_never(const struct subject *s)
{
	const struct nic_state *n = s->state;

	if (n->split == SPLIT_ENABLED)
		return NULL;
	if (n->split == SPLIT_UNKNOWN && driver_splits_if_known(n->driver))
		return "neither on nor off: this machine's NIC has none";
	if (s->driver->split_needs_gro_hw && !feature_is_on(n->gro_hw) && !feature_can_change(n->gro_hw))
		return "the device has no hardware GRO, with which it would split";
	return n->split_refusal;
}

static void check_gro(const struct subject *s)
{
	const struct nic_state *n = s->state;
	const char *flags = driver_flags_for_gro(n);
	bool on = feature_is_on(n->gro_hw), never = !on && !feature_can_change(n->gro_hw);
	struct requirement *q = REQUIRE(s, "rx-gro-hw", yes_if(on), "%s",
					on ? "on" : never ? "off, and cannot be switched on" : "off");

	if (never)
		HINT(s, q, "This driver splits with it only, and not every device has it: use a ConnectX-7 or later.");
	else if (flags)
		HINT(s, q,
		     "This driver splits with it only, and keeps it off with its private flags as they are: "
		     "ethtool --set-priv-flags %s %s",
		     s->name, flags);
	else
		HINT(s, q, "This driver splits with it only; " BY_ZCRXD "ethtool -K %s rx-gro-hw on", s->name);
}

static void check_split(const struct subject *s)
{
	const struct nic_state *n = s->state;
	const char *never = split_never(s);
	struct requirement *q = REQUIRE(s, "tcp-data-split", yes_if(n->split == SPLIT_ENABLED), "%s",
					never ?: data_split_to_string(n->split));

	if (never)
		HINT(s, q,
		     "Zero-copy receive needs headers split from data: use another NIC or driver.");
	else
		HINT(s, q, BY_ZCRXD "ethtool -G %s tcp-data-split on%s", s->name,
		     s->facts->nic.split_was_asked
			     ? ""
			     : ". Run this as root to ask whether the driver can");

	q = REQUIRE(s, "hds-threshold", yes_if(!n->has_hds_threshold || n->hds_threshold == 0),
		    n->has_hds_threshold ? "%u bytes" : "the driver has none", n->hds_threshold);
	HINT(s, q, "Shorter packets are not split; " BY_ZCRXD "ethtool -G %s hds-thresh 0",
	     s->name);

	if (s->driver->split_needs_gro_hw)
		check_gro(s);
}

static void check_steering(const struct subject *s)
{
	static const char *const words[] = { [FEATURE_ABSENT] = "not there",
					     [FEATURE_OFF] = "off",
					     [FEATURE_ON] = "on",
					     [FEATURE_FIXED_OFF] = "off, and cannot be switched on",
					     [FEATURE_FIXED_ON] = "on" };
	const struct nic_state *n = s->state;
	bool on = feature_is_on(n->ntuple);
	unsigned rss = nic_state_rss_queues(n), all = nic_state_rx_queues(n);
	enum ability contexts = n->n_contexts > 0 ? ABILITY_YES : s->driver->contexts;
	bool by_themselves = n->has_rules && !driver_needs_ntuple(n->driver);
	struct requirement *q = REQUIRE(s, "ntuple-filters", yes_if((on || by_themselves) && n->has_rules), "%s",
					by_themselves && !on	? "off, and rules work without" :
					on && !n->has_rules ? "the driver takes no rules" :
							      words[n->ntuple]);

	if (n->ntuple == FEATURE_OFF)
		HINT(s, q, BY_ZCRXD "ethtool -K %s ntuple on", s->name);
	else
		HINT(s, q, "Flows cannot be steered to a queue here: use another NIC or driver.");

	q = REQUIRE(s, "no-accelerated-rfs", yes_if(n->n_rfs_queues == 0), "%s%zu queue%s",
		    n->n_rfs_queues == 0 ? "it leads to " : "it may lead anybody's flows to ", n->n_rfs_queues,
		    n->n_rfs_queues == 1 ? "" : "s");
	HINT(s, q,
	     "No such queue is leased. It takes net.core.rps_sock_flow_entries, and rps_flow_cnt of the queue: "
	     "echo 0 > /sys/class/net/%s/queues/rx-N/rps_flow_cnt",
	     s->name);

	q = REQUIRE(s, "rss", yes_if(n->has_rss && (rss < all || s->facts->serves)),
		    n->has_rss ? "spreads over %u of %u queues%s" : "the driver tells of no table", rss, all,
		    s->facts->serves ? ", until they are leased" : "");
	if (n->has_rss)
		HINT(s, q,
		     "Ordinary packets would arrive on a leased queue; " BY_ZCRXD
		     "ethtool -X %s equal %u%s",
		     s->name, all > 1 ? all - 1 : 1,
		     driver_effect(n->driver, STEP_RSS) == EFFECT_BOUNCE ? " (the link goes down for it)" : "");
	else
		HINT(s, q,
		     "Queues cannot be kept free of everybody's packets: use another NIC or "
		     "driver.");

	q = REQUIRE(s, "rss-contexts", contexts == ABILITY_YES ? VERDICT_YES :
			contexts == ABILITY_NO ? VERDICT_NO : VERDICT_UNKNOWN,
		    contexts == ABILITY_YES ? "there are" : contexts == ABILITY_NO ?
				"the driver has none" : "the kernel does not tell");
	q->optional = true;
	HINT(s, q,
	     "A lease of several queues has its flows spread by one; without, each flow goes to "
	     "one queue.");
}

static void check_queues(const struct subject *s)
{
	const struct nic_state *n = s->state;
	size_t xsk = 0, counted = 0;
	struct requirement *q;

	for (size_t i = 0; i < n->n_queues; i++) {
		xsk += n->queues[i].xsk;
		counted += n->queues[i].has_counters;
	}
	q = REQUIRE(s, "queue-facts", !n->up ? VERDICT_UNKNOWN : yes_if(n->n_queues > 0),
		    n->up ? "the kernel tells of %zu" : "the interface is down", n->n_queues);
	if (n->up)
		HINT(s, q,
		     "Who holds a queue is known from the kernel only (netdev queue-get, Linux "
		     "6.15): use another kernel or driver.");
	else
		HINT(s, q, "ip link set %s up", s->name);
	q = REQUIRE(s, "queue-counters", !n->up ? VERDICT_UNKNOWN : yes_if(counted > 0),
		    n->up ? "%zu queue%s" : "the interface is down", counted, counted == 1 ? "" : "s");
	q->optional = true;
	HINT(s, q, "zcrxctl status cannot show what each queue has received.");

	q = REQUIRE(s, "no-xdp", yes_if(!s->facts->nic.xdp), s->facts->nic.xdp ?
			"a program is attached" : "no program is attached");
	HINT(s, q, "The kernel registers no queue while there is one: ip link set %s xdp off",
	     s->name);
	q = REQUIRE(s, "no-af-xdp", !n->up ? VERDICT_UNKNOWN : yes_if(xsk == 0),
		    n->up ? "%zu queue%s with an AF_XDP socket" : "the interface is down", xsk,
		    xsk == 1 ? "" : "s");
	HINT(s, q,
	     "End the programs with these sockets (ss --xdp -p), or move them to another NIC.");
}

static void check_view(const struct subject *s)
{
	static const enum verdict verdicts[] = { [VIEW_UNKNOWN] = VERDICT_UNKNOWN,
						 [VIEW_FOREIGN] = VERDICT_NO,
						 [VIEW_LISTED] = VERDICT_NO,
						 [VIEW_CONFIGURED] = VERDICT_YES,
						 [VIEW_DEGRADED] = VERDICT_NO };
	static const char *const words[] = { [VIEW_UNKNOWN] = "zcrxd cannot be asked",
					     [VIEW_FOREIGN] = "not in /etc/zcrxd.yaml",
					     [VIEW_LISTED] = "listed in /etc/zcrxd.yaml",
					     [VIEW_CONFIGURED] = "zcrxd leases its queues",
					     [VIEW_DEGRADED] = "zcrxd cannot lease its queues" };
	const struct interface_facts *f = s->facts;
	struct requirement *q = REQUIRE(s, "configured", verdicts[f->view], "%s", words[f->view]);

	switch (f->view) {
	case VIEW_UNKNOWN:
		HINT(s, q, "%s", f->reason ?: "Start zcrxd.");
		break;
	case VIEW_FOREIGN:
		HINT(s, q, "Add it under interfaces: in /etc/zcrxd.yaml, and run zcrxctl reload.");
		break;
	case VIEW_LISTED:
		HINT(s, q, "systemctl enable --now zcrxd.socket zcrxd");
		break;
	case VIEW_CONFIGURED:
	case VIEW_DEGRADED:
		HINT(s, q, "%s", f->reason ?: "See zcrxctl status.");
		break;
	}
	q = REQUIRE(s, "policy", f->may == MAY_LEASE ? VERDICT_YES :
				 f->may == MAY_NOT   ? VERDICT_NO :
						       VERDICT_UNKNOWN,
		    "%s", f->may == MAY_LEASE ? "this user may lease here" :
			  f->may == MAY_NOT   ? "this user may not lease here" :
						"the policy cannot be read");
	HINT(s, q, "%s", f->why_not ?: "See policy: in zcrxd.yaml(5).");
}

static void check_receiver(const struct subject *s)
{
	const struct nic_inspection *nic = &s->facts->nic;
	struct requirement *q = REQUIRE(s, "receiver", yes_if(!nic->no_receiver), "%s%s",
					nic->no_receiver ? "another device, of which it is a port" :
					nic->receiver.bond ? "as a port, the sockets of " : "its own sockets",
					!nic->no_receiver && nic->receiver.bond ? nic->receiver.name : "");

	HINT(s, q, "%s", nic->no_receiver);
}

static char *join(char *const *names, size_t n, const char *before, const char *between)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_fclose_ FILE *f = NULL;
	size_t size;

	f = open_memstream(&text, &size);
	for (size_t i = 0; f && i < n; i++)
		fprintf(f, "%s%s%s", i > 0 ? between : "", before, names[i]);
	return !f || fclose(TAKE_PTR(f)) != 0 ? NULL : TAKE_PTR(text);
}

bool is_stacked(const struct nic_inspection *nic)
{
	return streq(nic->kind, "bond") || nic->n_under > 0;
}

/* It has no queues to lease: which NICs have, and what of it zcrxd can do. */
static void check_stacked(const struct subject *s)
{
	const struct nic_inspection *nic = &s->facts->nic;
	const char *kind = nic->kind[0] ? nic->kind : "device";
	_cleanup_free_ char *names = join(nic->under, nic->n_under, "", ", ");
	_cleanup_free_ char *checks = join(nic->under, nic->n_under, "zcrxctl check ", "; ");
	const bool bond = streq(kind, "bond");
	struct requirement *q = REQUIRE(s, "hardware", yes_if(bond && nic->n_under > 0 && !nic->no_receiver),
					"a %s of %s", kind, nic->n_under > 0 ? names ?: "?" : "nothing");

	if (nic->n_under == 0)
		HINT(s, q, "Put NICs into it: ip link set NIC down; ip link set NIC master %s",
		     s->name);
	else if (bond)
		HINT(s, q, "%s", nic->no_receiver ?: "");
	else if (streq(kind, "vlan"))
		HINT(s, q,
		     "The queues are those of what it lies on: %s. No socket on a VLAN's address "
		     "proves "
		     "a flow; name such flows by value, if the NIC's rules look behind VLAN tags.",
		     checks ?: "?");
	else
		HINT(s, q,
		     "The queues are those of what it lies on: %s. No socket there proves a flow, "
		     "for "
		     "those of %s receive; name flows by value.",
		     checks ?: "?", s->name);
}

/* What has neither a driver that says so nor a kind of its own is hardware. */
static bool is_virtual(const struct interface_facts *f)
{
	const char *driver = f->nic.state ? f->nic.state->driver : NULL;

	return f->nic.state && (f->nic.kind[0] || !driver || !*driver);
}

/* What would have to be set on a NIC is no advice here. */
static void check_virtual(const struct subject *s)
{
	struct requirement *q = REQUIRE(s, "hardware", VERDICT_NO, "none: %s",
					s->facts->nic.kind[0] ? s->facts->nic.kind : "it has no driver");

	HINT(s, q,
	     "Name a NIC (ip -br link). Without one there are software queues (zcrxd.yaml(5)), which "
	     "receive by copying.");
}

void check_interface(const struct interface_facts *f, struct report *report)
{
	static void (*const checks[])(const struct subject *) = {
		check_link, check_driver, check_channels, check_split, check_steering, check_queues,
	};
	struct subject s = { f->nic.name, f->nic.state, f, NULL, report };
	struct requirement *q;

	if (is_stacked(&f->nic)) {
		check_stacked(&s);
		return;
	}
	if (is_virtual(f)) {
		check_virtual(&s);
	} else if (s.state) {
		s.driver = driver_facts_of(s.state->driver ?: "");
		for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
			checks[i](&s);
		check_area(f, report);
		check_receiver(&s);
	} else {
		q = REQUIRE(&s, "link", VERDICT_NO, "%s", f->nic.failure ?: "it cannot be read");
		HINT(&s, q, "`ip link` lists the interfaces that there are.");
	}
	check_view(&s);
}
