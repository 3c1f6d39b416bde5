/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See record-changes.h.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "macro.h"
#include "record-changes.h"

static uint64_t id_of(sd_json_variant *lease)
{
	sd_json_variant *id = sd_json_variant_is_object(lease) ? sd_json_variant_by_key(lease, "id") : NULL;

	return id && sd_json_variant_is_unsigned(id) ? sd_json_variant_unsigned(id) : 0;
}

static size_t find(const struct record_changes *c, uint64_t id)
{
	size_t i = 0;

	while (i < c->n && (c->ids[i] != id || id == 0))
		i++;
	return i;
}

static int put(struct record_changes *c, sd_json_variant *lease)
{
	const uint64_t id = id_of(lease);
	const size_t i = find(c, id);

	if (i == c->size) {
		size_t size = c->size * 2 ?: 64;
		sd_json_variant **leases = reallocarray(c->leases, size, sizeof(*leases));
		uint64_t *ids;

		if (!leases)
			return -ENOMEM;
		c->leases = leases;
		ids = reallocarray(c->ids, size, sizeof(*ids));
		if (!ids)
			return -ENOMEM;
		c->ids = ids;
		c->size = size;
	}
	if (i < c->n)
		sd_json_variant_unref(c->leases[i]);
	c->n += i == c->n;
	c->leases[i] = sd_json_variant_ref(lease);
	c->ids[i] = id;
	return 0;
}

/* The others keep their order. */
static void drop(struct record_changes *c, uint64_t id)
{
	const size_t i = find(c, id);

	if (i == c->n)
		return;
	sd_json_variant_unref(c->leases[i]);
	c->n--;
	memmove(&c->leases[i], &c->leases[i + 1], (c->n - i) * sizeof(*c->leases));
	memmove(&c->ids[i], &c->ids[i + 1], (c->n - i) * sizeof(*c->ids));
}

static int put_all(struct record_changes *c, sd_json_variant *v)
{
	sd_json_variant *leases = sd_json_variant_by_key(v, "leases");
	int r = leases && sd_json_variant_is_array(leases) ? 0 : -EBADMSG;

	for (size_t i = 0; r == 0 && i < sd_json_variant_elements(leases); i++)
		r = put(c, sd_json_variant_by_index(leases, i));
	return r;
}

int record_changes_begin(struct record_changes *c, sd_json_variant *record)
{
	*c = (struct record_changes){ .record = sd_json_variant_ref(record) };
	return put_all(c, record);
}

static int set_keys(struct record_changes *c, sd_json_variant *change)
{
	static const struct {
		const char *key;
		bool optional;
	} keys[] = { { "lastFlowId", false }, { "kept", false }, { "lingering", true } };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(keys) && r >= 0; i++) {
		sd_json_variant *v = sd_json_variant_by_key(change, keys[i].key);

		if (v)
			r = sd_json_variant_set_field(&c->record, keys[i].key, v);
		else if (!keys[i].optional)
			r = -EBADMSG;
	}
	return r < 0 ? r : 0;
}

int record_changes_add(struct record_changes *c, sd_json_variant *change)
{
	sd_json_variant *gone = sd_json_variant_by_key(change, "gone");
	int r = gone && sd_json_variant_is_array(gone) ? 0 : -EBADMSG;

	for (size_t i = 0; r == 0 && i < sd_json_variant_elements(gone); i++) {
		sd_json_variant *id = sd_json_variant_by_index(gone, i);

		if (!sd_json_variant_is_unsigned(id))
			return -EBADMSG;
		drop(c, sd_json_variant_unsigned(id));
	}
	if (r == 0)
		r = put_all(c, change);
	return r < 0 ? r : set_keys(c, change);
}

int record_changes_end(struct record_changes *c, sd_json_variant **ret)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *leases = NULL;
	int r = sd_json_variant_new_array(&leases, c->leases, c->n);

	if (r >= 0)
		r = sd_json_variant_set_field(&c->record, "leases", leases);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(c->record);
	return 0;
}

void record_changes_done(struct record_changes *c)
{
	for (size_t i = 0; i < c->n; i++)
		sd_json_variant_unref(c->leases[i]);
	free(c->leases);
	free(c->ids);
	sd_json_variant_unref(c->record);
	*c = (struct record_changes){};
}
