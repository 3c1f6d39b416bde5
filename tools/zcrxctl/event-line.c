/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Events as lines. See event-line.h.
 */
#include <inttypes.h>

#include "event-line.h"
#include "field.h"
#include "text.h"

static enum ink ink_of(const char *event)
{
	static const struct {
		const char *event;
		enum ink ink;
	} inks[] = {
		{ "bound", INK_BUSY },	    { "steered", INK_BUSY },  { "freed", INK_GOOD },
		{ "configured", INK_GOOD }, { "repaired", INK_GOOD }, { "draining", INK_WARN },
		{ "taken", INK_BAD },	    { "unbound", INK_WARN },
		{ "drifted", INK_WARN },    { "revoked", INK_WARN },  { "gone", INK_WARN },
		{ "quarantined", INK_BAD }, { "failed", INK_BAD },    { "unconfirmed", INK_WARN },
		{ "confirmed", INK_GOOD },  { "restored", INK_WARN },
	};

	for (size_t i = 0; i < ARRAY_SIZE(inks); i++)
		if (streq(inks[i].event, event))
			return inks[i].ink;
	return INK_NONE;
}

void event_write(FILE *f, sd_json_variant *event, const char *who, bool colour)
{
	const char *name = field_string(event, "event") ?: "?";
	const char *interface = field_string(event, "interface");
	const char *lease = field_string(event, "leaseId"), *reason = field_string(event, "reason");
	uint64_t now = field_unsigned(event, "timestampUSec", 0);
	uint64_t deadline = field_unsigned(event, "deadlineUSec", 0);
	_cleanup_free_ char *time = text_time(now);
	_cleanup_free_ char *span = deadline > now ? text_span(deadline - now) : NULL;

	fprintf(f, "%s  %s", time ?: "?", ink_on(ink_of(name), colour));
	text_put(f, name);
	fprintf(f, "%s%*s", ink_off(ink_of(name), colour),
		strlen(name) < 11 ? (int)(11 - strlen(name)) : 0, "");
	if (interface) {
		fputs("  ", f);
		text_put(f, interface);
	}
	if (field_has(event, "queue"))
		fprintf(f, "  queue %" PRIu64, field_unsigned(event, "queue", 0));
	if (lease) {
		fputs("  lease ", f);
		text_put(f, lease);
	}
	if (lease && who) {
		fputs(" (", f);
		text_put(f, who);
		fputc(')', f);
	}
	if (span)
		fprintf(f, "  in %s", span);
	if (reason) {
		fputs(": ", f);
		text_put(f, reason);
	}
	fputc('\n', f);
}
