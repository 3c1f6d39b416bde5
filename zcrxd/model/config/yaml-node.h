/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * YAML text to a tree of nodes that know where they stood. The plain subset only: anchors, aliases,
 * tags and several documents are refused, and so is what is too large or too deep, so that what the
 * text says is what a person reads. The only user of libyaml; config-yaml*.c are its only callers.
 */
#pragma once

#include "fault.h"

#include <stdbool.h>
#include <stddef.h>

#define YAML_BYTES_MAX (1024 * 1024)
#define YAML_NODES_MAX 65536
#define YAML_DEPTH_MAX 8

enum yaml_kind {
	YAML_TEXT,
	YAML_LIST,
	YAML_MAPPING,
};

struct yaml_node {
	enum yaml_kind kind;
	unsigned line, column;	 /* from 1 */
	char *text;		 /* YAML_TEXT */
	bool plain;		 /* YAML_TEXT: written without quotes */
	struct yaml_node *items; /* YAML_LIST: the items; YAML_MAPPING: key, value, key, value... */
	size_t n_items;
};

void yaml_node_done(struct yaml_node *n);

/* A value in a mapping; NULL if there is none. */
const struct yaml_node *yaml_node_get(const struct yaml_node *mapping, const char *key);

/*
 * An empty text gives an empty mapping. INVALID_PARAMETER with "FILE:LINE:COLUMN: ..." where the
 * text is not of the subset.
 */
int yaml_parse(const char *text, size_t length, const char *file, struct yaml_node *ret,
	       struct fault *reterr);
