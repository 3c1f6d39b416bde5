/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Receives files over TCP by zero copy, and is replaced by its successor without losing a byte:
 *
 *	receive-upgrade PORT DIRECTORY
 *
 * What comes through each connection is written to a file in DIRECTORY. On SIGHUP the program starts itself again, as
 * it is on disk now, and hands everything over: the lease, its memory, the listening socket, and each connection at
 * the byte where it is. The successor has a ring of its own for the same queue, so nothing is copied and no flow
 * moves. Whichever of the two dies meanwhile, and when, the other goes on with the connections that it has,
 * and has the kernel take back the buffers that the dead one had. SIGTERM ends it. The variable INTERFACE may name the NIC.
 *
 * Build: cc receive-upgrade.c $(pkg-config --cflags --libs libzcrx-client)
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <zcrx-client.h>

#define PARTNER "RECEIVE_UPGRADE_FD" /* a successor's end of the socket pair */

struct connection {
	struct connection *next;
	struct zcrx_stream *stream;
	unsigned int number;
	uint64_t at; /* how much is in the file */
	int file;
	enum { RECEIVED, STOPPING, STOPPED } state;
};

/* What the one tells the other; descriptors come along. */
struct message {
	enum { EVERYTHING, READY, CONNECTION, TAKEN, END } type;
	unsigned int number; /* EVERYTHING: of the next connection */
	uint64_t at;
	char lease[16];
};
#define FDS_MAX 4
#define AT_ONCE 64 /* connections on their way to the successor, so that neither waits for the other */

static struct zcrx_client *client;
static struct zcrx_lease *lease;
static struct zcrx_queue *queue;
static struct connection *connections;
static const char *directory;
static unsigned int n_accepted;
static int listener = -1, partner = -1, signals = -1;
/* The partner is the successor, and has everything; the program takes no connection any more. */
static int handing_over, over;

static void fail(const char *what, int error)
{
	const char *why = client ? zcrx_client_error(client) : "";

	fprintf(stderr, "%s: %s\n", what, *why ? why : strerror(-error));
	exit(1);
}

/* ------------------------------------------------------------------ connections */

static struct connection *add_connection(unsigned int number, int file, uint64_t at, int socket)
{
	struct connection *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		fail("Cannot receive", -ENOMEM);
	*c = (struct connection) { .next = connections, .number = number, .file = file, .at = at };
	connections = c;
	r = zcrx_queue_receive(queue, socket, c, &c->stream);
	if (r < 0)
		fail("Cannot receive", r);
	close(socket); /* the library has its own copy */
	return c;
}

/* Of those that are to be handed over. */
static void stop_another(void)
{
	for (struct connection *c = connections; c; c = c->next)
		if (c->state == RECEIVED) {
			c->state = STOPPING;
			zcrx_stream_stop(c->stream);
			return;
		}
}

static void go_on(struct connection *c)
{
	c->state = RECEIVED;
	zcrx_stream_continue(c->stream, 0);
}

static void drop_connection(struct connection *c)
{
	struct connection **at = &connections;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	zcrx_stream_free(c->stream);
	close(c->file);
	free(c);
	if (handing_over)
		stop_another();
}

static void take_connection(void)
{
	int file, socket = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	char path[4096];

	if (socket < 0)
		return;
	snprintf(path, sizeof(path), "%s/%u", directory, n_accepted);
	file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (file < 0)
		fail(path, -errno);
	add_connection(n_accepted++, file, 0, socket);
}

static void write_out(struct connection *c, const struct zcrx_event *event)
{
	const char *data = event->data;
	size_t left = event->length;

	while (left > 0) {
		ssize_t n = pwrite(c->file, data, left, (off_t)c->at);

		if (n <= 0)
			fail("Cannot write", n < 0 ? -errno : -ENOSPC);
		data += n;
		left -= (size_t)n;
		c->at += (uint64_t)n;
	}
	zcrx_queue_return(queue, event->data);
}

/* ------------------------------------------------------------------- to the partner */

static int send_message(const struct message *m, const int *fds, size_t n)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control = { .header = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
				  .cmsg_len = CMSG_LEN(n * sizeof(int)) } };
	struct iovec iov = { (void *)m, sizeof(*m) };
	struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n > 0) {
		memcpy(CMSG_DATA(&control.header), fds, n * sizeof(int));
		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(n * sizeof(int));
	}
	return sendmsg(partner, &header, MSG_NOSIGNAL) == sizeof(*m) ? 0 : -errno;
}

/*
 * A partner that dies with something unread has it said by the socket (ECONNRESET, once) before what it has sent
 * itself. But that counts: a connection that it has said to have, it may have received from.
 */
