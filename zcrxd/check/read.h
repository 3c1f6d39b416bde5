/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the facts come from: the machine's small files, the daemon if one answers, and otherwise its
 * configuration. None of them prints. Negative errno if the machine failed.
 */
#pragma once

#include <systemd/sd-varlink.h>

#include "config.h"
#include "facts.h"

#define CHECK_CONFIG "/etc/zcrxd.yaml"

int read_machine(struct machine_facts *ret);

/* Who is asked about interfaces: the daemon's description, or the configuration, or neither. */
struct authority {
	sd_json_variant *description;
	struct config *config;
	char *failure; /* neither: why */
};

/* Notes in `m` whether the daemon answers. */
int read_authority(const char *socket, struct machine_facts *m, struct authority *ret);
void authority_done(struct authority *a);

/* What links there are; nic_links_free() frees the list. */
struct links {
	struct nic_link *list;
	size_t n;
};
/* The one that somebody calls so, by any of its names; NULL for none. */
const struct nic_link *links_find_called(const struct links *links, const char *name);

/* The authority's word on the interface in f->nic; `link` NULL: it is not there. */
int read_view(const struct authority *a, const struct nic_link *link, struct interface_facts *f);

/* The names of the interfaces that are configured, or of all NICs if none is. */
int read_names(const struct authority *a, const struct links *links, char ***ret, size_t *ret_n);
void names_free(char **names, size_t n);
