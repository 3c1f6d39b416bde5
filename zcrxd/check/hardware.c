/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See hardware.h. All of the report is put together first, and then what names somebody is taken out of it.
 */
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "check.h"
#include "hardware.h"
#include "memstream.h"
#include "read.h"
#include "redact.h"

static int print_checks(FILE *out, const char *socket, const char *interface)
{
	_cleanup_(report_done) struct report report = {};
	int r = check(socket, interface, &report);

	for (size_t i = 0; r >= 0 && i < report.n; i++)
		fprintf(out, "  %s: %s (%s)\n", report.list[i].name, verdict_to_string(report.list[i].verdict),
			report.list[i].found);
	return r;
}

static int write_report(FILE *out, const char *socket, const char *interface, const struct machine_facts *machine,
			bool *ret_good)
{
	struct utsname u;
	int r;

	(void)uname(&u);
	fprintf(out,
		"zcrxctl check --hardware, zcrxd " ZCRXD_VERSION "\n"
		"Names of interfaces and of this machine, and addresses, were taken out. Of a counter, by how much it\n"
		"changed is shown after each step.\n"
		"\nThe machine\n  kernel: %s %s\n  processors: %ld\n  page: %ld bytes\n",
		u.release, u.machine, sysconf(_SC_NPROCESSORS_ONLN), sysconf(_SC_PAGESIZE));
	r = print_checks(out, socket, interface);
	return r < 0 ? r : live(out, socket, interface, machine, ret_good);
}

static int make_redactions(const struct links *links, const char *interface, struct redaction **ret, size_t *ret_n)
{
	static struct utsname u;
	const struct passwd *p = getpwuid(getuid());
	struct redaction *list;
	size_t n = 0, room = links->n + 2;

	for (size_t i = 0; i < links->n; i++)
		for (const char *c = links->list[i].altnames; c && *c; c++)
			room += c == links->list[i].altnames || *c == ' ';
	list = calloc(room, sizeof(*list));
	if (!list || uname(&u) < 0) {
		free(list);
		return -ENOMEM;
	}
	for (size_t i = 0; i < links->n; i++) {
		const struct nic_link *link = &links->list[i];
		const char *stead = streq(link->name, interface) ? "NIC" : "INTERFACE";
		char *save = link->altnames;

		list[n++] = (struct redaction){ link->name, stead };
		for (char *name; save && (name = strtok_r(NULL, " ", &save));)
			list[n++] = (struct redaction){ name, stead };
	}
	list[n++] = (struct redaction){ u.nodename, "HOST" };
	if (p && p->pw_uid != 0)
		list[n++] = (struct redaction){ p->pw_name, "USER" };
	*ret = list;
	*ret_n = n;
	return 0;
}

/* 1: something was not good. */
static int report_on(const char *socket, const char *interface, const struct machine_facts *machine,
		     const struct links *links)
{
	_cleanup_free_ struct redaction *names = NULL;
	_cleanup_free_ char *text = NULL, *shown = NULL;
	struct memstream m;
	bool good = false;
	size_t n = 0;
	int r = memstream_begin(&m);

	if (r == 0)
		r = write_report(m.f, socket, interface, machine, &good);
	r = memstream_end(&m, r, &text);
	if (r >= 0)
		r = make_redactions(links, interface, &names, &n);
	if (r >= 0)
		r = redact(text, names, n, &shown);
	if (r >= 0 && (fputs(shown, stdout) == EOF || fflush(stdout) == EOF))
		r = -errno;
	return r < 0 ? r : !good;
}

/* 1: it may go on. */
static int may_begin(const char *interface, bool force)
{
	bool found = false;
	int r = inspect_default_route(interface, &found);

	if (r < 0)
		fprintf(stderr, "Cannot read the routes through %s: %s\n", interface, strerror(-r));
	else if (found && !force)
		fprintf(stderr, "A default route leads through %s. Leasing its queues can interrupt it, for up to a minute "
				"where something fails, and you may be logged in that way. Take another NIC, or say "
				"--force.\n", interface);
	return r < 0 ? r : !found || force;
}

static int check_link(const char *socket, const char *interface, bool force, const struct links *links,
		      const struct machine_facts *machine)
{
	const struct nic_link *link = links_find_called(links, interface);
	int r;

	if (!link) {
		fprintf(stderr, "There is no interface %s.\n", interface);
		return 1;
	}
	r = may_begin(link->name, force);
	if (r <= 0)
		return r < 0 ? r : 1;
	return report_on(socket, link->name, machine, links);
}

int check_hardware(const char *socket, const char *interface, bool force)
{
	struct machine_facts m = {};
	struct links links = {};
	int r = read_machine(&m);

	if (r < 0)
		return r;
	r = inspect_links(&links.list, &links.n);
	if (r >= 0)
		r = check_link(socket, interface, force, &links, &m);
	nic_links_free(links.list, links.n);
	machine_facts_done(&m);
	return r;
}
