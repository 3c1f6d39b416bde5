/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The state file: what is written is read back, and what was damaged is set aside and never obeyed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <sys/stat.h>
#include <systemd/sd-id128.h>

#include "harness.h"
#include "state-file.h"

static char *read_text(const char *path, size_t *ret_size)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char *text = calloc(1, 1 << 20);

	assert_non_null(f);
	*ret_size = fread(text, 1, (1 << 20) - 1, f);
	return text;
}

static void test_written_is_read(void **state)
{
	struct daemon *d = *state;
	_cleanup_record_ struct record record = {};
	_cleanup_free_ char *set_aside = NULL;
	const struct record_lease *l;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	assert_int_equal(state_read(d->state_path, &record, &set_aside), 0);
	assert_null(set_aside);
	assert_int_equal(record.n_leases, 1);
	l = &record.leases[0];
	assert_int_equal(l->id, strtoul(c.id, NULL, 16));
	assert_int_equal(l->ifindex, SIM0);
	assert_int_equal(l->state, LEASE_STEERED);
	assert_true(l->granted);
	assert_int_equal(l->owner_pid, getpid());
	assert_int_equal(l->queues[0], 4);
	assert_int_equal(l->areas[0], 65536);
	assert_int_equal(l->n_flows, 1);
	assert_int_equal(l->flows[0].state, FLOW_INSTALLED);
	assert_int_equal(l->flows[0].flow.destination_port, c.port);
	assert_int_equal(l->n_proofs, 1);
	assert_int_equal(l->proofs[0].facts.cookie, l->flows[0].proof);
	assert_int_equal(l->proofs[0].facts.local_port, c.port);
	client_close(&c);
	wait_until_clean(d);
}

static size_t leases_on_record(struct daemon *d)
{
	_cleanup_record_ struct record record = {};
	_cleanup_free_ char *set_aside = NULL;

	assert_int_equal(state_read(d->state_path, &record, &set_aside), 0);
	assert_null(set_aside);
	return record.n_leases;
}

/* One lease changes, and what is on record of the others stays. */
static void test_other_leases_stay_in_the_record(void **state)
{
	struct daemon *d = *state;
	struct client clients[3];

	for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
		assert_null(client_open(d, &clients[i], CLIENT_STEERED));
		assert_int_equal(leases_on_record(d), i + 1);
	}
	client_close(&clients[1]);
	wait_for_rules(d, 2);
	client_close(&clients[0]);
	client_close(&clients[2]);
	wait_until_clean(d);
	assert_int_equal(leases_on_record(d), 0);
}

/* A time to live that was prolonged stays so if the daemon dies at once. */
static void test_a_renewal_is_in_the_record(void **state)
{
	struct daemon *d = *state;
	_cleanup_record_ struct record record = {};
	_cleanup_free_ char *set_aside = NULL;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_RESERVED));
	assert_null(call_fds(c.link, "Renew", &c.handle, 1, NULL,
			     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,"
			     "\"timeToLiveUSec\":60000000}", c.id));
	assert_int_equal(state_read(d->state_path, &record, &set_aside), 0);
	assert_int_equal(record.n_leases, 1);
	assert_true(record.leases[0].expiry_usec > 0);
	client_close(&c);
	wait_until_clean(d);
}

static void test_no_file(void **state)
{
	struct daemon *d = *state;
	_cleanup_record_ struct record record = {};
	_cleanup_free_ char *path = NULL, *set_aside = NULL;

	assert_true(asprintf(&path, "%s/none", d->directory) > 0);
	assert_int_equal(state_read(path, &record, &set_aside), 0);
	assert_null(set_aside);
	assert_int_equal(record.n_leases, 0);
}

static void expect_set_aside(const char *directory, const char *text, size_t size, const char *why)
{
	_cleanup_record_ struct record record = {};
	_cleanup_free_ char *path = NULL, *set_aside = NULL;
	_cleanup_close_ int fd = -EBADF;
	struct stat st;

	assert_true(asprintf(&path, "%s/damaged", directory) > 0);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, text, size), (ssize_t)size);
	assert_int_equal(state_read(path, &record, &set_aside), 0);
	assert_int_equal(record.n_leases, 0);
	assert_non_null(set_aside);
	if (why)
		assert_non_null(strstr(set_aside, why));
	assert_int_equal(stat(path, &st), -1);
}

