/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an earlier daemon has left. The first line of an input says how, each letter one thing:
 *
 *	!	the rest is the whole state file; without it, it is the record, and the header is right
 *	c	the machine is configured already, else it is as it came
 *	d b r	the netkit devices, ifqs and rules of the leases on record are there
 *	h s	copies of the handles are open; the sockets that proved flows exist
 *	u	the first NIC is down
 *
 * A record is refused, or is the same when it is written and read again. A daemon starts with it,
 * and when its clients are gone it has no leases; nothing that was theirs is left.
 */
#include <assert.h>
#include <sys/socket.h>
#include <systemd/sd-id128.h>

#include "acquire.h"
#include "clients.h"
#include "drain.h"
#include "fdstore.h"
#include "flows.h"
#include "fuzz.h"
#include "proof.h"
#include "record.h"
#include "sim-internal.h"
#include "snapshot.h"
#include "stage.h"
#include "state-file.h"

#define LEASES_MAX  32 /* of those that the machine is prepared for */
#define HANDLES_MAX 32

/* ---------------------------------------------------------------------- there and back */

static bool same_flow(const struct record_flow *a, const struct record_flow *b)
{
	return a->id == b->id && flow_equal(&a->flow, &b->flow) && a->queue == b->queue &&
	       a->state == b->state && a->location == b->location &&
	       (a->proof == b->proof || b->proof == 0);
}

static bool same_proof(const struct record_proof *a, const struct record_proof *b)
{
	return a->queue == b->queue && a->wildcard == b->wildcard &&
	       a->facts.cookie == b->facts.cookie && a->facts.tcp_state == b->facts.tcp_state &&
	       !memcmp(a->facts.local, b->facts.local, 16) &&
	       !memcmp(a->facts.remote, b->facts.remote, 16) &&
	       a->facts.local_port == b->facts.local_port &&
	       a->facts.remote_port == b->facts.remote_port && a->facts.domain == b->facts.domain &&
	       a->facts.type == b->facts.type && a->facts.protocol == b->facts.protocol &&
	       a->facts.same_netns == b->facts.same_netns &&
	       a->facts.bound_index == b->facts.bound_index && a->facts.v6_only == b->facts.v6_only;
}

static bool same_lease(const struct record_lease *a, const struct record_lease *b)
{
	bool same = a->id == b->id && a->owner_uid == b->owner_uid && a->owner_pid == b->owner_pid &&
		    a->ifindex == b->ifindex && a->state == b->state &&
		    a->persistent == b->persistent && a->self_registered == b->self_registered &&
		    a->granted == b->granted && a->grant == b->grant && a->n_queues == b->n_queues &&
		    a->creation_usec == b->creation_usec && a->expiry_usec == b->expiry_usec &&
		    a->n_flows == b->n_flows && a->n_proofs == b->n_proofs &&
		    !a->name == !b->name && (!a->name || streq(a->name, b->name));

	for (size_t i = 0; same && i < a->n_queues; i++)
		same = a->queues[i] == b->queues[i] && a->areas[i] == b->areas[i];
	for (size_t i = 0; same && i < a->n_flows; i++)
		same = same_flow(&a->flows[i], &b->flows[i]);
	for (size_t i = 0; same && i < a->n_proofs; i++)
		same = same_proof(&a->proofs[i], &b->proofs[i]);
	return same;
}

static void make_lease(struct leases *leases, struct device *d, const struct record_lease *saved)
{
	struct lease *l;
	struct proof *p;

	assert(lease_adopt(leases, d, saved, saved->state, NULL, &l) == 0);
	l->granted = saved->granted;
	l->grant.kind = saved->grant;
	l->expiry_usec = saved->expiry_usec;
	for (size_t i = saved->n_proofs; i-- > 0;)
		assert(proof_adopt(l, -EBADF, &saved->proofs[i], &p) == 0);
	for (size_t i = 0; i < saved->n_flows; i++) {
		const struct record_flow *f = &saved->flows[i];

		LIST_FOREACH(p, &l->proofs, entry)
			if (p->facts.cookie == f->proof)
				break;
		assert(lease_flow_adopt(l, f, f->state, f->location, p) == 0);
		l->flows[l->n_flows - 1]->asked = f->state == FLOW_INSTALLING;
	}
}

static int parse(const char *text, struct record *ret)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;

	return sd_json_parse(text, 0, &v, NULL, NULL) < 0 ? -EBADMSG : record_parse(v, ret);
}

static void on_touched(struct device *d)
{
}

/* As the daemon that has these leases writes them. */
static void check_round(const struct record *record)
{
	static const struct lease_hooks hooks = { .touched = on_touched };
	_cleanup_free_ char *text = NULL;
	_cleanup_record_ struct record again = {};
	struct devices devices = {};
	struct leases leases = { .last_flow_id = record->last_flow_id, .devices = &devices, .hooks = &hooks };
	struct device d = { .devices = &devices };

	leases_init(&leases);
	for (size_t i = 0; i < record->n_leases; i++)
		make_lease(&leases, &d, &record->leases[i]);
	assert(leases_format_record(&leases, &text) == 0);
	leases_detach(&leases);
	assert(parse(text, &again) == 0);
	assert(again.last_flow_id == record->last_flow_id && again.n_leases == record->n_leases);
	for (size_t i = 0; i < record->n_leases; i++)
		assert(same_lease(&record->leases[i], &again.leases[i]));
}

