/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The requirements of the machine, and the report that takes all of them; those of an interface are
 * in checks-interface.c.
 */
#include <inttypes.h>
#include <stdarg.h>

#include "demand.h"
#include "macro.h"
#include "units.h"
#include "checks-internal.h"

#define AREA_DEFAULT   (UINT64_C(16) << 20) /* of libzcrx-client */
#define MEMLOCK_ENOUGH (4 * AREA_DEFAULT)

void report_done(struct report *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->list[i].interface);
		free(r->list[i].found);
		free(r->list[i].remedy);
	}
	free(r->list);
}

struct requirement *require(struct report *report, const char *interface, const char *name,
			    enum verdict verdict, const char *found, ...)
{
	static struct requirement lost;
	struct requirement *list =
		reallocarray(report->list, report->n + 1, sizeof(*report->list));
	struct requirement *q;
	va_list ap;

	if (!list) {
		report->failed = true;
		return &lost;
	}
	report->list = list;
	q = &list[report->n++];
	*q = (struct requirement) { .name = name, .verdict = verdict };
	if (interface) {
		q->interface = strdup(interface);
		report->failed |= !q->interface;
	}
	va_start(ap, found);
	if (vasprintf(&q->found, found, ap) < 0) {
		q->found = NULL;
		report->failed = true;
	}
	va_end(ap);
	return q;
}

void hint(struct report *report, struct requirement *q, const char *remedy, ...)
{
	va_list ap;

	if (q->verdict == VERDICT_YES || report->failed)
		return;
	va_start(ap, remedy);
	if (vasprintf(&q->remedy, remedy, ap) < 0) {
		q->remedy = NULL;
		report->failed = true;
	}
	va_end(ap);
}

bool report_has_no(const struct report *report)
{
	for (size_t i = 0; i < report->n; i++)
		if (report->list[i].verdict == VERDICT_NO && !report->list[i].optional)
			return true;
	return false;
}

const char *verdict_to_string(enum verdict v)
{
	static const char *const names[] = { [VERDICT_YES] = "yes",
					     [VERDICT_NO] = "no",
					     [VERDICT_UNKNOWN] = "unknown" };

	return names[v];
}

enum verdict yes_if(bool yes)
{
	return yes ? VERDICT_YES : VERDICT_NO;
}

static enum verdict verdict_of_option(enum config_option o)
{
	switch (o) {
	case CONFIG_UNKNOWN:
		return VERDICT_UNKNOWN;
	case CONFIG_ABSENT:
		return VERDICT_NO;
	case CONFIG_PRESENT:
		return VERDICT_YES;
	}
	return VERDICT_UNKNOWN;
}

/* The kernel's answer to a ring of ours is proof. Without one, its word that it knows the operation
 * is half of it, and the configuration that it was built with the other. */
static void check_zero_copy(const struct machine_facts *m, struct report *report)
{
	const struct kernel_inspection *k = &m->kernel;
	bool has = k->features.zero_copy_receive;
	enum verdict v = k->ring_made ? yes_if(has) : verdict_of_option(m->config_zcrx);
	struct requirement *q = require(report, NULL, "zero-copy-receive", v, "Linux %s%s",
					k->features.release ?: "?",
					k->ring_made ? has ? "" : ", which refuses interface queues" :
						       ", which cannot be asked");

	if (v == VERDICT_NO)
		hint(report, q, "Run Linux 6.15 or later, built with CONFIG_IO_URING_ZCRX.");
	else
		hint(report, q,
		     "Without an io_uring the kernel cannot be asked (%s): see io-uring-allowed.",
		     strerror(k->ring_error));
}

static void check_option(const struct machine_facts *m, struct report *report, const char *name,
			 enum config_option option, bool optional)
{
	static const char *const words[] = { [CONFIG_UNKNOWN] = "not readable",
					     [CONFIG_ABSENT] = "not set in ",
					     [CONFIG_PRESENT] = "set in " };
	struct requirement *q =
		require(report, NULL, name, verdict_of_option(option), "%s%s", words[option],
			option == CONFIG_UNKNOWN ? "" : m->config_file ?: "?");

	q->optional = optional;
	if (option == CONFIG_ABSENT)
		hint(report, q, "Run a kernel that was built with it.");
	else
		hint(report, q,
		     "Look where your distribution keeps the configuration of its "
		     "kernels; it is not in /boot, /lib/modules or /proc.");
}

