/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxd-check: what `zcrxctl check` runs. It looks at the machine with the daemon's own eyes, so that what
 * both of them see cannot differ, and needs no daemon. Its output is for zcrxctl, which shows it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "field.h"
#include "hardware.h"

static int fail(int r)
{
	fprintf(stderr, "%s\n", r == -ENOMEM ? "Out of memory." : strerror(-r));
	return 1;
}

static int append(sd_json_variant **array, const struct requirement *q)
{
	return sd_json_variant_append_arrayb(
		array,
		SD_JSON_BUILD_OBJECT(
			SD_JSON_BUILD_PAIR_STRING("requirement", q->name),
			SD_JSON_BUILD_PAIR_CONDITION(!!q->interface, "interface",
						     SD_JSON_BUILD_STRING(q->interface)),
			SD_JSON_BUILD_PAIR_STRING("verdict", verdict_to_string(q->verdict)),
			SD_JSON_BUILD_PAIR_BOOLEAN("optional", q->optional),
			SD_JSON_BUILD_PAIR_STRING("found", q->found),
			SD_JSON_BUILD_PAIR_CONDITION(!!q->remedy, "remedy",
						     SD_JSON_BUILD_STRING(q->remedy))));
}

static bool is_hardware(char **argv)
{
	return argv[1] && argv[2] && streq(argv[2], "--hardware") && argv[3] &&
	       (!argv[4] || streq(argv[4], "--force"));
}

int main(int argc, char **argv)
{
	_cleanup_(report_done) struct report report = {};
	_cleanup_json_ sd_json_variant *array = NULL;
	int r;

	if (argc < 2 || argv[1][0] != '/' || argc > (is_hardware(argv) ? 5 : 3)) {
		fprintf(stderr, "usage: zcrxd-check SOCKET [INTERFACE]: what zcrxctl check shows, as JSON\n"
				"       zcrxd-check SOCKET --hardware INTERFACE [--force]: what zcrxctl check --hardware shows\n");
		return 2;
	}
	if (is_hardware(argv)) {
		r = check_hardware(argv[1], argv[3], argc == 5);
		return r < 0 ? fail(r) : r;
	}
	r = check(argv[1], argv[2], &report);
	for (size_t i = 0; i < report.n && r >= 0; i++)
		r = append(&array, &report.list[i]);
	if (r >= 0)
		r = sd_json_variant_dump(array, SD_JSON_FORMAT_NEWLINE, stdout, NULL);
	if (r >= 0 && fflush(stdout) == EOF)
		r = -errno;
	return r < 0 ? fail(r) : 0;
}
