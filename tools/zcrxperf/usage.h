/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What zcrxperf --help prints. */
extern const char usage_text[];
