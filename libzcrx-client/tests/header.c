/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The public header compiles by itself, in every C and C++ that we promise. */

/* <linux/io_uring.h> of Linux 7.3 has these names, and a program may include both. */
struct zcrx_ctrl { int op; };
struct zcrx_ctrl_flush_rq { int resv; };
struct zcrx_ctrl_export { int fd; };
struct zcrx_event_desc { int flags; };
struct zcrx_stats { int copied; };
enum zcrx_event_type { ZCRX_EVENT_ALLOC_FAIL, ZCRX_EVENT_COPY };
enum zcrx_ctrl_op { ZCRX_CTRL_FLUSH_RQ, ZCRX_CTRL_EXPORT, ZCRX_CTRL_ARM_EVENT, ZCRX_CTRL_ADD_AREA };
enum zcrx_reg_flags { ZCRX_REG_IMPORT = 1, ZCRX_REG_NODEV = 2 };
enum zcrx_features { ZCRX_FEATURE_RX_PAGE_SIZE = 1, ZCRX_FEATURE_EVENT = 2 };

#include "zcrx-client.h"

int header_compiles(void);
int header_compiles(void)
{
	struct zcrx_client *client = NULL;

	return zcrx_client_new(&client) == 0 && zcrx_client_unref(client) == NULL;
}
