/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See record.h. One lease of it is record-lease.c's.
 */
#include <errno.h>

#include "json-fields.h"
#include "log.h"
#include "record-lease.h"

static const struct json_field record_fields[] = {
	{ "lastFlowId", JSON_NUMBER, JSON_ALWAYS, JSON_MEMBER(struct record, last_flow_id), UINT64_MAX, 0 },
	{ "kept", JSON_BOOLEAN, JSON_LATER, JSON_MEMBER(struct record, kept), 0, 0 },
};
static const struct json_field lingering_fields[] = {
	{ "uid", JSON_NUMBER, JSON_ALWAYS, JSON_MEMBER(struct record_lingering, uid), UINT32_MAX, 0 },
	{ "area", JSON_NUMBER, JSON_ALWAYS, JSON_MEMBER(struct record_lingering, area), INT64_MAX, 0 },
	{ "ring", JSON_NUMBER, JSON_ALWAYS, JSON_MEMBER(struct record_lingering, ring_key), UINT64_MAX, 0 },
};

/* ------------------------------------------------------------------------------ to text */

static void write_list(struct json_writer *w, const char *key, const char *const *list, size_t n)
{
	json_open(w, key, '[');
	for (size_t i = 0; i < n; i++)
		json_write_raw(w, list[i]);
	json_close(w, ']');
}

static void write_lingering(struct json_writer *w, const struct record_parts *p)
{
	json_open(w, "lingering", '[');
	for (size_t i = 0; i < p->n_lingering; i++) {
		json_open(w, NULL, '{');
		json_write(w, lingering_fields, ARRAY_SIZE(lingering_fields), &p->lingering[i]);
		json_close(w, '}');
	}
	json_close(w, ']');
}

int record_format(const struct record_parts *p, char **ret)
{
	const struct record head = { .last_flow_id = p->last_flow_id, .kept = p->kept };
	_cleanup_free_ char *text = NULL;
	struct json_writer w;
	size_t size;
	int r = json_writer_begin(&w, &text, &size);

	if (r < 0)
		return r;
	json_open(&w, NULL, '{');
	json_write(&w, record_fields, ARRAY_SIZE(record_fields), &head);
	write_list(&w, "leases", p->leases, p->n_leases);
	write_list(&w, "strays", p->orphans, p->n_orphans);
	write_lingering(&w, p);
	json_close(&w, '}');
	r = json_writer_end(&w);
	if (r == 0)
		*ret = TAKE_PTR(text);
	return r;
}

int record_format_change(const struct record_parts *p, const uint32_t *gone, size_t n_gone, char **ret)
{
	const struct record head = { .last_flow_id = p->last_flow_id, .kept = p->kept };
	_cleanup_free_ char *text = NULL;
	struct json_writer w;
	size_t size;
	int r = json_writer_begin(&w, &text, &size);

	if (r < 0)
		return r;
	json_open(&w, NULL, '{');
	json_write(&w, record_fields, ARRAY_SIZE(record_fields), &head);
	json_open(&w, "gone", '[');
	for (size_t i = 0; i < n_gone; i++)
		json_write_number(&w, NULL, gone[i]);
	json_close(&w, ']');
	write_list(&w, "leases", p->leases, p->n_leases);
	if (p->lingering)
		write_lingering(&w, p);
	json_close(&w, '}');
	r = json_writer_end(&w);
	if (r == 0)
		*ret = TAKE_PTR(text);
	return r;
}

/* ---------------------------------------------------------------------------- from text */

static bool shares_queue(const struct record_lease *a, const struct record_lease *b)
{
	for (size_t i = 0; a->ifindex == b->ifindex && i < a->n_queues; i++)
		for (size_t k = 0; k < b->n_queues; k++)
			if (a->queues[i] == b->queues[k])
				return true;
	return false;
}

/* An id, and a queue, is one lease's: of two, the first has it. */
static const char *find_double(const struct record *record, const struct record_lease *l)
{
	for (size_t i = 0; i < record->n_leases; i++) {
		if (record->leases[i].id == l->id)
			return "id";
		if (shares_queue(&record->leases[i], l))
			return "queues";
	}
	return NULL;
}

