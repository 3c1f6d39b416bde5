/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For the virtual machine: a lease of two queues, and a process for each, which receives files:
 *
 *	workers PORT DIRECTORY
 *
 * Worker W listens at PORT + W, and writes what comes through the N-th connection to
 *DIRECTORY/W.PID.N. The first worker 0 keeps most of its buffers. Who dies is replaced on SIGUSR1:
 *its successor tries to register the queue, which is refused, and takes it over. SIGTERM ends all.
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
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zcrx-client.h>

#define WORKERS 2
#define KEPT	3000

struct connection {
	struct zcrx_stream *stream;
	unsigned int number;
	uint64_t bytes;
	int file;
};

/* Of the parent: what a worker's successor needs. */
struct worker {
	pid_t pid;
	int listener;
	int share[2]; /* its queue's memory; -1: nobody has had the queue yet */
};

static struct worker workers[WORKERS];
static const char *directory;

static void check(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(-r));
	exit(1);
}

static int listen_on(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	check(fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
			      bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 128) < 0
		      ? -errno
		      : 0,
	      "listen");
	return fd;
}

/* ------------------------------------------------------------------------------ a worker */

static void take_connection(struct zcrx_queue *queue, int index)
{
	static unsigned int n;
	int socket = accept4(workers[index].listener, NULL, NULL, SOCK_CLOEXEC);
	struct connection *c = calloc(1, sizeof(*c));
	char path[4096];

	if (socket < 0 || !c) {
		free(c);
		return;
	}
	c->number = n++;
	snprintf(path, sizeof(path), "%s/%d.%d.%u", directory, index, (int)getpid(), c->number);
	c->file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	check(c->file < 0 ? -errno : 0, path);
	check(zcrx_queue_receive(queue, socket, c, &c->stream), "receive");
	close(socket);
}

static void handle(struct zcrx_queue *queue, int keeps, const struct zcrx_event *e)
{
	struct connection *c = e->userdata;
	static unsigned int kept;

	if (e->type == ZCRX_EVENT_DATA) {
		check(write(c->file, e->data, e->length) == (ssize_t)e->length ? 0 : -EIO, "write");
		c->bytes += e->length;
		if (!keeps || kept++ >= KEPT)
			check(zcrx_queue_return(queue, e->data), "return");
	} else if (e->type == ZCRX_EVENT_EOF) {
		printf("%d %u: %" PRIu64 " bytes\n", (int)getpid(), c->number, c->bytes);
		fflush(stdout);
		zcrx_stream_free(c->stream);
		close(c->file);
		free(c);
	} else {
		check(e->error ? e->error : -EIO,
		      e->message ? e->message : "an event that nobody expects");
	}
}

static void serve(struct zcrx_queue *queue, int index, int keeps)
{
	const struct zcrx_event *e;

	for (;;) {
		struct pollfd fds[] = { { .fd = zcrx_queue_get_fd(queue), .events = POLLIN },
					{ .fd = workers[index].listener, .events = POLLIN } };

		poll(fds, 2, -1);
		while (zcrx_queue_wait(queue, 0, &e) > 0)
			handle(queue, keeps, e);
		if (fds[1].revents)
			take_connection(queue, index);
	}
}

static void send_share(int channel, const int fds[2])
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = { .header = { CMSG_LEN(2 * sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec iov = { (void *)"x", 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };

	memcpy(CMSG_DATA(&control.header), fds, 2 * sizeof(int));
	check(sendmsg(channel, &m, 0) == 1 ? 0 : -errno, "send");
}

static void begin(struct zcrx_queue *queue, int index, int channel)
{
	int fds[2];

	check(zcrx_queue_register(queue), "register");
	check(zcrx_queue_get_share(queue, fds), "get share");
	send_share(channel, fds);
	check(zcrx_queue_steer_socket(queue, workers[index].listener), "steer");
}

/* Whatever the dead one had: nothing is received yet. */
static void take_over(struct zcrx_client *client, struct zcrx_lease *lease,
		      struct zcrx_queue *queue, int index)
{
	struct zcrx_queue *another;

	check(zcrx_queue_new(lease, (unsigned int)index, &another), "queue");
	if (zcrx_queue_register(another) < 0)
		printf("refused: %s\n", zcrx_client_error(client));
	zcrx_queue_unref(another);
	check(zcrx_queue_set_share(queue, workers[index].share), "set share");
	check(zcrx_queue_register(queue), "take the queue over");
	check(zcrx_queue_reclaim(queue), "reclaim");
}

static void work(int index, const char *lease_id, int handle, int channel)
{
	int replaces = workers[index].share[0] >= 0;
	struct zcrx_client *client;
	struct zcrx_queue *queue;
	struct zcrx_lease *lease;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	check(zcrx_client_new(&client), "client");
	check(zcrx_client_connect(client, NULL), "connect");
	check(zcrx_lease_new(client, &lease), "lease");
	check(zcrx_lease_attach(lease, lease_id, handle), "attach");
	check(zcrx_queue_new(lease, (unsigned int)index, &queue), "queue");
	if (replaces)
		take_over(client, lease, queue, index);
	else
		begin(queue, index, channel);
	printf("worker %d: %d\n", index, (int)getpid());
	fflush(stdout);
	serve(queue, index, index == 0 && !replaces);
}

/* ---------------------------------------------------------------------------- the parent */

static void receive_share(int channel, int fds[2])
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };

	check(recvmsg(channel, &m, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&m) ? 0 : -EPIPE,
	      "hear a worker");
	memcpy(fds, CMSG_DATA(&control.header), 2 * sizeof(int));
}

static void start(struct zcrx_lease *lease, int index)
{
	int pair[2];

	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ? -errno : 0,
	      "socketpair");
	workers[index].pid = fork();
	if (workers[index].pid == 0) {
		close(pair[0]);
		work(index, zcrx_lease_get_id(lease), zcrx_lease_get_fd(lease), pair[1]);
	}
	close(pair[1]);
	if (workers[index].share[0] < 0)
		receive_share(pair[0], workers[index].share);
	close(pair[0]);
}

int main(int argc, char *argv[])
{
	struct zcrx_client *client;
	struct zcrx_lease *lease;
	sigset_t mask;
	int number;

	if (argc != 3)
		return 2;
	directory = argv[2];
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigaddset(&mask, SIGTERM);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	check(zcrx_client_new(&client), "client");
	check(zcrx_client_connect(client, NULL), "connect");
	check(zcrx_lease_new(client, &lease), "lease");
	check(zcrx_lease_set_queues(lease, WORKERS), "queues");
	check(zcrx_lease_acquire(lease), zcrx_client_error(client));
	for (int i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker) { .listener = listen_on(atoi(argv[1]) + i),
					       .share = { -1, -1 } };
		start(lease, i);
	}
	while (sigwait(&mask, &number) == 0 && number == SIGUSR1) {
		pid_t dead = wait(NULL);

		for (int i = 0; i < WORKERS; i++)
			if (workers[i].pid == dead)
				start(lease, i);
	}
	for (int i = 0; i < WORKERS; i++)
		kill(workers[i].pid, SIGKILL);
	return 0;
}
