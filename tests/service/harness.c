/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include "check-record.h"
#include "harness.h"
#include "inline-session.h"
#include "log.h"
#include "manager.h"
#include "zcrx-idl.h"

#define DEADLINE_MS 10000

static const char default_config[] = "interfaces:\n"
				     "  - name: sim0\n"
				     "    channels: 8\n"
				     "    zero-copy-queues: 4\n"
				     "policy:\n"
				     "  - user: \"%u\"\n"
				     "    flows: any\n"
				     "    administer: true\n";

static struct {
	pthread_t thread;
	struct manager *manager;
	struct daemon *daemon;
	sem_t started, held, go_on;
	int r;
} running;

/* ------------------------------------------------------------------------- the daemon */

int __real_leases_format_record(struct leases *leases, char **ret);
int __wrap_leases_format_record(struct leases *leases, char **ret);

/* Whatever a test does, each record that is written can be read. */
int __wrap_leases_format_record(struct leases *leases, char **ret)
{
	int r = __real_leases_format_record(leases, ret);

	if (r == 0)
		check_record(leases, *ret);
	return r;
}

static void *daemon_main(void *userdata)
{
	struct daemon *d = userdata;
	struct manager *m = NULL;

	running.r = manager_new(d->sim, d->config_path, d->state_path, &m);
	if (running.r >= 0)
		running.r = manager_start(m, d->socket_path);
	running.manager = m;
	sem_post(&running.started);
	if (running.r >= 0)
		(void)manager_run(m);
	manager_free(m);
	inline_sessions_end();
	return NULL;
}

static void write_text(const char *path, const char *text)
{
	_cleanup_fclose_ FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
}

void daemon_write_config(struct daemon *d, const char *text)
{
	write_text(d->config_path, text);
}

static void add_sim_nic(struct nic_backend *sim)
{
	static const struct local_address addresses[] = {
		{ .protocol = FLOW_TCP4, .bytes = { 127, 0, 0, 1 } },
		{ .protocol = FLOW_TCP4, .bytes = { 10, 9, 0, 1 } },
	};
	struct nic_state *s;

	assert_int_equal(sim_nic_state_new(SIM0, "sim0", "simulated", 4, 16, &s), 0);
	assert_int_equal(sim_add_nic(sim, s, NULL, NULL), 0);
	nic_state_free(s);
	assert_int_equal(sim_set_addresses(sim, SIM0, addresses, ARRAY_SIZE(addresses)), 0);
}

static void wait_until_answering(struct daemon *d)
{
	_cleanup_(sd_varlink_unrefp) sd_varlink *link = daemon_connect(d);

	/* It answers nobody before what is there is configured. */
	assert_null(call(link, "Describe", NULL, "{}"));
}

void daemon_prepare(struct daemon *d, const char *config)
{
	char template[] = "/tmp/zcrxd-test.XXXXXX", text[512];

	log_setup(getenv("ZCRXD_TEST_LOG") ? LOG_DEBUG : LOG_EMERG);
	*d = (struct daemon){ .sim = sim_new(), .directory = strdup(mkdtemp(template)) };
	assert_non_null(d->sim);
	assert_true(asprintf(&d->socket_path, "%s/socket", d->directory) > 0);
	assert_true(asprintf(&d->state_path, "%s/state", d->directory) > 0);
	assert_true(asprintf(&d->config_path, "%s/zcrxd.yaml", d->directory) > 0);
	snprintf(text, sizeof(text), default_config, (unsigned)getuid());
	daemon_write_config(d, config ?: text);
	add_sim_nic(d->sim);
}

void daemon_start(struct daemon *d, const char *config)
{
	daemon_start_with(d, config, NULL);
}

void daemon_start_with(struct daemon *d, const char *config, const char *state)
{
	daemon_prepare(d, config);
	if (state)
		write_text(d->state_path, state);
	daemon_run(d);
}

static void on_hold(int number)
{
	sem_post(&running.held);
	while (sem_wait(&running.go_on) < 0)
		;
}

void daemon_hold(void)
{
	const struct sigaction action = { .sa_handler = on_hold };

	assert_int_equal(sigaction(SIGUSR2, &action, NULL), 0);
	assert_int_equal(pthread_kill(running.thread, SIGUSR2), 0);
	while (sem_wait(&running.held) < 0)
		;
}

void daemon_go_on(void)
{
	sem_post(&running.go_on);
}

