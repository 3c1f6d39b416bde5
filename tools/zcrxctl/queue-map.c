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
	ROW_WIDTH = 64, /* at most, of sixteen */
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

static void write_row(FILE *f, sd_json_variant *const *queues, size_t first, size_t end,
		      sd_json_variant *leases, bool colour)
{
	size_t padding = 4;

	fprintf(f, "%*zu", INDENT, first);
	for (size_t i = 0; first + i < end; i++) {
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

static bool occurs(const struct look *look, sd_json_variant *queues)
{
	sd_json_variant *queue;

	array_foreach(queue, queues)
		if (look_of(queue) == look)
			return true;
	return false;
}

struct legend {
	FILE *f;
	const struct style *style;
	size_t column;
};

/* The next entry of it, behind the last or on a line of its own. */
static void write_entry(struct legend *l, const char *mark, enum ink ink, const char *meaning)
{
	const size_t width = strlen(mark) + strlen(*mark ? " " : "") + strlen(meaning);

	if (l->column > 0 && l->column + 3 + width <= style_text_width(l->style))
		l->column += (size_t)fprintf(l->f, "   ");
	else
		l->column = (size_t)fprintf(l->f, "%s%*s", l->column > 0 ? "\n" : "", INDENT + 4, "") -
			    (l->column > 0);
	fprintf(l->f, "%s%s%s%s%s", ink_on(ink, l->style->colour), mark, ink_off(ink, l->style->colour),
		*mark ? " " : "", meaning);
	l->column += width;
}

/* Explains the marks that occur. A letter by itself says whose the queue is; the mark behind it, its state. */
static void write_legend(FILE *f, sd_json_variant *queues, const struct style *style)
{
	struct legend l = { .f = f, .style = style };
	bool letters = false;

	for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
		if (looks[i].lettered)
			letters |= occurs(&looks[i], queues);
		else if (occurs(&looks[i], queues))
			write_entry(&l, looks[i].mark, looks[i].ink, looks[i].meaning);
	}
	if (letters)
		fprintf(f, "%s%*s", l.column > 0 ? "\n" : "", INDENT + 4, "");
	l.column = letters ? INDENT + 4 : 0;
	if (letters)
		l.column += (size_t)fprintf(f, "a letter is a lease:");
	for (size_t i = 0; i < ARRAY_SIZE(looks); i++)
		if (looks[i].lettered && occurs(&looks[i], queues))
			write_entry(&l, looks[i].mark, looks[i].ink, looks[i].meaning);
	fputc('\n', f);
}

void queue_map_write(FILE *f, sd_json_variant *interface, sd_json_variant *leases, const struct style *style)
{
	const size_t per_row = style_text_width(style) < ROW_WIDTH ? PER_GROUP : PER_ROW;
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

	write_heading(f, n < per_row ? n : per_row);
	for (size_t first = 0; first < n; first += per_row)
		write_row(f, by_index, first, first + per_row < n ? first + per_row : n, leases, style->colour);
	if (style->legend) {
		fputc('\n', f);
		write_legend(f, queues, style);
	}
}
