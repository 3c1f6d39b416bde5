/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the readers of the configuration's parts share: tables of keys, values with their ranges,
 * and the one form of a complaint: "FILE:LINE:COLUMN: KEY: found X, expected Y". Internal to
 * model/.
 */
#pragma once

#include "config.h"
#include "yaml-node.h"

/* One step of a key's path, on the stack of the reader that goes down. */
struct config_path {
	const struct config_path *up;
	const char *key; /* NULL: an item of a list */
	size_t index;
};

struct config_reader {
	const char *file;
	const struct config_path *path;
	struct fault *reterr;
};

typedef int (*config_read)(struct config_reader *r, const struct yaml_node *value, void *into);

struct config_key {
	const char *name;
	config_read read;
};

/* "interfaces[0].channels"; NULL if there is no memory. */
char *config_path_format(const struct config_path *path);

/* Complain about the value at the reader's path; what was found is read off the node... */
int config_bad(struct config_reader *r, const struct yaml_node *at, const char *expected, ...)
	_printf_(3, 4);
/* ...or told. */
int config_bad_found(struct config_reader *r, const struct yaml_node *at, const char *found,
		     const char *expected, ...) _printf_(4, 5);
/* The same about a key below the reader's path. */
int config_bad_key(struct config_reader *r, const struct yaml_node *at, const char *key,
		   const char *found, const char *expected);

/* Each key at most once, each one known. The value of a key goes to its reader. */
int config_read_mapping(struct config_reader *r, const struct yaml_node *value,
			const struct config_key *keys, size_t n_keys, void *into);
/*
 * *ret_items becomes an array of zeroed elements, one for each item, and *ret_n counts those that
 * are there for the owner to free, also when a reader complains. `what` names the items.
 */
int config_read_list(struct config_reader *r, const struct yaml_node *value, const char *what,
		     config_read read, size_t size, void **ret_items, size_t *ret_n);

int config_read_number(struct config_reader *r, const struct yaml_node *value, unsigned min,
		       unsigned max, unsigned *ret);
int config_read_bool(struct config_reader *r, const struct yaml_node *value, bool *ret);
/* One of the words; its index. `words` ends with NULL. */
int config_read_word(struct config_reader *r, const struct yaml_node *value,
		     const char *const *words, unsigned *ret);
/* A name without blanks or control characters, of 1 to max bytes. */
int config_read_name(struct config_reader *r, const struct yaml_node *value, const char *what,
		     size_t max, char **ret);
/* The same, and there may be blanks inside. */
int config_read_words(struct config_reader *r, const struct yaml_node *value, const char *what,
		      size_t max, char **ret);
/* Of an interface, or a pattern for several. */
int config_read_interface_name(struct config_reader *r, const struct yaml_node *value, char **ret);

/* config-policy.c */
int config_read_policy(struct config_reader *r, const struct yaml_node *value, void *config);
int config_default_policy(struct config *c);
