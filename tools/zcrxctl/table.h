/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A table of text for a terminal: columns as wide as their widest cell, two spaces apart, the last
 * one never padded. Columns that are empty in every row are left out; where the screen is too narrow, so are
 * those that may be, and the widest of the others are cut. Cells are escaped on the way in, so
 * that they may hold anybody's strings. The commands build one, write it, free it. It knows nothing of what is
 * in it.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "macro.h"
#include "text.h"

struct table;

/* Column headings, ended by NULL. A digit before one: the column may be left out, the sooner the higher it is.
 * Then '>': it is aligned to the right. */
struct table *table_new(const char *heading, ...) __attribute__((sentinel));
struct table *table_free(struct table *t);
DEFINE_CLEANUP(struct table *, table_free)

/* The next cell, row by row; an empty one shows as "-". Failures are kept for table_write(). */
void table_add(struct table *t, enum ink ink, const char *format, ...) _printf_(3, 4);

/* The same for a string that the table takes over; NULL stands for one that memory lacked for. */
void table_take(struct table *t, enum ink ink, char *text);

/* -ENOMEM if any cell was lost. A table without rows writes nothing. */
int table_write(const struct table *t, FILE *f, const struct style *style);
