/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Facts are read, judged and forgotten; see check.h.
 */
#include "check.h"
#include "read.h"

static int check_one(const char *name, const struct links *links, const struct machine_facts *m,
		     const struct authority *authority, struct report *report)
{
	const struct nic_link *link = links_find_called(links, name);
	struct interface_facts f = {};
	int r = inspect_nic(link ? link->name : name, &m->kernel, &f.nic);

	if (r < 0)
		return r;
	if (!is_stacked(&f.nic))
		r = read_view(authority, link, &f);
	if (r >= 0)
		check_interface(&f, report);
	/* A bond has no queues: those of its ports are meant. */
	for (size_t i = 0; r >= 0 && streq(f.nic.kind, "bond") && i < f.nic.n_under; i++)
		r = check_one(f.nic.under[i], links, m, authority, report);
	interface_facts_done(&f);
	return r;
}

int check(const char *socket, const char *interface, struct report *ret)
{
	struct authority authority = {};
	struct machine_facts m = {};
	struct report report = {};
	struct links links = {};
	char **names = NULL;
	size_t n = 0;
	int r = read_machine(&m);

	if (r < 0)
		return r;
	r = read_authority(socket, &m, &authority);
	if (r >= 0)
		r = inspect_links(&links.list, &links.n);
	if (r >= 0) {
		check_machine(&m, &report);
		r = interface ? check_one(interface, &links, &m, &authority, &report)
			      : read_names(&authority, &links, &names, &n);
	}
	for (size_t i = 0; i < n && r >= 0; i++)
		r = check_one(names[i], &links, &m, &authority, &report);
	names_free(names, n);
	nic_links_free(links.list, links.n);
	authority_done(&authority);
	machine_facts_done(&m);
	if (r < 0 || report.failed) {
		report_done(&report);
		return r < 0 ? r : -ENOMEM;
	}
	*ret = report;
	return 0;
}
