/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One lease of the record, read from its object.
 */
#pragma once

#include "record.h"

/*
 * 0 with a lease, which is `damaged` if not all of it could be read: then it is for nothing but to be
 * reclaimed. -EBADMSG if not even that is possible.
 */
int record_parse_lease_object(sd_json_variant *v, struct record_lease *ret);
