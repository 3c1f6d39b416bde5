/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Checks of a client's area; see area.h.
 *
 * F_GET_SEALS comes first: only shmem and hugetlbfs files answer it, so that everything after it
 * cannot end in a FUSE server of the client's. Nothing here takes the file's inode lock or its
 * position lock (lseek does), which a client holds at will.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "area.h"

#define KERNEL_AREA_MAX (1ULL << 40) /* io_uring's own limit */
#define DMABUF_NAME	"/dmabuf:"

static int check_extent(uint64_t offset, uint64_t size, uint64_t unit, uint64_t file_size,
			struct fault *reterr)
{
	uint64_t end;

	if (size == 0 || __builtin_add_overflow(offset, size, &end) || size > KERNEL_AREA_MAX)
		return fault_set(reterr, ZCRX_INVALID_AREA, NULL,
				 "An area of %llu bytes at offset %llu cannot be: it must have "
				 "between 1 byte and 1 TiB.",
				 (unsigned long long)size, (unsigned long long)offset);
	if (offset % unit != 0 || size % unit != 0)
		return fault_set(reterr, ZCRX_INVALID_AREA, NULL,
				 "The area's offset (%llu) and size (%llu) must be multiples of "
				 "the page size of its memory, %llu bytes.",
				 (unsigned long long)offset, (unsigned long long)size,
				 (unsigned long long)unit);
	if (end > file_size)
		return fault_set(reterr, ZCRX_INVALID_AREA, NULL,
				 "The area ends at byte %llu, behind the end of its file at %llu. "
				 "Size the file first (ftruncate).",
				 (unsigned long long)end, (unsigned long long)file_size);
	return 0;
}

static int check_seals(int fd, struct fault *reterr)
{
	int seals = fcntl(fd, F_GET_SEALS), flags;

	if (seals < 0)
		return fault_set(
			reterr, ZCRX_INVALID_AREA, NULL,
			"The area is no memfd. Make it with memfd_create(MFD_ALLOW_SEALING), "
			"or send a dma-buf as areaType dmabuf.");
	if (!(seals & F_SEAL_SHRINK))
		return fault_set(
			reterr, ZCRX_INVALID_AREA, NULL,
			"The area's memfd could be cut off while the NIC writes to it. Seal "
			"it: fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK).");
	if (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return fault_set(reterr, ZCRX_INVALID_AREA, NULL,
				 "The area's memfd is sealed against writing, and the NIC has to "
				 "write to it. Seal it with F_SEAL_SHRINK only.");
	flags = fcntl(fd, F_GETFL);
	if (flags < 0)
		return -errno;
	if ((flags & O_ACCMODE) != O_RDWR)
		return fault_set(reterr, ZCRX_INVALID_AREA, NULL,
				 "The area's memfd is not open for reading and writing.");
	return 0;
}

static int check_memory(int fd, uint64_t offset, uint64_t size, struct fault *reterr)
{
	uint64_t unit = (uint64_t)sysconf(_SC_PAGESIZE);
	struct statfs fs;
	struct stat st;
	int r = check_seals(fd, reterr);

	if (r != 0)
		return r;
	if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		return -errno;
	if (fs.f_type == HUGETLBFS_MAGIC)
		unit = (uint64_t)fs.f_bsize;
	r = check_extent(offset, size, unit, (uint64_t)st.st_size, reterr);
	if (r != 0)
		return r;
	/*
	 * Pages that are missing would be made while they are pinned: with the NIC's lock held, and
	 * charged to us. The whole file is asked for, because whether the area itself has holes
	 * cannot be asked without the inode's lock.
	 */
	if ((uint64_t)st.st_blocks * 512 < (uint64_t)st.st_size)
		return fault_set(reterr, ZCRX_INVALID_AREA, NULL,
				 "The area's memfd is not populated: %llu of its %llu bytes exist. "
				 "Touch every page before registering (fallocate, or mmap with "
				 "MAP_POPULATE).",
				 (unsigned long long)st.st_blocks * 512,
				 (unsigned long long)st.st_size);
	return 0;
}

/*
 * Neither a file's own stat nor its fdinfo can be asked: both may end in the client's hands. The
 * name in /proc is the kernel's, but a file of the client's may bear it, if it mounts one; such a
 * file has a type, which anonymous inodes have not.
 */
static int check_dmabuf(int fd, uint64_t offset, uint64_t size, struct fault *reterr)
{
	_cleanup_free_ char *path = NULL;
	char name[sizeof(DMABUF_NAME)];
	struct statx st;
	bool named;
	ssize_t n;

	if (asprintf(&path, "/proc/self/fd/%d", fd) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	n = readlink(path, name, sizeof(name));
	if (n < 0)
		return -errno;
	named = n >= (ssize_t)strlen(DMABUF_NAME) &&
		memcmp(name, DMABUF_NAME, strlen(DMABUF_NAME)) == 0;
	if (named && statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_SIZE, &st) < 0)
		return -errno;
	if (!named || (st.stx_mode & S_IFMT) != 0)
		return fault_set(reterr, ZCRX_INVALID_AREA, NULL,
				 "The area is no dma-buf. Send a memfd as areaType memory.");
	/* The kernel takes no part of one, and would say no more than EINVAL. */
	if (offset != 0 || size != st.stx_size)
		return fault_set(reterr, ZCRX_INVALID_AREA, NULL,
				 "A dma-buf is an area as a whole: areaOffset must be 0 and areaSize the "
				 "size of the dma-buf, %llu bytes; they are %llu and %llu.",
				 (unsigned long long)st.stx_size, (unsigned long long)offset,
				 (unsigned long long)size);
	return check_extent(offset, size, (uint64_t)sysconf(_SC_PAGESIZE), st.stx_size, reterr);
}

int area_check(int fd, uint64_t offset, uint64_t size, bool dmabuf, struct fault *reterr)
{
	return dmabuf ? check_dmabuf(fd, offset, size, reterr)
		      : check_memory(fd, offset, size, reterr);
}
