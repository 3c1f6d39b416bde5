/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The processes of registrations (registrar-process.h), as seen by the loop: what they answer, what ends one
 * that is late, and the one that waits for its request, so that nobody waits for a fork. See registrar.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "log.h"
#include "registrar-process.h"
#include "registrar.h"

/* Nobody had a lease for so long: then none is kept. */
#define KEEP_USEC (10 * 1000000ULL)
/* Somebody has killed the one that makes them. */
#define AGAIN_USEC (1000 * 1000ULL)

struct registrar {
	LIST_ENTRY(registrar) entry;
	struct leases *leases;
	uid_t uid; /* who connected */
	bool exports;
	pid_t pid;
	int client_pidfd;
	int fd; /* our end of its socket */
	unsigned deadline_hits; /* how often the deadline has passed */
	sd_event_source *child, *answers, *deadline;
	registrar_excused excused;
	registrar_done done; /* NULL: nobody has asked it yet, or waits for it any more */
	void *userdata;
	bool answered;
	struct registrar_answer answer;
};

static struct registrar *registrar_free(struct registrar *g)
{
	if (!g)
		return NULL;
	if (g->leases->ready_registrar == g)
		g->leases->ready_registrar = NULL;
	if (g->leases->first_registrar == g)
		g->leases->first_registrar = NULL;
	LIST_REMOVE(g, entry);
	sd_event_source_disable_unref(g->child);
	sd_event_source_disable_unref(g->answers);
	sd_event_source_disable_unref(g->deadline);
	closep(&g->client_pidfd);
	closep(&g->fd);
	fault_done(&g->answer.fault);
	free(g);
	return NULL;
}
DEFINE_CLEANUP(struct registrar *, registrar_free)

/* ----------------------------------------------------------------------- the answer */

static void expect_another(struct leases *leases, uint64_t usec);
static int take_other(struct registrar *first);

/* Nobody waits for the process any more; the loop reaps it whenever it ends. It counts until then. */
static void registrar_finish(struct registrar *g, int r, int export_fd)
{
	registrar_done done = g->done;

	g->done = NULL;
	g->answers = sd_event_source_disable_unref(g->answers);
	expect_another(g->leases, 0);
	done(r, &g->answer.ifq, export_fd, &g->answer.fault, g->userdata);
}

static int read_answer(struct registrar *g)
{
	int r = g->answered ? 0 : registrar_process_read(g->fd, &g->answer);

	g->answered = r == 0;
	return r;
}

/* Its end is another matter, for which nobody needs to wait. */
static int on_answer(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct registrar *g = userdata;
	int export_fd = -EBADF, r;

	if (g == g->leases->first_registrar)
		r = take_other(g);
	else
		r = g->done ? read_answer(g) : -EIO;
	if (r == 0 && g->answer.r == 0 && g->exports)
		r = registrar_process_read_export(g->fd, &export_fd);
	if (r == -EIO)
		return sd_event_source_set_enabled(s, SD_EVENT_OFF); /* it has ended: on_child() */
	if (r == 0)
		registrar_finish(g, g->answer.r, export_fd);
	return 0;
}

static int refuse_locked(struct fault *reterr)
{
	return fault_set(reterr, ZCRX_INVALID_RING, NULL,
			 "The ring's lock was not free for %llu seconds. A ring that is being "
			 "registered must not be in use; create a new one and try again.",
			 REGISTRAR_DEADLINE_USEC / 1000000);
}

/* Of one that nobody waits for any more: what it has said, or why it did not. */
static int last_answer(struct registrar *g, int *ret_export)
{
	*ret_export = -EBADF;
	if (read_answer(g) < 0)
		return g->deadline_hits > 0 ? refuse_locked(&g->answer.fault) : -EIO;
	if (g->answer.r == 0 && g->exports)
		(void)registrar_process_read_export(g->fd, ret_export);
	return g->answer.r;
}

