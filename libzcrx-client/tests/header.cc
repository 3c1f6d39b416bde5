/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The public header compiles by itself, in every C and C++ that we promise. */
#include "zcrx-client.h"

int header_compiles(void);
int header_compiles(void)
{
	struct zcrx_client *client = NULL;

	return zcrx_client_new(&client) == 0 && zcrx_client_unref(client) == NULL;
}
