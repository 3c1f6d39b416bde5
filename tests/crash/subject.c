/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lease.h"
#include "subject.h"

const char *subject_acquire(struct world *w, struct subject *s, const char *parameters)
{
	sd_json_variant *reply, *flows;
	const char *error = call(w->link, "Acquire", &reply, "%s", parameters);

	if (error)
		return error;
	reply = sd_json_variant_by_key(reply, "lease");
	snprintf(s->id, sizeof(s->id), "%s", text_of(reply, "leaseId"));
	flows = sd_json_variant_by_key(reply, "flows");
	if (sd_json_variant_elements(flows) > 0)
		snprintf(s->flow_id, sizeof(s->flow_id), "%s",
			 text_of(sd_json_variant_by_index(flows, 0), "flowId"));
	s->handle = sd_varlink_take_fd(w->link, 0);
	return NULL;
}

const char *subject_register(struct world *w, struct subject *s, unsigned queue)
{
	int fds[2] = { s->handle, area_new(65536) };
	const char *error;

	error = call_fds(w->link, "Register", fds, 2, NULL,
			 "{" SUBJECT_LEASE ",\"queue\":%u,\"ring\":0,\"areaFileDescriptor\":1,"
			 "\"areaSize\":65536,\"refillEntries\":16}", s->id, queue);
	close(fds[1]);
	return error;
}

static void note_flow(struct subject *s, sd_json_variant *reply)
{
	sd_json_variant *ids = sd_json_variant_by_key(reply, "flowIds");

	snprintf(s->flow_id, sizeof(s->flow_id), "%s",
		 sd_json_variant_string(sd_json_variant_by_index(ids, 0)));
}

const char *subject_add_socket(struct world *w, struct subject *s)
{
	int fds[2] = { s->handle, world_listener(w) };
	sd_json_variant *reply;
	const char *error;

	error = call_fds(w->link, "AddFlow", fds, 2, &reply, "{" SUBJECT_LEASE ",\"socketFileDescriptor\":1}",
			 s->id);
	if (!error)
		note_flow(s, reply);
	return error;
}

const char *subject_add_value(struct world *w, struct subject *s)
{
	sd_json_variant *reply;
	const char *error;

	error = call_fds(w->link, "AddFlow", &s->handle, 1, &reply, "{" SUBJECT_LEASE ",\"flow\":" SUBJECT_FLOW "}",
			 s->id);
	if (!error)
		note_flow(s, reply);
	return error;
}

const char *subject_call(struct world *w, struct subject *s, const char *method)
{
	return call_fds(w->link, method, &s->handle, 1, NULL, "{" SUBJECT_LEASE "}", s->id);
}

void subject_end(struct world *w, struct subject *s)
{
	uint32_t id;

	/* Also of a NIC that went meanwhile. */
	for (unsigned q = 0; q < SUBJECT_QUEUES_MOST && lease_id_parse(s->id, &id) == 0; q++)
		sim_watched_ring_closed(w->d.sim, nic_ring_key(id, q));
	for (uint32_t q = 0; q < SUBJECT_QUEUES_MOST; q++)
		(void)sim_ring_closed(w->d.sim, SIM0, SUBJECT_QUEUE + q);
	(void)sim_ring_closed(w->d.sim, SOFTWARE_IFINDEX, 0);
	if (s->handle >= 0)
		close(s->handle);
	/* Of one that its client was not told of, too. */
	world_release_persistent(w);
	*s = (struct subject){ .handle = -EBADF };
}
