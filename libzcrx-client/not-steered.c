/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What zcrxd says of flows that it was asked to steer and that do not reach the lease: foreign
 * rules take them, or the lease had no room for them. Kept until the next flow is added.
 */
#include <errno.h>
#include <inttypes.h>

#include <systemd/sd-json.h>

#include "internal.h"

#define LISTED_MAX 256 /* zcrxd sends fewer; what it sends is not the application's to bound */

static void forget(char ***texts, unsigned int *n)
{
	for (unsigned int i = 0; i < *n; i++)
		free((*texts)[i]);
	free(*texts);
	*texts = NULL;
	*n = 0;
}

void not_steered_forget(struct zcrx_lease *l)
{
	forget(&l->taken, &l->n_taken);
	forget(&l->left_out, &l->n_left_out);
	l->left_out_count = 0;
}

/* Takes `text` over. */
static int append(char ***texts, unsigned int *n, char *text)
{
	char **grown = reallocarray(*texts, *n + 1, sizeof(*grown));

	if (!grown) {
		free(text);
		return -ENOMEM;
	}
	grown[(*n)++] = text;
	*texts = grown;
	return 0;
}

/* None, if the rule has gone meanwhile. */
static int copy_message(sd_json_variant *flow, char **ret)
{
	sd_json_variant *message =
		sd_json_variant_by_key(sd_json_variant_by_key(flow, "takenBy"), "message");

	if (!sd_json_variant_is_string(message))
		return 0;
	*ret = strdup(sd_json_variant_string(message));
	return *ret ? 0 : -ENOMEM;
}

/* As zcrxctl spells a flow: "tcp4,dst=10.0.0.1,dst-port=9999". */
static int format_flow(sd_json_variant *flow, char **ret)
{
	static const struct {
		const char *key, *name;
	} parts[] = {
		{ "destination", "dst" },
		{ "destinationPort", "dst-port" },
		{ "source", "src" },
		{ "sourcePort", "src-port" },
	};
	sd_json_variant *protocol = sd_json_variant_by_key(flow, "protocol");
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f;

	if (!sd_json_variant_is_string(protocol))
		return -EBADMSG;
	f = open_memstream(&text, &size);
	if (!f)
		return -ENOMEM;
	fputs(sd_json_variant_string(protocol), f);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		sd_json_variant *v = sd_json_variant_by_key(flow, parts[i].key);

		if (sd_json_variant_is_string(v))
			fprintf(f, ",%s=%s", parts[i].name, sd_json_variant_string(v));
		else if (sd_json_variant_is_unsigned(v))
			fprintf(f, ",%s=%" PRIu64, parts[i].name, sd_json_variant_unsigned(v));
	}
	if (fclose(f) != 0)
		return -ENOMEM;
	*ret = TAKE_PTR(text);
	return 0;
}

static int read_list(sd_json_variant *list, int (*format)(sd_json_variant *, char **),
		     char ***texts, unsigned int *n)
{
	int r = 0;

	if (!list || sd_json_variant_is_null(list))
		return 0;
	if (!sd_json_variant_is_array(list))
		return -EBADMSG;
	for (size_t i = 0; r == 0 && i < sd_json_variant_elements(list) && i < LISTED_MAX; i++) {
		char *text = NULL;

		r = format(sd_json_variant_by_index(list, i), &text);
		if (r == 0 && text)
			r = append(texts, n, text);
	}
	return r;
}

int not_steered_read(struct zcrx_lease *l, sd_json_variant *reply)
{
	sd_json_variant *count = sd_json_variant_by_key(reply, "leftOutCount");
	int r;

	r = read_list(sd_json_variant_by_key(reply, "taken"), copy_message, &l->taken, &l->n_taken);
	if (r == 0)
		r = read_list(sd_json_variant_by_key(reply, "leftOut"), format_flow, &l->left_out,
			      &l->n_left_out);
	l->left_out_count =
		sd_json_variant_is_unsigned(count) && sd_json_variant_unsigned(count) <= UINT32_MAX
			? (unsigned int)sd_json_variant_unsigned(count)
			: l->n_left_out;
	return r;
}

const char *zcrx_lease_get_taken(struct zcrx_lease *lease, unsigned int index)
{
	return lease && index < lease->n_taken ? lease->taken[index] : NULL;
}

const char *zcrx_lease_get_left_out(struct zcrx_lease *lease, unsigned int index)
{
	return lease && index < lease->n_left_out ? lease->left_out[index] : NULL;
}

unsigned int zcrx_lease_get_left_out_count(struct zcrx_lease *lease)
{
	return lease ? lease->left_out_count : 0;
}