static void remove_set_aside(const char *directory)
{
	DIR *dir = opendir(directory);
	struct dirent *e;

	while ((e = readdir(dir)))
		if (strstr(e->d_name, ".broken"))
			unlinkat(dirfd(dir), e->d_name, 0);
	closedir(dir);
}

static void test_damage(void **state)
{
	struct daemon *d = *state;
	_cleanup_free_ char *text = NULL, *other = NULL;
	struct client c;
	size_t size, whole;

	assert_null(client_open(d, &c, CLIENT_RESERVED)); /* it is on record twice then */
	text = read_text(d->state_path, &size);
	client_close(&c);
	wait_until_clean(d);
	whole = (size_t)(strstr(text, "+ ") - text);
	assert_true(whole > 0 && whole < size);

	/* Cut off anywhere in the record, one bit wrong anywhere, also in what follows (in steps: it is some
	 * thousand bytes). */
	for (size_t n = 0; n < whole; n += n < 120 ? 1 : 37)
		expect_set_aside(d->directory, text, n, NULL);
	for (size_t i = 0; i < size; i += i < 120 || (i > whole && i < whole + 60) ? 1 : 37) {
		text[i] ^= 4;
		expect_set_aside(d->directory, text, size, NULL);
		text[i] ^= 4;
	}
	expect_set_aside(d->directory, "", 0, "it is empty");
	expect_set_aside(d->directory, "zcrxd-state 99 x 1 0\n{}", 24, "another version");
	assert_int_equal(state_format("{\"lastFlowId\":0,\"leases\":[]}",
				      "00000000000000000000000000000001", &other), 0);
	expect_set_aside(d->directory, other, strlen(other), "another boot");
	remove_set_aside(d->directory);
}

/* With what was appended to it. */
static char *record_of(struct daemon *d)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	size_t size, n;
	_cleanup_free_ char *text = read_text(d->state_path, &size);
	char boot[SD_ID128_STRING_MAX], *record;
	const char *at;
	sd_id128_t id;

	assert_int_equal(sd_id128_get_boot(&id), 0);
	assert_int_equal(state_check(text, size, sd_id128_to_string(id, boot), &at, &n), 0);
	assert_int_equal(state_parse(at, n, &v), 0);
	assert_true(sd_json_variant_format(v, 0, &record) > 0);
	return record;
}

static size_t read_cut(struct daemon *d, const char *text, size_t n, struct record *ret)
{
	_cleanup_free_ char *path = NULL, *set_aside = NULL;
	FILE *f;

	assert_true(asprintf(&path, "%s/cut", d->directory) > 0);
	f = fopen(path, "we");
	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(state_read(path, ret, &set_aside), 0);
	assert_null(set_aside);
	unlink(path);
	return ret->n_leases;
}

/* A change that is not whole was never saved: the record is as it was before. */
static void test_a_torn_change_is_none(void **state)
{
	struct daemon *d = *state;
	_cleanup_free_ char *text = NULL;
	const char *last, *at;
	struct client c;
	size_t size, n;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	text = read_text(d->state_path, &size);
	for (at = last = strstr(text, "}+ "); at; at = strstr(at + 1, "}+ "))
		last = at;
	assert_non_null(last);
	for (n = (size_t)(last + 1 - text); n <= size; n += n + 40 < size ? 17 : 1) {
		_cleanup_record_ struct record record = {};

		assert_int_equal(read_cut(d, text, n, &record), 1);
		assert_int_equal(record.leases[0].state, n < size ? LEASE_BOUND : LEASE_STEERED);
	}
	client_close(&c);
	wait_until_clean(d);
}

/* Version 2 knew no changes. */
static void test_the_version_before_is_read(void **state)
{
	struct daemon *d = *state;
	_cleanup_record_ struct record record = {};
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ char *path = NULL, *whole = NULL;
	struct client c;
	char *end;
	size_t size;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	whole = record_of(d);
	assert_true(asprintf(&path, "%s/whole", d->directory) > 0);
	assert_int_equal(state_write(path, whole, NULL), 0);
	text = read_text(path, &size);
	unlink(path);
	end = text + strlen("zcrxd-state ");
	assert_int_equal(*end, '3');
	*end = '2';
	assert_int_equal(read_cut(d, text, size, &record), 1);
	assert_int_equal(record.leases[0].state, LEASE_STEERED);
	client_close(&c);
	wait_until_clean(d);
}

