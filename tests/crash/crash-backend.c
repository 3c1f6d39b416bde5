/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "crash-backend.h"
#include "crash-point.h"

static const struct crash_witness *witness;

struct crash_backend {
	struct nic_backend base;
	struct nic_backend *inner;
};

struct crash_nic {
	struct nic base;
	struct nic *inner;
};

struct crash_sockets {
	struct sockets base;
	struct sockets *inner;
};

void crash_set_witness(const struct crash_witness *w)
{
	witness = w;
}

#define INNER(object, type) (((struct type *)(object))->inner)
#define POINTS(call)                                                                               \
	({                                                                                         \
		crash_point();                                                                     \
		int _r = (call);                                                                   \
		crash_point();                                                                     \
		_r;                                                                                \
	})

/* ------------------------------------------------------------------------------- a nic */

static int nic_observe(struct nic *nic, struct nic_state **ret, struct fault *f)
{
	struct nic *n = INNER(nic, crash_nic);

	return POINTS(n->ops->observe(n, ret, f));
}

static int nic_observe_steering(struct nic *nic, struct nic_state **ret, struct fault *f)
{
	struct nic *n = INNER(nic, crash_nic);

	return POINTS(n->ops->observe_steering(n, ret, f));
}

static int nic_reach(struct nic *nic, struct reach *ret, struct fault *f)
{
	struct nic *n = INNER(nic, crash_nic);

	return POINTS(n->ops->reach(n, ret, f));
}

static int nic_apply(struct nic *nic, const struct step *steps, size_t n_steps, struct fault *f)
{
	struct nic *n = INNER(nic, crash_nic);

	return POINTS(n->ops->apply(n, steps, n_steps, f));
}

static int nic_bring_up(struct nic *nic, struct fault *f)
{
	struct nic *n = INNER(nic, crash_nic);

	return POINTS(n->ops->bring_up(n, f));
}

static int nic_queues(struct nic *nic, const uint32_t *queues, size_t count, struct nic_queue *ret,
		      struct fault *f)
{
	struct nic *n = INNER(nic, crash_nic);

	return POINTS(n->ops->queues(n, queues, count, ret, f));
}

static int nic_grant(struct nic *nic, const struct grant_request *request, struct grant *ret,
		     struct fault *f)
{
	struct nic *n = INNER(nic, crash_nic);

	return POINTS(n->ops->grant(n, request, ret, f));
}

static int nic_ungrant(struct nic *nic, const struct grant *grant, struct fault *f)
{
	struct nic *n = INNER(nic, crash_nic);

	return POINTS(n->ops->ungrant(n, grant, f));
}

static int nic_context_create(struct nic *nic, const uint32_t *queues, size_t count,
			      uint32_t *ret_context, struct fault *f)
{
	struct nic *n = INNER(nic, crash_nic);

	return POINTS(n->ops->context_create(n, queues, count, ret_context, f));
}

static int nic_context_delete(struct nic *nic, uint32_t context, const uint32_t *queues,
			      size_t count, struct fault *f)
{
	struct nic *n = INNER(nic, crash_nic);

	return POINTS(n->ops->context_delete(n, context, queues, count, f));
}

static int nic_rule_insert(struct nic *nic, const struct flow *flow,
			   const struct rule_target *target, size_t held, uint32_t *ret_location,
			   struct fault *f)
{
	struct nic *n = INNER(nic, crash_nic);
	int r;

	r = POINTS(n->ops->rule_insert(n, flow, target, held, ret_location, f));
	if (r == 0 && witness)
		witness->after_rule(n, flow);
	return r;
}

static int nic_rule_delete(struct nic *nic, uint32_t location, const struct flow *flow,
			   const struct rule_target *target, struct fault *f)
{
	struct nic *n = INNER(nic, crash_nic);

	return POINTS(n->ops->rule_delete(n, location, flow, target, f));
}

static int nic_guard_set(struct nic *nic, const struct flow *flows, size_t count, struct fault *f)
{
	struct nic *n = INNER(nic, crash_nic);
	int r;

	if (witness)
		witness->before_guard(n);
	r = POINTS(n->ops->guard_set(n, flows, count, f));
	if (witness)
		witness->after_guard(n);
	return r;
}

static int nic_counters(struct nic *nic, const uint32_t *queues, size_t count, struct nic_queue *ret,
			struct fault *f)
{
	struct nic *n = INNER(nic, crash_nic);

	return n->ops->counters(n, queues, count, ret, f); /* once a second, and it changes nothing */
}

static int nic_guard_keep(struct nic *nic, bool *ret_lost, struct fault *f)
{
	struct nic *n = INNER(nic, crash_nic);

	return n->ops->guard_keep(n, ret_lost, f); /* likewise */
}

