/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of leases. See lease-table.h.
 */
#include <errno.h>
#include <inttypes.h>

#include "field.h"
#include "lease-table.h"
#include "queue-map.h"
#include "table.h"
#include "text.h"
#include "units.h"

char *queues_format(sd_json_variant *queues)
{
	size_t n = queues ? sd_json_variant_elements(queues) : 0, size;
	_cleanup_free_ char *out = NULL;
	FILE *f = open_memstream(&out, &size);

	if (!f)
		return NULL;
	for (size_t i = 0, run; i < n; i += run) {
		uint64_t first = sd_json_variant_unsigned(sd_json_variant_by_index(queues, i));

		run = 1;
		while (i + run < n && sd_json_variant_unsigned(sd_json_variant_by_index(
					      queues, i + run)) == first + run)
			run++;
		fprintf(f, "%s%" PRIu64, i > 0 ? "," : "", first);
		if (run > 1)
			fprintf(f, "-%" PRIu64, first + run - 1);
	}
	return fclose(f) == 0 ? TAKE_PTR(out) : NULL;
}

char *flow_object_format(sd_json_variant *flow)
{
	static const struct {
		const char *field, *name;
		bool number;
	} parts[] = {
		{ "destination", "dst", false },
		{ "destinationPort", "dst-port", true },
		{ "source", "src", false },
		{ "sourcePort", "src-port", true },
	};
	_cleanup_free_ char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	if (!f)
		return NULL;
	fputs(field_string(flow, "protocol") ?: "?", f);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (!field_has(flow, parts[i].field))
			continue;
		fprintf(f, ",%s=", parts[i].name);
		if (parts[i].number)
			fprintf(f, "%" PRIu64, field_unsigned(flow, parts[i].field, 0));
		else
			fputs(field_string(flow, parts[i].field) ?: "?", f);
	}
	return fclose(f) == 0 ? TAKE_PTR(out) : NULL;
}

static enum ink state_ink(const char *state)
{
	if (streq(state, "draining"))
		return INK_WARN;
	return streq(state, "quarantined") ? INK_BAD : INK_NONE;
}

static void add_user(struct table *t, sd_json_variant *lease, const char *field, const struct lease_view *view)
{
	uid_t uid = (uid_t)field_unsigned(lease, field, (uid_t)-1);
	_cleanup_free_ char *name = view->user_name(uid);

	if (name)
		table_add(t, INK_NONE, "%s", name);
	else
		table_add(t, INK_NONE, "%" PRIu32, (uint32_t)uid);
}

/* An administrator, if it is not the owner. */
static void add_acquirer(struct table *t, sd_json_variant *lease, const struct lease_view *view)
{
	if (field_has(lease, "acquirerUid"))
		add_user(t, lease, "acquirerUid", view);
	else
		table_add(t, INK_NONE, "%s", "");
}

static char *ends_format(sd_json_variant *lease, uint64_t now_usec)
{
	uint64_t expiry = field_unsigned(lease, "expiryUSec", UINT64_MAX);

	/* Whole seconds, upwards: what was just leased for an hour ends in an hour. */
	if (expiry != UINT64_MAX)
		return text_span(expiry <= now_usec ? 0
						    : (expiry - now_usec + USEC_PER_SEC - 1) /
							      USEC_PER_SEC * USEC_PER_SEC);
	return strdup(field_boolean(lease, "persistent") ? "never" : "with handle");
}

/* What fits into 80 columns beside the rest: its port, if it has one. */
static char *flow_format_brief(sd_json_variant *flow)
{
	char *s;

	if (!field_has(flow, "destinationPort"))
		return flow_object_format(flow);
	if (asprintf(&s, "%s :%" PRIu64, field_string(flow, "protocol") ?: "?",
		     field_unsigned(flow, "destinationPort", 0)) < 0)
		return NULL;
	return s;
}

unsigned taken_count(sd_json_variant *lease, sd_json_variant **ret_first)
{
	sd_json_variant *flow;
	unsigned n = 0;

	array_foreach(flow, field_array(lease, "flows")) {
		sd_json_variant *taken = field_object(flow, "takenBy");

		if (taken && n++ == 0 && ret_first)
			*ret_first = taken;
	}
	return n;
}

