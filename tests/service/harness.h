/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The whole daemon but main.c, on the simulated machine: its loop in a thread of its own, its clients
 * in the test. One NIC, "sim0": 8 queues of which the last 4 are for zero-copy receive.
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-json.h>
#include <systemd/sd-varlink.h>

#include "macro.h"
#include "nic-state.h"
#include "sim.h"

#define SIM0 2 /* interface index */

struct daemon {
	struct nic_backend *sim; /* the outside world (sim.h) */
	char *directory, *socket_path, *config_path, *state_path;
};

/* The machine and the files; no daemon yet. */
void daemon_prepare(struct daemon *d, const char *config);
/* On what was prepared: configured and answering. */
void daemon_run(struct daemon *d);
/* Both. `config` NULL: the default one. */
void daemon_start(struct daemon *d, const char *config);
/* The same after a daemon that has left this text as its record. */
void daemon_start_with(struct daemon *d, const char *config, const char *state);
/* SIGTERM's way out; checks that no rule stood without its guard, whatever the test did. */
void daemon_stop(struct daemon *d);
void daemon_write_config(struct daemon *d, const char *text);
/* Its loop stands still, in the middle of nothing; and goes on, with all that has come meanwhile. */
void daemon_hold(void);
void daemon_go_on(void);

sd_varlink *daemon_connect(struct daemon *d);

/* What a call returns when the daemon went away instead of answering. */
#define DISCONNECTED "the daemon is gone"

/* NULL if it succeeded, else the error's id; *ret (may be NULL) the reply's parameters, which live
 * until the next call on the link. `parameters` is JSON text with printf escapes. */
const char *call(sd_varlink *link, const char *method, sd_json_variant **ret, const char *format, ...)
	_printf_(4, 5);
/* The same with `n` descriptors attached (copies; the caller keeps its own). */
const char *call_fds(sd_varlink *link, const char *method, const int *fds, size_t n,
		     sd_json_variant **ret, const char *format, ...) _printf_(6, 7);
const char *text_of(sd_json_variant *v, const char *key);
uint64_t number_of(sd_json_variant *v, const char *key);

/* A memfd as a client makes it. */
int area_new(uint64_t size);
/* A TCP socket that listens on 127.0.0.1; its port. */
int listener_new(uint16_t *ret_port);

/* As ListLeases shows it, until the next call; "gone" if there is no such lease. */
const char *lease_state(struct daemon *d, const char *id);
/* The NIC as it is now. */
struct nic_state *observe(struct daemon *d);
/* Waits, at most 10 s, until the daemon has no lease and the NIC nothing of one. */
void wait_until_clean(struct daemon *d);
void wait_for_rules(struct daemon *d, size_t n);
/* A hang-up on the handle within 10 s. */
void wait_for_hangup(int handle);

/* A lease, bound and steered as far as asked. */
#define CLIENT_QUEUES_MAX 8
struct client {
	struct daemon *daemon;
	sd_varlink *link;
	char id[16];
	int handle, listener;
	uint16_t port;
	uint32_t rings[CLIENT_QUEUES_MAX]; /* hardware queues that it registered */
	unsigned n_rings;
};
enum client_state { CLIENT_RESERVED, CLIENT_BOUND, CLIENT_STEERED };
/* NULL, or the error of the call that failed; the client is to be closed in either case. */
const char *client_open(struct daemon *d, struct client *c, enum client_state state);
const char *client_open_queues(struct daemon *d, struct client *c, unsigned n,
			       enum client_state state);
const char *client_register(struct client *c); /* the first queue */
const char *client_register_queue(struct client *c, unsigned queue);
const char *client_add_flow(struct client *c);
/* Everything, its rings first, unless the lease was over before. */
void client_close(struct client *c);

/* A registration process that has not ended, of that daemon, or (0) of whomever. */
bool is_registrar(pid_t pid, pid_t parent);
/* The one that the daemon has; 0 if there is none, -1 if there are more. */
pid_t registrar_of(pid_t parent);
/* The same of that which makes them. */
pid_t first_registrar_of(pid_t parent);
/* It has made what it was told to make, and has said so. */
bool first_registrar_rests(pid_t parent);
