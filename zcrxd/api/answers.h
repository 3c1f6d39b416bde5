/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Answers to calls that only read. Hundreds of callers may wait for the same observation, and each answer
 * costs its time: all of them in the turn that brings the observation would keep everything else waiting.
 * So answers are built in turns of their own, after everything that protects payload, and no turn takes
 * more of them than fit into a few milliseconds.
 */
#pragma once

struct api;

/* `build` is called once, in a later turn or when the daemon ends, and may call this again. */
void answer_later(struct api *api, void (*build)(void *userdata), void *userdata);
/* The daemon ends: whoever still waits is answered now. */
void answers_free(struct api *api);
