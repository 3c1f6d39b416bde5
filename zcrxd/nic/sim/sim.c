/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The simulated machine itself: its links and addresses, its events, its failures.
 */
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "lease.h"
#include "sim-internal.h"

struct sim *sim_of(struct nic_backend *b)
{
	return (struct sim *)b; /* its first member */
}

int sim_operation(struct sim *s, const char *name, struct fault *reterr)
{
	unsigned n = atomic_fetch_add(&s->shared->operations, 1) + 1;
	const char *failing = atomic_load(&s->shared->fail_name);
	bool fails = failing && streq(failing, name);
	unsigned first = atomic_load(&s->shared->fail_at);
	const char *noted = atomic_load(&s->shared->note_name);

	if (noted && streq(noted, name))
		atomic_store(&s->shared->noted, n);
	if (fails)
		atomic_fetch_add(&s->shared->failures, 1);
	else if (first == 0 || n < first || n - first >= atomic_load(&s->shared->fail_count))
		return 0;
	if (s->shared->fail_error < 0)
		return s->shared->fail_error;
	return fault_kernel(reterr, s->shared->fail_error, s->shared->fail_text, name,
			    "The simulation was told to.");
}

int sim_push(struct sim *s, enum nic_event_type type, unsigned ifindex, uint64_t cookie)
{
	struct nic_event *events;

	if (s->quiet)
		return 0;
	events = reallocarray(s->events, s->n_events + 1, sizeof(*events));
	if (!events)
		return -ENOMEM;
	s->events = events;
	s->events[s->n_events++] = (struct nic_event) { .type = type, .ifindex = ifindex, .cookie = cookie };
	return eventfd_write(s->event_fd, 1) < 0 ? -errno : 0;
}

struct nic_state *sim_state(struct sim *s, size_t slot)
{
	return s->nics[slot].state;
}

int sim_find(struct sim *s, unsigned ifindex, size_t *ret)
{
	for (size_t i = 0; i < s->n_nics; i++)
		if (s->nics[i].state && s->nics[i].state->ifindex == ifindex) {
			*ret = i;
			return 0;
		}
	return -ENODEV;
}

static bool sim_is_elsewhere(const struct sim *s, unsigned ifindex)
{
	for (size_t i = 0; s->any_moved && i < s->n_netkits; i++)
		if (s->netkits[i].ifindex == ifindex)
			return s->netkits[i].moved;
	return false;
}

void sim_sync(struct sim *s, size_t slot)
{
	struct nic_state *state = s->nics[slot].state;

	if (atomic_exchange(&s->shared->nics[slot].closed, false))
		state->up = false;
	for (size_t q = 0; q < state->n_queues; q++) {
		const struct sim_owner *o = &s->shared->nics[slot].queues[q];

		if (state->queues[q].interrupt.irq == 0 && !state->software)
			state->queues[q].interrupt = (struct irq_affinity){ 64 + (uint32_t)q, SIM_ALL_CPUS };
		state->queues[q].io_uring = sim_is_bound(s, o);
		state->queues[q].lease_ifindex = o->lease_ifindex;
		state->queues[q].leased = o->lease_ifindex != 0;
		state->queues[q].lease_elsewhere = sim_is_elsewhere(s, o->lease_ifindex);
	}
	s->shared->nics[slot].ifindex = state->ifindex;
	s->shared->nics[slot].n_queues = (unsigned)state->n_queues;
	s->shared->nics[slot].split = state->split == SPLIT_ENABLED && state->split_was_set &&
				      (!state->has_hds_threshold || state->hds_threshold == 0);
}

/* The queues come back whatever is registered through the device: that is what it is for. */
void sim_delete_netkit(struct sim *s, size_t index)
{
	struct sim_netkit gone = s->netkits[index];

	for (size_t q = 0; q < SIM_QUEUES_MAX; q++) {
		struct sim_owner *o = &s->shared->nics[gone.slot].queues[q];

		if (o->lease_ifindex != gone.ifindex)
			continue;
		o->lease_ifindex = 0; /* before a process that registers just now looks again */
		sim_unbind(o);
		if (s->short_rings)
			sim_close_rings(s, o);
	}
	s->netkits[index] = s->netkits[--s->n_netkits];
	if (sim_push(s, NIC_EVENT_LINK_GONE, gone.ifindex, 0) == 0 && s->n_events > 0)
		(void)lease_id_from_device(gone.name, &s->events[s->n_events - 1].lease);
	if (s->nics[gone.slot].state)
		(void)sim_push(s, NIC_EVENT_PAGE_POOL, s->nics[gone.slot].state->ifindex, 0);
}

