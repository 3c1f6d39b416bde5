/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which rule of the policy is somebody's, and which would be his if he were elsewhere. Called by policy.c alone;
 * for others policy.h has policy_match().
 */
#pragma once

#include "policy.h"

/* The first rule before `end` (NULL: of all) that names the peer and is not for where he is. */
const struct policy_rule *policy_passed_over(const struct config *c, const struct peer *peer,
					     const struct policy_rule *end);
