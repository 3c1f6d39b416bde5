/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What zcrxd says of flows that it was asked to steer and that do not reach the lease: foreign
 * rules take them, or the lease had no room for them. Kept until the next flow is added.
 */
#include <errno.h>
#include <inttypes.h>

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
static int copy_message(json_object *flow, char **ret)
{
	json_object *by = NULL;
	const char *message;

	if (json_object_is_type(flow, json_type_object))
		json_object_object_get_ex(flow, "takenBy", &by);
	message = message_get_string(by, "message");
	if (!message)
		return 0;
	*ret = strdup(message);
	return *ret ? 0 : -ENOMEM;
}

/* As zcrxctl spells a flow: "tcp4,dst=10.0.0.1,dst-port=9999". */
static int format_flow(json_object *flow, char **ret)
{
	static const struct {
		const char *key, *name;
	} parts[] = {
		{ "destination", "dst" },
		{ "destinationPort", "dst-port" },
		{ "source", "src" },
		{ "sourcePort", "src-port" },
	};
	const char *protocol = message_get_string(flow, "protocol");
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f;

	if (!protocol)
		return -EBADMSG;
	f = open_memstream(&text, &size);
	if (!f)
		return -ENOMEM;
	fputs(protocol, f);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		const char *address = message_get_string(flow, parts[i].key);
		uint64_t port;

		if (address)
			fprintf(f, ",%s=%s", parts[i].name, address);
		else if (message_get_unsigned(flow, parts[i].key, UINT16_MAX, &port) == 0)
			fprintf(f, ",%s=%" PRIu64, parts[i].name, port);
	}
	if (fclose(f) != 0)
		return -ENOMEM;
	*ret = TAKE_PTR(text);
	return 0;
}

static int read_list(json_object *reply, const char *key, int (*format)(json_object *, char **), char ***texts,
		     unsigned int *n)
{
	json_object *list = NULL;
	int r = 0;

	if (!json_object_object_get_ex(reply, key, &list) || !list)
		return 0;
	if (!json_object_is_type(list, json_type_array))
		return -EBADMSG;
	for (size_t i = 0; r == 0 && i < json_object_array_length(list) && i < LISTED_MAX; i++) {
		char *text = NULL;

		r = format(json_object_array_get_idx(list, i), &text);
		if (r == 0 && text)
			r = append(texts, n, text);
	}
	return r;
}

int not_steered_read(struct zcrx_lease *l, json_object *reply)
{
	uint64_t count = 0;
	int r;

	r = read_list(reply, "taken", copy_message, &l->taken, &l->n_taken);
	if (r == 0)
		r = read_list(reply, "leftOut", format_flow, &l->left_out, &l->n_left_out);
	l->left_out_count = message_get_unsigned(reply, "leftOutCount", UINT32_MAX, &count) == 0 ?
				    (unsigned int)count : l->n_left_out;
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
