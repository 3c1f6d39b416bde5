/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A call that concerns several devices, and is answered when all of them have reported: with the first
 * refusal, or with a list of what came of it.
 */
#pragma once

#include "methods.h"

struct device_report;
struct plan;
struct step_result;

struct gather {
	sd_varlink *link;
	unsigned n_waiting;
	const char *key; /* of the list in the answer */
	sd_json_variant *list;
	uint64_t confirm_until; /* the last one's; 0: there is nothing to confirm */
	int r;			/* the first refusal */
	struct fault fault;
	void (*answer)(struct gather *q); /* all have reported: it is the callee's */
};

/* `answer` NULL: with the list, and what is to be confirmed until when. NULL if there is no memory. */
struct gather *gather_new(sd_varlink *link, const char *key);
void gather_init(struct gather *q, sd_varlink *link, const char *key, void (*answer)(struct gather *q));
void gather_done(struct gather *q); /* frees what it holds */
/* One more that will report. */
void gather_add(struct gather *q);
/* One of them has, or all were begun: once for each gather_add(), and once in the end. */
void gather_end(struct gather *q, int r, const struct fault *fault);

/* A device_done: what was changed is appended to the list. */
void gather_changes(struct device *d, const struct device_report *report, void *q);
/* The plan's steps as changes. `results` NULL: none was tried; `tried`: nor will those that wait be. */
int changes_append(sd_json_variant **changes, const struct device *d, const struct plan *plan,
		   const struct step_result *results, bool tried);

/* The device of this name, if something can be done with it now. */
int gather_find(struct api *api, const char *interface, struct device **ret, struct fault *reterr);
