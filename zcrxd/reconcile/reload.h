/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading the configuration file, at start and again; a bad one never replaces a good one.
 */
#pragma once

#include "device.h"
#include "devices.h"

/* The file; whom its policy names is not known yet (server/accounts.h). A missing file is an empty configuration; so that the
 * first start says what to do rather than fail. INVALID_PARAMETER with file, line, column, key. */
int config_load(const char *path, struct config **ret, struct fault *reterr);

/* Sentences. */
struct reload_words {
	char **list;
	size_t n;
};

/* What has not come about of a good configuration. */
struct reload_report {
	struct reload_words warnings; /* it failed */
	struct reload_words waiting;  /* it is done when the leases in its way have ended */
};

/* `report` is valid during the call; empty if r is not 0. */
typedef void (*reload_done)(int r, struct fault *fault, const struct reload_report *report, void *userdata);
int config_reload(struct devices *devices, reload_done done, void *userdata);