static int on_child(sd_event_source *s, const siginfo_t *si, void *userdata)
{
	_cleanup_(registrar_freep) struct registrar *g = userdata;
	int r, export_fd;

	if (g == g->leases->first_registrar && !TAILQ_EMPTY(&g->leases->list))
		expect_another(g->leases, AGAIN_USEC);
	if (!g->done)
		return 0;
	r = last_answer(g, &export_fd);
	if (!g->answered && g->deadline_hits == 0)
		log_error("The registration process ended without an answer (status %d).",
			  si->si_status);
	registrar_finish(g, r, export_fd);
	return 0;
}

static void kill_client(struct registrar *g)
{
	struct nic_backend *b = g->leases->backend;
	int r = b->ops->kill_client(b, g->client_pidfd, g->uid);

	if (r == 0)
		log_warning("A client held its ring's lock for too long; it was killed.");
	else if (r == -EPERM)
		log_warning("A client keeps its ring's lock from us. It is not a process of uid %u any "
			    "more, and is not killed.", (unsigned)g->uid);
	else if (r != -ESRCH)
		log_errno(r, "Cannot kill a client that keeps its ring's lock from us");
}

/*
 * SIGKILL reaches the process unless it sleeps in the client's ring; then only the end of whoever holds
 * that lock releases it. If that is not the client, the process is left behind: it registers nothing
 * any more, because no page is pinned for a process that is to die.
 */