static void check_leasing(const struct machine_facts *m, struct report *report)
{
	const struct kernel_inspection *k = &m->kernel;
	bool has = k->features.queue_leasing && m->config_netkit != CONFIG_ABSENT;
	/* Without privilege, only the family's word is known, not that of netkit. */
	enum verdict v = has && !k->privileged && m->config_netkit == CONFIG_UNKNOWN ?
				 VERDICT_UNKNOWN :
				 yes_if(has);
	struct requirement *q = require(report, NULL, "queue-leasing", v, "%s",
					v == VERDICT_YES ? "queues can be reclaimed at once" :
					v == VERDICT_NO	 ? "not in this kernel" :
							   "needs CONFIG_NETKIT, too");

	q->optional = true;
	if (v == VERDICT_NO)
		hint(report, q,
		     "Linux 7.1 and later have it. Without it, a queue comes back when its "
		     "client closes the ring, and not before.");
	else
		hint(report, q, "Run this as root to ask the kernel.");
}

/* Whoever has a ring may add areas to its queue, and taking the queue back waits for their memory
 * (lease/deletion.h): zcrxd looks first, so that what is left is a moment. */
static void check_added_areas(const struct machine_facts *m, struct report *report)
{
	bool can = m->kernel.features.added_areas, bounded = m->fuse_timeout > 0;
	struct requirement *q;

	if (!can) {
		require(report, NULL, "added-areas", VERDICT_YES,
			"clients cannot add memory to their queues");
		return;
	}
	q = require(report, NULL, "added-areas", yes_if(bounded || !m->fuse_users),
		    "clients can add memory to their queues (Linux 7.3); fs.fuse.max_request_timeout is "
		    "%d, and users %s mount FUSE", m->fuse_timeout < 0 ? 0 : m->fuse_timeout,
		    m->fuse_users ? "can" : "cannot");
	q->optional = true;
	hint(report, q,
	     "A client whose memory never comes can hold up the network configuration of the "
	     "whole machine if it adds it in the very moment in which its lease ends. A bound "
	     "on what FUSE servers may take ends that (sysctl fs.fuse.max_request_timeout=10); "
	     "so does `grants: direct`, by which a queue comes back when its client closes the "
	     "ring, and not before.");
}

/* Without privilege the kernel is not asked. */
static void check_guard(const struct machine_facts *m, struct report *report)
{
	const struct kernel_inspection *k = &m->kernel;
	bool has = k->features.guard || m->daemon_guards;
	enum verdict v = has ? VERDICT_YES : k->privileged ? VERDICT_NO : VERDICT_UNKNOWN;
	struct requirement *q = require(report, NULL, "unsafe-kernel", v, "%s",
					v == VERDICT_YES ? "nf_tables keeps from steered flows what it panics on" :
					v == VERDICT_NO	 ? "no nf_tables at a NIC's ingress" :
							   "cannot be asked");

	if (v == VERDICT_NO)
		hint(report, q,
		     "Urgent or signed TCP segments to a steered flow panic this kernel, and "
		     "zcrxd cannot keep them away: modprobe nf_tables, or run a kernel built "
		     "with CONFIG_NF_TABLES_NETDEV. Until then it steers no flow, unless its "
		     "configuration says \"unsafe-kernel: allow\".");
	else
		hint(report, q, "Run this as root to ask the kernel.");
}

static void check_netlink(const struct machine_facts *m, struct report *report)
{
	const struct kernel_inspection *k = &m->kernel;
	struct requirement *q =
		require(report, NULL, "netlink", yes_if(k->has_ethtool && k->has_netdev),
			"ethtool: %s, netdev: %s", k->has_ethtool ? "yes" : "no",
			k->has_netdev ? "yes" : "no");

	hint(report, q, "Run Linux 6.15 or later, built with CONFIG_ETHTOOL_NETLINK.");
	q = require(report, NULL, "tcp-diag", yes_if(k->has_tcp_diag), "%s",
		    k->has_tcp_diag ? "answers" : "does not answer");
	hint(report, q, "It proves who owns a flow. Load its module: modprobe tcp_diag");
}

static void check_sysctls(const struct machine_facts *m, struct report *report)
{
	const struct kernel_inspection *k = &m->kernel;
	struct requirement *q;

	if (!k->ring_made && m->io_uring_disabled <= 0)
		q = require(report, NULL, "io-uring-allowed", VERDICT_NO, "io_uring_setup: %s",
			    strerror(k->ring_error));
	else
		q = require(report, NULL, "io-uring-allowed", yes_if(k->ring_made),
			    m->io_uring_disabled < 0 ? "there is no kernel.io_uring_disabled" :
						       "kernel.io_uring_disabled is %d",
			    m->io_uring_disabled);
	if (m->io_uring_disabled == 2)
		hint(report, q,
		     "Nobody may use io_uring: sysctl kernel.io_uring_disabled=0, here "
		     "and in /etc/sysctl.d.");
	else if (m->io_uring_disabled == 1)
		hint(report, q,
		     "This user may not use io_uring: sysctl kernel.io_uring_disabled=0, "
		     "or join the group that kernel.io_uring_group names.");
	else
		hint(report, q,
		     "Something keeps this process from an io_uring as zero-copy receive takes it. In a "
		     "container: give it a seccomp profile that allows io_uring (docs/CONTAINERS.md). Else: "
		     "run Linux 6.15 or later, and see the journal for a security module that refuses it.");
	q = require(report, NULL, "ptrace-scope", yes_if(m->ptrace_scope != 3),
		    m->ptrace_scope < 0 ? "no yama" : "kernel.yama.ptrace_scope is %d",
		    m->ptrace_scope);
	hint(report, q,
	     "3 keeps zcrxd from its clients' rings, and is lowered by a reboot only: "
	     "set 2 or less in /etc/sysctl.d.");
}

