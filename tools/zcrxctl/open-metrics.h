/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Replies of io.systemd.Metrics as text for Prometheus. It knows no metric: families and labels are whatever the
 * daemon tells, so that an older zcrxctl shows those of a newer zcrxd. What does not fit the format is left out, and
 * nothing that is told can leave its place in it. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include <systemd/sd-json.h>

enum metrics_format {
	FORMAT_OPENMETRICS, /* 1.0, which ends with # EOF */
	FORMAT_PROMETHEUS,  /* 0.0.4: node_exporter and promtool read no other; a counter's family ends in _total there */
};

/* Arrays of replies to Describe and to List. -ENOMEM. */
int open_metrics_write(FILE *f, sd_json_variant *families, sd_json_variant *values, enum metrics_format format);
