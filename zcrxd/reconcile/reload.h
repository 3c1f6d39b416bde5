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

/* `warnings` (one sentence each) is valid during the call. */
typedef void (*reload_done)(int r, struct fault *fault, char *const *warnings,
			    size_t n_warnings, void *userdata);
int config_reload(struct devices *devices, reload_done done, void *userdata);