static int is_reset(ssize_t n)
{
	return n < 0 && errno == ECONNRESET;
}

/* 1: a message; 0: the partner is gone. */
static int receive_message(struct message *m, int *fds, size_t n)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = { m, sizeof(*m) };
	struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
				 .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	ssize_t length;

	do
		length = recvmsg(partner, &header, MSG_CMSG_CLOEXEC);
	while (is_reset(length));
	if (length != sizeof(*m))
		return 0;
	c = CMSG_FIRSTHDR(&header);
	if (n > 0 && (!c || c->cmsg_len != CMSG_LEN(n * sizeof(int))))
		return 0;
	if (n > 0)
		memcpy(fds, CMSG_DATA(c), n * sizeof(int));
	return 1;
}

/* Kept until the successor says that it has it: if it dies before, nothing of it was received. */
static void hand_connection_over(const struct connection *c)
{
	const struct message m = { .type = CONNECTION, .number = c->number, .at = c->at };
	const int fds[] = { zcrx_stream_get_socket(c->stream), c->file };

	send_message(&m, fds, 2);
}

/* The program on disk, with the other end of a socket pair, which is all that it needs. */
static void start_successor(char *argv[])
{
	struct message m = { .type = EVERYTHING, .number = n_accepted };
	int fds[FDS_MAX], pair[2], share[2], r = zcrx_queue_get_share(queue, share);
	char number[16];
	pid_t pid;

	if (r < 0)
		fail("Cannot share the queue", r);
	if (partner >= 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		snprintf(number, sizeof(number), "%d", pair[1]);
		setenv(PARTNER, number, 1);
		fcntl(pair[1], F_SETFD, 0);
		execv("/proc/self/exe", argv);
		_exit(1);
	}
	close(pair[1]);
	partner = pair[0];
	memcpy(m.lease, zcrx_lease_get_id(lease), strlen(zcrx_lease_get_id(lease)) + 1);
	memcpy(fds, (int[]) { zcrx_lease_get_fd(lease), listener, share[0], share[1] }, sizeof(fds));
	send_message(&m, fds, FDS_MAX);
	close(share[0]);
	close(share[1]);
}

/* ------------------------------------------------------------------- from the partner */

static void handle(const struct zcrx_event *event)
{
	struct connection *c = event->userdata;

	switch (event->type) {
	case ZCRX_EVENT_DATA:
		write_out(c, event);
		break;
	case ZCRX_EVENT_STOPPED:
		c->state = STOPPED;
		if (handing_over)
			hand_connection_over(c);
		else
			go_on(c);
		break;
	case ZCRX_EVENT_ERROR:
		fprintf(stderr, "%u: cannot receive: %s\n", c->number, event->message);
		/* fall through */
	case ZCRX_EVENT_EOF:
		printf("%u: %" PRIu64 " bytes\n", c->number, c->at);
		fflush(stdout);
		drop_connection(c);
		break;
	case ZCRX_EVENT_LEASE_ENDING:
	case ZCRX_EVENT_LEASE_GONE: /* connections go on, by copying */
	case ZCRX_EVENT_COMPLETION:
	case ZCRX_EVENT_STAGED:
		break;
	}
}

/* Nothing may arrive while the kernel takes back what the partner had. */
static void reclaim(void)
{
	const struct zcrx_event *event;
	struct connection *c;
	int r;

	do {
		for (c = connections; c; c = c->next)
			zcrx_stream_pause(c->stream);
		while (zcrx_queue_wait(queue, 1, &event) > 0)
			handle(event);
		r = zcrx_queue_reclaim(queue);
	} while (r == -EBUSY);
	if (r < 0)
		fprintf(stderr, "Cannot reclaim buffers: %s\n", strerror(-r));
	for (c = connections; c; c = c->next)
		zcrx_stream_resume(c->stream);
	printf("reclaimed\n");
	fflush(stdout);
}

static void partner_gone(void)
{
	close(partner);
	partner = -1;
	handing_over = 0;
	for (struct connection *c = connections; c; c = c->next)
		if (c->state == STOPPED)
			go_on(c);
	reclaim();
}

/* It says so before it can receive the first byte. */
static void take_from_partner(const struct message *m, const int fds[2])
{
	const struct message taken = { .type = TAKEN, .number = m->number };

	send_message(&taken, NULL, 0);
	add_connection(m->number, fds[1], m->at, fds[0]);
}

static void partner_has(unsigned int number)
{
	struct connection *c = connections;

	while (c && c->number != number)
		c = c->next;
	if (c)
		drop_connection(c);
}

