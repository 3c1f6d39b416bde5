/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The service manager's store of descriptors: what has to outlive the process. systemd closes what
 * reports a hang-up meanwhile, so a handle whose last copy was closed while we were away is not there
 * when we come back. Without a service manager all of this does nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "macro.h"

struct stored_fd {
	char *name;
	int fd;
};

struct stored_fds {
	struct stored_fd *list;
	size_t n;
};

/* Everything that was passed at start, sockets of activation included. Once in a process's life. */
int stored_fds_collect(struct stored_fds *ret);
/* The descriptor of that name, which becomes the caller's; -EBADF if there is none. */
int stored_fds_take(struct stored_fds *s, const char *name);
/* Closes what nobody took, and takes it out of the store; unless this daemon does not start, and leaves it to
 * the next. */
void stored_fds_done(struct stored_fds *s, bool remove);

void fdstore_handle_name(uint32_t lease, uint64_t cookie, char ret[64]);
void fdstore_proof_name(uint32_t lease, uint64_t cookie, unsigned queue, char ret[64]);
/* As an older zcrxd called it, whatever the queue. */
void fdstore_old_proof_name(uint32_t lease, uint64_t cookie, char ret[64]);

void fdstore_client_name(uint32_t lease, unsigned queue, char ret[64]);
void fdstore_export_name(uint32_t lease, unsigned queue, char ret[64]);
void fdstore_sharer_name(uint32_t lease, unsigned queue, unsigned uid, unsigned number, char ret[64]);
bool fdstore_parse_sharer_name(const char *name, unsigned *ret_lease, unsigned *ret_queue, unsigned *ret_uid,
			       unsigned *ret_number);

#define FDSTORE_EXPORT "ifq-"
#define FDSTORE_RINGS "rings" /* nic_backend_ops.rings() */
#define FDSTORE_MARK  "mark"  /* nothing: that it comes back says that the store was kept */

/* There is a service manager; whether it has a store is another question. */
bool fdstore_is_there(void);
/* What the mark says: it came back, or is stored now for the next daemon. */
bool fdstore_mark(struct stored_fds *passed);
/* How many the service manager keeps; UINT64_MAX: there is none, and nothing is stored. */
uint64_t fdstore_size(void);
/* A negative errno if it is certain that it is not stored: then it has no next daemon. That the store
 * is full is told to nobody; see lease_check_store(). */
int fdstore_push(const char *name, int fd);
void fdstore_remove(const char *name);
