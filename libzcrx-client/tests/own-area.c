/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * docs/examples/receive-ring.c is compiled once more with this in place of zcrx_pool_register(): it receives
 * into the middle of a memfd of its own, which says afterwards that nothing was written beside that.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <zcrx-client.h>

#undef zcrx_pool_register

#define OFFSET ((size_t)5 << 12)
#define SIZE   ((size_t)4 << 20)

int register_own_area(struct zcrx_pool *pool, int ring_fd);
int zcrx_pool_register(struct zcrx_pool *pool, int ring_fd);

static char *memory;

static void look_beside(void)
{
	for (size_t i = 0; i < OFFSET; i++)
		if (memory[i] != 'x' || memory[OFFSET + SIZE + i] != 'x')
			abort();
	printf("nothing beside the area was touched\n");
}

int register_own_area(struct zcrx_pool *pool, int ring_fd)
{
	int fd = memfd_create("mine", MFD_CLOEXEC | MFD_ALLOW_SEALING), r;

	if (fd < 0 || ftruncate(fd, SIZE + 2 * OFFSET) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0)
		return -errno;
	memory = mmap(NULL, SIZE + 2 * OFFSET, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	memset(memory, 'x', SIZE + 2 * OFFSET);
	atexit(look_beside);
	r = zcrx_pool_set_area(pool, fd, OFFSET, memory + OFFSET, SIZE);
	close(fd);
	return r < 0 ? r : zcrx_pool_register(pool, ring_fd);
}
