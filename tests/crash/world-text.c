/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The world as text, to be compared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <time.h>

#include "baseline.h"
#include "state-file.h"
#include "store.h"
#include "world.h"
#include "zcrx-idl.h"

#define TEXTS_MAX 64

struct texts {
	char *list[TEXTS_MAX];
	size_t n;
};

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Prints them in order and frees them. */
static void print_sorted(FILE *out, struct texts *t)
{
	qsort(t->list, t->n, sizeof(*t->list), compare);
	for (size_t i = 0; i < t->n; i++) {
		fprintf(out, "  %s\n", t->list[i]);
		free(t->list[i]);
	}
	t->n = 0;
}

static void add(struct texts *t, char *text)
{
	assert_true(t->n < TEXTS_MAX);
	assert_non_null(text);
	t->list[t->n++] = text;
}

static void add_flow(struct texts *t, const char *before, const struct flow *f)
{
	_cleanup_free_ char *text = NULL;
	char *line;

	assert_int_equal(flow_format(f, &text), 0);
	assert_true(asprintf(&line, "%s %s", before, text) > 0);
	add(t, line);
}

/* -------------------------------------------------------------------------------- the NIC */

static void print_rules(FILE *out, const struct nic_state *s)
{
	struct texts t = {};
	char before[32];

	for (size_t i = 0; i < s->n_rules; i++) {
		snprintf(before, sizeof(before), "rule to %s%u:",
			 s->rules[i].action == RULE_TO_CONTEXT ? "context " : "", s->rules[i].target);
		add_flow(&t, before, &s->rules[i].flow);
	}
	print_sorted(out, &t);
}

static void print_nic(FILE *out, const struct nic_state *s)
{
	fprintf(out, "channels %u, split %u, threshold %u, ntuple %u, %zu contexts, RSS over %u\n",
		s->channels.combined, s->split, s->hds_threshold, s->ntuple, s->n_contexts,
		nic_state_rss_queues(s));
	for (size_t q = 0; q < s->n_queues; q++)
		if (!nic_state_queue_clean(s, (unsigned)q))
			fprintf(out, "  queue %zu:%s%s\n", q, s->queues[q].leased ? " leased" : "",
				s->queues[q].io_uring ? " io_uring" : "");
	for (size_t q = 0; q < s->n_queues; q++)
		if (s->queues[q].napi.defer_hard_irqs || s->queues[q].napi.gro_flush_timeout)
			fprintf(out, "  queue %zu is polled after %u, %ju ns\n", q,
				s->queues[q].napi.defer_hard_irqs,
				(uintmax_t)s->queues[q].napi.gro_flush_timeout);
	for (size_t q = 0; q < s->n_queues; q++)
		if (!streq(s->queues[q].interrupt.cpus, s->queues[0].interrupt.cpus))
			fprintf(out, "  interrupts of queue %zu go to %s\n", q,
				s->queues[q].interrupt.cpus);
	print_rules(out, s);
}

static void print_software(FILE *out, struct world *w)
{
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;
	struct nic *nic;

	assert_int_equal(w->d.sim->ops->open(w->d.sim, SOFTWARE_IFINDEX, &nic, NULL), 0);
	assert_int_equal(nic->ops->observe(nic, &s, NULL), 0);
	nic->ops->close(nic);
	if (s->queues[0].io_uring)
		fprintf(out, "software queue 0: io_uring\n");
}

/* What is known of where it came from. */
static void read_origin(struct world *w, struct baseline *ret)
{
	_cleanup_free_ char *path = NULL, *set_aside = NULL;

	assert_int_equal(baseline_path(w->d.directory, SIM0, &path), 0);
	assert_int_equal(baseline_read(path, SIM0, "simulated", ret, &set_aside, NULL), 0);
	if (set_aside)
		fail_msg("%s", set_aside);
}

static void print_origin(FILE *out, struct world *w)
{
	_cleanup_origin_ struct baseline o = {};

	read_origin(w, &o);
	fprintf(out, "came from %s%s; %s\n", o.found ? "something else" : "itself",
		o.rollback ? ", unconfirmed" : "",
		(const char *[]) { "not held", "put back", "not confirmed" }[o.unmanaged]);
}

static void print_links(FILE *out, struct world *w)
{
	struct nic_link *links;
	size_t n, netkits = 0;

	assert_int_equal(w->d.sim->ops->links(w->d.sim, &links, &n), 0);
	for (size_t i = 0; i < n; i++)
		netkits += streq(links[i].kind, "netkit");
	nic_links_free(links, n);
	fprintf(out, "%zu netkit devices; stored: %u handles, %u proofs, %u clients%s\n", netkits,
		store_count("handle-"), store_count("proof-"), store_count("client-"),
		/* A lease goes on without its export, if the crash came before it was stored. */
		store_count("ifq-") > store_count("client-") ? ", exports of nobody" : "");
}

/* ----------------------------------------------------------------------------- the leases */

/* A reply each; one without a lease if there is none. NULL if the daemon went away meanwhile. */
static sd_json_variant *list_leases(struct world *w)
{
	sd_json_variant *array = NULL;
	const char *error = NULL;

	if (!w->link || sd_varlink_collect(w->link, ZCRX_METHOD("ListLeases"), NULL, &array, &error) < 0)
		return NULL;
	assert_null(error);
	return sd_json_variant_ref(array);
}

static sd_json_variant *get_lease(sd_json_variant *leases, size_t i)
{
	return sd_json_variant_by_key(sd_json_variant_by_index(leases, i), "lease");
}