static const struct kernel_features *features(struct nic_backend *b)
{
	return &sim_of(b)->shared->features;
}

static int add_link(struct nic_link *to, const struct sim_nic *n)
{
	*to = (struct nic_link) { .ifindex = n->state->ifindex, .mtu = n->mtu, .up = n->state->up,
				  .master = n->master, .standby = n->standby };
	memcpy(to->name, n->state->name, sizeof(to->name));
	snprintf(to->driver, sizeof(to->driver), "%s", n->state->driver);
	memcpy(to->mac, n->mac, sizeof(to->mac));
	memcpy(to->permanent_mac, n->permanent_mac, sizeof(to->permanent_mac));
	to->path = n->path ? strdup(n->path) : NULL;
	to->altnames = n->altnames ? strdup(n->altnames) : NULL;
	return (n->path && !to->path) || (n->altnames && !to->altnames) ? -ENOMEM : 0;
}

static int links(struct nic_backend *b, struct nic_link **ret, size_t *ret_n)
{
	struct sim *s = sim_of(b);
	struct nic_link *list;
	size_t n = 0;
	int r;

	r = sim_operation(s, "list interfaces", NULL);
	if (r != 0)
		return r < 0 ? r : -s->shared->fail_error;
	SIM_LOCK(s);
	list = calloc(s->n_nics + s->n_netkits + s->n_others + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_nics; i++)
		if (s->nics[i].state && !s->nics[i].state->software && add_link(&list[n++], &s->nics[i]) < 0) {
			nic_links_free(list, n);
			return -ENOMEM;
		}
	for (size_t i = 0; i < s->n_netkits; i++) {
		struct nic_link *l;

		if (s->netkits[i].moved)
			continue;
		l = &list[n++];
		*l = (struct nic_link) { .ifindex = s->netkits[i].ifindex, .kind = "netkit",
					 .labelled = true };
		memcpy(l->name, s->netkits[i].name, sizeof(l->name));
	}
	for (size_t i = 0; i < s->n_others; i++)
		list[n++] = s->others[i].link;
	*ret = list;
	*ret_n = n;
	return 0;
}

static int get_fd(struct nic_backend *b)
{
	return sim_of(b)->event_fd;
}

static int dispatch(struct nic_backend *b, nic_event_handler handler, void *userdata)
{
	struct sim *s = sim_of(b);
	_cleanup_free_ struct nic_event *events = NULL;
	eventfd_t unused;
	size_t n;

	{
		SIM_LOCK(s);
		(void)eventfd_read(s->event_fd, &unused);
		events = TAKE_PTR(s->events);
		n = s->n_events;
		s->n_events = 0;
	}
	/* Without the lock: the handler may call back. */
	for (size_t i = 0; i < n; i++)
		handler(&events[i], userdata);
	return 0;
}

static void sim_nic_done(struct sim_nic *n)
{
	nic_state_free(n->state);
	nic_state_free(n->away);
	free(n->path);
	free(n->altnames);
	free(n->addresses);
	free(n->guard);
	*n = (struct sim_nic) {};
}

static struct nic_backend *backend_free(struct nic_backend *b)
{
	struct sim *s = b ? sim_of(b) : NULL;

	if (!s)
		return NULL;
	for (size_t i = 0; i < s->n_nics; i++)
		sim_nic_done(&s->nics[i]);
	for (size_t i = 0; i < s->n_others; i++)
		free(s->others[i].addresses);
	free(s->netkits);
	free(s->sockets);
	free(s->at_port);
	free(s->events);
	if (s->event_fd >= 0)
		close(s->event_fd);
	if (s->shared) {
		free(s->shared->features.release);
		munmap(s->shared, sizeof(*s->shared));
	}
	pthread_mutex_destroy(&s->lock);
	free(s);
	return NULL;
}

static int kill_client(struct nic_backend *b, int pidfd, uid_t uid)
{
	if (sim_of(b)->clients_are_root)
		return -EPERM;
	return syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) < 0 ? -errno : 0;
}

/* Its machine outlives the daemon. */
static int rings(struct nic_backend *b, int stored)
{
	closep(&stored);
	return -EBADF;
}

