/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A fork for each registration: no thread of ours can be parked in the client's ring, and whatever
 * the child mapped or opened goes with it. See registrar.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "disposable.h"
#include "log.h"
#include "registrar.h"

/* What the child says, in one datagram: the answer, then the strings of the fault, each with its
 * terminating zero. If an export was asked for and there is an ifq, a second one follows, with the export
 * or without: in between the client may hold the ring's lock, and then the ifq is known all the same. */
struct answer {
	int r;
	int error;
	struct ifq ifq;
};

#define ANSWER_TEXT_MAX 4096

struct registrar {
	LIST_ENTRY(registrar) entry;
	struct nic_backend *backend;
	uid_t uid; /* who connected */
	bool exports;
	bool abandoned; /* left behind: nobody waits for it any more */
	pid_t pid;
	int client_pidfd;
	int answer_fd;
	unsigned deadline_hits; /* how often the deadline has passed */
	sd_event_source *child, *deadline;
	registrar_excused excused;
	registrar_done done;
	void *userdata;
};

static struct registrar *registrar_free(struct registrar *g)
{
	if (!g)
		return NULL;
	LIST_REMOVE(g, entry);
	sd_event_source_disable_unref(g->child);
	sd_event_source_disable_unref(g->deadline);
	if (g->client_pidfd >= 0)
		close(g->client_pidfd);
	if (g->answer_fd >= 0)
		close(g->answer_fd);
	free(g);
	return NULL;
}
DEFINE_CLEANUP(struct registrar *, registrar_free)

static size_t put_string(char *text, size_t at, const char *s)
{
	size_t n = s ? strlen(s) : 0;

	if (n > ANSWER_TEXT_MAX - at - 1)
		n = ANSWER_TEXT_MAX - at - 1;
	if (n > 0)
		memcpy(text + at, s, n);
	text[at + n] = '\0';
	return at + n + (at + n + 1 < ANSWER_TEXT_MAX);
}

static void send_export(struct nic_backend *backend, int ring, uint32_t zcrx_id, int answer_fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
				  .cmsg_len = CMSG_LEN(sizeof(int)) } };
	int export = -EBADF, r = backend->ops->export_ifq(backend, ring, zcrx_id, &export);
	struct iovec iov = { &r, sizeof(r) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (r == 0) {
		memcpy(CMSG_DATA(&control.header), &export, sizeof(export));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	(void)sendmsg(answer_fd, &message, MSG_NOSIGNAL);
}

_Noreturn static void child_main(struct nic_backend *backend, const struct ifq_request *request,
				 pid_t daemon, int answer_fd)
{
	struct fault fault = {};
	struct answer answer = {};
	char text[ANSWER_TEXT_MAX];
	size_t n = 0;
	struct iovec iov[] = { { &answer, sizeof(answer) }, { text, 0 } };
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = ARRAY_SIZE(iov) };
	int fds[] = { answer_fd, request->pidfd, request->ring_epoll_fd,
		      request->shares ? request->export_fd : request->area_fd };
	int ring = -EBADF;

	disposable_begin(daemon, "zcrxd-registrar", fds, ARRAY_SIZE(fds));
	answer.r = backend->ops->register_ifq(backend, request, &answer.ifq, &ring, &fault);
	answer.error = fault.error;
	n = put_string(text, n, fault.subject);
	n = put_string(text, n, fault.operation);
	n = put_string(text, n, fault.kernel_text);
	n = put_string(text, n, fault.message);
	iov[1].iov_len = n;
	(void)sendmsg(answer_fd, &message, MSG_NOSIGNAL);
	if (answer.r == 0 && request->export)
		send_export(backend, ring, answer.ifq.zcrx_id, answer_fd);
	_exit(0);
}

static char *take_string(const char **p, const char *end)
{
	size_t n = *p < end ? strnlen(*p, (size_t)(end - *p)) : 0;
	char *s = n > 0 ? strndup(*p, n) : NULL;

	*p += n + (*p + n < end);
	return s;
}

static int registrar_read(struct registrar *g, struct answer *ret, struct fault *reterr)
{
	char text[ANSWER_TEXT_MAX];
	const char *p = text, *end;
	struct iovec iov[] = { { ret, sizeof(*ret) }, { text, sizeof(text) } };
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = ARRAY_SIZE(iov) };
	ssize_t n;

	n = recvmsg(g->answer_fd, &message, MSG_DONTWAIT);
	if (n < (ssize_t)sizeof(*ret))
		return -EIO; /* it died without a word */
	end = text + n - sizeof(*ret);
	if (ret->r > 0) {
		reterr->kind = (enum zcrx_error)ret->r;
		reterr->error = ret->error;
		reterr->subject = take_string(&p, end);
		reterr->operation = take_string(&p, end);
		reterr->kernel_text = take_string(&p, end);
		reterr->message = take_string(&p, end);
	}
	return ret->r;
}