/* Changes do not pile up: the record is written whole again, with all that holds. */
static void test_many_changes(void **state)
{
	struct daemon *d = *state;
	struct client kept, c;
	struct stat st;
	off_t largest = 0;
	bool shrank = false;

	assert_null(client_open(d, &kept, CLIENT_STEERED));
	for (unsigned i = 0; i < 100; i++) {
		assert_null(client_open(d, &c, CLIENT_RESERVED));
		client_close(&c);
		assert_int_equal(stat(d->state_path, &st), 0);
		shrank |= st.st_size < largest;
		largest = st.st_size > largest ? st.st_size : largest;
	}
	wait_for_rules(d, 1);
	assert_true(shrank);
	assert_true(largest < 80 * 1024);
	assert_true(leases_on_record(d) >= 1);
	client_close(&kept);
	wait_until_clean(d);
	assert_int_equal(leases_on_record(d), 0);
}

/* Somebody has removed it, or written it: it is written whole. */
static void test_a_file_that_is_not_ours_any_more(void **state)
{
	struct daemon *d = *state;
	struct client clients[3];

	assert_null(client_open(d, &clients[0], CLIENT_STEERED));
	unlink(d->state_path);
	assert_null(client_open(d, &clients[1], CLIENT_RESERVED));
	assert_int_equal(leases_on_record(d), 2);
	assert_int_equal(truncate(d->state_path, 20), 0);
	assert_null(client_open(d, &clients[2], CLIENT_RESERVED));
	assert_int_equal(leases_on_record(d), 3);
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		client_close(&clients[i]);
	wait_until_clean(d);
}

/* Whole, but not what a daemon of this version writes. */
static void test_nonsense(void **state)
{
	static const char *const records[] = {
		"{}", "[]", "null", "{\"lastFlowId\":0}", "{\"lastFlowId\":-1,\"leases\":[]}",
		"{\"lastFlowId\":0,\"leases\":{\"a\":1}}", "{\"lastFlowId\":0,\"leases\":[",
	};
	struct daemon *d = *state;
	_cleanup_free_ char *path = NULL;

	assert_true(asprintf(&path, "%s/nonsense", d->directory) > 0);
	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		_cleanup_record_ struct record record = {};
		_cleanup_free_ char *set_aside = NULL;

		assert_int_equal(state_write(path, records[i], NULL), 0);
		assert_int_equal(state_read(path, &record, &set_aside), 0);
		assert_non_null(set_aside);
		assert_non_null(strstr(set_aside, "damaged"));
	}
	remove_set_aside(d->directory);
}

/* `what`, in the first lease or in the last, becomes `with`. */
static char *edit(const char *text, bool last, const char *what, const char *with)
{
	const char *at = strstr(text, what);
	char *edited;

	for (const char *next = at; last && next; next = strstr(next + 1, what))
		at = next;
	assert_non_null(at);
	assert_true(asprintf(&edited, "%.*s%s%s", (int)(at - text), text, with,
			     at + strlen(what)) > 0);
	return edited;
}

static void read_record(struct daemon *d, const char *text, struct record *ret)
{
	_cleanup_free_ char *path = NULL, *set_aside = NULL;

	assert_true(asprintf(&path, "%s/edited", d->directory) > 0);
	assert_int_equal(state_write(path, text, NULL), 0);
	assert_int_equal(state_read(path, ret, &set_aside), 0);
	assert_null(set_aside);
	unlink(path);
}

