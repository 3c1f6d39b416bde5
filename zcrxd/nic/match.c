/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See match.h.
 */
#include "driver.h"
#include "match.h"
#include "memstream.h"

#define SHOWN_MAX 6 /* of what there is instead */

struct interface_names nic_link_names(const struct nic_link *link)
{
	return (struct interface_names){ .name = link->name, .altnames = link->altnames };
}

bool nic_link_has_name(const struct nic_link *link, const char *name)
{
	struct interface_names names = nic_link_names(link);

	return interface_is_called(&names, name);
}

bool nic_link_matches(const struct nic_link *link, const struct config_interface *c)
{
	struct interface_names names = nic_link_names(link);

	if (c->name && !is_pattern(c->name))
		return interface_is_called(&names, c->name);
	/* What bears a kind is made by software, and lo has no driver: only hardware is found by what it is,
	 * or as one of several. */
	if (link->kind[0])
		return false;
	if (c->name)
		return link->driver[0] && interface_is_meant(&names, c->name);
	if (c->driver)
		return link->driver[0] && pattern_matches(c->driver, link->driver);
	if (c->mac)
		return streq(c->mac, nic_link_hardware_address(link));
	return c->path && link->path && pattern_matches(c->path, link->path);
}

const struct config_interface *nic_link_entry(const struct nic_link *link, const struct config *c)
{
	for (size_t i = 0; i < c->n_interfaces; i++)
		if (nic_link_matches(link, &c->interfaces[i]))
			return &c->interfaces[i];
	return NULL;
}

/* ------------------------------------------------------------------------ what matches nothing */

struct warnings {
	char **list;
	size_t n;
};

static int warn(struct warnings *w, char *sentence)
{
	char **longer = sentence ? reallocarray(w->list, w->n + 1, sizeof(*longer)) : NULL;

	if (!longer) {
		free(sentence);
		return -ENOMEM;
	}
	w->list = longer;
	w->list[w->n++] = sentence;
	return 0;
}

/* What the entry compares with its text, of one link; NULL if it has none, or is no hardware. */
static const char *text_of(const struct config_interface *c, const struct nic_link *link)
{
	const char *s = link->kind[0] || !link->driver[0] ? NULL :
			c->name	  ? link->name :
			c->driver ? link->driver :
			c->mac	  ? nic_link_hardware_address(link) :
				    link->path;

	return s && *s ? s : NULL;
}

static bool was_before(const struct config_interface *c, const struct nic_link *links, size_t n,
		       const char *text)
{
	for (size_t i = 0; i < n; i++) {
		const char *other = text_of(c, &links[i]);

		if (other && streq(other, text))
			return true;
	}
	return false;
}

/* "There are: eth0, eth1": of hardware, each once. */
static int format_there_are(const struct config_interface *c, const struct nic_link *links, size_t n,
			    char **ret)
{
	struct memstream m;
	size_t shown = 0;
	int r = memstream_begin(&m);

	for (size_t i = 0; r == 0 && i < n; i++) {
		const char *text = text_of(c, &links[i]);

		if (!text || was_before(c, links, i, text) || shown > SHOWN_MAX)
			continue;
		if (shown++ == SHOWN_MAX)
			fputs(", ...", m.f);
		else
			fprintf(m.f, "%s%s", shown > 1 ? ", " : " Here there are: ", text);
	}
	if (shown > 0)
		fputc('.', m.f);
	return memstream_end(&m, r, ret);
}

static int check_entry(const struct config *c, size_t at, const struct nic_link *links, size_t n,
		       struct warnings *w)
{
	const struct config_interface *entry = &c->interfaces[at];
	const char *key = config_interface_key(entry), *text = config_interface_text(entry);
	const char *known = entry->driver ? driver_suggest(entry->driver) : NULL;
	_cleanup_free_ char *there_are = NULL;
	char *s;
	int r;

	for (size_t i = 0; i < n; i++)
		if (nic_link_matches(&links[i], entry))
			return 0;
	r = format_there_are(entry, links, n, &there_are);
	if (r < 0)
		return r;
	if (asprintf(&s, "interfaces[%zu].%s: no interface of this machine matches \"%s\" now%s%s%s.%s", at,
		     key, text, known ? " (did you mean " : "", known ?: "", known ? "?)" : "",
		     there_are) < 0)
		s = NULL;
	return warn(w, s);
}

/* Some interface of the configuration, be it one that is to come, bears the name. */
static bool is_configured(const struct config *c, const char *text, const struct nic_link *links, size_t n)
{
	const struct interface_names software = { .name = SOFTWARE_NAME };

	if (c->software.zero_copy_queues > 0 && interface_is_meant(&software, text))
		return true;
	for (size_t i = 0; i < c->n_interfaces; i++)
		if (c->interfaces[i].name && (streq(c->interfaces[i].name, text) ||
					      pattern_matches(text, c->interfaces[i].name) ||
					      pattern_matches(c->interfaces[i].name, text)))
			return true;
	for (size_t i = 0; i < n; i++) {
		struct interface_names names = nic_link_names(&links[i]);

		if (interface_is_meant(&names, text) && nic_link_entry(&links[i], c))
			return true;
	}
	return false;
}

static int check_rule(const struct config *c, size_t at, const struct nic_link *links, size_t n,
		      struct warnings *w)
{
	const struct policy_rule *rule = &c->policy[at];
	int r = 0;

	for (size_t i = 0; r == 0 && rule->interfaces && rule->interfaces[i]; i++) {
		const char *text = rule->interfaces[i];
		char *s;

		if (is_configured(c, text, links, n))
			continue;
		if (asprintf(&s, "policy[%zu].interfaces[%zu]: no entry under interfaces: is for \"%s\", so "
				 "that the rule at line %u allows nothing there.", at, i, text,
			     rule->line) < 0)
			s = NULL;
		r = warn(w, s);
	}
	return r;
}

int config_find_unmatched(const struct config *c, const struct nic_link *links, size_t n_links,
			  char ***ret, size_t *ret_n)
{
	struct warnings w = {};
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->n_interfaces; i++)
		r = check_entry(c, i, links, n_links, &w);
	for (size_t i = 0; r == 0 && i < c->n_policy; i++)
		r = check_rule(c, i, links, n_links, &w);
	if (r < 0) {
		while (w.n > 0)
			free(w.list[--w.n]);
		free(w.list);
		return r;
	}
	*ret = w.list;
	*ret_n = w.n;
	return 0;
}
