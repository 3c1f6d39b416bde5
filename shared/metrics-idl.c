/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * io.systemd.Metrics: systemd's interface (260), by which systemd-report collects metrics from whoever is linked in
 * /run/systemd/report. What its `value` may be any JSON for is a number here.
 */
#include "zcrx-idl.h"

#define DOC(text) SD_VARLINK_FIELD_COMMENT(text)

static SD_VARLINK_DEFINE_ENUM_TYPE(MetricFamilyType,
	DOC("It only goes up, and begins at 0 again with zcrxd"), SD_VARLINK_DEFINE_ENUM_VALUE(counter),
	DOC("It goes up and down"), SD_VARLINK_DEFINE_ENUM_VALUE(gauge),
	DOC("Not used here"), SD_VARLINK_DEFINE_ENUM_VALUE(string));

static SD_VARLINK_DEFINE_METHOD_FULL(List, SD_VARLINK_REQUIRES_MORE,
	DOC("Of the metric family, with the prefix io.zcrx."),
	SD_VARLINK_DEFINE_OUTPUT(name, SD_VARLINK_STRING, 0),
	DOC("The value now"), SD_VARLINK_DEFINE_OUTPUT(value, SD_VARLINK_FLOAT, 0),
	DOC("The interface, for what concerns one"),
	SD_VARLINK_DEFINE_OUTPUT(object, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	DOC("What tells it from others of the family, such as the state; strings"),
	SD_VARLINK_DEFINE_OUTPUT(fields, SD_VARLINK_STRING, SD_VARLINK_MAP | SD_VARLINK_NULLABLE));

static SD_VARLINK_DEFINE_METHOD_FULL(Describe, SD_VARLINK_REQUIRES_MORE,
	DOC("Of the metric family"), SD_VARLINK_DEFINE_OUTPUT(name, SD_VARLINK_STRING, 0),
	DOC("What it counts, for a person"), SD_VARLINK_DEFINE_OUTPUT(description, SD_VARLINK_STRING, 0),
	DOC("How it changes"), SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(type, MetricFamilyType, 0));

static SD_VARLINK_DEFINE_ERROR(NoSuchMetric);

SD_VARLINK_DEFINE_INTERFACE(io_systemd_Metrics, METRICS_INTERFACE,
	SD_VARLINK_INTERFACE_COMMENT("Metrics of zcrxd; what they mean is in docs/METRICS.md"),
	SD_VARLINK_SYMBOL_COMMENT("How the values of a family change"), &vl_type_MetricFamilyType,
	SD_VARLINK_SYMBOL_COMMENT("All values, one a reply"), &vl_method_List,
	SD_VARLINK_SYMBOL_COMMENT("The families, one a reply"), &vl_method_Describe,
	SD_VARLINK_SYMBOL_COMMENT("Of systemd's interface; zcrxd always has some"), &vl_error_NoSuchMetric);