/* Of which not even that is known what would have to be taken back. */
static void report_dropped(struct record *record, size_t i, const struct record_lease *l)
{
	record->n_dropped++;
	log_message(LOG_ERR, &(struct log_fields){ .lease = l->id },
		    "Lease %08x, number %zu in the record, is dropped: its \"%s\" cannot be used. Its netkit "
		    "device is deleted; a queue of it that is in use is quarantined until it is free.",
		    l->id, i, l->damaged);
}

static int parse_leases(struct json_reader *r, sd_json_variant *v, struct record *record)
{
	sd_json_variant *array;
	void *list;
	size_t n = json_read_array(r, v, "leases", sizeof(*record->leases), &list, &array);

	record->leases = list;
	for (size_t i = 0; i < n; i++) {
		struct record_lease *l = &record->leases[record->n_leases];
		int k = record_parse_lease_object(sd_json_variant_by_index(array, i), l);
		const char *twice = k == 0 ? find_double(record, l) : NULL;

		if (k == -ENOMEM)
			return k;
		if (twice)
			l->damaged = twice;
		if (k == 0 && !twice) {
			record->n_leases++;
			continue;
		}
		report_dropped(record, i, l);
		record_lease_done(l);
	}
	return 0;
}

static int parse_strays(sd_json_variant *v, struct record *record)
{
	struct json_reader ignored = {};
	sd_json_variant *array;
	void *list;
	size_t n;

	if (!sd_json_variant_by_key(v, "strays"))
		return 0;
	n = json_read_array(&ignored, v, "strays", sizeof(*record->orphans), &list, &array);
	record->orphans = list;
	for (size_t i = 0; i < n; i++) {
		struct record_lease *l = &record->orphans[record->n_orphans];
		int k = record_parse_lease_object(sd_json_variant_by_index(array, i), l);

		if (k == -ENOMEM)
			return k;
		if (k == 0)
			record->n_orphans++;
		else
			record_lease_done(l);
	}
	return 0;
}

/* One that cannot be read counts for nobody. */
static void parse_lingering(sd_json_variant *v, struct record *record)
{
	struct json_reader ignored = {};
	sd_json_variant *array;
	void *list;
	size_t n = json_read_array(&ignored, v, "lingering", sizeof(*record->lingering), &list, &array);

	record->lingering = list;
	for (size_t i = 0; i < n; i++) {
		sd_json_variant *one = sd_json_variant_by_index(array, i);
		struct json_reader r = {};

		record->lingering[record->n_lingering] = (struct record_lingering){};
		json_read(&r, one, lingering_fields, ARRAY_SIZE(lingering_fields),
			  &record->lingering[record->n_lingering]);
		record->n_lingering += !r.bad;
	}
}

int record_parse(sd_json_variant *v, struct record *ret)
{
	_cleanup_record_ struct record record = {};
	struct json_reader r = {};
	int k;

	json_read(&r, v, record_fields, ARRAY_SIZE(record_fields), &record);
	k = parse_leases(&r, v, &record);
	if (k == 0)
		k = parse_strays(v, &record);
	parse_lingering(v, &record);
	if (k < 0 || r.bad)
		return k < 0 ? k : -EBADMSG;
	*ret = record;
	record = (struct record){};
	return 0;
}

/* ------------------------------------------------------------------------- what is damaged */

int record_salvage(const char *text, struct record *ret)
{
	static const char begin[] = "{\"id\":";
	_cleanup_record_ struct record record = {};
	const char *p = text;

	/* Flows begin likewise, but have no queues. */
	while ((p = strstr(p, begin))) {
		_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
		struct record_lease *grown, l = {};
		const char *end = p;
		int k;

		if (sd_json_parse_continue(&end, 0, &v, NULL, NULL) < 0) {
			p += strlen(begin);
			continue;
		}
		p = end;
		k = record_parse_lease_object(v, &l);
		if (k < 0) {
			record_lease_done(&l);
			if (k == -ENOMEM)
				return k;
			continue;
		}
		grown = reallocarray(record.orphans, record.n_orphans + 1, sizeof(*grown));
		if (!grown) {
			record_lease_done(&l);
			return -ENOMEM;
		}
		record.orphans = grown;
		record.orphans[record.n_orphans++] = l;
	}
	*ret = record;
	record = (struct record){};
	return 0;
}
