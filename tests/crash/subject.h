/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The client whose lease something is done to, and its calls: each returns NULL or the error.
 */
#pragma once

#include "world.h"

/* The first zero-copy queue is the bystander's. */
#define SUBJECT_QUEUE 5
#define SUBJECT_QUEUES_MOST 2

#define SUBJECT_LEASE "\"leaseId\":\"%s\",\"handleFileDescriptor\":0"
#define SUBJECT_FLOW                                                                               \
	"{\"protocol\":\"tcp4\",\"destination\":\"10.9.0.1\",\"destinationPort\":7}"

struct subject {
	char id[16], flow_id[24]; /* the first flow that it was told of */
	int handle;
};

const char *subject_acquire(struct world *w, struct subject *s, const char *parameters);
const char *subject_register(struct world *w, struct subject *s, unsigned queue);
const char *subject_add_socket(struct world *w, struct subject *s);
const char *subject_add_value(struct world *w, struct subject *s);
/* A method that takes nothing but the lease. */
const char *subject_call(struct world *w, struct subject *s, const char *method);
/* Ends the lease as its client would, whatever has become of it. */
void subject_end(struct world *w, struct subject *s);
