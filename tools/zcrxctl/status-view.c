/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The text of `zcrxctl status`. See status-view.h.
 */
#include <inttypes.h>
#include <stdarg.h>

#include "field.h"
#include "queue-map.h"
#include "status-view.h"
#include "text.h"

enum {
	SEEN_NOW_USEC = 3 * USEC_PER_SEC, /* the daemon asks the kernel at each call */
};

/* "  NAME: text", wrapped; whatever the daemon sent is escaped. */
_printf_(3, 4) static void write_wrapped(FILE *f, const struct lease_view *view, const char *format, ...)
{
	_cleanup_free_ char *raw = NULL, *text = NULL;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&raw, format, ap);
	va_end(ap);
	if (n < 0) {
		raw = NULL;
		return;
	}
	text = text_escape(raw);
	fputs("  ", f);
	text_wrap(f, text ?: "", 2, style_text_width(&view->style));
}

/* What it has is what is expected of it. */
static void write_kernel(FILE *f, sd_json_variant *kernel, const struct lease_view *view)
{
	static const struct {
		const char *field, *text;
	} features[] = {
		{ "zeroCopyReceive", "zero-copy receive" }, { "queueLeasing", "queue leasing" },
		{ "largeBuffers", "large buffers" },	    { "control", "flush and export" },
		{ "software", "software queues" },	    { "events", "events and statistics" },
	};
	_cleanup_free_ char *list = NULL;
	bool any = false;
	size_t size;
	FILE *m = open_memstream(&list, &size);

	if (!m)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		if (field_boolean(kernel, features[i].field))
			continue;
		fprintf(m, "%s%s", any ? ", " : "", features[i].text);
		any = true;
	}
	fclose(m);
	if (any)
		write_wrapped(f, view, "kernel lacks %s", list);
	if (!field_boolean(kernel, "zeroCopyReceive"))
		write_wrapped(f, view, "io_uring zero-copy receive needs Linux 6.15 or later with "
				       "CONFIG_IO_URING_ZCRX: no queue can be leased");
}

static void put_inked(FILE *f, enum ink ink, const char *s, bool colour)
{
	fputs(ink_on(ink, colour), f);
	text_put(f, s);
	fputs(ink_off(ink, colour), f);
}

static void put_problem_heading(FILE *f, bool colour)
{
	fputc('\n', f);
	put_inked(f, INK_BAD, "Problems", colour);
	fputc('\n', f);
}

static enum ink interface_ink(const char *state)
{
	if (streq(state, "configured"))
		return INK_GOOD;
	return streq(state, "degraded") ? INK_WARN : INK_BAD;
}

static void write_facts(FILE *f, sd_json_variant *interface, const struct lease_view *view)
{
	uint64_t foreign = field_unsigned(interface, "foreignRules", 0);
	uint64_t urgent = field_unsigned(interface, "urgentSegments", 0);
	uint64_t signed_segments = field_unsigned(interface, "signedSegments", 0);
	_cleanup_free_ char *facts = NULL;
	size_t size;
	FILE *m = open_memstream(&facts, &size);

	if (!m)
		return;
	if (streq(field_string(interface, "name") ?: "", "software")) {
		fclose(m);
		write_wrapped(f, view, "queues without a NIC: everything is copied");
		return;
	}
	fprintf(m, "header/data split %s", field_string(interface, "tcpDataSplit") ?: "unknown");
	if (field_has(interface, "hdsThreshold"))
		fprintf(m, ", threshold %" PRIu64, field_unsigned(interface, "hdsThreshold", 0));
	fprintf(m, "; RSS over %" PRIu64 " of %" PRIu64 " queues; %" PRIu64 " zero-copy",
		field_unsigned(interface, "rssQueues", 0),
		field_unsigned(interface, "combinedChannels", 0),
		field_unsigned(interface, "zeroCopyCount", 0));
	if (streq(field_string(interface, "idleQueues") ?: "", "serve"))
		fprintf(m, ", of which idle ones serve RSS but for %" PRIu64, field_unsigned(interface, "keepFree", 0));
	if (foreign > 0)
		fprintf(m, "; %" PRIu64 " ntuple rule%s of others", foreign,
			foreign == 1 ? "" : "s");
	if (field_has(interface, "bindEffect"))
		fprintf(m, "; %s", field_string(interface, "bindEffect") ?: "?");
	if (field_has(interface, "bond"))
		fprintf(m, "; port of %s%s", field_string(interface, "bond") ?: "?",
			field_boolean(interface, "standby") ? " (standby)" : "");
	if (urgent > 0)
		fprintf(m, "; %" PRIu64 " urgent segment%s made ordinary", urgent,
			urgent == 1 ? "" : "s");
	if (signed_segments > 0)
		fprintf(m, "; %" PRIu64 " signed segment%s dropped", signed_segments,
			signed_segments == 1 ? "" : "s");
	fclose(m);
	write_wrapped(f, view, "%s", facts);
}

