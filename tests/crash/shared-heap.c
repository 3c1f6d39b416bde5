/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>

#include "macro.h"
#include "shared-heap.h"

#define HEAP_SIZE (4UL << 30) /* of addresses; memory is taken as it is used */
#define CLASSES	  40

struct block {
	size_t class; /* 2^class bytes follow */
	struct block *next;
};

static struct heap {
	atomic_size_t used;
	char memory[];
} *heap;
static pthread_mutex_t *machine_lock;
static _Thread_local unsigned depth;
/* What this process has freed; it goes with it. */
static struct block *free_blocks[CLASSES];
static pthread_mutex_t free_lock = PTHREAD_MUTEX_INITIALIZER;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *s);
void __real_free(void *p);
int __real_pthread_mutex_lock(pthread_mutex_t *m);
int __real_pthread_mutex_unlock(pthread_mutex_t *m);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *s);
void __wrap_free(void *p);
int __wrap_pthread_mutex_lock(pthread_mutex_t *m);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *m);

void shared_heap_init(void)
{
	void *p = mmap(NULL, HEAP_SIZE, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert(p != MAP_FAILED);
	heap = p;
}

void shared_heap_enter(void)
{
	depth++;
}

void shared_heap_leave(void)
{
	depth--;
}

void shared_heap_forked(void)
{
	memset(free_blocks, 0, sizeof(free_blocks));
	pthread_mutex_init(&free_lock, NULL);
}

void shared_heap_set_lock(pthread_mutex_t *lock)
{
	pthread_mutexattr_t a;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(lock, &a);
	pthread_mutexattr_destroy(&a);
	machine_lock = lock;
}

static bool is_shared(const void *p)
{
	return (const char *)p >= (char *)heap && (const char *)p < (char *)heap + HEAP_SIZE;
}

static struct block *reuse(size_t class)
{
	struct block *b;

	__real_pthread_mutex_lock(&free_lock);
	b = free_blocks[class];
	if (b)
		free_blocks[class] = b->next;
	__real_pthread_mutex_unlock(&free_lock);
	return b;
}

static void *shared_alloc(size_t size)
{
	struct block *b;
	size_t class = 4, at;

	while ((1UL << class) < size)
		class++;
	b = reuse(class);
	if (!b) {
		at = atomic_fetch_add(&heap->used, sizeof(*b) + (1UL << class));
		assert(at + sizeof(*heap) + sizeof(*b) + (1UL << class) <= HEAP_SIZE);
		b = (struct block *)(heap->memory + at + 8); /* aligned to 16 */
		b->class = class;
	}
	return b + 1;
}

void *__wrap_malloc(size_t size)
{
	return depth > 0 ? shared_alloc(size) : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	size_t bytes;
	void *p;

	if (depth == 0)
		return __real_calloc(n, size);
	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	p = shared_alloc(bytes);
	memset(p, 0, bytes);
	return p;
}

void *__wrap_realloc(void *p, size_t size)
{
	size_t before;
	void *new;

	if (depth == 0 && !is_shared(p))
		return __real_realloc(p, size);
	assert(!p || is_shared(p));
	new = __wrap_malloc(size);
	if (p && new) {
		before = 1UL << ((struct block *)p - 1)->class;
		memcpy(new, p, before < size ? before : size);
		__wrap_free(p);
	}
	return new;
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return __wrap_realloc(p, bytes);
}

char *__wrap_strdup(const char *s)
{
	char *p;

	if (depth == 0)
		return __real_strdup(s);
	p = shared_alloc(strlen(s) + 1);
	return strcpy(p, s);
}

void __wrap_free(void *p)
{
	struct block *b = p;

	if (!is_shared(p)) {
		__real_free(p);
		return;
	}
	b--;
	__real_pthread_mutex_lock(&free_lock);
	b->next = free_blocks[b->class];
	free_blocks[b->class] = b;
	__real_pthread_mutex_unlock(&free_lock);
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *m)
{
	int r = __real_pthread_mutex_lock(m);

	if (m != machine_lock)
		return r;
	if (r == EOWNERDEAD)
		r = pthread_mutex_consistent(m);
	depth++;
	return r;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *m)
{
	if (m == machine_lock)
		depth--;
	return __real_pthread_mutex_unlock(m);
}