/* The text of a value without the members that differ each time. */
static char *text_without(sd_json_variant *v, const char *const *keys)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *copy = sd_json_variant_ref(v);
	char *text;

	assert_true(sd_json_variant_filter(&copy, (char **)keys) >= 0);
	assert_true(sd_json_variant_format(copy, 0, &text) >= 0);
	return text;
}

static void print_lease(FILE *out, sd_json_variant *lease)
{
	static const char *const numbers[] = { "leaseId", "flows", "creationUSec", "expiryUSec", NULL };
	static const char *const flow_numbers[] = { "flowId", NULL };
	_cleanup_free_ char *text = text_without(lease, numbers);
	uint64_t expiry = number_of(lease, "expiryUSec"), now = (uint64_t)time(NULL) * 1000000;
	sd_json_variant *flows = sd_json_variant_by_key(lease, "flows");
	struct texts t = {};

	/* Hours are far enough apart, and a test is faster than half of one. */
	fprintf(out, "%s for %llu hours\n", text,
		expiry == UINT64_MAX ? 0ULL : (unsigned long long)((expiry - now + 1800000000) / 3600000000));
	for (size_t i = 0; i < sd_json_variant_elements(flows); i++)
		add(&t, text_without(sd_json_variant_by_index(flows, i), flow_numbers));
	print_sorted(out, &t);
}

char *world_describe(struct world *w)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *leases = list_leases(w);
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;
	char *text = NULL;
	size_t size;
	FILE *out;

	if (!leases)
		return NULL;
	s = observe(&w->d);
	out = open_memstream(&text, &size);
	assert_non_null(out);
	print_nic(out, s);
	print_software(out, w);
	print_origin(out, w);
	print_links(out, w);
	for (size_t i = 0; i < sd_json_variant_elements(leases); i++)
		if (get_lease(leases, i))
			print_lease(out, get_lease(leases, i));
	assert_int_equal(fclose(out), 0);
	return text;
}

/* ----------------------------------------------------------------------------- the record */

static void read_record(struct world *w, struct record *ret)
{
	_cleanup_free_ char *set_aside = NULL;

	assert_int_equal(state_read(w->d.state_path, ret, &set_aside), 0);
	if (set_aside)
		fail_msg("%s", set_aside);
}

bool world_is_quiet(struct world *w)
{
	_cleanup_record_ struct record record = {};
	_cleanup_origin_ struct baseline o = {};

	read_origin(w, &o);
	if (o.rollback && o.rollback_usec == 0)
		return false;
	read_record(w, &record);
	for (size_t i = 0; i < record.n_leases; i++) {
		const struct record_lease *l = &record.leases[i];

		if (!l->granted || l->state == LEASE_DRAINING || l->state == LEASE_QUARANTINED)
			return false;
		for (size_t k = 0; k < l->n_flows; k++)
			if (l->flows[k].state == FLOW_INSTALLING || l->flows[k].state == FLOW_REMOVING)
				return false;
	}
	return true;
}

static bool goes_on(const struct record_lease *l)
{
	struct timespec now;
	char handle[32];

	snprintf(handle, sizeof(handle), "handle-%08x-", l->id);
	clock_gettime(CLOCK_BOOTTIME, &now);
	return l->granted && l->state != LEASE_DRAINING && l->state != LEASE_QUARANTINED &&
	       (l->persistent || store_count(handle) > 0) &&
	       (l->expiry_usec == 0 || l->expiry_usec / 1000000 > (uint64_t)now.tv_sec);
}

char *world_record(struct world *w)
{
	_cleanup_record_ struct record record = {};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	read_record(w, &record);
	for (size_t i = 0; i < record.n_leases; i++) {
		const struct record_lease *l = &record.leases[i];
		struct texts t = {};
		char id[32];

		if (!goes_on(l))
			continue;
		fprintf(out, "lease %08x of queue %u\n", l->id, l->queues[0]);
		for (size_t k = 0; k < l->n_flows; k++) {
			if (l->flows[k].state != FLOW_INSTALLED && l->flows[k].state != FLOW_PENDING)
				continue;
			snprintf(id, sizeof(id), "%llu", (unsigned long long)l->flows[k].id);
			add(&t, strdup(id));
		}
		print_sorted(out, &t);
	}
	assert_int_equal(fclose(out), 0);
	return text;
}

char *world_list(struct world *w)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *leases = list_leases(w);
	char *text = NULL;
	size_t size;
	FILE *out;

	if (!leases)
		return NULL;
	out = open_memstream(&text, &size);
	assert_non_null(out);
	for (size_t i = 0; i < sd_json_variant_elements(leases); i++) {
		sd_json_variant *l = get_lease(leases, i), *flows = sd_json_variant_by_key(l, "flows");
		struct texts t = {};

		if (!l)
			continue;
		fprintf(out, "lease %s of queue %u\n", text_of(l, "leaseId"),
			(unsigned)sd_json_variant_unsigned(sd_json_variant_by_index(
				sd_json_variant_by_key(l, "hardwareQueues"), 0)));
		for (size_t k = 0; k < sd_json_variant_elements(flows); k++)
			add(&t, strdup(text_of(sd_json_variant_by_index(flows, k), "flowId")));
		print_sorted(out, &t);
	}
	assert_int_equal(fclose(out), 0);
	return text;
}

void world_release_persistent(struct world *w)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *leases = list_leases(w);

	for (size_t i = 0; leases && i < sd_json_variant_elements(leases); i++) {
		sd_json_variant *l = get_lease(leases, i);

		if (l && sd_json_variant_boolean(sd_json_variant_by_key(l, "persistent")))
			assert_null(call(w->link, "Release", NULL, "{\"leaseId\":\"%s\"}",
					 text_of(l, "leaseId")));
	}
}