static void hear_partner(void)
{
	struct message m;
	ssize_t length;
	int fds[2];

	do
		length = recv(partner, &m, sizeof(m), MSG_PEEK);
	while (is_reset(length));
	/* Only connections come with descriptors from here on. */
	if (length != sizeof(m) ||
	    !receive_message(&m, fds, m.type == CONNECTION ? 2 : 0)) {
		partner_gone();
	} else if (m.type == CONNECTION) {
		take_from_partner(&m, fds);
	} else if (m.type == READY) {
		handing_over = 1;
		for (int i = 0; i < AT_ONCE; i++)
			stop_another();
	} else if (m.type == TAKEN) {
		partner_has(m.number);
	} else if (m.type == END) {
		close(partner);
		partner = -1;
	}
}

/* --------------------------------------------------------------------------- start */

static void begin(int port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	int one = 1, r;

	listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(listener, (struct sockaddr *)&six, sizeof(six)) < 0 || listen(listener, 256) < 0)
		fail("Cannot listen", -errno);
	r = zcrx_lease_set_interface(lease, getenv("INTERFACE"));
	if (r >= 0)
		r = zcrx_lease_acquire(lease);
	if (r >= 0)
		r = zcrx_queue_new(lease, 0, &queue);
	if (r >= 0)
		r = zcrx_queue_register(queue);
	if (r >= 0)
		r = zcrx_queue_steer_socket(queue, listener);
	if (r < 0)
		fail("Cannot lease a queue", r);
}

static int take_part(const int *share)
{
	int r;

	zcrx_queue_unref(queue);
	queue = NULL;
	r = zcrx_queue_new(lease, 0, &queue);
	if (r >= 0 && share)
		r = zcrx_queue_set_share(queue, share);
	return r >= 0 ? zcrx_queue_register(queue) : r;
}

static void take_over(void)
{
	struct message m = {};
	int fds[FDS_MAX], r;

	if (!receive_message(&m, fds, FDS_MAX) || m.type != EVERYTHING)
		fail("Cannot take over", -EPIPE);
	listener = fds[1];
	n_accepted = m.number;
	r = zcrx_lease_attach(lease, m.lease, fds[0]);
	if (r >= 0)
		r = take_part(fds + 2);
	if (r < 0) /* the partner died, and zcrxd has taken the queue back: it can be registered again */
		r = take_part(NULL);
	if (r < 0)
		fail("Cannot take the queue over", r);
	close(fds[0]);
	close(fds[2]);
	close(fds[3]);
	m.type = READY;
	send_message(&m, NULL, 0);
}

static void hear_signal(char *argv[])
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		start_successor(argv);
	else
		over = 1;
}

static void serve(char *argv[])
{
	const struct message end = { .type = END };
	const struct zcrx_event *event;

	while (!over && !(handing_over && !connections)) {
		struct pollfd fds[] = {
			{ .fd = zcrx_queue_get_fd(queue), .events = POLLIN },
			{ .fd = signals, .events = POLLIN },
			{ .fd = partner, .events = POLLIN },
			/* New connections are the successor's as soon as there is one. */
			{ .fd = partner >= 0 ? -1 : listener, .events = POLLIN },
		};

		poll(fds, 4, -1);
		while (zcrx_queue_wait(queue, 0, &event) > 0)
			handle(event);
		if (fds[1].revents)
			hear_signal(argv);
		if (fds[2].revents)
			hear_partner();
		if (fds[3].revents)
			take_connection();
	}
	if (handing_over)
		send_message(&end, NULL, 0);
}

int main(int argc, char *argv[])
{
	const char *inherited = getenv(PARTNER);
	sigset_t mask;
	int r;

	if (argc != 3) {
		fprintf(stderr, "Usage: %s PORT DIRECTORY\n", argv[0]);
		return 2;
	}
	directory = argv[2];
	sigemptyset(&mask);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGTERM);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signals = signalfd(-1, &mask, SFD_CLOEXEC);
	r = zcrx_client_new(&client);
	if (r >= 0)
		r = zcrx_client_connect(client, NULL);
	if (r >= 0)
		r = zcrx_lease_new(client, &lease);
	if (r < 0)
		fail("Cannot reach zcrxd", r);
	if (inherited) {
		partner = atoi(inherited);
		fcntl(partner, F_SETFD, FD_CLOEXEC);
		take_over();
	} else {
		begin(atoi(argv[1]));
	}
	printf("%s %d\n", inherited ? "taking over" : "listening", (int)getpid());
	fflush(stdout);
	serve(argv);
	zcrx_queue_unref(queue);
	zcrx_lease_unref(lease);
	zcrx_client_unref(client);
	return 0;
}