static int nic_napi_get(struct nic *nic, uint32_t queue, struct napi_settings *ret, struct fault *f)
{
	struct nic *n = INNER(nic, crash_nic);

	return POINTS(n->ops->napi_get(n, queue, ret, f));
}

static int nic_napi_set(struct nic *nic, uint32_t queue, const struct napi_settings *settings,
			unsigned which, struct fault *f)
{
	struct nic *n = INNER(nic, crash_nic);

	return POINTS(n->ops->napi_set(n, queue, settings, which, f));
}

static int nic_irq_get(struct nic *nic, uint32_t queue, struct irq_affinity *ret, struct fault *f)
{
	struct nic *n = INNER(nic, crash_nic);

	return POINTS(n->ops->irq_get(n, queue, ret, f));
}

static int nic_irq_set(struct nic *nic, uint32_t queue, const struct irq_affinity *affinity,
		       struct fault *f)
{
	struct nic *n = INNER(nic, crash_nic);

	return POINTS(n->ops->irq_set(n, queue, affinity, f));
}

static struct nic *nic_close(struct nic *nic)
{
	struct nic *n = INNER(nic, crash_nic);

	n->ops->close(n);
	free(nic);
	return NULL;
}

static const struct nic_ops nic_ops = {
	.observe = nic_observe,
	.observe_steering = nic_observe_steering,
	.reach = nic_reach,
	.apply = nic_apply,
	.bring_up = nic_bring_up,
	.queues = nic_queues,
	.counters = nic_counters,
	.grant = nic_grant,
	.ungrant = nic_ungrant,
	.context_create = nic_context_create,
	.context_delete = nic_context_delete,
	.rule_insert = nic_rule_insert,
	.rule_delete = nic_rule_delete,
	.guard_set = nic_guard_set,
	.guard_keep = nic_guard_keep,
	.napi_get = nic_napi_get,
	.napi_set = nic_napi_set,
	.irq_get = nic_irq_get,
	.irq_set = nic_irq_set,
	.close = nic_close,
};

/* --------------------------------------------------------------------------- the sockets */

static int sockets_find(struct sockets *s, struct socket_facts *const *facts, size_t n)
{
	struct sockets *inner = INNER(s, crash_sockets);

	return POINTS(inner->ops->find(inner, facts, n));
}

/* A timer asks these: no number of points would be the same twice. */
static int sockets_receiver(struct sockets *s, const struct flow *flow, unsigned ifindex,
			    struct socket_receiver *ret)
{
	return INNER(s, crash_sockets)->ops->receiver(INNER(s, crash_sockets), flow, ifindex, ret);
}

static int sockets_at_flows(struct sockets *s, const struct flow *flows, size_t n,
			    struct port_socket **ret, size_t *ret_n)
{
	return INNER(s, crash_sockets)->ops->at_flows(INNER(s, crash_sockets), flows, n, ret, ret_n);
}

static int sockets_connection(struct sockets *s, const struct flow *flows, size_t n, uint64_t but,
			      struct socket_facts *ret, enum connections *ret_found)
{
	struct sockets *inner = INNER(s, crash_sockets);

	return POINTS(inner->ops->connection(inner, flows, n, but, ret, ret_found));
}

/* Changes nothing. */
static void sockets_let_pass(struct sockets *s)
{
	INNER(s, crash_sockets)->ops->let_pass(INNER(s, crash_sockets));
}

static struct sockets *sockets_close(struct sockets *s)
{
	INNER(s, crash_sockets)->ops->close(INNER(s, crash_sockets));
	free(s);
	return NULL;
}

static const struct sockets_ops sockets_ops = {
	.find = sockets_find,
	.receiver = sockets_receiver,
	.at_flows = sockets_at_flows,
	.connection = sockets_connection,
	.let_pass = sockets_let_pass,
	.close = sockets_close,
};

/* ---------------------------------------------------------------------------- the backend */

static const struct kernel_features *features(struct nic_backend *b)
{
	return INNER(b, crash_backend)->ops->features(INNER(b, crash_backend));
}

static int links(struct nic_backend *b, struct nic_link **ret, size_t *ret_n)
{
	return INNER(b, crash_backend)->ops->links(INNER(b, crash_backend), ret, ret_n);
}

static int addresses(struct nic_backend *b, unsigned ifindex, struct local_address **ret,
		     size_t *ret_n)
{
	return INNER(b, crash_backend)->ops->addresses(INNER(b, crash_backend), ifindex, ret, ret_n);
}

static int get_fd(struct nic_backend *b)
{
	return INNER(b, crash_backend)->ops->get_fd(INNER(b, crash_backend));
}

