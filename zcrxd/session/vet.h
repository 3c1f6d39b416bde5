/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which of a client's descriptors zcrxd gets to see: those that some method can use.
 */
#pragma once

#include <stdbool.h>

/*
 * Memory (memfd, dma-buf), a TCP socket, a stream socket of AF_UNIX (a lease's handle, perhaps).
 * Nothing of it asks a file's own file system, which need not answer.
 */
bool vet_descriptor(int fd);
