/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who a uid is by whom nobody has connected: whoever an administrator acts for (Acquire.ownerUid). The policy
 * has to know his groups, which nss tells; it is asked by a thread (look.h), and the loop never waits.
 */
#pragma once

#include "server.h"
#include "types.h"

#define OWNERS_MAX	    16	       /* looks at once, those that hang included */
#define OWNER_PATIENCE_USEC 5000000ULL

/* r 0: `owner` is as policy_place_owner() has it; valid during the call. Else the groups could not be told in time
 * (-ETIMEDOUT), or what nss said (a negative errno). */
typedef void (*owner_done)(int r, const struct peer *owner, void *userdata);
/* `done` is called once unless this fails; before it returns, where the policy asks for no group.
 * -EBUSY: OWNERS_MAX. */
int owner_find(struct server *server, uid_t uid, owner_done done, void *userdata);
/* Those who wait are told -ECANCELED. */
void owners_free(struct server *server);
