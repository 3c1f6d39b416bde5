/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The Varlink interface io.zcrx.Manager: the one source of the protocol. The daemon serves and
 * validates by it, `varlinkctl introspect` prints it, the commands and the library speak it.
 */
#pragma once

#include <systemd/sd-varlink-idl.h>

#include "zcrx-names.h"

extern const sd_varlink_interface vl_interface_io_zcrx_Manager;
/* The same server has systemd's interface for metrics: metrics-idl.c. */
extern const sd_varlink_interface vl_interface_io_systemd_Metrics;
