/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A revocation by force, where only the end of the client's ring gives the queue back: a promise to
 * kill, which the next daemon keeps.
 */
#pragma once

/* *state is a struct world with a daemon that grants directly. */
void test_force(void **state);
void test_force_spares_what_became_root(void **state);
void test_force_that_comes_late(void **state);