static void check_surroundings(const struct machine_facts *m, struct report *report)
{
	bool unlimited = m->memlock == UINT64_MAX;
	_cleanup_free_ char *memlock = unlimited ? strdup("unlimited") : format_size(m->memlock);
	struct requirement *q;

	report->failed |= !memlock;
	q = require(report, NULL, "memlock", yes_if(m->memlock >= MEMLOCK_ENOUGH || m->may_lock), "%s%s",
		    memlock ?: "?", m->may_lock ? ", which does not bind this user (CAP_IPC_LOCK)" :
				    m->memlock < AREA_DEFAULT ? ", less than one area of 16M" : "");
	q->optional = true;
	hint(report, q,
	     "The areas of this user's leases count as its locked memory: %s. Give it 16M for each "
	     "queue and what it locks itself: LimitMEMLOCK=64M in its unit, `ulimit -l 65536`, "
	     "or memlock in /etc/security/limits.conf.",
	     m->memlock < AREA_DEFAULT
		     ? "with the first one, its next registration of buffers fails with ENOMEM"
		     : "with a few, its next registration of buffers fails with ENOMEM");
	q = require(report, NULL, "huge-pages", yes_if(m->huge_free > 0), "%u free", m->huge_free);
	q->optional = true;
	hint(report, q, "Large receive buffers take an area of huge pages: sysctl vm.nr_hugepages");
	q = require(report, NULL, "irq-affinity", yes_if(!m->irqbalance), "irqbalance %s",
		    m->irqbalance ? "runs" : "does not run");
	q->optional = true;
	hint(report, q,
	     "It moves the interrupts of leased queues: exclude them, all of "
	     "the NIC's driver (irqbalance --banmod=MODULE), or single ones (--banirq=N), as "
	     "`zcrxctl status --json` numbers them until the channels change.");
	q = require(report, NULL, "zcrxd", yes_if(!m->daemon_error), "%s%s",
		    m->daemon_error ? "" : "runs, version ",
		    m->daemon_error ?: m->daemon_version ?: "?");
	hint(report, q, "systemctl enable --now zcrxd.socket zcrxd");
	q = require(report, NULL, "zcrxd-itself", yes_if(!m->daemon_problem), "%s",
		    m->daemon_problem ? "something is wrong with zcrxd itself" : "nothing is known to be wrong");
	hint(report, q, "%s See zcrxctl status.", m->daemon_problem ?: "");
	if (!m->caller)
		return;
	q = require(report, NULL, "where", yes_if(m->caller_is_host), "a process %s", m->caller);
	q->optional = true;
	hint(report, q,
	     "Rules of the policy that are for processes of the host do not match this one: "
	     "those of root, of administrators, and with `where: host`. See zcrxd.yaml(5).");
}

void check_machine(const struct machine_facts *m, struct report *report)
{
	check_zero_copy(m, report);
	check_option(m, report, "CONFIG_IO_URING_ZCRX", m->config_zcrx,
		     m->kernel.ring_made && m->kernel.features.zero_copy_receive);
	check_option(m, report, "CONFIG_NETKIT", m->config_netkit, true);
	check_leasing(m, report);
	check_added_areas(m, report);
	check_guard(m, report);
	check_netlink(m, report);
	check_sysctls(m, report);
	check_surroundings(m, report);
}

/* What a program takes unless it says otherwise, and whether somebody has taken too little. */
void check_area(const struct interface_facts *f, struct report *report)
{
	const struct nic_state *s = f->nic.state;
	_cleanup_free_ char *ring = NULL, *recommended = NULL;
	struct nic_demand d;
	struct requirement *q;

	nic_demand(s, f->mtu, &d);
	ring = format_size(d.ring);
	recommended = format_size(d.recommended);
	report->failed |= !ring || !recommended;
	q = require(report, f->nic.name, "area", yes_if(!f->small_area),
		    d.ring > 0 ? "%s a queue: its ring of %u entries keeps %s" : "%s a queue: its ring is not known",
		    recommended ?: "?", s->rx_ring, ring ?: "?");
	q->optional = true;
	hint(report, q, "%s", f->small_area ?: "");
}
