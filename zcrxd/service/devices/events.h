/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kernel tells, handed to those whom it concerns.
 */
#pragma once

#include "manager.h"

/* A nic_event_handler; userdata is the manager. */
void manager_on_nic_event(const struct nic_event *event, void *userdata);