/* Another one is not condemned by it: it is taken back, by what can be read of it. */
static void test_one_bad_lease(void **state)
{
	static const struct {
		const char *what, *with, *damaged;
		size_t n_flows, n_proofs;
	} rows[] = {
		{ "\"persistent\":false", "\"persistent\":7", "persistent", 1, 1 },
		{ "\"tcpState\":10", "\"tcpState\":\"LISTEN\"", "tcpState", 1, 0 },
		{ "\"protocol\":0", "\"protocol\":99", "protocol", 0, 1 },
		{ "\"grant\":0", "\"grant\":-1", "grant", 1, 1 },
		{ "\"flows\":", "\"flow\":", "flows", 0, 1 },
	};
	struct daemon *d = *state;
	_cleanup_free_ char *text = NULL;
	struct client a, b;

	assert_null(client_open(d, &a, CLIENT_STEERED));
	assert_null(client_open(d, &b, CLIENT_STEERED));
	text = record_of(d);
	for (size_t i = 0; i < ARRAY_SIZE(rows) * 2; i++) {
		_cleanup_record_ struct record record = {};
		_cleanup_free_ char *edited = edit(text, i % 2, rows[i / 2].what, rows[i / 2].with);
		const struct record_lease *bad, *good;

		read_record(d, edited, &record);
		assert_int_equal(record.n_leases, 2);
		assert_int_equal(record.n_dropped, 0);
		bad = &record.leases[i % 2];
		good = &record.leases[1 - i % 2];
		assert_null(good->damaged);
		assert_int_equal(good->state, LEASE_STEERED);
		assert_string_equal(bad->damaged, rows[i / 2].damaged);
		assert_int_equal(bad->state, LEASE_DRAINING);
		assert_int_equal(bad->n_queues, 1);
		assert_int_equal(bad->queues[0], 4 + i % 2);
		assert_int_equal(bad->n_flows, rows[i / 2].n_flows);
		assert_int_equal(bad->n_proofs, rows[i / 2].n_proofs);
	}
	client_close(&a);
	client_close(&b);
	wait_until_clean(d);
}

/* Nothing can be made of one whose queues are not known, or are another's. */
static void test_one_lease_is_dropped(void **state)
{
	static const char *const edits[][2] = {
		{ "{\"queue\":5,", "{\"queue\":4," }, { "{\"queue\":5,", "{\"queue\":70000," },
		{ "\"ifindex\":2", "\"ifindex\":0" }, { "\"queues\":", "\"queue\":" },
	};
	struct daemon *d = *state;
	_cleanup_free_ char *text = NULL;
	struct client a, b;

	assert_null(client_open(d, &a, CLIENT_STEERED));
	assert_null(client_open(d, &b, CLIENT_STEERED));
	text = record_of(d);
	for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
		_cleanup_record_ struct record record = {};
		_cleanup_free_ char *edited = edit(text, true, edits[i][0], edits[i][1]);

		read_record(d, edited, &record);
		assert_int_equal(record.n_leases, 1);
		assert_int_equal(record.n_dropped, 1);
		assert_null(record.leases[0].damaged);
		assert_int_equal(record.leases[0].queues[0], 4);
	}
	client_close(&a);
	client_close(&b);
	wait_until_clean(d);
}

/* An older zcrxd kept a proof of each AddFlow that it refused. */
static void test_many_proofs_are_read(void **state)
{
	struct daemon *d = *state;
	_cleanup_record_ struct record record = {};
	_cleanup_free_ char *text = NULL, *all = NULL;
	const char *first, *end;
	struct client c;
	size_t size;
	FILE *f;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	text = record_of(d);
	first = strstr(text, "\"proofs\":[") + strlen("\"proofs\":[");
	end = strchr(first, '}') + 1;
	f = open_memstream(&all, &size);
	fprintf(f, "%.*s", (int)(end - text), text);
	for (unsigned i = 0; i < 600; i++)
		fprintf(f, ",%.*s", (int)(end - first), first);
	fputs(end, f);
	assert_int_equal(fclose(f), 0);
	read_record(d, all, &record);
	assert_int_equal(record.n_leases, 1);
	assert_null(record.leases[0].damaged);
	assert_int_equal(record.leases[0].n_proofs, 601);
	client_close(&c);
	wait_until_clean(d);
}

