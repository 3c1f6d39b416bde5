/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kernel tells, handed to those whom it concerns.
 */
#pragma once

#include "devices.h"

/* A nic_event_handler; userdata: struct devices. */
void events_dispatch(const struct nic_event *event, void *userdata);
