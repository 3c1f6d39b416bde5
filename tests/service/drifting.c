/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See drifting.h.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "drifting.h"
#include "zcrx-idl.h"

static const char report_config[] = "on-drift: report\n"
				    "interfaces:\n"
				    "  - name: sim0\n"
				    "    channels: 8\n"
				    "    zero-copy-queues: 4\n"
				    "policy:\n"
				    "  - flows: any\n"
				    "    administer: true\n";

/* ----------------------------------------------------------------------------- watching */

static int on_event(sd_varlink *link, sd_json_variant *parameters, const char *error,
		    sd_varlink_reply_flags_t flags, void *userdata)
{
	struct watching *w = userdata;
	sd_json_variant *event = sd_json_variant_by_key(parameters, "event");

	assert_null(error);
	if (!event || sd_json_variant_by_key(event, "leaseId"))
		return 0;
	assert_true(strlen(w->events) + 32 < sizeof(w->events));
	strcat(strcat(w->events, w->events[0] ? " " : ""), text_of(event, "event"));
	if (text_of(event, "reason")[0])
		snprintf(w->reason, sizeof(w->reason), "%s", text_of(event, "reason"));
	return 0;
}

void watch(struct daemon *d, struct watching *w)
{
	*w = (struct watching){ .link = daemon_connect(d) };
	sd_varlink_set_userdata(w->link, w);
	assert_true(sd_varlink_bind_reply(w->link, on_event) >= 0);
	assert_true(sd_varlink_observe(w->link, ZCRX_METHOD("Watch"), NULL) >= 0);
	/* Answered from another connection: it is heard by now. */
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *other = daemon_connect(d);
	assert_true(sd_varlink_flush(w->link) >= 0);
	assert_null(call(other, "Describe", NULL, "{}"));
}

void hear(struct watching *w)
{
	while (sd_varlink_process(w->link) > 0)
		;
}

void wait_for_events(struct watching *w, const char *events)
{
	for (int i = 0; i < PATIENCE_MS / 10; i++) {
		hear(w);
		if (streq(w->events, events))
			break;
		(void)sd_varlink_wait(w->link, 10000);
	}
	assert_string_equal(w->events, events);
	w->events[0] = '\0';
}

void watch_end(struct watching *w)
{
	sd_varlink_close_unref(w->link);
}

/* ------------------------------------------------------------------------------ the NIC */

void change(struct daemon *d, const struct step *step)
{
	assert_int_equal(sim_foreign_step(d->sim, SIM0, step), 0);
}

const struct step wide_table = { .op = STEP_RSS };

bool leads_beyond(struct daemon *d, uint32_t first)
{
	_cleanup_(nic_state_freep) struct nic_state *s = observe(d);

	for (size_t i = 0; i < s->rss.n; i++)
		if (s->rss.entries[i] >= first)
			return true;
	return false;
}

void wait_until_narrow(struct daemon *d)
{
	for (int i = 0; leads_beyond(d, 4); i++) {
		assert_true(i < PATIENCE_MS / 5);
		usleep(5000);
	}
}

void wait_for_state(struct daemon *d, const char *state, char ret[1024])
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);
	const char *found = "";

	for (int i = 0; i < PATIENCE_MS / 10 && !streq(found, state); i++) {
		sd_json_variant *reply, *interface;

		if (i > 0)
			usleep(10000);
		assert_null(call(link, "Describe", &reply, "{}"));
		interface = sd_json_variant_by_index(sd_json_variant_by_key(reply, "interfaces"), 0);
		found = text_of(interface, "state");
		if (ret)
			snprintf(ret, 1024, "%s", text_of(interface, "reason"));
	}
	assert_string_equal(found, state);
}

void assert_contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, text);
}

void assert_names(const char *text, const struct client *c)
{
	char part[64];

	snprintf(part, sizeof(part), "lease %s of uid %u (queue %u)", c->id, (unsigned)getuid(),
		 QUEUE);
	assert_contains(text, part);
}

int set_up(void **state)
{
	static struct daemon d;

	daemon_start(&d, NULL);
	*state = &d;
	return 0;
}

int set_up_report(void **state)
{
	static struct daemon d;

	daemon_start(&d, report_config);
	*state = &d;
	return 0;
}

int tear_down(void **state)
{
	daemon_stop(*state);
	return 0;
}
