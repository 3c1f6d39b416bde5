/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the interface and its methods are called, and where they are served. */
#pragma once

#define ZCRX_INTERFACE "io.zcrx.Manager"
#define ZCRX_METHOD(name) ZCRX_INTERFACE "." name
#define ZCRX_SOCKET_PATH "/run/zcrxd/io.zcrx.Manager"
