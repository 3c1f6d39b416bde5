/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A question to the kernel that may hang, because a client holds the lock that its answer needs: asked in
 * a process of its own. Made on the loop, asked on a worker, right before what depends on the answer:
 * whether areas are being added to ifqs (lease/deletion.h), whether urgent data is announced on a socket
 * (lease/urgent.h).
 */
#pragma once

#include <systemd/sd-event.h>

#include "nic.h"

struct question;

/* In the process: gets ready, calls `wait`, asks. 0 or a negative errno is the answer. */
typedef int (*question_ask)(struct nic_backend *backend, const int *fds, size_t n,
			    void (*wait)(void *userdata), void *userdata);
/* Borrows the descriptors that it is about. *slot is the question until its process has ended, NULL from
 * then on. */
int question_new(sd_event *event, question_ask ask, struct nic_backend *backend, const int *fds,
		 size_t n, struct question **slot);
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
 * it could not be asked, or that is its answer. */
int asking_answer(const struct asking *a);