void daemon_run(struct daemon *d)
{
	sigset_t mask;

	/* As main() has it: signals are the loop's, also those of threads that it starts. */
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	sem_init(&running.started, 0, 0);
	sem_init(&running.held, 0, 0);
	sem_init(&running.go_on, 0, 0);
	running.daemon = d;
	assert_int_equal(pthread_create(&running.thread, NULL, daemon_main, d), 0);
	sem_wait(&running.started);
	assert_true(running.r >= 0);
	wait_until_answering(d);
}

/* What the daemon remembers of the NIC's past. Queues without a NIC have none. */
static void unlink_found(struct daemon *d)
{
	_cleanup_free_ char *path = NULL, *none = NULL;

	assert_true(asprintf(&none, "%s/found-%u", d->directory, SOFTWARE_IFINDEX) > 0);
	assert_int_equal(access(none, F_OK), -1);
	assert_true(asprintf(&path, "%s/found-%d", d->directory, SIM0) > 0);
	unlink(path);
}

void daemon_stop(struct daemon *d)
{
	assert_int_equal(sim_unguarded(d->sim), 0);
	pthread_kill(running.thread, SIGTERM);
	pthread_join(running.thread, NULL);
	unlink(d->socket_path);
	unlink(d->config_path);
	unlink(d->state_path);
	unlink_found(d);
	rmdir(d->directory);
	free(d->socket_path);
	free(d->config_path);
	free(d->state_path);
	free(d->directory);
}

/* -------------------------------------------------------------------------------- calls */

sd_varlink *daemon_connect(struct daemon *d)
{
	sd_varlink *link;

	assert_true(sd_varlink_connect_address(&link, d->socket_path) >= 0);
	assert_true(sd_varlink_set_allow_fd_passing_input(link, true) >= 0);
	assert_true(sd_varlink_set_allow_fd_passing_output(link, true) >= 0);
	return link;
}

_printf_(6, 0)
static const char *call_ap(sd_varlink *link, const char *method, const int *fds, size_t n,
			   sd_json_variant **ret, const char *format, va_list ap)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *parameters = NULL;
	_cleanup_free_ char *text = NULL, *name = NULL;
	sd_json_variant *reply;
	const char *error = NULL;

	assert_true(vasprintf(&text, format, ap) >= 0);
	assert_true(asprintf(&name, "%s.%s", ZCRX_INTERFACE, method) >= 0);
	assert_true(sd_json_parse(text, 0, &parameters, NULL, NULL) >= 0);
	for (size_t i = 0; i < n; i++)
		assert_true(sd_varlink_push_dup_fd(link, fds[i]) >= 0);
	if (sd_varlink_call(link, name, parameters, &reply, &error) < 0)
		return DISCONNECTED;
	if (ret)
		*ret = reply;
	if (error && getenv("ZCRXD_TEST_LOG"))
		fprintf(stderr, "%s: %s: %s\n", method, error, text_of(reply, "message"));
	return error;
}

const char *call(sd_varlink *link, const char *method, sd_json_variant **ret, const char *format, ...)
{
	const char *error;
	va_list ap;

	va_start(ap, format);
	error = call_ap(link, method, NULL, 0, ret, format, ap);
	va_end(ap);
	return error;
}

const char *call_fds(sd_varlink *link, const char *method, const int *fds, size_t n,
		     sd_json_variant **ret, const char *format, ...)
{
	const char *error;
	va_list ap;

	va_start(ap, format);
	error = call_ap(link, method, fds, n, ret, format, ap);
	va_end(ap);
	return error;
}

const char *text_of(sd_json_variant *v, const char *key)
{
	sd_json_variant *f = sd_json_variant_by_key(v, key);

	return f && sd_json_variant_is_string(f) ? sd_json_variant_string(f) : "";
}

uint64_t number_of(sd_json_variant *v, const char *key)
{
	sd_json_variant *f = sd_json_variant_by_key(v, key);

	return f && sd_json_variant_is_unsigned(f) ? sd_json_variant_unsigned(f) : UINT64_MAX;
}

/* ---------------------------------------------------------------------- what clients make */