/* What is set aside grants nothing, and still tells what was whose. */
static void test_set_aside_shows_what_may_be_removed(void **state)
{
	struct daemon *d = *state;
	_cleanup_free_ char *text = NULL, *path = NULL, *other = NULL, *record = NULL;
	struct client a, b;
	char *at;
	size_t size;

	assert_true(asprintf(&path, "%s/damaged", d->directory) > 0);
	assert_null(client_open(d, &a, CLIENT_STEERED));
	assert_null(client_open(d, &b, CLIENT_STEERED));
	record = record_of(d);
	assert_int_equal(state_write(path, record, NULL), 0);
	text = read_text(path, &size);
	/* One byte in the second lease, which is lost with what follows in it. */
	at = strstr(text, "\"selfRegistered\"");
	at = strstr(at + 1, "\"selfRegistered\"");
	for (unsigned i = 0; i < 2; i++) {
		_cleanup_record_ struct record found = {};
		_cleanup_free_ char *set_aside = NULL;
		FILE *f = fopen(path, "we");

		*at = i == 0 ? '#' : '"';
		if (i == 1)
			text[strlen("zcrxd-state ")] = '9'; /* another version's */
		assert_int_equal(fwrite(text, 1, size, f), size);
		assert_int_equal(fclose(f), 0);
		assert_int_equal(state_read(path, &found, &set_aside), 0);
		assert_non_null(set_aside);
		assert_int_equal(found.n_leases, 0);
		assert_int_equal(found.n_orphans, 1 + i);
		assert_int_equal(found.orphans[0].n_flows, 1);
		assert_int_equal(found.orphans[0].flows[0].flow.destination_port, a.port);
	}
	/* Of another boot there can be nothing. */
	assert_int_equal(state_format(strchr(text, '\n') + 1, "00000000000000000000000000000001",
				      &other), 0);
	expect_set_aside(d->directory, other, strlen(other), "another boot");
	client_close(&a);
	client_close(&b);
	wait_until_clean(d);
	remove_set_aside(d->directory);
}

/* What cannot be written down is not done. */
static void test_no_room(void **state)
{
	struct daemon *d = *state;
	_cleanup_free_ char *path = NULL;
	struct client c;

	assert_true(asprintf(&path, "%s.new", d->state_path) > 0);
	assert_int_equal(unlink(d->state_path), 0); /* nothing can be appended to it */
	assert_int_equal(mkdir(path, 0700), 0);	    /* the temporary file cannot be made */
	assert_string_equal(client_open(d, &c, CLIENT_RESERVED), "io.zcrx.Manager.KernelRejected");
	client_close(&c);
	assert_int_equal(rmdir(path), 0);
	wait_until_clean(d);
	assert_null(client_open(d, &c, CLIENT_STEERED));
	client_close(&c);
	wait_until_clean(d);
}

/* Whoever looks is told what became of the record, as long as this daemon runs. */
static void test_a_record_set_aside_is_reported(void **state)
{
	struct daemon *d = *state;
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(d);
	_cleanup_free_ char *expected = NULL;
	sd_json_variant *reply;
	const char *told;

	assert_true(asprintf(&expected, "%s was set aside as %s.", d->state_path, d->state_path) > 0);
	assert_null(call(link, "Describe", &reply, "{}"));
	told = text_of(reply, "stateSetAside");
	assert_memory_equal(told, expected, strlen(expected));
	assert_non_null(strstr(told, ".broken: "));
	remove_set_aside(d->directory);
}

static void test_nothing_was_set_aside(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(*state);
	sd_json_variant *reply;

	assert_null(call(link, "Describe", &reply, "{}"));
	assert_null(sd_json_variant_by_key(reply, "stateSetAside"));
}

static int setup_damaged(void **state)
{
	static struct daemon d;

	daemon_start_with(&d, NULL, "nobody's record");
	*state = &d;
	return 0;
}

static int setup(void **state)
{
	static struct daemon d;

	daemon_start(&d, NULL);
	*state = &d;
	return 0;
}

static int teardown(void **state)
{
	daemon_stop(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written_is_read),
		cmocka_unit_test(test_other_leases_stay_in_the_record),
		cmocka_unit_test(test_a_renewal_is_in_the_record),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_a_torn_change_is_none),
		cmocka_unit_test(test_the_version_before_is_read),
		cmocka_unit_test(test_many_changes),
		cmocka_unit_test(test_a_file_that_is_not_ours_any_more),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_one_bad_lease),
		cmocka_unit_test(test_one_lease_is_dropped),
		cmocka_unit_test(test_many_proofs_are_read),
		cmocka_unit_test(test_set_aside_shows_what_may_be_removed),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_nothing_was_set_aside),
	};
	const struct CMUnitTest after_damage[] = {
		cmocka_unit_test(test_a_record_set_aside_is_reported),
	};

	return cmocka_run_group_tests(tests, setup, teardown) +
	       cmocka_run_group_tests(after_damage, setup_damaged, teardown);
}
