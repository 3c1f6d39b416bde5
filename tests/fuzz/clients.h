/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The clients on the stage (stage.h): connections of several users, what they send, the descriptors
 * they attach and those that they were given.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define CLIENTS 4 /* 0 and 1 administrate, 2 may lease, 3 may not */

/* Makes what is made once a process. */
void clients_prepare(void);
/* Connects if it is not connected. */
void client_select(unsigned client);
/* The descriptors of these kinds (clients.c lists them) go with the next bytes that are sent. */
void client_attach(const char *kinds, size_t n);
void client_send(const char *text, size_t n);
void client_close(void);
/* What has arrived is read, and handles are kept. True if there was anything. */
bool clients_read(void);
void client_close_handle(unsigned handle);
/* The socket of that kind is destroyed, shut down, or gets nothing any more. */
void client_destroy_socket(char kind);
void client_shut_socket(char kind);
void client_stray_socket(char kind);
/* All connections; then also what they hold. */
void clients_disconnect(void);
void clients_leave(void);

/* Describe, on a connection of its own. */
bool client_is_answered(void);