static void write_unconfirmed(FILE *f, sd_json_variant *interface, const struct lease_view *view)
{
	uint64_t until = field_unsigned(interface, "confirmUntilUSec", 0);
	_cleanup_free_ char *span = NULL;

	if (until == 0)
		return;
	span = text_span(until > view->now_usec ? until - view->now_usec : 0);
	write_wrapped(f, view, "not confirmed: it goes back in %s to what it was, unless: zcrxctl apply "
			 "--confirm %s", span ?: "?", field_string(interface, "name") ?: "");
}

/* An operation that takes seconds is under way: what is shown is from before it. */
static void write_age(FILE *f, sd_json_variant *interface, const struct lease_view *view)
{
	uint64_t seen = field_unsigned(interface, "observationUSec", 0);
	_cleanup_free_ char *span = NULL;

	if (seen == 0 || seen + SEEN_NOW_USEC > view->now_usec)
		return;
	span = text_span((view->now_usec - seen) / USEC_PER_SEC * USEC_PER_SEC);
	write_wrapped(f, view, "busy with something slow: this is how it was %s ago", span ?: "?");
}

static void write_interface(FILE *f, sd_json_variant *interface, sd_json_variant *leases,
			    const struct lease_view *view)
{
	const char *state = field_string(interface, "state") ?: "?";
	const char *driver = field_string(interface, "driver") ?: "";
	const char *reason = field_string(interface, "reason");

	fputc('\n', f);
	put_inked(f, INK_BOLD, field_string(interface, "name") ?: "?", view->style.colour);
	fputs("  ", f);
	text_put(f, driver);
	fputs(*driver ? ", " : "", f);
	put_inked(f, interface_ink(state), state, view->style.colour);
	fputc('\n', f);
	if (reason)
		write_wrapped(f, view, "%s", reason);
	write_unconfirmed(f, interface, view);
	if (streq(state, "missing"))
		return;
	write_age(f, interface, view);
	write_facts(f, interface, view);
	if (field_array(interface, "queues")) {
		fputc('\n', f);
		queue_map_write(f, interface, leases, &view->style);
	}
}

static void write_problem_of_queue(FILE *f, sd_json_variant *interface, sd_json_variant *queue,
				   const struct lease_view *view)
{
	write_wrapped(f, view, "%s queue %" PRIu64 " (%s): %s", field_string(interface, "name") ?: "?",
		      field_unsigned(queue, "queue", 0), field_string(queue, "state") ?: "ordinary",
		      field_string(queue, "reason"));
}

static void write_problem_of_lease(FILE *f, sd_json_variant *lease, const char *problem, unsigned more,
				   bool *any, const struct lease_view *view)
{
	_cleanup_free_ char *others = NULL;

	if (!*any)
		put_problem_heading(f, view->style.colour);
	*any = true;
	if (more > 0 && asprintf(&others, "; and likewise %u more of its flows", more) < 0)
		others = NULL;
	write_wrapped(f, view, "%s lease %s: %s%s", field_string(lease, "interface") ?: "?",
		      field_string(lease, "leaseId") ?: "?", problem ?: "?", others ?: "");
}