/* -------------------------------------------------------------------------- the machine */

static int handles[HANDLES_MAX];
static size_t n_handles;

static void keep_handle(const struct record_lease *l)
{
	socklen_t size = sizeof(uint64_t);
	uint64_t cookie;
	char name[64];
	int pair[2];

	if (n_handles == HANDLES_MAX)
		return;
	assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	assert(getsockopt(pair[1], SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0);
	fdstore_handle_name(l->id, cookie, name);
	assert(fdstore_push(name, pair[0]) == 0);
	close(pair[0]);
	handles[n_handles++] = pair[1];
}

static void make_device(const struct record_lease *l)
{
	_cleanup_fault_ struct fault fault = {};
	struct grant_request request = { .kind = GRANT_NETKIT, .queues = l->queues,
					 .n_queues = l->n_queues };
	struct grant grant;
	struct nic *nic;

	if (l->grant != GRANT_NETKIT || stage.sim->ops->open(stage.sim, l->ifindex, &nic, &fault) != 0)
		return;
	lease_device_name(l->id, request.device);
	(void)nic->ops->grant(nic, &request, &grant, &fault);
	nic->ops->close(nic);
}

static bool has_rule(const struct nic_state *s, const struct record_flow *f)
{
	for (size_t i = 0; i < s->n_rules; i++)
		if (s->rules[i].location == f->location || flow_equal(&s->rules[i].flow, &f->flow))
			return true;
	return false;
}

static void make_rules(const struct record_lease *l)
{
	size_t slot;

	if (sim_find(sim_of(stage.sim), l->ifindex, &slot) < 0)
		return;
	for (size_t i = 0; i < l->n_flows; i++) {
		const struct record_flow *f = &l->flows[i];
		struct nic_rule rule = { .location = f->location, .action = RULE_TO_QUEUE,
					 .target = l->queues[f->queue == ALL_QUEUES ? 0 : f->queue],
					 .understood = true, .flow = f->flow };

		if (f->state != FLOW_PENDING && !has_rule(sim_state(sim_of(stage.sim), slot), f))
			(void)sim_foreign_rule(stage.sim, l->ifindex, &rule);
	}
}

static void make_sockets(const struct record_lease *l)
{
	for (size_t i = 0; i < l->n_proofs; i++)
		(void)sim_add_socket(stage.sim, STDIN_FILENO, &l->proofs[i].facts);
}

static void make_world(const char *how, const struct record *record)
{
	for (size_t i = 0; i < record->n_leases && i < LEASES_MAX; i++) {
		const struct record_lease *l = &record->leases[i];

		if (strchr(how, 'd'))
			make_device(l);
		for (size_t k = 0; strchr(how, 'b') && k < l->n_queues; k++)
			(void)sim_set_bound(stage.sim, l->ifindex, l->queues[k], true);
		if (strchr(how, 'r'))
			make_rules(l);
		if (strchr(how, 's'))
			make_sockets(l);
		if (strchr(how, 'h'))
			keep_handle(l);
	}
	if (strchr(how, 'u'))
		(void)sim_set_up(stage.sim, STAGE_IFINDEX, false);
}

/* ----------------------------------------------------------------------------- the test */

static void end_all(void)
{
	struct lease *l, *next;

	while (n_handles > 0)
		close(handles[--n_handles]);
	stage_settle();
	for (l = TAILQ_FIRST(&stage.manager->leases.list); l; l = next) {
		next = TAILQ_NEXT(l, entry);
		assert(l->persistent);
		lease_revoke(l, 0, false, "the end");
	}
	stage_settle();
	stage_check_clean();
}

static void start_with(const char *how, const struct record *record, const char *file, size_t size)
{
	stage_build();
	if (strchr(how, 'c')) {
		stage_boot(NULL, 0);
		stage_halt();
	}
	make_world(how, record);
	stage_boot(file, size);
	assert(client_is_answered());
	stage_check_leases();
	stage_pass(2000);
	stage_check_proofs();
	end_all();
	stage_stop();
}

/* The file as it is; what of it may be obeyed is in *ret. */
static void try_file(const char *text, size_t size, struct record *ret)
{
	static const char boot[] = "00112233445566778899aabbccddeeff";
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	const char *record;
	size_t n;

	if (state_check(text, size, boot, &record, &n) == 0 && state_parse(record, n, &v) == 0)
		(void)record_parse(v, ret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *input = malloc(size + 1), *file = NULL;
	_cleanup_record_ struct record record = {};
	char boot[SD_ID128_STRING_MAX], how[16];
	const char *text;
	sd_id128_t id;

	assert(input && sd_id128_get_boot(&id) >= 0);
	memcpy(input, data, size);
	input[size] = '\0';
	text = strchrnul(input, '\n');
	snprintf(how, sizeof(how), "%.*s", (int)(text - input), input);
	text += *text == '\n';
	size -= (size_t)(text - input);
	if (strchr(how, '!'))
		try_file(text, size, &record);
	else
		(void)parse(text, &record);
	check_round(&record);

	if (strchr(how, '!'))
		start_with(how, &record, text, size);
	else {
		assert(state_format(text, sd_id128_to_string(id, boot), &file) == 0);
		start_with(how, &record, file, strlen(file));
	}
	return 0;
}
