/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "crash-backend.h"
#include "crash-point.h"
#include "manager.h"
#include "baseline.h"
#include "shared-heap.h"
#include "sim-internal.h"
#include "state-file.h"
#include "store.h"
#include "world.h"

/* The machine's eventfd goes here, in every process: above all others. */
#define KEPT_FD 700
#define PATIENCE 60 /* seconds */

static struct sim *machine;

/* ------------------------------------------------------------------- points of our own */

int __real_shutdown(int fd, int how);
int __real_fdstore_push(const char *name, int fd);
void __real_fdstore_remove(const char *name);
int __wrap_shutdown(int fd, int how);
int __wrap_fdstore_push(const char *name, int fd);
void __wrap_fdstore_remove(const char *name);

int __wrap_shutdown(int fd, int how)
{
	int r;

	crash_point();
	r = __real_shutdown(fd, how);
	crash_point();
	return r;
}

int __wrap_fdstore_push(const char *name, int fd)
{
	int r;

	crash_point();
	r = __real_fdstore_push(name, fd);
	crash_point();
	return r;
}

void __wrap_fdstore_remove(const char *name)
{
	crash_point();
	__real_fdstore_remove(name);
	crash_point();
}

/* Nobody is in the middle of something in the machine when the daemon is killed. */
static void hold_machine(void)
{
	(void)pthread_mutex_lock(&machine->lock);
}

/* ------------------------------------------------- never a rule of ours without the guard */

#define WATCHED_MAX 64

static struct flow watched[WATCHED_MAX]; /* the daemon's rules that are guarded */
static size_t n_watched;

static struct nic_state *state_of(struct nic *nic)
{
	return machine->nics[((struct sim_handle *)nic)->slot].state;
}

static void before_guard(struct nic *nic)
{
	const struct nic_state *s = state_of(nic);

	n_watched = 0;
	for (size_t i = 0; s && i < s->n_rules && n_watched < WATCHED_MAX; i++)
		if (s->rules[i].understood &&
		    sim_is_guarded(&machine->backend, nic->ifindex, &s->rules[i].flow))
			watched[n_watched++] = s->rules[i].flow;
}

static void after_guard(struct nic *nic)
{
	for (size_t i = 0; i < n_watched; i++)
		if (!sim_is_guarded(&machine->backend, nic->ifindex, &watched[i])) {
			fprintf(stderr, "the guard goes before its rule\n");
			abort();
		}
}

static void after_rule(struct nic *nic, const struct flow *flow)
{
	if (sim_is_guarded(&machine->backend, nic->ifindex, flow))
		return;
	fprintf(stderr, "a rule comes before its guard\n");
	abort();
}

static const struct crash_witness witness = { before_guard, after_guard, after_rule };

/* --------------------------------------------------------------------------- the daemon */

static int listen_on(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 64), 0);
	return fd;
}

_Noreturn static void daemon_process(struct world *w)
{
	struct manager *m;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	shared_heap_forked();
	store_pass(w->socket, KEPT_FD);
	if (manager_new(crash_backend_new(w->d.sim), w->d.config_path, w->d.state_path, &m) < 0 ||
	    manager_start(m, w->d.socket_path) < 0)
		_exit(EXIT_FAILURE);
	(void)manager_run(m);
	_exit(EXIT_SUCCESS);
}

static void ignore_event(const struct nic_event *event, void *userdata)
{
}

bool world_is_dead(struct world *w)
{
	int status;

	if (w->pid == 0)
		return true;
	if (waitpid(w->pid, &status, WNOHANG) == 0)
		return false;
	w->pid = 0;
	w->link = sd_varlink_close_unref(w->link);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		fail_msg("the daemon ended by itself, status %x", (unsigned)status);
	return true;
}

void world_kill(struct world *w)
{
	hold_machine();
	if (w->pid > 0)
		kill(w->pid, SIGKILL);
	while (!world_is_dead(w))
		usleep(500);
	(void)pthread_mutex_unlock(&machine->lock);
}

bool world_is_patient(time_t start)
{
	return time(NULL) - start < PATIENCE;
}

void world_connect(struct world *w, bool may_die)
{
	sd_varlink_close_unref(w->link);
	w->link = daemon_connect(&w->d);
	/* If it dies before it accepts, the connection waits for the next one. */
	if (may_die)
		(void)sd_varlink_set_relative_timeout(w->link, 300000);
}