static int count_rings(struct nic_backend *b, const uint64_t *keys, size_t n, unsigned *ret)
{
	struct sim_shared *shared = sim_of(b)->shared;

	for (size_t i = 0; i < n; i++) {
		ret[i] = 0;
		for (size_t k = 0; k < SIM_RINGS_MAX; k++)
			ret[i] += shared->rings[k].open && shared->rings[k].key == keys[i];
	}
	return 0;
}

static const struct nic_backend_ops backend_ops = {
	.features = features,
	.links = links,
	.addresses = sim_addresses,
	.get_fd = get_fd,
	.dispatch = dispatch,
	.socket_facts = sim_socket_facts,
	.await_socket = sim_await_socket,
	.forget_socket = sim_forget_socket,
	.sockets = sim_sockets,
	.check_area = sim_check_area,
	.register_ifq = sim_register_ifq,
	.kill_client = kill_client,
	.export_ifq = sim_export_ifq,
	.wait_for_areas = sim_wait_for_areas,
	.guard_sweep = sim_guard_sweep,
	.rings = rings,
	.count_rings = count_rings,
	.open = sim_open,
	.free = backend_free,
};

int sim_find_software(struct sim *s, size_t *ret)
{
	struct nic_state *state;

	if (sim_find(s, SOFTWARE_IFINDEX, ret) == 0)
		return 0;
	state = s->n_nics < SIM_NICS_MAX ? calloc(1, sizeof(*state)) : NULL;
	if (!state)
		return -ENOMEM;
	*state = (struct nic_state) {
		.ifindex = SOFTWARE_IFINDEX,
		.name = SOFTWARE_NAME,
		.driver = strdup(""),
		.software = true,
		.up = true,
		.numa_node = -1,
		.has_rss = true,
		.queues = calloc(SIM_SOFTWARE_QUEUES, sizeof(*state->queues)),
		.n_queues = SIM_SOFTWARE_QUEUES,
	};
	*ret = s->n_nics++;
	s->nics[*ret].state = state;
	if (!state->driver || !state->queues)
		return -ENOMEM;
	sim_sync(s, *ret);
	return 0;
}

struct nic_backend *sim_new(void)
{
	struct sim *s = calloc(1, sizeof(*s));
	void *shared;

	if (!s)
		return NULL;
	s->backend.ops = &backend_ops;
	pthread_mutex_init(&s->lock, NULL);
	s->maker = getpid();
	s->next_ifindex = 1000;
	s->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	shared = mmap(NULL, sizeof(*s->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	s->shared = shared == MAP_FAILED ? NULL : shared;
	if (!s->shared || s->event_fd < 0)
		return backend_free(&s->backend);
	s->shared->features = (struct kernel_features) {
		.release = strdup("7.2.0-simulated"),
		.zero_copy_receive = true,
		.control = true,
		.large_buffers = true,
		.software = true,
		.queue_leasing = true,
		.events = true,
		.guard = true,
	};
	if (!s->shared->features.release)
		return backend_free(&s->backend);
	return &s->backend;
}

struct kernel_features *sim_features(struct nic_backend *b)
{
	return &sim_of(b)->shared->features;
}

int sim_fail_at(struct nic_backend *b, unsigned n, int error, const char *text)
{
	return sim_fail_range(b, n, 1, error, text);
}

int sim_fail_range(struct nic_backend *b, unsigned n, unsigned count, int error, const char *text)
{
	struct sim *s = sim_of(b);

	SIM_LOCK(s);
	if (n) { /* else an operation may just be about to fail with them */
		s->shared->fail_text = text;
		s->shared->fail_error = error;
	}
	s->shared->fail_count = count;
	s->shared->fail_at = n ? s->shared->operations + n : 0;
	return 0;
}

void sim_fail_operation(struct nic_backend *b, const char *name, int error, const char *text)
{
	struct sim *s = sim_of(b);

	SIM_LOCK(s);
	if (name) {
		s->shared->fail_text = text;
		s->shared->fail_error = error;
	}
	atomic_store(&s->shared->fail_name, name);
}

unsigned sim_failures(struct nic_backend *b)
{
	return sim_of(b)->shared->failures;
}

unsigned sim_operations(struct nic_backend *b)
{
	return sim_of(b)->shared->operations;
}

void sim_note_operation(struct nic_backend *b, const char *name)
{
	sim_of(b)->shared->noted = 0;
	sim_of(b)->shared->note_name = name;
}

unsigned sim_noted(struct nic_backend *b)
{
	return sim_of(b)->shared->noted;
}

void sim_set_delay(struct nic_backend *b, unsigned milliseconds)
{
	sim_of(b)->delay = milliseconds;
}