/* " (rule 0 takes it)": what is at FLOWS does not come to the lease. */
static char *taken_format(sd_json_variant *lease, bool brief)
{
	sd_json_variant *first = NULL;
	unsigned n = taken_count(lease, &first);
	char *s = NULL;
	int r;

	if (n == 0)
		return strdup("");
	if (brief)
		return strdup(" !");
	r = n == 1 ? asprintf(&s, " (rule %" PRIu64 " takes it)", field_unsigned(first, "rule", 0))
		   : asprintf(&s, " (others' rules take %u)", n);
	return r < 0 ? NULL : s;
}

static void add_flows(struct table *t, sd_json_variant *lease, bool brief)
{
	sd_json_variant *flows = field_array(lease, "flows");
	size_t n = flows ? sd_json_variant_elements(flows) : 0;
	_cleanup_free_ char *first = NULL, *taken = taken_format(lease, brief);
	sd_json_variant *flow;
	enum ink ink = taken && *taken ? INK_BAD : INK_NONE;

	if (n == 0) {
		table_take(t, INK_NONE, strdup(""));
		return;
	}
	flow = sd_json_variant_by_index(flows, 0);
	first = brief ? flow_format_brief(flow) : flow_object_format(flow);
	if (n == 1)
		table_add(t, ink, "%s%s", first ?: "?", taken ?: "");
	else
		table_add(t, ink, brief ? "%s +%zu%s" : "%s and %zu more%s", first ?: "?", n - 1,
			  taken ?: "");
}

static void add_spread(struct table *t, sd_json_variant *lease)
{
	const char *spread = field_string(lease, "spread");

	if (field_has(lease, "rssContext"))
		table_add(t, INK_NONE, "context %" PRIu64, field_unsigned(lease, "rssContext", 0));
	else
		table_add(t, INK_NONE, "%s", spread ?: "");
}

static void add_lease(struct table *t, sd_json_variant *lease, sd_json_variant *leases,
		      const struct lease_view *view)
{
	const char *id = field_string(lease, "leaseId") ?: "";
	const char *state = field_string(lease, "state") ?: "";
	uint64_t area = field_unsigned(lease, "areaBytes", 0);

	if (view->brief)
		table_add(t, INK_BUSY, "%c", queue_map_letter(leases, id));
	table_add(t, INK_NONE, "%s", id);
	table_add(t, INK_NONE, "%s", field_string(lease, "name") ?: "");
	add_user(t, lease, "ownerUid", view);
	if (!view->brief)
		add_acquirer(t, lease, view);
	if (!view->brief)
		table_add(t, INK_NONE, "%" PRIu64, field_unsigned(lease, "ownerPid", 0));
	table_add(t, INK_NONE, "%s", field_string(lease, "interface") ?: "");
	table_take(t, INK_NONE, queues_format(field_array(lease, "hardwareQueues")));
	if (!view->brief)
		add_spread(t, lease);
	table_add(t, state_ink(state), "%s", state);
	table_add(t, INK_NONE, "%s", field_string(lease, "grant") ?: "");
	if (!view->brief) {
		table_take(t, INK_NONE, area > 0 ? format_size(area) : strdup(""));
		table_take(t, INK_NONE, ends_format(lease, view->now_usec));
	}
	add_flows(t, lease, view->brief);
}

int lease_table_write(FILE *f, sd_json_variant *leases, const struct lease_view *view)
{
	_cleanup_(table_freep) struct table *t =
		view->brief ? table_new("", "LEASE", "1NAME", "OWNER", "1INTERFACE", "QUEUES",
					"STATE", "3GRANT", "2FLOWS", NULL)
			    : table_new("LEASE", "1NAME", "OWNER", "3ACQUIRER", "4>PID", "1INTERFACE",
					"QUEUES", "4SPREAD", "STATE", "4GRANT", "3>AREA",
					"2ENDS", "2FLOWS", NULL);
	sd_json_variant *lease;

	if (!t)
		return -ENOMEM;
	array_foreach(lease, leases)
		add_lease(t, lease, leases, view);
	return table_write(t, f, &view->style);
}
