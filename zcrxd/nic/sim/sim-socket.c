/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What clients hand to the simulated machine: sockets. Areas and rings are in sim-ring.c.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "sim-internal.h"

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

/* With the lock held. */
static struct sim_socket *find_cookie(struct sim *s, uint64_t cookie)
{
	for (size_t i = 0; i < s->n_sockets; i++)
		if (s->sockets[i].facts.cookie == cookie)
			return &s->sockets[i];
	return NULL;
}

static int append_socket(struct sim *s, const struct sim_socket *like)
{
	struct sim_socket *sockets = reallocarray(s->sockets, s->n_sockets + 1, sizeof(*sockets));

	if (!sockets)
		return -ENOMEM;
	s->sockets = sockets;
	s->sockets[s->n_sockets++] = *like;
	return 0;
}

/* A real one, as it is now: nobody will have its descriptor when the rest is asked for. */
static int remember(struct sim *s, const struct socket_facts *facts)
{
	struct sim_socket *known = find_cookie(s, facts->cookie);

	if (!known)
		return append_socket(s, &(struct sim_socket) { .facts = *facts });
	known->facts = *facts;
	return 0;
}

static void tell_descriptors_part(const struct socket_facts *facts, struct socket_facts *ret)
{
	*ret = (struct socket_facts) {
		.domain = facts->domain,
		.type = facts->type,
		.protocol = facts->protocol,
		.tcp_state = facts->tcp_state == TCP_LISTEN ? TCP_LISTEN : TCP_CLOSE,
		.same_netns = facts->same_netns,
		.bound_index = facts->bound_index,
		.cookie = facts->cookie,
	};
}

int sim_socket_facts(struct nic_backend *b, int fd, struct socket_facts *ret, struct fault *reterr)
{
	struct sim *s = sim_of(b);
	struct socket_facts facts;
	struct stat st;
	int r;

	r = sim_operation(s, "read the socket", reterr);
	if (r != 0)
		return r;
	SIM_LOCK(s);
	if (fstat(fd, &st) == 0)
		for (size_t i = 0; i < s->n_sockets; i++)
			if (s->sockets[i].ino && s->sockets[i].dev == st.st_dev &&
			    s->sockets[i].ino == st.st_ino) {
				tell_descriptors_part(&s->sockets[i].facts, ret);
				return 0;
			}
	if (ask_socket(fd, &facts) < 0)
		return fault_set(reterr, ZCRX_FLOW_NOT_PROVED, NULL,
				 "The descriptor is no TCP socket; send the one that receives the "
				 "flow.");
	r = remember(s, &facts);
	if (r == 0)
		tell_descriptors_part(&facts, ret);
	return r;
}

int sim_await_socket(struct nic_backend *b, uint64_t cookie)
{
	struct sim *s = sim_of(b);
	int r = sim_operation(s, "await the end of the socket", NULL);

	if (r != 0)
		return r < 0 ? r : -s->shared->fail_error;
	SIM_LOCK(s);
	s->n_awaited++;
	return 0;
}

void sim_forget_socket(struct nic_backend *b, uint64_t cookie)
{
	struct sim *s = sim_of(b);

	SIM_LOCK(s);
	s->n_awaited--;
}

/* ----------------------------------------------------------------------------- sockets_ops */

struct sim_sockets {
	struct sockets sockets;
	struct sim *sim;
};

static struct sim *sim_of_sockets(struct sockets *s)
{
	return ((struct sim_sockets *)s)->sim;
}

/* Asked by a timer, too: it does not count, and fails by its name only. */
static int timed_operation(struct sim *s, const char *name)
{
	const char *failing = atomic_load(&s->shared->fail_name);

	if (!failing || !streq(failing, name))
		return 0;
	atomic_fetch_add(&s->shared->failures, 1);
	return s->shared->fail_error < 0 ? s->shared->fail_error : -s->shared->fail_error;
}

/* There are many sockets: the milliseconds are looked at again, so that a test can end the wait. */
static void wait_for_sockets(struct sim *s)
{
	for (unsigned waited = 0; waited < atomic_load(&s->socket_delay); waited++)
		usleep(1000);
}

static int sockets_find(struct sockets *sockets, struct socket_facts *const *facts, size_t n)
{
	struct sim *s = sim_of_sockets(sockets);
	int r;

	wait_for_sockets(s);
	r = sim_operation(s, "look for sockets", NULL);
	if (r != 0)
		return r < 0 ? r : -s->shared->fail_error;
	SIM_LOCK(s);
	s->n_looks++;
	for (size_t i = 0; i < n; i++) {
		const struct sim_socket *known = find_cookie(s, facts[i]->cookie);

		if (known)
			*facts[i] = known->facts;
		else
			facts[i]->tcp_state = TCP_CLOSE;
	}
	return 0;
}

static bool is_receiver(const struct socket_facts *f, const struct flow *flow)
{
	struct port_socket s = { .domain = f->domain, .v6_only = f->v6_only, .port = f->local_port };

	memcpy(s.local, f->local, sizeof(s.local));
	return flow_reaches(flow, &s) && f->same_netns &&
	       (f->tcp_state == TCP_LISTEN) == (flow->source_port == 0) &&
	       (f->tcp_state == TCP_LISTEN || f->remote_port == flow->source_port);
}

