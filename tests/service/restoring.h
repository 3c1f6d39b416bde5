/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the tests of the way back share: a daemon on sim0, which was found with four channels and is configured
 * with eight, and what shows where it is.
 */
#pragma once

#include "baseline.h"
#include "harness.h"

#define WRONG_STATE   "io.zcrx.Manager.WrongState"
#define NOT_SUPPORTED "io.zcrx.Manager.NotSupported"
#define DEADLINE_MS   10000
#define HOUR	      3600000000ULL

extern struct daemon d;
extern sd_varlink *admin;

void start(void);
/* Nothing is configured yet: the default route is in the way. */
void start_guarded(void);
void stop(void);
/* Applies, to be confirmed within `usec`. The error. */
const char *try_for(uint64_t usec, sd_json_variant **ret);

/* As Describe has it, which lives as long as the connection makes no other call. */
sd_json_variant *interface(void);
/* Unmanaged, for this reason. */
void expect_held(const char *reason);
void expect_configured(void);
/* What the kernel knows, and does not tell. */
bool table_was_set(void);
bool is_as_found(const struct nic_state *s);
void expect_as_found(void);
void wait_until_as_found(void);
/* Its baseline as it is on disk. */
struct baseline noted(void);
