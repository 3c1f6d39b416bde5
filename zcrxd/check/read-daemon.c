/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The daemon's word on interfaces and on what its caller may do, or what its configuration says
 * where no daemon answers; see read.h.
 */
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

#include "account.h"
#include "control-group.h"
#include "field.h"
#include "match.h"
#include "policy.h"
#include "read.h"
#include "regular-file.h"
#include "zcrx-idl.h"

#define CONFIG_SIZE_MAX (1U << 20)

void authority_done(struct authority *a)
{
	sd_json_variant_unref(a->description);
	config_free(a->config);
	free(a->failure);
}

/* ---------------------------------------------------------------------- the daemon */

/* "a container: network, user"; a daemon of before says nothing of it. */
static int read_caller(sd_json_variant *caller, struct machine_facts *m)
{
	_cleanup_free_ char *list = NULL;
	sd_json_variant *one;

	if (!caller)
		return 0;
	m->caller_is_host = streq(field_string(caller, "where") ?: "", "host");
	array_foreach(one, field_array(caller, "otherNamespaces")) {
		char *more;

		if (asprintf(&more, "%s%s%s", list ?: "", list ? ", " : "",
			     sd_json_variant_string(one) ?: "?") < 0)
			return -ENOMEM;
		free(list);
		list = more;
	}
	if (m->caller_is_host)
		m->caller = strdup("of the host");
	else if (asprintf(&m->caller, "of a container: another %s namespace%s", list ?: "?",
			  field_boolean(caller, "assumed") ?
				  ", and a uid that another user's namespace gave out" : "") < 0)
		m->caller = NULL;
	return m->caller ? 0 : -ENOMEM;
}

static int ask_daemon(const char *socket, struct machine_facts *m, sd_json_variant **ret)
{
	_cleanup_(sd_varlink_unrefp) sd_varlink *link = NULL;
	const char *error_id = NULL;
	sd_json_variant *reply = NULL, *problems;
	int r = sd_varlink_connect_address(&link, socket);

	if (r >= 0)
		r = sd_varlink_call(link, ZCRX_METHOD("Describe"), NULL, &reply, &error_id);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		m->daemon_error = r == -ENOENT || r == -ECONNREFUSED ? "nothing listens on its socket" : strerror(-r);
	else if (error_id)
		m->daemon_error = "does not answer";
	if (m->daemon_error)
		return 0;
	m->daemon_version = strdup(field_string(reply, "version") ?: "unknown");
	if (!m->daemon_version)
		return -ENOMEM;
	problems = field_array(reply, "problems");
	if (problems && sd_json_variant_elements(problems) > 0) {
		m->daemon_problem = strdup(sd_json_variant_string(sd_json_variant_by_index(problems, 0)) ?: "?");
		if (!m->daemon_problem)
			return -ENOMEM;
	}
	*ret = sd_json_variant_ref(reply);
	/* A daemon of before says neither. */
	m->daemon_guards = sd_json_variant_by_key(reply, "caller") && !field_string(reply, "unsafeKernel");
	return read_caller(sd_json_variant_by_key(reply, "caller"), m);
}

static sd_json_variant *find_described(sd_json_variant *description, const char *name)
{
	sd_json_variant *interface;

	array_foreach(interface, field_array(description, "interfaces"))
		if (streq(field_string(interface, "name") ?: "", name))
			return interface;
	return NULL;
}

static int view_of_daemon(sd_json_variant *interface, struct interface_facts *f)
{
	const char *reason = field_string(interface, "reason");
	const char *refusal = field_string(interface, "leaseRefusal");

	f->view = !interface ? VIEW_FOREIGN :
		  streq(field_string(interface, "state") ?: "", "configured") ? VIEW_CONFIGURED :
										VIEW_DEGRADED;
	f->reason = reason ? strdup(reason) : NULL;
	f->may = !interface || refusal ? MAY_NOT : MAY_LEASE;
	f->serves = interface && streq(field_string(interface, "idleQueues") ?: "", "serve");
	f->small_area = interface && field_string(interface, "smallArea") ? strdup(field_string(interface, "smallArea")) :
									    NULL;
	f->why_not = refusal ? strdup(refusal) :
		     interface ? NULL : strdup("zcrxd does not manage this interface.");
	return (reason && !f->reason) || (f->may == MAY_NOT && !f->why_not) ? -ENOMEM : 0;
}

/* --------------------------------------------------------------- the configuration */

/* As the daemon does it: a rule for somebody who does not exist matches nobody. */
static int resolve_accounts(struct config *c)
{
	struct account *list;
	size_t n;
	int r = config_list_accounts(c, &list, &n);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		bool is_user = list[i].kind == ACCOUNT_USER;
		const struct passwd *p = is_user ? getpwnam(list[i].name) : NULL;
		const struct group *g = is_user ? NULL : getgrnam(list[i].name);

		list[i].id = p ? p->pw_uid : g ? g->gr_gid : 0;
		list[i].r = p || g ? 0 : -ENOENT;
		for (size_t k = 0; k < c->n_policy; k++)
			(void)policy_rule_learn(&c->policy[k], &list[i]);
	}
	accounts_list_free(list, n);
	return 0;
}

