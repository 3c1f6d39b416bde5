/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The sockets of this network namespace, as struct sockets_ops asks for them; see nic.h. However many
 * are asked about, the kernel goes through its tables once. Its own lookup knows of devices
 * that sockets are bound to, of more specific listeners and of BPF programs that choose one; it does
 * not know what a firewall or a master device does to packets before it.
 */
#include <netinet/in.h>
#include <sys/socket.h>

#include "sockdiag.h"
#include "sockdiag-connection.h"
#include "sockets.h"

struct kernel_sockets {
	struct sockets sockets;
	struct netlink diag;
	struct cookie_count *cookies;
};

static struct netlink *diag_of(struct sockets *s)
{
	return &((struct kernel_sockets *)s)->diag; /* its first member */
}

/* --------------------------------------------------------------------------------- by cookie */

struct wanted {
	struct socket_facts **facts; /* by cookie */
	size_t n;
};

static int compare_facts(const void *a, const void *b)
{
	const struct socket_facts *x = *(struct socket_facts *const *)a,
				  *y = *(struct socket_facts *const *)b;

	return x->cookie < y->cookie ? -1 : x->cookie > y->cookie;
}

static void take_facts(const struct sockdiag_socket *s, struct socket_facts *f)
{
	f->tcp_state = s->state;
	f->v6_only = s->v6_only;
	f->uid = s->uid;
	f->local_port = s->local_port;
	f->remote_port = s->remote_port;
	memcpy(f->local, s->local, sizeof(f->local));
	memcpy(f->remote, s->remote, sizeof(f->remote));
}

static int take_wanted(const struct sockdiag_socket *s, void *userdata)
{
	const struct socket_facts key = { .cookie = s->cookie }, *at = &key;
	const struct wanted *w = userdata;
	struct socket_facts **found;

	found = bsearch(&at, w->facts, w->n, sizeof(at), compare_facts);
	if (!found)
		return 0;
	/* The same socket may be asked for more than once. */
	while (found > w->facts && found[-1]->cookie == s->cookie)
		found--;
	for (; found < w->facts + w->n && (*found)->cookie == s->cookie; found++)
		take_facts(s, *found);
	return 0;
}

static int find_kind(struct netlink *diag, struct socket_facts *const *all, size_t n,
		     bool listening)
{
	_cleanup_free_ struct socket_facts **facts = calloc(n + 1, sizeof(*facts));
	struct wanted w = { .facts = facts };

	if (!facts)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if ((all[i]->tcp_state == TCP_LISTEN) == listening)
			facts[w.n++] = all[i];
	if (w.n == 0)
		return 0;
	qsort(facts, w.n, sizeof(*facts), compare_facts);
	/* In neither table it is closed, or at most bound. */
	for (size_t i = 0; i < w.n; i++)
		facts[i]->tcp_state = TCP_CLOSE;
	return sockdiag_dump(diag, listening ? SOCKDIAG_LISTENING : SOCKDIAG_CONNECTED, NULL, 0, take_wanted,
			     &w);
}

static int kernel_find(struct sockets *s, struct socket_facts *const *facts, size_t n)
{
	/* Connections first: a listener that is not found any more would be taken for one. */
	int r = find_kind(diag_of(s), facts, n, false);

	return r < 0 ? r : find_kind(diag_of(s), facts, n, true);
}

/* ------------------------------------------------------------------------------- by flow */

static int kernel_receiver(struct sockets *sockets, const struct flow *flow, unsigned ifindex,
			   struct socket_receiver *ret)
{
	struct sockdiag_socket s;
	int r = sockdiag_receiver(diag_of(sockets), flow, ifindex, &s);

	if (r < 0 && r != -ENOENT)
		return r;
	*ret = r < 0 ? (struct socket_receiver) {}
		     : (struct socket_receiver) { .cookie = s.cookie, .tcp_state = s.state, .uid = s.uid };
	return 0;
}

/* ----------------------------------------------------------------------------- at the ports */

struct entry {
	struct port_socket socket;
	uint64_t cookie; /* of a listener; others are one if they do not differ */
	bool told;	 /* what was switched on for it */
};