static int sockets_receiver(struct sockets *sockets, const struct flow *flow, unsigned ifindex,
			    struct socket_receiver *ret)
{
	struct sim *s = sim_of_sockets(sockets);
	int r = timed_operation(s, "look for the receiver");

	if (r < 0)
		return r;
	SIM_LOCK(s);
	*ret = (struct socket_receiver) {};
	for (size_t i = 0; i < s->n_sockets; i++) {
		const struct socket_facts *f = &s->sockets[i].facts;

		if (!is_receiver(f, flow))
			continue;
		*ret = (struct socket_receiver) { .cookie = f->cookie, .tcp_state = f->tcp_state,
						  .uid = f->uid };
		if (f->cookie == s->strayed) { /* by another user's, who has the port as well */
			ret->cookie = UINT64_MAX;
			ret->uid++;
			break;
		}
	}
	return 0;
}

static int sockets_at_flows(struct sockets *sockets, const struct flow *flows, size_t n,
			    struct port_socket **ret, size_t *ret_n)
{
	struct sim *s = sim_of_sockets(sockets);
	int r = timed_operation(s, "look at the ports");

	wait_for_sockets(s);
	if (r < 0)
		return r;
	SIM_LOCK(s);
	s->n_looks++;
	*ret_n = 0;
	*ret = calloc(s->n_at_port + 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_at_port; i++)
		for (size_t k = 0; k < n; k++)
			if (flow_reaches(&flows[k], &s->at_port[i])) {
				(*ret)[(*ret_n)++] = s->at_port[i];
				break;
			}
	return 0;
}

static bool is_connection(const struct socket_facts *f, const struct flow *flows, size_t n)
{
	bool is = false;

	for (size_t k = 0; k < n && !is; k++)
		is = flow_has_connection(&flows[k], f);
	return is && (f->tcp_state == TCP_ESTABLISHED || f->tcp_state == TCP_SYN_SENT ||
		      f->tcp_state == TCP_SYN_RECV);
}

static int sockets_connection(struct sockets *sockets, const struct flow *flows, size_t n, uint64_t but,
			      struct socket_facts *ret, enum connections *ret_found)
{
	struct sim *s = sim_of_sockets(sockets);
	int r = timed_operation(s, "look for older connections");

	if (r < 0)
		return r;
	SIM_LOCK(s);
	*ret_found = CONNECTIONS_NONE;
	for (size_t i = 0; i < s->n_sockets; i++) {
		const struct socket_facts *f = &s->sockets[i].facts;

		if (f->cookie == but || f->protocol != IPPROTO_TCP || !is_connection(f, flows, n))
			continue;
		*ret = *f;
		*ret_found = f->tcp_state == TCP_SYN_RECV ? CONNECTIONS_HALF_MADE : CONNECTIONS_MADE;
		if (*ret_found == CONNECTIONS_MADE)
			break;
	}
	return 0;
}

static void sockets_let_pass(struct sockets *sockets)
{
	atomic_fetch_add(&sim_of_sockets(sockets)->n_let_pass, 1);
}

static struct sockets *sockets_close(struct sockets *s)
{
	free(s);
	return NULL;
}

int sim_sockets(struct nic_backend *b, struct sockets **ret)
{
	static const struct sockets_ops ops = {
		.find = sockets_find,
		.receiver = sockets_receiver,
		.at_flows = sockets_at_flows,
		.connection = sockets_connection,
		.let_pass = sockets_let_pass,
		.close = sockets_close,
	};
	struct sim_sockets *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*s = (struct sim_sockets) { .sockets.ops = &ops, .sim = sim_of(b) };
	*ret = &s->sockets;
	return 0;
}

/* --------------------------------------------------------------------------- from outside */

int sim_set_port_sockets(struct nic_backend *b, const struct port_socket *sockets, size_t n)
{
	struct sim *s = sim_of(b);
	struct port_socket *copy = calloc(n + 1, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	if (n > 0)
		memcpy(copy, sockets, n * sizeof(*copy));
	SIM_LOCK(s);
	free(s->at_port);
	s->at_port = copy;
	s->n_at_port = n;
	return 0;
}

void sim_set_socket_delay(struct nic_backend *b, unsigned milliseconds)
{
	atomic_store(&sim_of(b)->socket_delay, milliseconds);
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
	struct sim_socket *known;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	SIM_LOCK(s);
	known = find_cookie(s, facts->cookie);
	if (!known)
		return append_socket(s, &(struct sim_socket) { st.st_dev, st.st_ino, *facts });
	*known = (struct sim_socket) { st.st_dev, st.st_ino, *facts };
	return 0;
}

int sim_close_socket(struct nic_backend *b, uint64_t cookie)
{
	struct sim *s = sim_of(b);
	struct sim_socket *known;

	SIM_LOCK(s);
	known = find_cookie(s, cookie);
	if (!known)
		return -ENOENT;
	*known = s->sockets[--s->n_sockets];
	return sim_push(s, NIC_EVENT_SOCKET_GONE, 0, cookie);
}
