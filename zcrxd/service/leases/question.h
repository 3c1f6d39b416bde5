/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The question whether areas are being added to ifqs, asked in a process that may hang: as long as one
 * is, the deletion of their device would hang instead, and with it the network configuration of the
 * whole machine. Made on the loop, asked on a worker right before the deletion.
 */
#pragma once

#include <systemd/sd-event.h>

#include "nic.h"

struct question;

/* Borrows the exports. *slot is the question until its process has ended, NULL from then on. */
int question_new(sd_event *event, struct nic_backend *backend, const int *exports, size_t n,
		 struct question **slot);
/* Nobody waits for it any more; its process is reaped whenever it ends. */
void question_abandon(struct question **slot);

/* For another thread: with a descriptor of its own. */
struct asking {
	int fd;
	pid_t pid;
};
int question_asking(const struct question *q, struct asking *ret);
void asking_done(struct asking *a);

enum question_answer {
	QUESTION_FREE,
	QUESTION_HELD, /* it hangs */
};
/* Takes a fifth of a second at most, unless the machine is too busy to run the process. Negative errno:
 * it could not be asked. */
int asking_answer(const struct asking *a);
