/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the interfaces and their methods are called, and where they are served. */
#pragma once

#define ZCRX_INTERFACE "io.zcrx.Manager"
#define ZCRX_METHOD(name) ZCRX_INTERFACE "." name
#define METRICS_INTERFACE "io.systemd.Metrics"
#define METRICS_METHOD(name) METRICS_INTERFACE "." name
#define ZCRX_SOCKET_PATH "/run/zcrxd/io.zcrx.Manager"
