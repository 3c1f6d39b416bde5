/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A zcrxd without a NIC: answers as the test tells it, one connection after the other. Runs in a thread of
 * its own; fields are the test's to read and write between its (synchronous) calls.
 */
#pragma once

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>

struct fake_server {
	char directory[64];
	char path[96];
	pthread_t thread;
	int listening;
	int stop[2];

	/* What to answer with: an error and its parameters (JSON), or success. */
	const char *error_id;
	const char *error_parameters;
	const char *lease;	  /* the `lease` of replies, JSON; NULL for a good one */
	const char *registration; /* the reply of Register, JSON; NULL for a good one */
	const char *sharing;	  /* of Share, likewise */
	const char *flows;	  /* the reply of AddFlow, likewise */
	bool no_handle;		  /* leave the handle out of replies */
	bool hang_up;		  /* close the connection instead of replying */
	bool silent;		  /* do not answer */
	bool hang_up_afterwards;  /* after Renew has been answered */
	const char *raw;	  /* the message to answer with, whatever it is */
	size_t raw_size;	  /* with its zero byte */
	size_t piece;		  /* bytes of the answer at a time; 0: all at once */
	bool gated;		  /* for each of these, wait until the test opens the gate */
	sem_t gate;

	/* What came: the method's name and its parameters, as JSON. */
	char *method;
	char *parameters;
	unsigned int calls;
	int handle;	    /* the daemon's end of the handle */
	int descriptors[4]; /* what the last call brought along */
	size_t n_descriptors;
};

void fake_start(struct fake_server *f);
void fake_stop(struct fake_server *f);