static int on_deadline(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct registrar *g = userdata;
	int r, export_fd;

	if (g->done && g->deadline_hits == 0 && g->excused(g->userdata))
		goto again;
	switch (g->deadline_hits++) {
	case 0:
		kill(g->pid, SIGKILL); /* not reaped yet: the pid is the process's */
		break;
	case 1:
		if (g->done)
			kill_client(g);
		break;
	default:
		if (!g->done)
			return 0;
		log_warning("Another process keeps the lock of the client's ring; leaving "
			    "registration process %d to it.", (int)g->pid);
		r = last_answer(g, &export_fd);
		registrar_finish(g, r, export_fd);
		closep(&g->client_pidfd);
		g->client_pidfd = -EBADF;
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

/* ------------------------------------------------------------------- the process that waits */

static int registrar_watch(struct registrar *g)
{
	sd_event *event = g->leases->loop->event;
	int r = sd_event_add_io(event, &g->answers, g->fd, EPOLLIN, on_answer, g);

	return r < 0 ? r : sd_event_add_child(event, &g->child, g->pid, WEXITED, on_child, g);
}

/* It waits for what it is told, and so it can be ended. */
static void registrar_end(struct registrar *g)
{
	kill(g->pid, SIGKILL);
	waitpid(g->pid, NULL, 0);
}

/* Takes over both. */
static int registrar_add(struct leases *leases, pid_t pid, int fd, struct registrar **ret)
{
	struct registrar *g = calloc(1, sizeof(*g));
	int r = -ENOMEM;

	if (g) {
		*g = (struct registrar){ .leases = leases, .pid = pid, .client_pidfd = -EBADF, .fd = fd };
		LIST_INSERT_HEAD(&leases->registrars, g, entry);
		r = registrar_watch(g);
	} else
		close(fd);
	if (r >= 0) {
		*ret = g;
		return 0;
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	registrar_free(g);
	return r;
}

static int registrar_new(struct leases *leases, const char *name, struct registrar **ret)
{
	pid_t pid;
	int fd, r = registrar_process_new(name, leases->backend, &pid, &fd);

	return r < 0 ? r : registrar_add(leases, pid, fd, ret);
}

static void registrar_dismiss(struct registrar *g)
{
	if (!g)
		return;
	registrar_end(g);
	registrar_free(g);
}

static int take_other(struct registrar *first)
{
	struct leases *leases = first->leases;
	pid_t pid;
	int fd, r = registrar_process_read_other(first->fd, &pid, &fd);

	if (r < 0)
		return r;
	registrar_dismiss(leases->ready_registrar);
	(void)registrar_add(leases, pid, fd, &leases->ready_registrar);
	return -EAGAIN;
}

static int divide(struct leases *leases)
{
	int r = leases->first_registrar ? 0 : registrar_new(leases, "zcrxd-first", &leases->first_registrar);

	return r < 0 ? r : registrar_process_divide(leases->first_registrar->fd);
}

/* When there is nothing else to do. One that cannot be made now is made when it is needed, and if that fails
 * somebody is told. */
static void make_ready(struct leases *leases)
{
	if (divide(leases) == 0 || !leases->first_registrar)
		return;
	registrar_dismiss(leases->first_registrar); /* it has died */
	(void)divide(leases);
}

static int on_expected(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct leases *leases = userdata;
	const bool unused = TAILQ_EMPTY(&leases->list);

	if (!leases->ready_registrar)
		make_ready(leases);
	else if (unused) {
		registrar_dismiss(leases->ready_registrar);
		registrar_dismiss(leases->first_registrar);
	}
	if (unused)
		registrars_unused(leases);
	return 0;
}

static void expect_another(struct leases *leases, uint64_t usec)
{
	int r = loop_arm(leases->loop, &leases->registrar_timer, usec, on_expected, leases);

	if (r >= 0)
		r = sd_event_source_set_priority(leases->registrar_timer, SD_EVENT_PRIORITY_IDLE);
	if (r < 0)
		log_errno(r, "Cannot arm the timer of registration processes");
}

void registrar_expect(struct leases *leases)
{
	if (!leases->ready_registrar)
		expect_another(leases, 0);
}

void registrars_unused(struct leases *leases)
{
	if (leases->first_registrar)
		expect_another(leases, KEEP_USEC);
}

void registrars_free(struct leases *leases)
{
	registrar_dismiss(leases->ready_registrar);
	registrar_dismiss(leases->first_registrar);
	while (!LIST_EMPTY(&leases->registrars))
		registrar_free(LIST_FIRST(&leases->registrars));
	leases->registrar_timer = sd_event_source_disable_unref(leases->registrar_timer);
}

/* ------------------------------------------------------------------------ to register */

/* The one that waits, unless it has died. */
static int registrar_ask(struct leases *leases, const struct ifq_request *request, struct registrar **ret)
{
	struct registrar *g = TAKE_PTR(leases->ready_registrar);
	int r;

	if (g && registrar_process_ask(g->fd, request) == 0) {
		*ret = g;
		return 0;
	}
	r = registrar_new(leases, REGISTRAR_NAME, &g);
	if (r < 0)
		return r;
	r = registrar_process_ask(g->fd, request);
	if (r < 0) {
		registrar_dismiss(g);
		return r;
	}
	*ret = g;
	return 0;
}

int registrar_start(struct leases *leases, const struct ifq_request *request,
		    registrar_excused excused, registrar_done done, void *userdata,
		    struct fault *reterr)
{
	_cleanup_(sd_event_source_unrefp) sd_event_source *deadline = NULL;
	_cleanup_close_ int pidfd = -EBADF;
	struct registrar *g;
	int r;

	r = check_hung(&leases->registrars, request->uid, reterr);
	if (r != 0)
		return r;
	pidfd = fcntl(request->pidfd, F_DUPFD_CLOEXEC, 3);
	if (pidfd < 0)
		return -errno;
	r = sd_event_add_time_relative(leases->loop->event, &deadline, CLOCK_MONOTONIC,
				       REGISTRAR_DEADLINE_USEC, 0, on_deadline, NULL);
	if (r < 0)
		return r;
	/* The last that may fail: nobody else knows of what it does. */
	r = registrar_ask(leases, request, &g);
	if (r < 0)
		return r;
	(void)sd_event_source_set_userdata(deadline, g);
	g->uid = request->uid;
	g->exports = request->export;
	g->client_pidfd = TAKE_FD(pidfd);
	g->deadline = TAKE_PTR(deadline);
	g->excused = excused;
	g->done = done;
	g->userdata = userdata;
	return 0;
}