int area_new(uint64_t size)
{
	int fd = memfd_create("area", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(posix_fallocate(fd, 0, (off_t)size), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	return fd;
}

int listener_new(uint16_t *ret_port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*ret_port = ntohs(a.sin_port);
	return fd;
}

const char *client_register(struct client *c)
{
	return client_register_queue(c, 0);
}

const char *client_register_queue(struct client *c, unsigned queue)
{
	int fds[2] = { c->handle, area_new(65536) };
	sd_json_variant *reply;
	const char *error;

	error = call_fds(c->link, "Register", fds, 2, &reply,
			 "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,\"queue\":%u,\"ring\":0,"
			 "\"areaFileDescriptor\":1,\"areaSize\":65536,\"refillEntries\":16}", c->id,
			 queue);
	close(fds[1]);
	if (!error && c->n_rings < ARRAY_SIZE(c->rings))
		c->rings[c->n_rings++] = (uint32_t)number_of(reply, "hardwareQueue");
	return error;
}

const char *client_add_flow(struct client *c)
{
	int fds[2] = { c->handle, c->listener };

	return call_fds(c->link, "AddFlow", fds, 2, NULL,
			"{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,"
			"\"socketFileDescriptor\":1}", c->id);
}

const char *client_open(struct daemon *d, struct client *c, enum client_state state)
{
	return client_open_queues(d, c, 1, state);
}

const char *client_open_queues(struct daemon *d, struct client *c, unsigned n,
			       enum client_state state)
{
	sd_json_variant *reply;
	const char *error;

	*c = (struct client){ .daemon = d, .link = daemon_connect(d), .handle = -EBADF };
	c->listener = listener_new(&c->port);
	error = call(c->link, "Acquire", &reply, "{\"queues\":%u}", n);
	if (error)
		return error;
	snprintf(c->id, sizeof(c->id), "%s",
		 text_of(sd_json_variant_by_key(reply, "lease"), "leaseId"));
	c->handle = sd_varlink_take_fd(c->link, 0);
	assert_true(c->handle >= 0);
	for (unsigned q = 0; !error && state >= CLIENT_BOUND && q < n; q++)
		error = client_register_queue(c, q);
	if (!error && state >= CLIENT_STEERED)
		error = client_add_flow(c);
	return error;
}

/* Its queues may be somebody else's by now. */
static bool is_over(const struct client *c)
{
	struct pollfd p = { .fd = c->handle };

	return c->handle < 0 || poll(&p, 1, 0) > 0;
}

void client_close(struct client *c)
{
	for (unsigned i = 0; i < c->n_rings && !is_over(c); i++)
		sim_ring_closed(c->daemon->sim, SIM0, c->rings[i]);
	sd_varlink_close_unref(c->link);
	if (c->handle >= 0)
		close(c->handle);
	if (c->listener >= 0)
		close(c->listener);
	*c = (struct client){ .handle = -EBADF, .listener = -EBADF };
}

/* --------------------------------------------------------------------- what came of it */

struct nic_state *observe(struct daemon *d)
{
	struct nic_state *s;
	struct nic *nic;

	assert_int_equal(d->sim->ops->open(d->sim, SIM0, &nic, NULL), 0);
	assert_int_equal(nic->ops->observe(nic, &s, NULL), 0);
	nic->ops->close(nic);
	return s;
}

static bool is_clean(struct daemon *d)
{
	_cleanup_(nic_state_freep) struct nic_state *s = observe(d);
	struct nic_link *links;
	bool clean = s->n_rules == 0 && s->n_contexts == 0;
	size_t n;

	for (unsigned q = 0; q < s->n_queues; q++)
		clean = clean && nic_state_queue_clean(s, q);
	assert_int_equal(d->sim->ops->links(d->sim, &links, &n), 0);
	for (size_t i = 0; i < n; i++)
		clean = clean && !streq(links[i].kind, "netkit");
	nic_links_free(links, n);
	return clean;
}

void wait_until_clean(struct daemon *d)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);
	sd_json_variant *reply;

	for (int i = 0; i < DEADLINE_MS / 5; i++) {
		/* An error says that there are several: a reply each would take `more`. */
		if (!call(link, "ListLeases", &reply, "{}") &&
		    !sd_json_variant_by_key(reply, "lease") && is_clean(d))
			return;
		usleep(5000);
	}
	fail_msg("something of a lease is left");
}

void wait_for_rules(struct daemon *d, size_t n)
{
	for (int i = 0; i < DEADLINE_MS / 5; i++) {
		_cleanup_(nic_state_freep) struct nic_state *s = observe(d);

		if (s->n_rules == n)
			return;
		usleep(5000);
	}
	fail_msg("there are never %zu rules", n);
}

void wait_for_hangup(int handle)
{
	struct pollfd p = { .fd = handle };

	assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
	assert_true(p.revents & POLLHUP);
}

const char *lease_state(struct daemon *d, const char *id)
{
	static char text[32];
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);
	sd_json_variant *reply;

	if (call(link, "ListLeases", &reply, "{\"leaseId\":\"%s\"}", id))
		return "gone";
	snprintf(text, sizeof(text), "%s", text_of(sd_json_variant_by_key(reply, "lease"), "state"));
	return text;
}
