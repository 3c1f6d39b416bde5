/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The last close of an ifq's export gives back the memory of its area, a tenth of a second a GiB: not on
 * the loop, and not in the service manager, which has a copy until it has read that it should not.
 */
#pragma once

/* On a thread of its own, after the store's copy. */
void close_late(int fd);
