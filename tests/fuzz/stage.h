/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The whole service on the simulated machine, without anything that could be different another
 * time: the threads and processes of worker.h and registrar.h are replaced by turns of the loop
 * (stage-worker.c), time stands still until it is told to pass, lease ids count from 1, and systemd
 * keeps descriptors (stage-system.c). An input that fails once fails again.
 */
#pragma once

#include <stdbool.h>

#include "leases.h"
#include "manager.h"
#include "sim.h"

#define STAGE_NICS    2	   /* "sim0" and "sim1"; zero-copy queues are 4 to 7 of sim0 */
#define STAGE_IFINDEX 2	   /* of the first */
#define STAGE_CONFIGS 7	   /* 0 is the one to start with, 6 has a mistake */
#define STAGE_UID     1000 /* may lease, and has to prove flows; uid 1001 may not */

struct stage {
	struct manager *manager;
	struct nic_backend *sim;
	char directory[64], socket_path[96], config_path[96], state_path[96];
	unsigned n_turns; /* of the loop, those of workers included */
};
extern struct stage stage;

/* A new machine and a daemon that has configured it. `state_file` (may be NULL) is what an earlier
 * daemon has left. */
void stage_start(const char *state_file, size_t size);
/* The machine alone; a daemon on it; the machine alone again. */
void stage_build(void);
void stage_boot(const char *state_file, size_t size);
void stage_halt(void);
/* systemctl restart: what is under way is finished, leases stay. */
void stage_restart(void);
/* Everything is let go of; the clients' descriptors are closed already. Leases that need no handle
 * may remain, nothing else. */
void stage_settle(void);
/* The daemon and the machine. */
void stage_stop(void);
void stage_write_config(unsigned number);

/* The daemon does all that it can do now. */
void stage_run(void);
/* And then time passes. */
void stage_pass(uint64_t milliseconds);
/* What holds at any time: a queue has one holder, and rules and devices lead to leases. */
void stage_check(void);
void stage_check_leases(void); /* the first half of it */
/* What the next daemon would read is what there is. */
void stage_check_record(void);
/* Once what failed was tried again: rules are there for sockets that are. */
void stage_check_proofs(void);
/* Nothing fails any more: what is degraded has a next try, or a reason that a person has to act on. After
 * the tries, only the latter. */
void stage_check_degraded(void);
/* No lease, and the machine as if there never had been one. */
void stage_check_clean(void);

/* ---- stage-worker.c */
/* Workers do not begin jobs; finished jobs are not told; a client keeps its ring's lock. */
enum stage_hold { HOLD_RUN = 1, HOLD_REPORT = 2, HOLD_RING = 4 };
void stage_set_hold(unsigned holds);

/* ---- stage-system.c */
void stage_system_reset(void);
void stage_clock_pass(uint64_t usec);
/* The daemon has killed a client since the last call. */
bool stage_client_killed(void);
