/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What standard output is: how wide, whether it takes colours, and the pager in front of it.
 */
#pragma once

#include "zcrxctl.h"

/* Needs setlocale(). */
struct style screen_style(void);

/* From here on what is printed goes through the user's pager, as with systemctl: if standard output is a
 * terminal and the user has not said otherwise. Where there is no pager, nothing changes. */
void screen_page(const struct ctl *ctl);

/* All is printed: waits until it is read. Returns whether there was a pager, whose reader may have had enough. */
bool screen_page_end(void);