/* Flows that do not come to their lease, though it is steered; packets that find no buffer. */
static void write_problems_of_leases(FILE *f, sd_json_variant *leases, bool *any, const struct lease_view *view)
{
	sd_json_variant *lease, *taken = NULL;

	array_foreach(lease, leases) {
		const char *not_steered = field_string(lease, "notSteered");
		const char *shortage = field_string(lease, "shortage");
		unsigned n = taken_count(lease, &taken);

		if (n > 0)
			write_problem_of_lease(f, lease, field_string(taken, "message"), n - 1, any,
					       view);
		if (not_steered)
			write_problem_of_lease(f, lease, not_steered, 0, any, view);
		if (shortage)
			write_problem_of_lease(f, lease, shortage, 0, any, view);
	}
}

/* What is wrong with the daemon's record, and what keeps queues from being leased, beside what their
 * interface says itself. */
static void write_problems(FILE *f, sd_json_variant *description, sd_json_variant *leases,
			   const struct lease_view *view)
{
	const char *set_aside = field_string(description, "stateSetAside");
	sd_json_variant *interface, *queue, *problem;
	const char *unsafe = field_string(description, "unsafeKernel");
	sd_json_variant *problems = field_array(description, "problems");
	bool any = set_aside || unsafe || (problems && sd_json_variant_elements(problems) > 0);

	if (any)
		put_problem_heading(f, view->style.colour);
	array_foreach(problem, problems)
		write_wrapped(f, view, "%s", sd_json_variant_string(problem) ?: "?");
	if (unsafe)
		write_wrapped(f, view, "%s", unsafe);
	if (set_aside)
		write_wrapped(f, view, "%s. Leases from before are not known to zcrxd; their rules may still be "
			      "there (ethtool --show-ntuple).", set_aside);
	array_foreach(interface, field_array(description, "interfaces")) {
		array_foreach(problem, field_array(interface, "problems")) {
			if (!any)
				put_problem_heading(f, view->style.colour);
			any = true;
			write_wrapped(f, view, "%s: %s", field_string(interface, "name") ?: "?",
				      sd_json_variant_string(problem) ?: "?");
		}
		if (field_string(interface, "smallArea")) {
			if (!any)
				put_problem_heading(f, view->style.colour);
			any = true;
			write_wrapped(f, view, "%s: %s", field_string(interface, "name") ?: "?",
				      field_string(interface, "smallArea"));
		}
		array_foreach(queue, field_array(interface, "queues")) {
			if (!field_string(queue, "reason"))
				continue;
			if (!any)
				put_problem_heading(f, view->style.colour);
			any = true;
			write_problem_of_queue(f, interface, queue, view);
		}
	}
	write_problems_of_leases(f, leases, &any, view);
}

int status_write(FILE *f, sd_json_variant *description, sd_json_variant *leases,
		 const struct lease_view *view)
{
	sd_json_variant *kernel = field_object(description, "kernel");
	sd_json_variant *interfaces = field_array(description, "interfaces"), *interface;
	int r;

	fputs("zcrxd ", f);
	text_put(f, field_string(description, "version") ?: "?");
	fputs(" on Linux ", f);
	text_put(f, field_string(kernel, "release") ?: "?");
	fputc('\n', f);
	write_kernel(f, kernel, view);
	array_foreach(interface, interfaces)
		write_interface(f, interface, leases, view);
	if (!interfaces || sd_json_variant_elements(interfaces) == 0)
		fputs("\nNo interface is managed: name one under interfaces: in /etc/zcrxd.yaml, "
		      "then "
		      "run\nzcrxctl reload.\n",
		      f);

	if (leases && sd_json_variant_elements(leases) > 0) {
		fputc('\n', f);
		r = lease_table_write(f, leases, view);
		if (r < 0)
			return r;
	} else {
		fputs("\nNo leases.\n", f);
	}
	write_problems(f, description, leases, view);
	return 0;
}