static int load_config(struct authority *a)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_fault_ struct fault fault = {};
	size_t n = 0;
	int r;

	r = regular_file_read(CHECK_CONFIG, 0, CONFIG_SIZE_MAX, &text, &n);
	if (r < 0) {
		const char *why = regular_file_problem(r);

		r = asprintf(&a->failure, "No zcrxd answers, and " CHECK_CONFIG " cannot be read: %s.", why);
		a->failure = r < 0 ? NULL : a->failure;
		return r < 0 ? -ENOMEM : 0;
	}
	r = config_parse(text, n, CHECK_CONFIG, &a->config, &fault);
	if (r < 0)
		return r;
	if (r > 0) {
		a->failure = strdup(fault.message ?: CHECK_CONFIG " has mistakes.");
		return a->failure ? 0 : -ENOMEM;
	}
	return resolve_accounts(a->config);
}

static bool is_named(const struct config *c, const struct interface_names *names)
{
	for (size_t i = 0; i < c->n_interfaces; i++)
		if (c->interfaces[i].name && interface_is_meant(names, c->interfaces[i].name))
			return true;
	return false;
}

/* NULL: not known. */
static char *read_own_cgroup(void)
{
	_cleanup_free_ char *text = NULL;
	char *path = NULL;
	size_t size;

	if (regular_file_read("/proc/self/cgroup", 0, 1 << 18, &text, &size) >= 0)
		(void)control_group_parse(text, &path);
	return path;
}

static int view_of_config(const struct config *c, const struct nic_link *link, struct interface_facts *f)
{
	static const struct policy_usage nothing;
	/* Which namespaces zcrxd will have is not known without one. */
	struct peer self = {
		.uid = geteuid(), .gid = getegid(), .pid = getpid(), .where = WHERE_HOST
	};
	_cleanup_fault_ struct fault fault = {};
	_cleanup_free_ gid_t *groups = NULL;
	_cleanup_free_ char *cgroup = read_own_cgroup();
	/* Without a link it is one that an entry may name, and that is not there. */
	struct interface_names names = link ? nic_link_names(link) :
					      (struct interface_names){ .name = f->nic.name };
	int n = getgroups(0, NULL), r;

	f->view = (link ? nic_link_entry(link, c) != NULL : is_named(c, &names)) ? VIEW_LISTED :
										   VIEW_FOREIGN;
	groups = calloc(n > 0 ? (size_t)n : 1, sizeof(*groups));
	if (!groups)
		return -ENOMEM;
	n = getgroups(n, groups);
	self.groups = groups;
	self.cgroup = cgroup;
	self.n_groups = n > 0 ? (size_t)n : 0;
	r = policy_check_acquire(c, &self, &names, 1, &nothing, &fault);
	if (r < 0)
		return r;
	f->may = r == 0 ? MAY_LEASE : MAY_NOT;
	f->why_not = TAKE_PTR(fault.message);
	return 0;
}

/* ------------------------------------------------------------------ whoever answers */

int read_authority(const char *socket, struct machine_facts *m, struct authority *ret)
{
	struct authority a = {};
	int r = ask_daemon(socket, m, &a.description);

	if (r >= 0 && m->daemon_error)
		r = load_config(&a);
	if (r < 0) {
		authority_done(&a);
		return r;
	}
	*ret = a;
	return 0;
}

int read_view(const struct authority *a, const struct nic_link *link, struct interface_facts *f)
{
	f->mtu = link ? link->mtu : 0;
	if (a->description)
		return view_of_daemon(find_described(a->description, f->nic.name), f);
	if (a->config)
		return view_of_config(a->config, link, f);
	f->view = VIEW_UNKNOWN;
	f->reason = strdup(a->failure);
	f->why_not = strdup(a->failure);
	return f->reason && f->why_not ? 0 : -ENOMEM;
}

void names_free(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

const struct nic_link *links_find_called(const struct links *links, const char *name)
{
	for (size_t i = 0; i < links->n; i++)
		if (nic_link_has_name(&links->list[i], name))
			return &links->list[i];
	return NULL;
}

static int add_name(char ***names, size_t *n, const char *name)
{
	char **more = reallocarray(*names, *n + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	*names = more;
	more[*n] = strdup(name);
	if (!more[*n])
		return -ENOMEM;
	++*n;
	return 0;
}

static int add_described(const struct authority *a, char ***names, size_t *n)
{
	sd_json_variant *interface;
	int r = 0;

	array_foreach(interface, field_array(a->description, "interfaces"))
		if (r >= 0 && field_unsigned(interface, "index", 0) > 0)
			r = add_name(names, n, field_string(interface, "name") ?: "?");
	return r;
}

static int add_links(const struct config *c, const struct links *links, char ***names, size_t *n)
{
	int r = 0;

	for (size_t i = 0; i < links->n && r >= 0; i++) {
		const struct nic_link *link = &links->list[i];

		if (c ? nic_link_entry(link, c) != NULL : link->driver[0] != '\0')
			r = add_name(names, n, link->name);
	}
	return r;
}

int read_names(const struct authority *a, const struct links *links, char ***ret, size_t *ret_n)
{
	char **names = NULL;
	size_t n = 0;
	int r = add_described(a, &names, &n);

	if (r >= 0 && a->config)
		r = add_links(a->config, links, &names, &n);
	if (r >= 0 && n == 0)
		r = add_links(NULL, links, &names, &n);
	if (r < 0) {
		names_free(names, n);
		return r;
	}
	*ret = names;
	*ret_n = n;
	return 0;
}