struct list {
	const struct flow *flows; /* by port */
	size_t n_flows;
	struct entry *entries;
	size_t n, capacity;
};

static int compare_flows(const void *a, const void *b)
{
	const struct flow *x = a, *y = b;

	return x->destination_port - y->destination_port;
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	const struct port_socket *s = &x->socket, *t = &y->socket;

	if (x->cookie != y->cookie)
		return x->cookie < y->cookie ? -1 : 1;
	if (s->port != t->port)
		return s->port < t->port ? -1 : 1;
	if (s->uid != t->uid)
		return s->uid < t->uid ? -1 : 1;
	if (s->bound_index != t->bound_index)
		return s->bound_index < t->bound_index ? -1 : 1;
	if (s->domain != t->domain)
		return s->domain < t->domain ? -1 : 1;
	if (s->v6_only != t->v6_only)
		return s->v6_only ? 1 : -1;
	return memcmp(s->local, t->local, sizeof(s->local));
}

/* A busy server has a million connections at a port, which differ in their peers only. */
static void list_unite(struct list *l)
{
	size_t n = 0;

	if (l->n == 0)
		return;
	qsort(l->entries, l->n, sizeof(*l->entries), compare_entries);
	for (size_t i = 1; i < l->n; i++)
		if (compare_entries(&l->entries[n], &l->entries[i]) != 0)
			l->entries[++n] = l->entries[i];
	l->n = n + 1;
}

static int list_append(struct list *l, const struct entry *e)
{
	struct entry *entries;
	size_t capacity;

	if (l->n == l->capacity)
		list_unite(l);
	if (l->n * 2 >= l->capacity) {
		capacity = l->capacity * 2 ?: 64;
		entries = reallocarray(l->entries, capacity, sizeof(*entries));
		if (!entries)
			return -ENOMEM;
		l->entries = entries;
		l->capacity = capacity;
	}
	l->entries[l->n++] = *e;
	return 0;
}

static bool is_reached(const struct list *l, const struct port_socket *s)
{
	const struct flow key = { .destination_port = s->port };
	const struct flow *f = bsearch(&key, l->flows, l->n_flows, sizeof(key), compare_flows),
			  *end = l->flows + l->n_flows;

	while (f && f > l->flows && f[-1].destination_port == s->port)
		f--;
	for (; f && f < end && f->destination_port == s->port; f++)
		if (flow_reaches(f, s))
			return true;
	return false;
}

static int take_at_port(const struct sockdiag_socket *s, void *userdata)
{
	const bool listening = s->state == TCP_LISTEN;
	struct list *l = userdata;
	struct entry e = {
		.socket = { .domain = s->family,
			    .v6_only = s->v6_only,
			    .port = s->local_port,
			    .bound_index = s->bound_index,
			    .uid = s->uid,
			    .listening = listening },
		.cookie = listening ? s->cookie : 0,
	};

	memcpy(e.socket.local, s->local, sizeof(e.socket.local));
	if ((!s->held && !listening) || !is_reached(l, &e.socket))
		return 0;
	return list_append(l, &e);
}

static int take_extension(const struct sockdiag_socket *s, void *userdata)
{
	const struct entry key = { .cookie = s->cookie };
	struct list *l = userdata;

	/* Sorted by cookies first, and a listener's is its own. */
	for (size_t from = 0, to = l->n; from < to;) {
		struct entry *e = &l->entries[(from + to) / 2];

		if (e->cookie == key.cookie) {
			e->told = true;
			e->socket.extension = s->extension;
			memcpy(e->socket.ulp, s->ulp, sizeof(e->socket.ulp));
			break;
		}
		if (e->cookie < key.cookie)
			from = (from + to) / 2 + 1;
		else
			to = (from + to) / 2;
	}
	return 0;
}

static int look(struct netlink *diag, struct list *l, uint32_t states, const uint16_t *ports, size_t n)
{
	int r = sockdiag_dump(diag, states, ports, n, take_at_port, l);

	list_unite(l);
	return r < 0 ? r : sockdiag_dump_extensions(diag, ports, n, take_extension, l);
}

