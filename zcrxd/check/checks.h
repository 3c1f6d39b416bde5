/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Facts to verdicts, one for each requirement, always the same ones in the same order. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct interface_facts;
struct nic_inspection;
struct machine_facts;

enum verdict { VERDICT_YES, VERDICT_NO, VERDICT_UNKNOWN };

struct requirement {
	const char *name;      /* of a fixed set; see zcrxctl(1) */
	char *interface;       /* NULL: the machine's */
	enum verdict verdict;
	bool optional; /* works without it, but less well */
	char *found;   /* what there is, a few words */
	char *remedy;  /* what to do; NULL with a yes */
};

struct report {
	struct requirement *list;
	size_t n;
	bool failed; /* memory ran out */
};

void report_done(struct report *r);

/* Append to the report. */
void check_machine(const struct machine_facts *m, struct report *report);
void check_interface(const struct interface_facts *f, struct report *report);
/* It has no queues of its own, but what it lies on may: a bond, a bridge, a VLAN. */
bool is_stacked(const struct nic_inspection *nic);

/* Something that is needed is missing. Advice does not count, nor what is unknown. */
bool report_has_no(const struct report *report);
const char *verdict_to_string(enum verdict v); /* yes, no, unknown */
