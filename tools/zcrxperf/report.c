/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What `zcrxperf receive` found, for people or as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

#include <systemd/sd-json.h>

#include "figures.h"
#include "macro.h"
#include "meter-json.h"
#include "session.h"

struct result {
	double seconds;
	double cpu_seconds;
	double rate; /* bytes a second */
	uint64_t zero_copy_bytes;
	uint64_t wrong;
	unsigned int wrong_connection;
	uint64_t first_wrong;
};

static double seconds_of(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static struct result compute(const struct session *s)
{
	struct result f = {};
	struct rusage usage;

	f.seconds = (double)(s->last.tv_sec - s->first.tv_sec) +
		    (double)(s->last.tv_nsec - s->first.tv_nsec) / 1e9;
	if (f.seconds > 0)
		f.rate = (double)s->bytes / f.seconds;
	if (getrusage(RUSAGE_SELF, &usage) == 0)
		f.cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
	if (s->copies_known && s->copied_bytes <= s->bytes)
		f.zero_copy_bytes = s->bytes - s->copied_bytes;
	for (unsigned int i = s->n_accepted; i-- > 0;)
		if (s->connections[i].check.wrong > 0) {
			f.wrong += s->connections[i].check.wrong;
			f.wrong_connection = i;
			f.first_wrong = s->connections[i].check.first_wrong;
		}
	return f;
}

static void print_text(const struct session *s, const struct result *f)
{
	printf("mode       %s\n", mode_to_string(s->options->mode));
	printf("received   %" PRIu64 " bytes on %u connection%s in %.3f s: %s\n", s->bytes,
	       s->n_accepted, s->n_accepted == 1 ? "" : "s", f->seconds, text_rate(f->rate).text);
	if (s->copies_known) {
		printf("zero-copy  %" PRIu64 " bytes (%.1f %%)\n", f->zero_copy_bytes,
		       percent(f->zero_copy_bytes, s->bytes));
		printf("copied     %" PRIu64 " bytes (%.1f %%)", s->copied_bytes,
		       percent(s->copied_bytes, s->bytes));
		if (s->leased)
			printf(" in %" PRIu64 " pieces%s", s->copied_pieces,
			       s->backend && streq(s->backend, "copy") ? "" : ", by the kernel's count");
		putchar('\n');
	} else {
		puts("copied     unknown: the kernel counts it since Linux 7.2");
	}
	if (s->starved[0] || s->starved[1] || s->starved[2] || s->starved[3])
		printf("starved    no buffer for the NIC %" PRIu64 " times, none to copy into %" PRIu64 ", completion queue "
		       "full %" PRIu64 ", refill ring full %" PRIu64 " (zcrx_pool_get_counter(3))\n", s->starved[0],
		       s->starved[1], s->starved[2], s->starved[3]);
	for (unsigned int i = 0; s->n_queues > 1 && i < s->n_queues; i++)
		printf("queue %-4d %" PRIu64 " bytes on %u connection%s, %" PRIu64 " copied\n",
		       s->queues[i].hardware_queue, s->queues[i].bytes, s->queues[i].connections,
		       s->queues[i].connections == 1 ? "" : "s", s->queues[i].copied_bytes);
	if (s->options->verify && f->wrong == 0)
		puts("verified   every byte");
	else if (s->options->verify)
		printf("verified   %" PRIu64 " bytes WRONG, the first at %" PRIu64
		       " of connection %u\n",
		       f->wrong, f->first_wrong, f->wrong_connection);
	printf("processor  %.3f s\n", f->cpu_seconds);
	if (s->lease_lost)
		puts("lease      ended meanwhile");
}

static int build_queues(const struct session *s, sd_json_variant **ret)
{
	int r = sd_json_variant_new_array(ret, NULL, 0);

	for (unsigned int i = 0; r >= 0 && i < s->n_queues; i++) {
		const struct queue_result *q = &s->queues[i];

		r = sd_json_variant_append_arraybo(
			ret, SD_JSON_BUILD_PAIR_INTEGER("hardwareQueue", q->hardware_queue),
			SD_JSON_BUILD_PAIR_UNSIGNED("connections", q->connections),
			SD_JSON_BUILD_PAIR_UNSIGNED("bytes", q->bytes),
			SD_JSON_BUILD_PAIR_CONDITION(s->copies_known, "copiedBytes",
						     SD_JSON_BUILD_UNSIGNED(q->copied_bytes)),
			SD_JSON_BUILD_PAIR_CONDITION(s->copies_known, "copiedPieces",
						     SD_JSON_BUILD_UNSIGNED(q->copied_pieces)));
	}
	return r;
}

static int print_json(const struct session *s, const struct result *f)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL, *queues = NULL, *intervals = NULL;
	int r;

	r = build_queues(s, &queues);
	if (r >= 0)
		r = meter_to_json(&s->meter, &intervals);
	if (r < 0)
		return r;
	r = sd_json_buildo(
		&v, SD_JSON_BUILD_PAIR_STRING("mode", mode_to_string(s->options->mode)),
		SD_JSON_BUILD_PAIR_UNSIGNED("bytes", s->bytes),
		SD_JSON_BUILD_PAIR_CONDITION(s->copies_known, "zeroCopyBytes",
					     SD_JSON_BUILD_UNSIGNED(f->zero_copy_bytes)),
		SD_JSON_BUILD_PAIR_CONDITION(s->copies_known, "copiedBytes",
					     SD_JSON_BUILD_UNSIGNED(s->copied_bytes)),
		SD_JSON_BUILD_PAIR_CONDITION(s->copies_known && s->leased, "copiedPieces",
					     SD_JSON_BUILD_UNSIGNED(s->copied_pieces)),
		SD_JSON_BUILD_PAIR_CONDITION(s->leased, "starvedNic", SD_JSON_BUILD_UNSIGNED(s->starved[0])),
		SD_JSON_BUILD_PAIR_CONDITION(s->leased, "starvedCopy", SD_JSON_BUILD_UNSIGNED(s->starved[1])),
		SD_JSON_BUILD_PAIR_CONDITION(s->leased, "completionsFull", SD_JSON_BUILD_UNSIGNED(s->starved[2])),
		SD_JSON_BUILD_PAIR_CONDITION(s->leased, "refillFull", SD_JSON_BUILD_UNSIGNED(s->starved[3])),
		SD_JSON_BUILD_PAIR_UNSIGNED("connections", s->n_accepted),
		SD_JSON_BUILD_PAIR_UNSIGNED("elapsedUSec", (uint64_t)(f->seconds * 1e6)),
		SD_JSON_BUILD_PAIR_UNSIGNED("bytesPerSecond", (uint64_t)f->rate),
		SD_JSON_BUILD_PAIR_UNSIGNED("processorUSec", (uint64_t)(f->cpu_seconds * 1e6)),
		SD_JSON_BUILD_PAIR_CONDITION(s->options->verify, "wrongBytes",
					     SD_JSON_BUILD_UNSIGNED(f->wrong)),
		SD_JSON_BUILD_PAIR_CONDITION(s->leased, "leaseId",
					     SD_JSON_BUILD_STRING(s->lease_id)),
		SD_JSON_BUILD_PAIR_CONDITION(s->backend != NULL, "backend",
					     SD_JSON_BUILD_STRING(s->backend)),
		SD_JSON_BUILD_PAIR_CONDITION(s->leased, "interface",
					     SD_JSON_BUILD_STRING(s->interface)),
		SD_JSON_BUILD_PAIR_CONDITION(s->leased, "hardwareQueue",
					     SD_JSON_BUILD_INTEGER(s->queues[0].hardware_queue)),
		SD_JSON_BUILD_PAIR_CONDITION(s->leased, "queues", SD_JSON_BUILD_VARIANT(queues)),
		SD_JSON_BUILD_PAIR_CONDITION(intervals != NULL, "intervals",
					     SD_JSON_BUILD_VARIANT(intervals)),
		SD_JSON_BUILD_PAIR_CONDITION(s->leased, "leaseLost",
					     SD_JSON_BUILD_BOOLEAN(s->lease_lost)));
	if (r < 0)
		return r;
	return sd_json_variant_dump(v, SD_JSON_FORMAT_NEWLINE, stdout, NULL);
}

void receive_report(const struct session *s)
{
	struct result f = compute(s);

	if (!s->options->json)
		print_text(s, &f);
	else if (print_json(s, &f) < 0)
		fail("Cannot print the result.");
	fflush(stdout);
}