static void forget_listeners(struct list *l, uint16_t port)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		if (!l->entries[i].socket.listening || l->entries[i].socket.port != port)
			l->entries[n++] = l->entries[i];
	l->n = n;
}

/* A listener that was not told of has ended meanwhile, or another one at these ports cut the answer
 * short: each port is asked for by itself, so that nobody hides what is at another's. */
static int look_again(struct netlink *diag, struct list *l)
{
	_cleanup_free_ uint16_t *ports = calloc(l->n + 1, sizeof(*ports));
	size_t n = 0;
	int r = 0;

	if (!ports)
		return -ENOMEM;
	for (size_t i = 0; i < l->n; i++) {
		const struct entry *e = &l->entries[i];
		bool noted = !e->socket.listening || e->told;

		for (size_t k = 0; k < n && !noted; k++)
			noted = ports[k] == e->socket.port;
		if (!noted)
			ports[n++] = e->socket.port;
	}
	for (size_t i = 0; i < n && r >= 0; i++) {
		forget_listeners(l, ports[i]);
		r = look(diag, l, SOCKDIAG_LISTENING, &ports[i], 1);
	}
	return r;
}

static int list_take(struct list *l, struct port_socket **ret, size_t *ret_n)
{
	struct port_socket *sockets = calloc(l->n + 1, sizeof(*sockets));

	if (!sockets)
		return -ENOMEM;
	for (size_t i = 0; i < l->n; i++) {
		sockets[i] = l->entries[i].socket;
		if (sockets[i].listening && !l->entries[i].told)
			sockets[i].extension = SOCKET_UNTOLD;
	}
	*ret = sockets;
	*ret_n = l->n;
	return 0;
}

static int kernel_at_flows(struct sockets *s, const struct flow *flows, size_t n,
			   struct port_socket **ret, size_t *ret_n)
{
	_cleanup_free_ struct flow *sorted = calloc(n + 1, sizeof(*sorted));
	_cleanup_free_ uint16_t *ports = calloc(n + 1, sizeof(*ports));
	struct list l = { .flows = sorted, .n_flows = n };
	size_t n_ports = 0;
	int r = 0;

	if (!sorted || !ports)
		return -ENOMEM;
	if (n > 0)
		memcpy(sorted, flows, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare_flows);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || sorted[i].destination_port != sorted[i - 1].destination_port)
			ports[n_ports++] = sorted[i].destination_port;
	if (n_ports > 0)
		r = look(diag_of(s), &l, SOCKDIAG_LISTENING | SOCKDIAG_CONNECTED | SOCKDIAG_BOUND,
			 ports, n_ports);
	if (r >= 0)
		r = look_again(diag_of(s), &l);
	if (r >= 0)
		r = list_take(&l, ret, ret_n);
	free(l.entries);
	return r;
}

static int kernel_connection(struct sockets *s, const struct flow *flows, size_t n, uint64_t but,
			     struct socket_facts *ret, enum connections *ret_found)
{
	int r = connection_find(diag_of(s), flows, n, but, ret, ret_found);

	if (r >= 0 && *ret_found == CONNECTIONS_NONE && n > 0 &&
	    cookies_may_be_out(((struct kernel_sockets *)s)->cookies))
		*ret_found = CONNECTIONS_HALF_MADE;
	return r;
}

static void kernel_let_pass(struct sockets *s)
{
	connection_let_pass();
}

static struct sockets *kernel_sockets_close(struct sockets *s)
{
	if (!s)
		return NULL;
	netlink_done(diag_of(s));
	free(s);
	return NULL;
}

static const struct sockets_ops kernel_sockets_ops = {
	.find = kernel_find,
	.receiver = kernel_receiver,
	.at_flows = kernel_at_flows,
	.connection = kernel_connection,
	.let_pass = kernel_let_pass,
	.close = kernel_sockets_close,
};

int kernel_sockets_open(struct cookie_count *cookies, struct sockets **ret)
{
	struct kernel_sockets *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	r = netlink_open(&s->diag, NETLINK_SOCK_DIAG);
	if (r < 0) {
		free(s);
		return r;
	}
	s->sockets.ops = &kernel_sockets_ops;
	s->cookies = cookies;
	*ret = &s->sockets;
	return 0;
}
