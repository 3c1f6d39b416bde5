/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The queue map. See queue-map.h.
 */
#include "field.h"
#include "queue-map.h"
#include "text.h"

enum {
	PER_ROW = 16,
	PER_GROUP = 8,
	INDENT = 6,
	WIDTH = 80,
	/* A driver that claims more than the kernel allows cannot make us draw for ever. */
	QUEUES_MAX = 65536,
};

/* How a queue is shown: the letter of its lease, if one holds it, and a mark. */
static const struct look {
	const char *state; /* Queue.state; NULL for an ordinary queue */
	const char *mark;
	const char *meaning;
	enum ink ink;
	bool lettered;
} looks[] = {
	{ NULL, ".", "ordinary", INK_DIM, false },
	{ "free", "-", "free", INK_GOOD, false },
	{ "reserved", "", "reserved", INK_BUSY, true },
	{ "bound", "=", "bound", INK_BUSY, true },
	{ "steered", ">", "steered", INK_BUSY, true },
	{ "draining", "~", "draining", INK_WARN, true },
	{ "quarantined", "!", "quarantined", INK_BAD, false },
	{ "", "?", "unknown state", INK_WARN, false }, /* of a newer zcrxd */
};

char queue_map_letter(sd_json_variant *leases, const char *lease_id)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	sd_json_variant *lease;
	size_t i = 0;

	array_foreach(lease, leases) {
		const char *id = field_string(lease, "leaseId");

		if (id && lease_id && streq(id, lease_id))
			return i < sizeof letters - 1 ? letters[i] : '*';
		i++;
	}
	return '*';
}

static const struct look *look_of(sd_json_variant *queue)
{
	const char *state = field_string(queue, "state") ?: "";
	const char *kind = field_string(queue, "kind") ?: "";

	/* Before 0.2.0 zcrxd called them free. */
	if (streq(kind, "ordinary") && (streq(state, "") || streq(state, "free")))
		return &looks[0];
	for (size_t i = 1; i < ARRAY_SIZE(looks); i++)
		if (streq(looks[i].state, state))
			return &looks[i];
	return &looks[ARRAY_SIZE(looks) - 1];
}

static void write_cell(FILE *f, sd_json_variant *queue, sd_json_variant *leases, bool colour)
{
	const struct look *look = look_of(queue);
	char letter[2] = "";

	if (look->lettered)
		letter[0] = queue_map_letter(leases, field_string(queue, "leaseId"));
	fprintf(f, "%s%s%s%s", ink_on(look->ink, colour), letter, look->mark,
		ink_off(look->ink, colour));
}

/* Room in front of a column, as little as its neighbour left: rows end without blanks. */
static void write_gap(FILE *f, size_t column, size_t *padding)
{
	if (column % PER_GROUP == 0 && column > 0)
		*padding += 2;
	fprintf(f, "%*s", (int)*padding, "");
}

static void write_heading(FILE *f, size_t columns)
{
	size_t padding = INDENT + 4;

	for (size_t i = 0; i < columns; i++) {
		write_gap(f, i, &padding);
		padding = 3 - (size_t)fprintf(f, "%zu", i);
	}
	fputc('\n', f);
}

static void write_row(FILE *f, sd_json_variant *const *queues, size_t first, size_t n,
		      sd_json_variant *leases, bool colour)
{
	size_t padding = 4;

	fprintf(f, "%*zu", INDENT, first);
	for (size_t i = 0; i < PER_ROW && first + i < n; i++) {
		sd_json_variant *queue = queues[first + i];

		write_gap(f, i, &padding);
		if (!queue) {
			padding = 3;
			continue;
		}
		write_cell(f, queue, leases, colour);
		padding = 3 - look_of(queue)->lettered - strlen(look_of(queue)->mark);
	}
	fputc('\n', f);
}

/* Explains the marks that occur. */
static void write_legend(FILE *f, sd_json_variant *queues, bool colour)
{
	size_t column = 0;

	for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
		const struct look *look = &looks[i];
		sd_json_variant *queue;
		bool occurs = false;
		size_t width = look->lettered + strlen(look->mark) + 1 + strlen(look->meaning);

		array_foreach(queue, queues)
			occurs |= look_of(queue) == look;
		if (!occurs)
			continue;
		if (column > 0 && column + 3 + width <= WIDTH)
			column += (size_t)fprintf(f, "   ");
		else
			column =
				(size_t)fprintf(f, "%s%*s", column > 0 ? "\n" : "", INDENT + 4, "");
		fprintf(f, "%s%s%s%s %s", ink_on(look->ink, colour), look->lettered ? "a" : "",
			look->mark, ink_off(look->ink, colour), look->meaning);
		column += width;
	}
	fputc('\n', f);
}

void queue_map_write(FILE *f, sd_json_variant *interface, sd_json_variant *leases, bool legend,
		     bool colour)
{
	sd_json_variant *queues = field_array(interface, "queues");
	_cleanup_free_ sd_json_variant **by_index = NULL;
	sd_json_variant *queue;
	size_t n = 0;

	array_foreach(queue, queues) {
		uint64_t index = field_unsigned(queue, "queue", QUEUES_MAX);

		if (index < QUEUES_MAX && index >= n)
			n = (size_t)index + 1;
	}
	by_index = calloc(n ?: 1, sizeof *by_index);
	if (!by_index || n == 0)
		return;
	array_foreach(queue, queues) {
		uint64_t index = field_unsigned(queue, "queue", QUEUES_MAX);

		if (index < n)
			by_index[index] = queue;
	}

	write_heading(f, n < PER_ROW ? n : PER_ROW);
	for (size_t first = 0; first < n; first += PER_ROW)
		write_row(f, by_index, first, n, leases, colour);
	if (legend) {
		fputc('\n', f);
		write_legend(f, queues, colour);
	}
}
