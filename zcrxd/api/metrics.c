/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Methods of io.systemd.Metrics, open to everybody as Describe and ListLeases are: whoever may read those learns
 * nothing more here. One reply a value, each in a turn of its own (answers.h), so that no number of callers keeps
 * anything else waiting.
 */
#include <errno.h>

#include "answers.h"
#include "json-build.h"
#include "metrics.h"

/* The last reply is another kind of message: there is always one in hand. */
struct metrics_list {
	struct api *api;
	sd_varlink *link;
	struct metric_values values; /* of one group, */
	size_t next;		     /* of which these are still to be sent */
	unsigned group;		     /* the next one */
};

static void list_free(struct metrics_list *q)
{
	metric_values_done(&q->values);
	sd_varlink_unref(q->link);
	free(q);
}

/* The reply that is sent next, borrowed; NULL if there is none. */
static sd_json_variant *list_peek(struct metrics_list *q)
{
	while (q->next == q->values.n && q->values.r == 0) {
		metric_values_done(&q->values);
		q->next = 0;
		if (!metrics_collect(q->api, q->group++, &q->values))
			return NULL;
	}
	return q->values.r == 0 ? q->values.list[q->next] : NULL;
}

static void list_step(void *userdata)
{
	struct metrics_list *q = userdata;
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *now = sd_json_variant_ref(list_peek(q));
	bool more;
	int r;

	q->next++;
	more = now && list_peek(q);
	r = q->values.r;
	if (r == 0 && more)
		r = sd_varlink_notify(q->link, now);
	if (r >= 0 && more) {
		answer_later(q->api, list_step, q);
		return;
	}
	if (r < 0)
		(void)reply_fault(q->link, r, NULL);
	else
		(void)sd_varlink_reply(q->link, now);
	list_free(q);
}

static int expect_more(struct call *c)
{
	if (!c->more)
		(void)sd_varlink_error(c->link, SD_VARLINK_ERROR_EXPECTED_MORE, NULL);
	return c->more;
}

static int list(struct call *c, void *parameters)
{
	struct metrics_list *q;

	if (!expect_more(c))
		return 0;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	*q = (struct metrics_list){ .api = c->api, .link = sd_varlink_ref(c->link) };
	answer_later(c->api, list_step, q);
	return 0;
}

static const sd_json_dispatch_field no_fields[] = { {} };

const struct method method_metrics_list = {
	.kind = METHOD_OPEN,
	.fields = no_fields,
	.act = list,
};

static int describe(struct call *c, void *parameters)
{
	int r = 0;

	if (!expect_more(c))
		return 0;
	for (int i = 0; r >= 0 && i < _METRIC_MAX; i++) {
		_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
		const struct metric_info *m = &metric_infos[i];
		char name[64];

		snprintf(name, sizeof(name), METRICS_PREFIX "%s", m->name);
		r = sd_json_buildo(&v, STRING("name", name), STRING("description", m->description),
				   STRING("type", m->is_counter ? "counter" : "gauge"));
		if (r >= 0)
			r = i + 1 < _METRIC_MAX ? sd_varlink_notify(c->link, v) : sd_varlink_reply(c->link, v);
	}
	return r < 0 ? r : 0;
}

const struct method method_metrics_describe = {
	.kind = METHOD_OPEN,
	.fields = no_fields,
	.act = describe,
};
