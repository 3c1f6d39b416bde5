/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxctl gres: what there is to lease, as lines of gres.conf(5) for Slurm, which counts the queues and
 * hands them out to jobs. See docs/CLUSTERS.md.
 */
#include <ctype.h>
#include <inttypes.h>

#include "call.h"
#include "commands.h"

#define RESOURCE "zcrx"

static uint64_t count_of(sd_json_variant *interface)
{
	return field_unsigned(interface, "zeroCopyCount", 0);
}

static bool is_software(sd_json_variant *interface)
{
	return streq(field_string(interface, "name") ?: "", "software") && field_unsigned(interface, "index", 0) == 0;
}

/* What a line of gres.conf can carry: it has no quoting. */
static bool is_plain(const char *name)
{
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("_-.@", *c))
			return false;
	return *name;
}

/* NULL, or why jobs are not given queues of it. */
static const char *why_not(sd_json_variant *interface, size_t n_interfaces)
{
	const char *state = field_string(interface, "state") ?: "";

	if (!streq(state, "configured"))
		return state;
	if (!is_plain(field_string(interface, "name") ?: ""))
		return "gres.conf has no way to write its name";
	/* Who asks zcrxd for any interface gets one of these only where there is no other. */
	return is_software(interface) && n_interfaces > 1 ? "every byte is copied" : NULL;
}

/* One object a line; with a type where there are several interfaces, because a lease is of queues of one. */
static int collect(sd_json_variant *interfaces, sd_json_variant **ret)
{
	size_t n = sd_json_variant_elements(interfaces), n_counted = 0;
	sd_json_variant *interface;

	array_foreach(interface, interfaces)
		n_counted += count_of(interface) > 0 && !why_not(interface, n);
	array_foreach(interface, interfaces) {
		_cleanup_json_ sd_json_variant *line = NULL;
		const char *name = field_string(interface, "name") ?: "";
		int r;

		if (count_of(interface) == 0 || why_not(interface, n))
			continue;
		r = sd_json_buildo(&line, SD_JSON_BUILD_PAIR_STRING("name", RESOURCE),
				   SD_JSON_BUILD_PAIR_CONDITION(n_counted > 1, "type", SD_JSON_BUILD_STRING(name)),
				   SD_JSON_BUILD_PAIR_UNSIGNED("count", count_of(interface)),
				   SD_JSON_BUILD_PAIR_STRING("flags", "CountOnly"),
				   SD_JSON_BUILD_PAIR_STRING("interface", name));
		if (r >= 0)
			r = sd_json_variant_append_array(ret, line);
		if (r < 0)
			return r;
	}
	return *ret ? 0 : sd_json_variant_new_array(ret, NULL, 0);
}

/* Lines that gres.conf takes for comments: what to put into slurm.conf, and what was left out. */
static void print_legend(sd_json_variant *interfaces, sd_json_variant *lines)
{
	size_t n = sd_json_variant_elements(interfaces);
	const char *before = "# slurm.conf: GresTypes=" RESOURCE ", and of this node: Gres=";
	sd_json_variant *v;

	array_foreach(v, lines) {
		const char *type = field_string(v, "type");

		printf("%s" RESOURCE "%s%s:%" PRIu64, before, type ? ":" : "", type ?: "", field_unsigned(v, "count", 0));
		before = ",";
	}
	if (sd_json_variant_elements(lines) > 0)
		putchar('\n');
	array_foreach(v, interfaces) {
		const char *why = why_not(v, n);

		if (!why)
			continue;
		printf("# Not counted: ");
		text_put(stdout, field_string(v, "name") ?: "");
		printf(" (%s)\n", why);
	}
}

static void print_lines(sd_json_variant *lines)
{
	sd_json_variant *line;

	array_foreach(line, lines) {
		const char *type = field_string(line, "type");

		printf("Name=" RESOURCE "%s%s Count=%" PRIu64 " Flags=CountOnly\n", type ? " Type=" : "", type ?: "",
		       field_unsigned(line, "count", 0));
	}
}

static enum exit_status run(const struct ctl *ctl, char **arguments)
{
	_cleanup_link_ sd_varlink *link = NULL;
	_cleanup_json_ sd_json_variant *description = NULL, *lines = NULL;
	sd_json_variant *interfaces;
	enum exit_status status = ctl_connect(ctl, &link);

	if (status == CTL_DONE)
		status = ctl_describe(link, arguments[0], &description);
	if (status != CTL_DONE)
		return status;
	interfaces = field_array(description, "interfaces");
	if (collect(interfaces, &lines) < 0)
		return ctl_oom();
	if (ctl->json != JSON_OFF)
		return ctl_print_json(ctl, lines);
	if (ctl->style.legend)
		print_legend(interfaces, lines);
	print_lines(lines);
	return sd_json_variant_elements(lines) > 0
		       ? CTL_DONE
		       : ctl_fail(CTL_NOTHING, "No queue can be leased here; zcrxctl status says why.");
}

const struct command command_gres = {
	.name = "gres",
	.arguments = "[INTERFACE]",
	.help = "print what can be leased, for Slurm's gres.conf",
	.max_arguments = 1,
	.run = run,
};
