/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a test of an iperf3 client has shown, for people, as JSON, and for the client. */
#include <inttypes.h>
#include <stdio.h>

#include <systemd/sd-json.h>

#include "figures.h"
#include "iperf3-run.h"
#include "macro.h"
#include "meter-json.h"

static double rate_of(const struct totals *t)
{
	return t->when > 0 ? (double)t->bytes / t->when : 0;
}

static void print_to(FILE *f, const struct iperf3_run *r)
{
	const struct totals *t = &r->total;
	const uint64_t zero_copied = totals_zero_copied(t);

	fprintf(f, "received   %" PRIu64 " bytes on %u stream%s in %.3f s: %s\n", t->bytes, r->test.streams,
		r->test.streams == 1 ? "" : "s", t->when, text_rate(rate_of(t)).text);
	if (t->copies_known) {
		fprintf(f, "zero-copy  %" PRIu64 " bytes (%.1f %%)\n", zero_copied, percent(zero_copied, t->bytes));
		fprintf(f, "copied     %" PRIu64 " bytes (%.1f %%)\n", t->copied_bytes,
			percent(t->copied_bytes, t->bytes));
	} else {
		fputs("copied     unknown: the kernel counts it since Linux 7.2\n", f);
	}
	fprintf(f, "processor  %.3f s user, %.3f s system\n", t->user, t->system);
	if (r->session->lease_lost)
		fputs("lease      ended meanwhile\n", f);
}

static int print_json(const struct iperf3_run *r)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL, *intervals = NULL;
	const struct session *s = r->session;
	const struct totals *t = &r->total;
	int n;

	n = meter_to_json(&s->meter, &intervals);
	if (n < 0)
		return n;
	n = sd_json_buildo(
		&v, SD_JSON_BUILD_PAIR_UNSIGNED("test", r->number), SD_JSON_BUILD_PAIR_STRING("peer", r->peer),
		SD_JSON_BUILD_PAIR_STRING("mode", mode_to_string(s->options->mode)),
		SD_JSON_BUILD_PAIR_UNSIGNED("connections", r->test.streams),
		SD_JSON_BUILD_PAIR_UNSIGNED("bytes", t->bytes),
		SD_JSON_BUILD_PAIR_CONDITION(t->copies_known, "zeroCopyBytes",
					     SD_JSON_BUILD_UNSIGNED(totals_zero_copied(t))),
		SD_JSON_BUILD_PAIR_CONDITION(t->copies_known, "copiedBytes", SD_JSON_BUILD_UNSIGNED(t->copied_bytes)),
		SD_JSON_BUILD_PAIR_UNSIGNED("elapsedUSec", (uint64_t)(t->when * 1e6)),
		SD_JSON_BUILD_PAIR_UNSIGNED("bytesPerSecond", (uint64_t)rate_of(t)),
		SD_JSON_BUILD_PAIR_UNSIGNED("userUSec", (uint64_t)(t->user * 1e6)),
		SD_JSON_BUILD_PAIR_UNSIGNED("systemUSec", (uint64_t)(t->system * 1e6)),
		SD_JSON_BUILD_PAIR_CONDITION(s->backend != NULL, "backend", SD_JSON_BUILD_STRING(s->backend)),
		SD_JSON_BUILD_PAIR_CONDITION(s->leased, "leaseId", SD_JSON_BUILD_STRING(s->lease_id)),
		SD_JSON_BUILD_PAIR_CONDITION(s->leased, "interface", SD_JSON_BUILD_STRING(s->interface)),
		SD_JSON_BUILD_PAIR_CONDITION(s->leased, "leaseLost", SD_JSON_BUILD_BOOLEAN(s->lease_lost)),
		SD_JSON_BUILD_PAIR_CONDITION(intervals != NULL, "intervals", SD_JSON_BUILD_VARIANT(intervals)));
	return n < 0 ? n : sd_json_variant_dump(v, SD_JSON_FORMAT_NEWLINE, stdout, NULL);
}

void iperf3_report(const struct iperf3_run *r)
{
	if (!r->session->options->json)
		print_to(stdout, r);
	else if (print_json(r) < 0)
		fail("Cannot print the result: out of memory.");
	fflush(stdout);
}

char *iperf3_words(const struct iperf3_run *r)
{
	char *words = NULL;
	size_t n;
	FILE *f = open_memstream(&words, &n);

	if (!f)
		return NULL;
	print_to(f, r);
	if (fclose(f) != 0) {
		free(words);
		return NULL;
	}
	return words;
}
