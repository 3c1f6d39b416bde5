/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests of zcrx-client.hpp have in place of some functions of the library: wrapper-fakes.cc. */
#pragma once

#include <zcrx-client.h>

struct fakes {
	int acquire_result = 1;
	int wait_result = 1; /* with "hello" */
	int timeout = 0;
	int references = 0; /* to the queue, beyond the first */
	int returned = 0, held = 0;
};

extern fakes fakes;

/* A queue and a pool that nothing stands behind. */
zcrx_queue *fake_queue();
zcrx_pool *fake_pool();

template <class Queue> struct queue_maker : Queue {
	queue_maker() { this->object_ = fake_queue(); }
};

template <class Queue> Queue fakes_queue()
{
	return queue_maker<Queue>();
}

template <class Pool> struct pool_maker : Pool {
	pool_maker() { this->object_ = fake_pool(); }
};

template <class Pool> Pool fakes_pool()
{
	return pool_maker<Pool>();
}

void run_with_exceptions();
void run_without_exceptions();