bool world_start(struct world *w, unsigned n)
{
	time_t start;

	assert_int_equal(w->pid, 0);
	/* What the kernel told a process that is gone is told to nobody. */
	assert_int_equal(w->d.sim->ops->dispatch(w->d.sim, ignore_event, NULL), 0);
	store_settle();
	while (store_wait_ready(0))
		; /* the last one, killed right after it said so */
	crash_arm(n);
	w->pid = fork();
	assert_true(w->pid >= 0);
	if (w->pid == 0)
		daemon_process(w);
	start = time(NULL);
	while (world_is_patient(start)) {
		if (store_wait_ready(10)) {
			world_connect(w, n > 0);
			return true;
		}
		if (world_is_dead(w))
			return false;
	}
	fail_msg("the daemon does not become ready");
	return false;
}

void world_arm(struct world *w, unsigned n)
{
	crash_arm(n);
}

void world_barrier(struct world *w)
{
	const char *error = call(w->link, "Plan", NULL, "{}");

	if (error)
		fail_msg("Plan: %s", error);
}

/* ---------------------------------------------------------------------------- the world */

int world_listener(struct world *w)
{
	static int fd = -EBADF;
	struct sockaddr_in a = { .sin_family = AF_INET };
	struct sockaddr_in bound;
	struct socket_facts facts;
	socklen_t n = sizeof(bound);

	if (fd < 0) {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_true(fd >= 0);
		assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
		assert_int_equal(listen(fd, 1), 0);
	}
	/* Anew, if a test has closed it as far as the machine knows. */
	assert_int_equal(w->d.sim->ops->socket_facts(w->d.sim, fd, &facts, NULL), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&bound, &n), 0);
	facts.local_port = ntohs(bound.sin_port);
	assert_int_equal(sim_add_socket(w->d.sim, fd, &facts), 0);
	return fd;
}

void world_delete_netkit(struct world *w, const char *lease)
{
	struct grant grant = { .kind = GRANT_NETKIT };
	struct nic_link *links;
	struct nic *nic;
	size_t n;

	assert_int_equal(w->d.sim->ops->links(w->d.sim, &links, &n), 0);
	for (size_t i = 0; i < n; i++)
		if (streq(links[i].kind, "netkit") && strstr(links[i].name, lease))
			grant.ifindex = links[i].ifindex;
	nic_links_free(links, n);
	assert_int_not_equal(grant.ifindex, 0);
	assert_int_equal(w->d.sim->ops->open(w->d.sim, SIM0, &nic, NULL), 0);
	assert_int_equal(nic->ops->ungrant(nic, &grant, NULL), 0);
	nic->ops->close(nic);
}

void world_new(struct world *w, const char *config)
{
	sigset_t mask;

	*w = (struct world){};
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	shared_heap_init();
	shared_heap_enter();
	daemon_prepare(&w->d, config);
	shared_heap_leave();
	sim_features(w->d.sim)->added_areas = true; /* with what is asked before each deletion */
	machine = sim_of(w->d.sim);
	shared_heap_set_lock(&machine->lock);
	assert_int_equal(dup2(machine->event_fd, KEPT_FD), KEPT_FD);
	close(machine->event_fd);
	machine->event_fd = KEPT_FD;
	assert_int_equal(crash_setup(NULL, hold_machine), 0);
	crash_set_witness(&witness);
	assert_true(asprintf(&w->notify_path, "%s/notify", w->d.directory) > 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", w->notify_path, true), 0);
	store_start(w->notify_path);
	w->socket = listen_on(w->d.socket_path);
}

static void unlink_past(struct world *w)
{
	_cleanup_free_ char *path = NULL;

	assert_int_equal(baseline_path(w->d.directory, SIM0, &path), 0);
	unlink(path);
}

void world_free(struct world *w)
{
	world_kill(w);
	close(w->socket);
	unlink(w->notify_path);
	free(w->notify_path);
	unlink(w->d.socket_path);
	unlink(w->d.config_path);
	unlink(w->d.state_path);
	unlink_past(w);
	assert_int_equal(rmdir(w->d.directory), 0);
}
