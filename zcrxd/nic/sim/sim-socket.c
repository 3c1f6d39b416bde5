/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What clients hand to the simulated machine: sockets, areas, rings.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "sim-internal.h"

#define PAGE 4096

static int get_number(int fd, int level, int option, int *ret)
{
	socklen_t n = sizeof(*ret);

	return getsockopt(fd, level, option, ret, &n) < 0 ? -errno : 0;
}

static void take_address(const struct sockaddr_in6 *a, uint8_t *bytes, uint16_t *port)
{
	const struct sockaddr_in *a4 = (const struct sockaddr_in *)a;

	if (a->sin6_family == AF_INET)
		memcpy(bytes, &a4->sin_addr, 4);
	else
		memcpy(bytes, &a->sin6_addr, 16);
	*port = ntohs(a->sin6_port);
}

static int ask_socket(int fd, struct socket_facts *ret)
{
	struct socket_facts f = { .same_netns = true };
	struct sockaddr_in6 a = {};
	socklen_t n = sizeof(a), n_info, n_cookie = sizeof(f.cookie);
	struct tcp_info info = {};
	int bound = 0, v6_only = 0;

	if (get_number(fd, SOL_SOCKET, SO_DOMAIN, &f.domain) < 0 ||
	    get_number(fd, SOL_SOCKET, SO_TYPE, &f.type) < 0 ||
	    get_number(fd, SOL_SOCKET, SO_PROTOCOL, &f.protocol) < 0)
		return -ENOTSOCK;
	n_info = sizeof(info);
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n_info) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		return -ENOTSOCK;
	f.tcp_state = info.tcpi_state;
	take_address(&a, f.local, &f.local_port);
	n = sizeof(a);
	if (getpeername(fd, (struct sockaddr *)&a, &n) == 0)
		take_address(&a, f.remote, &f.remote_port);
	(void)get_number(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &bound);
	(void)get_number(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only);
	(void)getsockopt(fd, SOL_SOCKET, SO_COOKIE, &f.cookie, &n_cookie);
	f.bound_index = (unsigned)bound;
	f.v6_only = v6_only != 0;
	*ret = f;
	return 0;
}

int sim_socket_facts(struct nic_backend *b, int fd, struct socket_facts *ret, struct fault *reterr)
{
	struct sim *s = sim_of(b);
	struct stat st;
	int r;

	r = sim_operation(s, "read the socket", reterr);
	if (r != 0)
		return r;
	SIM_LOCK(s);
	if (fstat(fd, &st) == 0)
		for (size_t i = 0; i < s->n_sockets; i++)
			if (s->sockets[i].dev == st.st_dev && s->sockets[i].ino == st.st_ino) {
				*ret = s->sockets[i].facts;
				return 0;
			}
	if (ask_socket(fd, ret) < 0)
		return fault_set(reterr, ZCRX_FLOW_NOT_PROVED, NULL,
				 "The descriptor is no TCP socket; send the one that receives the "
				 "flow.");
	return 0;
}

int sim_socket_exists(struct nic_backend *b, uint64_t cookie, bool *ret)
{
	struct sim *s = sim_of(b);
	int r;

	r = sim_operation(s, "look for the socket", NULL);
	if (r != 0)
		return r < 0 ? r : -s->fail_error;
	SIM_LOCK(s);
	*ret = false;
	for (size_t i = 0; i < s->n_sockets; i++)
		if (s->sockets[i].facts.cookie == cookie)
			*ret = true;
	return 0;
}

int sim_socket_receives(struct nic_backend *b, const struct socket_facts *facts, unsigned ifindex,
			const struct flow *flows, size_t n, struct fault *reterr)
{
	struct sim *s = sim_of(b);

	(void)ifindex;
	(void)flows;
	(void)n;
	SIM_LOCK(s);
	if (facts->cookie != s->strayed || s->strayed == 0)
		return 0;
	return fault_set(reterr, ZCRX_FLOW_NOT_PROVED, NULL, "It is for another socket.");
}

/* The simulated machine has one user. */
int sim_sockets_at_port(struct nic_backend *b, uint16_t port, struct port_socket **ret,
			size_t *ret_n)
{
	struct sim *s = sim_of(b);
	int r = sim_operation(s, "look at the port", NULL);

	(void)port;
	if (r != 0)
		return r < 0 ? r : -s->fail_error;
	*ret = NULL;
	*ret_n = 0;
	return 0;
}

void sim_set_clients_root(struct nic_backend *b, bool root)
{
	sim_of(b)->clients_are_root = root;
}

void sim_stray_socket(struct nic_backend *b, uint64_t cookie)
{
	struct sim *s = sim_of(b);

	SIM_LOCK(s);
	s->strayed = cookie;
}

int sim_add_socket(struct nic_backend *b, int fd, const struct socket_facts *facts)
{
	struct sim *s = sim_of(b);
	struct sim_socket *sockets;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	SIM_LOCK(s);
	sockets = reallocarray(s->sockets, s->n_sockets + 1, sizeof(*sockets));
	if (!sockets)
		return -ENOMEM;
	s->sockets = sockets;
	s->sockets[s->n_sockets++] =
		(struct sim_socket) { .dev = st.st_dev, .ino = st.st_ino, .facts = *facts };
	return 0;
}

