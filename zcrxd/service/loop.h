/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The event loop, which no client can stop. The last close of a TCP socket with SO_LINGER waits
 * for as long as its owner said, and the last copy of one may be ours in more ways than one: a
 * descriptor that came with a call, one for which the message had no room, one that was never read
 * when its connection ended, one in the queue of a socket that was sent. The kernel gives up that
 * wait for a signal, so that a turn of the loop that takes long gets signals.
 */
#pragma once

#include <systemd/sd-event.h>

/* Until sd_event_exit(), whose code it returns. The signal is SIGALRM, to the thread that calls. */
int loop_run(sd_event *event);
