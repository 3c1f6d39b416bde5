/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An interface whose worker stands still: told, and where ending the process helps, it is ended.
 */
#pragma once

struct device;

/* Its worker, which is new. */
void device_watch_worker(struct device *d);
