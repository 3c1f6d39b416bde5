/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxd as it is, on the kernel, but killed at the point that a file names; see crash-point.h.
 */
#include <stdlib.h>

#include "crash-backend.h"
#include "crash-point.h"
#include "kernel/kernel.h"
#include "log.h"
#include "manager.h"
#include "zcrx-idl.h"

#define CRASH_PATH "/run/zcrxd/crash-at"

int main(void)
{
	struct nic_backend *inner, *backend;
	struct manager *m;

	(void)setenv("ZCRXD_SESSION", ZCRXD_SESSION, 0);
	log_setup(LOG_INFO);
	if (kernel_backend_new(&inner, NULL) != 0)
		return EXIT_FAILURE;
	if (crash_setup(CRASH_PATH, NULL) < 0)
		return EXIT_FAILURE;
	backend = crash_backend_new(inner);
	if (!backend || manager_new(backend, "/etc/zcrxd.yaml", "/run/zcrxd/state", &m) < 0)
		return EXIT_FAILURE;
	if (manager_start(m, ZCRX_SOCKET_PATH) < 0 || manager_run(m) < 0)
		return EXIT_FAILURE;
	manager_free(m);
	return EXIT_SUCCESS;
}
