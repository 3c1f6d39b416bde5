/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the tests of interfaces that come, go and are renamed share: a daemon with sim0 there, on the
 * entries of the configuration that a test wants.
 */
#pragma once

#include <stddef.h>

#include "harness.h"

#define OURS(name) "io.zcrx.Manager." name
#define SIM1 3
#define MAC0 "02:00:00:00:00:01"
#define MAC1 "02:00:00:00:00:02"
#define ENTRY(match) "  - " match "\n    channels: 8\n    zero-copy-queues: 4\n"

extern struct daemon d;

void start(const char *interfaces);
int stop(void **state); /* a teardown */
void add_nic(unsigned ifindex, const char *name, const char *mac, const char *path);
/* "STATE" of the interface with this name; "none" if it is not listed. */
const char *state_of(const char *name, char *ret_reason, size_t size);
void await(const char *name, const char *state);
void await_lease(const struct client *c, const char *state);
void assert_interface_of(const struct client *c, const char *name);
/* A lease of a named interface: NULL, or the error. */
const char *acquire(const char *interface);