static int dispatch(struct nic_backend *b, nic_event_handler handler, void *userdata)
{
	return INNER(b, crash_backend)->ops->dispatch(INNER(b, crash_backend), handler, userdata);
}

static int socket_facts(struct nic_backend *b, int fd, struct socket_facts *ret, struct fault *f)
{
	return INNER(b, crash_backend)->ops->socket_facts(INNER(b, crash_backend), fd, ret, f);
}

static int await_socket(struct nic_backend *b, uint64_t cookie)
{
	return INNER(b, crash_backend)->ops->await_socket(INNER(b, crash_backend), cookie);
}

static void forget_socket(struct nic_backend *b, uint64_t cookie)
{
	INNER(b, crash_backend)->ops->forget_socket(INNER(b, crash_backend), cookie);
}

static int sockets(struct nic_backend *b, struct sockets **ret)
{
	struct crash_sockets *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	r = INNER(b, crash_backend)->ops->sockets(INNER(b, crash_backend), &s->inner);
	if (r < 0) {
		free(s);
		return r;
	}
	s->base.ops = &sockets_ops;
	*ret = &s->base;
	return 0;
}

static int check_area(struct nic_backend *b, int fd, uint64_t offset, uint64_t size, bool dmabuf,
		      struct fault *f)
{
	return INNER(b, crash_backend)
		->ops->check_area(INNER(b, crash_backend), fd, offset, size, dmabuf, f);
}

static int register_ifq(struct nic_backend *b, const struct ifq_request *request, struct ifq *ret,
			int *ret_ring, struct fault *f)
{
	struct nic_backend *inner = INNER(b, crash_backend);

	return POINTS(inner->ops->register_ifq(inner, request, ret, ret_ring, f));
}

static int export_ifq(struct nic_backend *b, int ring, uint32_t zcrx_id, int *ret)
{
	struct nic_backend *inner = INNER(b, crash_backend);

	return POINTS(inner->ops->export_ifq(inner, ring, zcrx_id, ret));
}

static int wait_for_areas(struct nic_backend *b, const int *exports, size_t n,
			  void (*begin)(void *userdata), void *userdata)
{
	struct nic_backend *inner = INNER(b, crash_backend);

	return POINTS(inner->ops->wait_for_areas(inner, exports, n, begin, userdata));
}

static int kill_client(struct nic_backend *b, int pidfd, uid_t uid)
{
	return INNER(b, crash_backend)->ops->kill_client(INNER(b, crash_backend), pidfd, uid);
}

static int guard_sweep(struct nic_backend *b, bool (*is_needed)(unsigned ifindex, void *userdata),
		       void *userdata)
{
	return INNER(b, crash_backend)
		->ops->guard_sweep(INNER(b, crash_backend), is_needed, userdata);
}

static int rings(struct nic_backend *b, int stored)
{
	return INNER(b, crash_backend)->ops->rings(INNER(b, crash_backend), stored);
}

static int count_rings(struct nic_backend *b, const uint64_t *keys, size_t n, unsigned *ret)
{
	return INNER(b, crash_backend)->ops->count_rings(INNER(b, crash_backend), keys, n, ret);
}

static int open_nic(struct nic_backend *b, unsigned ifindex, struct nic **ret, struct fault *f)
{
	struct nic_backend *inner = INNER(b, crash_backend);
	struct crash_nic *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return -ENOMEM;
	r = inner->ops->open(inner, ifindex, &n->inner, f);
	if (r != 0) {
		free(n);
		return r;
	}
	n->base = (struct nic){ .ops = &nic_ops, .ifindex = ifindex };
	*ret = &n->base;
	return 0;
}

static struct nic_backend *backend_free(struct nic_backend *b)
{
	INNER(b, crash_backend)->ops->free(INNER(b, crash_backend));
	free(b);
	return NULL;
}

static const struct nic_backend_ops backend_ops = {
	.features = features,
	.links = links,
	.addresses = addresses,
	.get_fd = get_fd,
	.dispatch = dispatch,
	.socket_facts = socket_facts,
	.await_socket = await_socket,
	.forget_socket = forget_socket,
	.sockets = sockets,
	.check_area = check_area,
	.register_ifq = register_ifq,
	.kill_client = kill_client,
	.export_ifq = export_ifq,
	.wait_for_areas = wait_for_areas,
	.guard_sweep = guard_sweep,
	.rings = rings,
	.count_rings = count_rings,
	.open = open_nic,
	.free = backend_free,
};

struct nic_backend *crash_backend_new(struct nic_backend *inner)
{
	struct crash_backend *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	crash_set_victim(getpid());
	*b = (struct crash_backend){ .base.ops = &backend_ops, .inner = inner };
	return &b->base;
}
