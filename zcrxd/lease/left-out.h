/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Flows of a listener on all addresses that are not steered: there is one for each address, and there may be
 * more of these than a lease, a user or the NIC has room for. Which and why is kept, so that it can be told;
 * and from time to time it is tried again.
 */
#pragma once

#include "proof.h"

/* These are not steered, of all that the proof proves; n 0: all are. */
void left_out_note(struct proof *p, const struct flow *flows, size_t n, const char *why);
/* The flows of addresses that came: as many as there is room for are steered, the rest is noted. */
void left_out_add(struct proof *p, const struct flow *flows, size_t n);
/* There is room again. */
void left_out_retry_now(struct lease *l);
void left_out_done(struct left_out *left);
bool left_out_is_due(const struct left_out *left);

/* Adds to a refusal that what was asked for comes of a listener on all addresses. Returns its kind. */
int left_out_explain(const struct lease *l, struct fault *fault);
/* In a sentence; NULL if there are none. -ENOMEM. */
int left_out_format(const struct left_out *left, char **ret);
int lease_left_out_format(const struct lease *l, char **ret);
