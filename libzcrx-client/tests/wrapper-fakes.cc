/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See wrapper-fakes.h. What is defined here is taken instead of the shared library's. */
#include "wrapper-fakes.h"

#include <dlfcn.h>

struct fakes fakes;

static char hello[] = "hello";
static int a_queue, a_pool;

zcrx_queue *fake_queue()
{
	return reinterpret_cast<zcrx_queue *>(&a_queue);
}

zcrx_pool *fake_pool()
{
	return reinterpret_cast<zcrx_pool *>(&a_pool);
}

extern "C" {

int zcrx_lease_acquire(zcrx_lease *lease)
{
	auto real = reinterpret_cast<int (*)(zcrx_lease *)>(dlsym(RTLD_NEXT, "zcrx_lease_acquire"));

	return fakes.acquire_result <= 0 ? fakes.acquire_result : real(lease);
}

zcrx_queue *zcrx_queue_ref(zcrx_queue *queue)
{
	fakes.references += queue != nullptr;
	return queue;
}

zcrx_queue *zcrx_queue_unref(zcrx_queue *queue)
{
	fakes.references -= queue != nullptr;
	return nullptr;
}

int zcrx_queue_wait(zcrx_queue *, int timeout, const zcrx_event **ret)
{
	static zcrx_event event;

	event.type = ZCRX_EVENT_DATA;
	event.data = hello;
	event.length = 5;
	event.offset = 7;
	fakes.timeout = timeout;
	*ret = &event;
	return fakes.wait_result;
}

int zcrx_queue_return(zcrx_queue *queue, const void *data)
{
	fakes.returned += queue == fake_queue() && data == hello;
	return 0;
}

zcrx_pool *zcrx_queue_get_pool(zcrx_queue *)
{
	return fake_pool();
}

zcrx_pool *zcrx_pool_unref(zcrx_pool *)
{
	return nullptr;
}

int zcrx_pool_hold(zcrx_pool *pool, const void *data)
{
	fakes.held += pool == fake_pool() && data == hello;
	return 0;
}

int zcrx_pool_return(zcrx_pool *pool, const void *data)
{
	fakes.returned += pool == fake_pool() && data == hello;
	return 0;
}

int zcrx_pool_take(zcrx_pool *, const void *, zcrx_span *ret)
{
	*ret = { hello, 5, 0 };
	return 1;
}

} // extern "C"

int main()
{
	run_with_exceptions();
	run_without_exceptions();
	return 0;
}
