/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See rings.h.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sys/epoll.h>

#include "rings.h"

int rings_watch(int rings, int *ring, uint64_t key)
{
	/* No events: what completes on the ring wakes nobody of ours. */
	struct epoll_event event = { .data.u64 = key };

	/* A ring that has a queue already is there under the same number: ours is its lowest free. */
	while (epoll_ctl(rings, EPOLL_CTL_ADD, *ring, &event) < 0) {
		int copy;

		if (errno != EEXIST)
			return -errno;
		copy = fcntl(*ring, F_DUPFD_CLOEXEC, *ring + 1);
		if (copy < 0)
			return -errno;
		close(*ring);
		*ring = copy;
	}
	return 0;
}

void rings_forget(int rings, int ring)
{
	(void)epoll_ctl(rings, EPOLL_CTL_DEL, ring, NULL);
}

int rings_read(int rings, void (*found)(uint64_t key, void *userdata), void *userdata)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[64], line[256];
	uint64_t key;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", rings);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "tfd: %*d events: %*x data: %" SCNx64, &key) == 1)
			found(key, userdata);
	return ferror(f) ? -EIO : 0;
}

struct search {
	const uint64_t *keys;
	size_t n;
	unsigned *found;
};

static void on_found(uint64_t key, void *userdata)
{
	const struct search *s = userdata;

	for (size_t i = 0; i < s->n; i++)
		s->found[i] += s->keys[i] == key;
}

int rings_count(int rings, const uint64_t *keys, size_t n, unsigned *ret)
{
	struct search s = { keys, n, ret };

	memset(ret, 0, n * sizeof(*ret));
	return rings_read(rings, on_found, &s);
}