/* -EBADF: there is none. The child is ours, and says nothing that a client could have made up. */
static int registrar_read_export(struct registrar *g)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {};
	int r = -EIO, fd = -EBADF;
	struct iovec iov = { &r, sizeof(r) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *c;

	if (recvmsg(g->answer_fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
		return -EBADF;
	c = CMSG_FIRSTHDR(&message);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	if (r < 0)
		log_errno(r, "An interface queue cannot be exported");
	return fd;
}

static int refuse_locked(struct fault *reterr)
{
	return fault_set(reterr, ZCRX_INVALID_RING, NULL,
			 "The ring's lock was not free for %llu seconds. A ring that is being "
			 "registered must not be in use; create a new one and try again.",
			 REGISTRAR_DEADLINE_USEC / 1000000);
}

/* Nobody waits for the child any more; the loop reaps it whenever it ends. It counts until then. */
static void registrar_detach(struct registrar *g)
{
	g->abandoned = true;
	g->deadline = sd_event_source_disable_unref(g->deadline);
	closep(&g->client_pidfd);
	closep(&g->answer_fd);
	g->client_pidfd = g->answer_fd = -EBADF;
}

static int on_child(sd_event_source *s, const siginfo_t *si, void *userdata)
{
	_cleanup_(registrar_freep) struct registrar *g = userdata;
	_cleanup_fault_ struct fault fault = {};
	struct answer answer = {};
	int r;

	if (g->abandoned)
		return 0;
	r = registrar_read(g, &answer, &fault);
	if (r == -EIO && g->deadline_hits > 0)
		r = refuse_locked(&fault);
	else if (r == -EIO)
		log_error("The registration process ended without an answer (status %d).",
			  si->si_status);
	g->done(r, &answer.ifq, r == 0 && g->exports ? registrar_read_export(g) : -EBADF, &fault, g->userdata);
	return 0;
}

static void kill_client(struct registrar *g)
{
	int r = g->backend->ops->kill_client(g->backend, g->client_pidfd, g->uid);

	if (r == 0)
		log_warning("A client held its ring's lock for too long; it was killed.");
	else if (r == -EPERM)
		log_warning("A client keeps its ring's lock from us. It is not a process of uid %u any "
			    "more, and is not killed.", (unsigned)g->uid);
	else if (r != -ESRCH)
		log_errno(r, "Cannot kill a client that keeps its ring's lock from us");
}

/*
 * SIGKILL reaches the child unless it sleeps in the client's ring; then only the end of whoever holds
 * that lock releases it. If that is not the client, the child is left behind: it registers nothing
 * any more, because no page is pinned for a process that is to die.
 */
static int on_deadline(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct registrar *g = userdata;
	_cleanup_fault_ struct fault fault = {};
	struct answer answer = {};
	int r;

	if (g->deadline_hits == 0 && g->excused(g->userdata))
		goto again;
	switch (g->deadline_hits++) {
	case 0:
		kill(g->pid, SIGKILL); /* not reaped yet: the pid is the child's */
		break;
	case 1:
		kill_client(g);
		break;
	default:
		log_warning("Another process keeps the lock of the client's ring; leaving "
			    "registration process %d to it.", (int)g->pid);
		r = registrar_read(g, &answer, &fault);
		if (r == -EIO)
			r = refuse_locked(&fault);
		g->done(r, &answer.ifq, -EBADF, &fault, g->userdata);
		registrar_detach(g);
		return 0;
	}
again:
	(void)sd_event_source_set_time_relative(s, REGISTRAR_DEADLINE_USEC / 5);
	(void)sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
	return 0;
}

/* A process that is late may wait for ever: each is memory of ours. Who has no locks to hold has few. */
static int check_hung(const struct registrar_list *list, uid_t uid, struct fault *reterr)
{
	const struct registrar *g;
	unsigned n = 0;
	pid_t pid = 0;

	LIST_FOREACH(g, list, entry) {
		if (g->uid != uid || g->deadline_hits == 0)
			continue;
		n++;
		pid = g->pid;
	}
	if (n < REGISTRARS_HUNG_MAX)
		return 0;
	return fault_set(reterr, ZCRX_QUOTA_EXCEEDED, "registrations",
			 "%u registrations of this user still wait for the locks of their rings (one is "
			 "zcrxd's process %d). End the processes that hold these rings, and try again.",
			 n, (int)pid);
}

void registrars_free(struct registrar_list *list)
{
	while (!LIST_EMPTY(list))
		registrar_free(LIST_FIRST(list));
}

static int registrar_fork(struct registrar *g, struct nic_backend *backend,
			  const struct ifq_request *request)
{
	_cleanup_close_ int child_end = -EBADF;
	pid_t daemon = getpid();
	int pair[2];

	/* A datagram: the answer arrives whole or not at all. */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	g->answer_fd = pair[0];
	child_end = pair[1];
	g->pid = fork();
	if (g->pid < 0)
		return -errno;
	if (g->pid == 0)
		child_main(backend, request, daemon, child_end);
	return 0;
}

int registrar_start(struct leases *leases, const struct ifq_request *request,
		    registrar_excused excused, registrar_done done, void *userdata,
		    struct fault *reterr)
{
	_cleanup_(registrar_freep) struct registrar *g = NULL;
	int r;

	r = check_hung(&leases->registrars, request->uid, reterr);
	if (r != 0)
		return r;
	g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	*g = (struct registrar){ .backend = leases->backend, .uid = request->uid, .exports = request->export,
				 .answer_fd = -EBADF,
				 .excused = excused, .done = done, .userdata = userdata };
	LIST_INSERT_HEAD(&leases->registrars, g, entry);
	g->client_pidfd = fcntl(request->pidfd, F_DUPFD_CLOEXEC, 3);
	if (g->client_pidfd < 0)
		return -errno;
	r = sd_event_add_time_relative(leases->loop->event, &g->deadline, CLOCK_MONOTONIC,
				       REGISTRAR_DEADLINE_USEC, 0, on_deadline, g);
	if (r < 0)
		return r;
	r = registrar_fork(g, leases->backend, request);
	if (r < 0)
		return r;
	r = sd_event_add_child(leases->loop->event, &g->child, g->pid, WEXITED, on_child, g);
	if (r < 0) {
		kill(g->pid, SIGKILL);
		waitpid(g->pid, NULL, 0);
		return r;
	}
	TAKE_PTR(g);
	return 0;
}
