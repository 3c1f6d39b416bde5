/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an administrator's day brings: a second zcrxd, files that are none or cannot be read, no room, clocks
 * that are set. Nothing is touched then, or it passes by itself, and somebody is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "adopt.h"
#include "clock.h"
#include "fdstore.h"
#include "harness.h"
#include "instance-lock.h"
#include "listener.h"
#include "baseline.h"
#include "record.h"
#include "regular-file.h"
#include "checked-file.h"
#include "server.h"
#include "state-file.h"

#define DEADLINE_MS 15000
#define HOUR	    (3600 * 1000000ULL)

static char directory[] = "/tmp/zcrxd-operations.XXXXXX";

static char *in_directory(const char *name)
{
	char *path;

	assert_true(asprintf(&path, "%s/%s", directory, name) > 0);
	return path;
}

static void write_file(const char *path, const char *text)
{
	_cleanup_fclose_ FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
}

static void expect_said(const char *text, const char *part)
{
	if (!text || !strstr(text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, text ?: "(nothing)");
}

/* -------------------------------------------------------------------------- one a machine */

/* In a process of its own, which goes on with the lock; 0 in it. */
static pid_t fork_holder(const char *path)
{
	int fd, pipes[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		if (instance_lock(path, &fd, NULL) != 0)
			_exit(1);
		/* As a process that registers, and that a client keeps from ending. */
		pid = fork();
		if (pid > 0 && write(pipes[1], &pid, sizeof(pid)) != sizeof(pid))
			_exit(1);
		for (;;)
			pause();
	}
	close(pipes[1]);
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	close(pipes[0]);
	return pid;
}

static void test_lock(void **state)
{
	_cleanup_free_ char *path = in_directory("lock"), *who = NULL;
	_cleanup_fault_ struct fault fault = {};
	_cleanup_close_ int fd = -EBADF;
	struct stat st;
	pid_t holder;

	(void)setpgid(0, 0); /* unless it leads a session, and with it a group */
	holder = fork_holder(path);
	assert_true(asprintf(&who, "Another zcrxd is running, process %d: it has locked %s.", (int)holder,
			     path) > 0);
	assert_int_equal(instance_lock(path, &fd, &fault), ZCRX_WRONG_STATE);
	expect_said(fault.message, who);
	/* For nobody else to lock. */
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* What it leaves behind has no lock. */
	assert_int_equal(kill(holder, SIGKILL), 0);
	assert_int_equal(waitpid(holder, NULL, 0), holder);
	assert_int_equal(instance_lock(path, &fd, &fault), 0);
	(void)signal(SIGTERM, SIG_IGN);
	assert_int_equal(kill(0, SIGTERM), 0); /* the one that was left */
	(void)signal(SIGTERM, SIG_DFL);
}

static void test_lock_that_is_none(void **state)
{
	_cleanup_free_ char *fifo = in_directory("lock-fifo"), *none = in_directory("none/lock");
	_cleanup_fault_ struct fault fault = {};
	int fd;

	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(instance_lock(fifo, &fd, &fault), ZCRX_WRONG_STATE);
	expect_said(fault.message, "rm -r ");
	assert_int_equal(instance_lock(none, &fd, &fault), ZCRX_KERNEL_REJECTED);
	expect_said(fault.message, "systemd-tmpfiles --create");
}

static int listen_at(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/* Nobody's socket is taken away, and no file. */
static void test_path_of_somebody(void **state)
{
	_cleanup_free_ char *path = in_directory("socket"), *file = in_directory("file");
	struct stored_fds none = {};
	struct loop loop = {};
	struct server server = { .loop = &loop };
	struct stat st;
	pid_t pid;
	int fd;

	server_init(&server);
	write_file(file, "precious");
	assert_int_equal(listeners_new(&server, file, &none), -EEXIST);
	assert_int_equal(stat(file, &st), 0);
	fd = listen_at(path);
	assert_int_equal(listeners_new(&server, path, &none), -EADDRINUSE);
	assert_int_equal(stat(path, &st), 0);
	/* What one that ended has left is in nobody's way, nor what it forked and what has not run yet. */
	pid = fork();
	if (pid == 0) {
		usleep(100000);
		_exit(0);
	}
	assert_true(pid > 0);
	close(fd);
	assert_int_equal(sd_event_new(&loop.event), 0);
	assert_int_equal(listeners_new(&server, path, &none), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	listeners_free(&server);
	sd_event_unref(loop.event);
}

/* ------------------------------------------------------------------------- files that are none */

static void test_regular_file(void **state)
{
	_cleanup_free_ char *fifo = in_directory("fifo"), *link = in_directory("link"),
			    *file = in_directory("text"), *socket_path = in_directory("listening"), *text = NULL;
	size_t size;
	int fd;

	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(regular_file_read(fifo, 0, 100, &text, &size), -EBADMSG);
	assert_int_equal(regular_file_read("/dev/zero", 0, 100, &text, &size), -EBADMSG);
	assert_int_equal(regular_file_read(directory, 0, 100, &text, &size), -EISDIR);
	fd = listen_at(socket_path);
	assert_int_equal(regular_file_read(socket_path, 0, 100, &text, &size), -EBADMSG);
	close(fd);
	write_file(file, "12345");
	assert_int_equal(symlink(file, link), 0);
	assert_int_equal(regular_file_read(link, O_NOFOLLOW, 100, &text, &size), -ELOOP);
	assert_int_equal(regular_file_read(link, 0, 4, &text, &size), -EFBIG);
	assert_int_equal(regular_file_read(link, 0, 5, &text, &size), 0);
	assert_int_equal(size, 5);
	assert_string_equal(text, "12345");
	free(TAKE_PTR(text));
	/* Which does not say how long it is. */
	assert_int_equal(regular_file_read("/proc/self/status", 0, 10, &text, &size), -EFBIG);
	assert_int_equal(regular_file_read("/proc/self/status", 0, 65536, &text, &size), 0);
	assert_int_equal(size, strlen(text));
}

static sd_json_variant *describe(sd_varlink *link)
{
	sd_json_variant *reply;

	assert_null(call(link, "Describe", &reply, "{}"));
	return reply;
}

/* The first, or "". */
static const char *problem(sd_varlink *link)
{
	sd_json_variant *list = sd_json_variant_by_key(describe(link), "problems");

	assert_true(sd_json_variant_is_array(list));
	return sd_json_variant_elements(list) > 0
		       ? sd_json_variant_string(sd_json_variant_by_index(list, 0))
		       : "";
}

/* A file that is refused is told of until a good one is read. */
static void test_refused_config(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = NULL;
	_cleanup_free_ char *good = NULL;
	sd_json_variant *reply;
	struct daemon d;
	size_t size;

	daemon_start(&d, NULL);
	link = daemon_connect(&d);
	assert_string_equal(problem(link), "");
	assert_int_equal(regular_file_read(d.config_path, 0, 65536, &good, &size), 0);
	daemon_write_config(&d, "interface: []\n");
	assert_non_null(call(link, "Reload", NULL, "{}"));
	expect_said(text_of(describe(link), "refusedConfig"), "zcrxd.yaml:1:1: interface: found");
	expect_said(problem(link), "was refused when zcrxd read it last, and the configuration before stays in force.");
	/* Nobody waits for who might write into it. */
	assert_int_equal(unlink(d.config_path), 0);
	assert_int_equal(mkfifo(d.config_path, 0600), 0);
	assert_non_null(call(link, "Reload", &reply, "{}"));
	expect_said(text_of(reply, "message"), "zcrxd.yaml: It is not a regular file.");
	assert_int_equal(unlink(d.config_path), 0);
	daemon_write_config(&d, good);
	assert_null(call(link, "Reload", NULL, "{}"));
	assert_string_equal(problem(link), "");
	assert_null(sd_json_variant_by_key(describe(link), "refusedConfig"));
	daemon_stop(&d);
}

/* ------------------------------------------------------------------------------------ no room */

/* It starts, grants nothing, says why, and goes on by itself when there is room. */
static void test_no_room_at_start(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = NULL;
	_cleanup_free_ char *path = NULL;
	struct client c;
	struct daemon d;

	daemon_prepare(&d, NULL);
	assert_true(asprintf(&path, "%s.new", d.state_path) > 0);
	assert_int_equal(mkdir(path, 0700), 0); /* the temporary file cannot be made */
	daemon_run(&d);
	link = daemon_connect(&d);
	expect_said(problem(link), "zcrxd cannot save the record of leases in ");
	assert_string_equal(client_open(&d, &c, CLIENT_RESERVED), "io.zcrx.Manager.KernelRejected");
	client_close(&c);
	assert_int_equal(rmdir(path), 0);
	for (int i = 0; i < DEADLINE_MS / 20 && *problem(link); i++)
		usleep(20000);
	assert_string_equal(problem(link), "");
	assert_null(client_open(&d, &c, CLIENT_STEERED));
	client_close(&c);
	wait_until_clean(&d);
	daemon_stop(&d);
}

/* ----------------------------------------------------------------------- what cannot be read */

static const char lease_text[] =
	"{\"lastFlowId\":0,\"kept\":true,\"leases\":[{\"id\":7,\"uid\":0,\"pid\":1,\"ifindex\":2,"
	"\"interface\":\"sim0\",\"state\":1,\"persistent\":false,\"selfRegistered\":false,\"granted\":true,"
	"\"grant\":0,\"queues\":[{\"queue\":4,\"area\":0}],\"creation\":1,\"expiry\":%llu,%s\"flows\":[],"
	"\"proofs\":[]}]}";

static char *lease_record(uint64_t expiry, const char *more)
{
	char *text;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	assert_true(asprintf(&text, lease_text, (unsigned long long)expiry, more) > 0);
#pragma GCC diagnostic pop
	return text;
}

/* No descriptor is to be had. */
static void exhaust(struct rlimit *before)
{
	struct rlimit none;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, before), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = before->rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
}

/* Nothing is concluded from that: the record, and how a NIC was found, are where they were. */
static void test_unreadable(void **state)
{
	_cleanup_free_ char *path = in_directory("state"), *found = NULL, *record = lease_record(0, "");
	struct leases leases = { .state.path = path };
	struct baseline o = { .unmanaged = UNMANAGED_RESTORED };
	_cleanup_fault_ struct fault fault = {}, other = {}, third = {};
	_cleanup_record_ struct record read = {};
	_cleanup_free_ char *set_aside = NULL;
	struct stored_fds none = {};
	struct rlimit before;
	struct stat st;
	int r[3];

	assert_int_equal(baseline_path(directory, SIM0, &found), 0);
	assert_int_equal(state_write(path, record, NULL), 0);
	assert_int_equal(baseline_write(found, SIM0, "simulated", &o), 0);
	baseline_done(&o);
	exhaust(&before);
	r[0] = leases_read_record(&leases, &none, &read, &fault);
	r[1] = baseline_read(found, SIM0, "simulated", &o, &set_aside, &other);
	r[2] = baseline_remove_stale(directory, &third);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(r[i], ZCRX_KERNEL_REJECTED);
	expect_said(fault.message, path);
	expect_said(fault.message, "/state: Too many open files. Nothing was changed; it is tried again.");
	expect_said(other.message, "/found-2: Too many open files. Nothing was changed");
	expect_said(third.message, directory);
	assert_null(set_aside);
	assert_null(leases.state_set_aside);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(stat(found, &st), 0);
}

/* To whom it belongs is the first thing to look at. */
static void test_unreadable_by_its_owner(void **state)
{
	_cleanup_free_ char *path = in_directory("theirs");
	_cleanup_fault_ struct fault fault = {};

	assert_int_equal(checked_file_refuse_unreadable(path, -EACCES, "it", &fault),
			 ZCRX_KERNEL_REJECTED);
	expect_said(fault.message, "chown -R zcrxd: ");
	expect_said(fault.message, "theirs && chmod -R u+rwX ");
}

/* -------------------------------------------------------------- what systemd was to keep */

static void test_store(void **state)
{
	_cleanup_free_ char *path = in_directory("stored"), *record = lease_record(0, "");
	struct stored_fd mark = { .name = (char *)FDSTORE_MARK, .fd = 0 };
	struct stored_fds none = {}, kept = { .list = &mark, .n = 1 };
	struct leases leases = { .state.path = path };
	_cleanup_fault_ struct fault fault = {};
	struct record read = {};

	assert_int_equal(state_write(path, record, NULL), 0);
	/* By hand: the service may have them. */
	assert_int_equal(leases_read_record(&leases, &none, &read, &fault), ZCRX_WRONG_STATE);
	expect_said(fault.message, "systemd keeps the handles of 1 lease for zcrxd.service");
	record_done(&read);
	assert_int_equal(setenv("NOTIFY_SOCKET", "/nonexistent", true), 0);
	assert_int_equal(leases_read_record(&leases, &kept, &read, &fault), 0);
	assert_int_equal(leases.n_store_lost, 0);
	record_done(&read);
	assert_int_equal(leases_read_record(&leases, &none, &read, &fault), 0);
	assert_int_equal(leases.n_store_lost, 1);
	record_done(&read);
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
}

/* ------------------------------------------------------------------------------------ clocks */

static uint64_t expiry_of(const char *text)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	_cleanup_record_ struct record record = {};

	assert_true(sd_json_parse(text, 0, &v, NULL, NULL) >= 0);
	assert_int_equal(record_parse(v, &record), 0);
	assert_null(record.leases[0].damaged);
	return record.leases[0].expiry_usec;
}

static void expect_near(uint64_t usec, uint64_t expected)
{
	assert_true(usec + HOUR / 60 > expected && usec < expected + HOUR / 60);
}

/* What the realtime clock says makes no difference, but to a record of an older zcrxd. */
static void test_expiry(void **state)
{
	uint64_t boottime = now_usec(CLOCK_BOOTTIME), realtime = now_usec(CLOCK_REALTIME);
	_cleanup_free_ char *own = NULL, *stepped = NULL, *old = lease_record(realtime + HOUR, ""),
			    *over = lease_record(realtime - HOUR, ""), *never = lease_record(0, ""),
			    *far = lease_record(UINT64_MAX, "");

	assert_true(asprintf(&own, "\"expiryBoottime\":%llu,", (unsigned long long)(boottime + HOUR)) > 0);
	stepped = lease_record(realtime - 24 * HOUR, own);
	assert_int_equal(expiry_of(stepped), boottime + HOUR);
	expect_near(expiry_of(old), boottime + HOUR);
	assert_true(expiry_of(over) > 0 && expiry_of(over) < boottime);
	assert_int_equal(expiry_of(never), 0);
	assert_int_equal(expiry_of(far), INT64_MAX);
}

static uint64_t back_of(const char *text)
{
	struct baseline o = {};
	uint64_t usec;
	bool same;

	assert_int_equal(baseline_parse(text, SIM0, "simulated", &o, &same), 0);
	usec = o.rollback_usec;
	baseline_done(&o);
	return usec;
}

static void test_confirmation(void **state)
{
	static const char format[] = "{\"ifindex\":2,\"driver\":\"simulated\",\"back\":{\"hasRss\":false},"
				     "\"backUSec\":%llu%s}";
	uint64_t boottime = now_usec(CLOCK_BOOTTIME), realtime = now_usec(CLOCK_REALTIME);
	char text[256];

	snprintf(text, sizeof(text), format, (unsigned long long)(realtime + HOUR), "");
	expect_near(back_of(text), boottime + HOUR);
	snprintf(text, sizeof(text), format, (unsigned long long)(realtime - HOUR),
		 ",\"backBoottimeUSec\":9007199254740993");
	assert_int_equal(back_of(text), 9007199254740993);
	snprintf(text, sizeof(text), format, 0ULL, ""); /* it was decided */
	assert_int_equal(back_of(text), 0);
}

/* A client is not told another time each time it asks. */
static void test_times_are_reported_unchanged(void **state)
{
	uint64_t told = 0, first = tell_boottime(now_usec(CLOCK_BOOTTIME) + HOUR, &told);

	expect_near(first, now_usec(CLOCK_REALTIME) + HOUR);
	assert_int_equal(tell_boottime(now_usec(CLOCK_BOOTTIME) + HOUR, &told), first);
	assert_true(tell_boottime(now_usec(CLOCK_BOOTTIME) + 2 * HOUR, &told) > first + HOUR / 2);
}

static int setup(void **state)
{
	return mkdtemp(directory) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", directory);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_lock_that_is_none),
		cmocka_unit_test(test_path_of_somebody),
		cmocka_unit_test(test_regular_file),
		cmocka_unit_test(test_refused_config),
		cmocka_unit_test(test_no_room_at_start),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_unreadable_by_its_owner),
		cmocka_unit_test(test_store),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_confirmation),
		cmocka_unit_test(test_times_are_reported_unchanged),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