int sim_close_socket(struct nic_backend *b, uint64_t cookie)
{
	struct sim *s = sim_of(b);

	SIM_LOCK(s);
	for (size_t i = 0; i < s->n_sockets; i++)
		if (s->sockets[i].facts.cookie == cookie) {
			s->sockets[i] = s->sockets[--s->n_sockets];
			return sim_push(s, NIC_EVENT_SOCKET_GONE, 0, cookie);
		}
	return -ENOENT;
}

int sim_check_area(struct nic_backend *b, int fd, uint64_t offset, uint64_t size, bool dmabuf,
		   struct fault *reterr)
{
	struct stat st;
	uint64_t end;
	int seals, r;

	r = sim_operation(sim_of(b), "check the area", reterr);
	if (r != 0)
		return r;
	if (fstat(fd, &st) < 0)
		return fault_set(reterr, ZCRX_INVALID_AREA, NULL, "The area is no descriptor.");
	if (size == 0 || offset % PAGE || size % PAGE ||
	    __builtin_add_overflow(offset, size, &end) || (!dmabuf && end > (uint64_t)st.st_size))
		return fault_set(reterr, ZCRX_INVALID_AREA, NULL,
				 "The area is not whole pages inside its file.");
	seals = dmabuf ? F_SEAL_SHRINK : fcntl(fd, F_GET_SEALS);
	if (seals < 0 || !(seals & F_SEAL_SHRINK))
		return fault_set(reterr, ZCRX_INVALID_AREA, NULL,
				 "The area is no memfd that is sealed with F_SEAL_SHRINK.");
	return 0;
}

/* The queue that the request names, by either kind of device; NULL if there is none. */
static struct sim_owner *find_queue(struct sim_shared *shared, const struct ifq_request *request,
				    bool *ret_split)
{
	for (size_t n = 0; n < SIM_NICS_MAX; n++)
		for (unsigned q = 0; q < shared->nics[n].n_queues; q++) {
			struct sim_owner *o = &shared->nics[n].queues[q];
			bool direct =
				shared->nics[n].ifindex == request->ifindex && q == request->queue;
			bool leased = o->lease_ifindex == request->ifindex &&
				      o->lease_queue == request->queue;

			*ret_split = shared->nics[n].split;
			/* A queue that is leased out is not to be had from the NIC itself. */
			if (leased || (direct && o->lease_ifindex == 0))
				return o;
		}
	return NULL;
}

static int bind_queue(struct sim *s, const struct ifq_request *request, uint32_t zcrx_id,
		      struct fault *reterr)
{
	static const char operation[] = "register the interface queue";
	struct sim_owner *o;
	bool split = false;

	if (request->kind == GRANT_SOFTWARE && !s->features.software)
		return fault_set(reterr, ZCRX_NOT_SUPPORTED, "software",
				 "This kernel has no device-less zero-copy receive.");
	o = find_queue(s->shared, request, &split);
	if (!o)
		return fault_kernel(reterr, EOPNOTSUPP, NULL, operation, "There is no such queue.");
	if (!split && request->kind != GRANT_SOFTWARE)
		return fault_kernel(reterr, EINVAL, NULL, operation,
				    "tcp-data-split has to be on and hds-threshold 0.");
	if (sim_is_bound(s, o) || atomic_exchange(&o->io_uring, true))
		return fault_kernel(reterr, EEXIST, NULL, operation, "The queue is bound already.");
	o->zcrx_id = zcrx_id;
	o->exported = false;
	if (find_queue(s->shared, request, &split) == o)
		return 0;
	sim_unbind(o);
	return fault_kernel(reterr, ENODEV, NULL, operation, "The device has just gone.");
}

int sim_register_ifq(struct nic_backend *b, const struct ifq_request *request, struct ifq *ret,
		     int *ret_ring, struct fault *reterr)
{
	struct sim *s = sim_of(b);
	uint32_t entries = 1, id;
	int r;

	r = sim_operation(s, "register the interface queue", reterr);
	if (r != 0)
		return r;
	if (request->ring < 0)
		return fault_set(reterr, ZCRX_INVALID_RING, NULL, "The ring is no descriptor.");
	if (request->refill_entries == 0 || request->refill_entries > REFILL_ENTRIES_MAX)
		return fault_kernel(reterr, EINVAL, NULL, "register the interface queue",
				    "Ask for 1 to %d refill entries.", REFILL_ENTRIES_MAX);
	id = atomic_fetch_add(&s->shared->next_zcrx_id, 1);
	r = bind_queue(s, request, id, reterr);
	if (r != 0)
		return r;
	if (request->export) {
		*ret_ring = open("/dev/null", O_RDWR | O_CLOEXEC); /* the number is what counts */
		if (*ret_ring < 0)
			return -errno;
	}
	while (entries < request->refill_entries)
		entries *= 2;
	*ret = (struct ifq) {
		.zcrx_id = id,
		.refill_entries = entries,
		.refill_size = (64 + entries * 16ULL + PAGE - 1) / PAGE * PAGE,
		.tail_offset = 4,
		.entries_offset = 64,
		.has_stats = request->statistics,
		.stats_offset = request->statistics ? 64 + entries * 16ULL : 0,
		.buffer_length = request->buffer_length ?: PAGE,
	};
	ret->refill_map_offset = 0x30000000 + ((uint64_t)ret->zcrx_id << 16);
	if (ret->has_stats)
		ret->refill_size = (ret->stats_offset + 16 + PAGE - 1) / PAGE * PAGE;
	return 0;
}
