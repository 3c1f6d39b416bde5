/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See regular-file.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "macro.h"
#include "regular-file.h"

#define AT_FIRST 4096 /* of files of the kernel, which do not know their size */

static int open_regular(const char *path, int flags, size_t max, size_t *ret_size)
{
	_cleanup_close_ int fd =
		open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags);
	struct stat st;

	if (fd < 0)
		return errno == ENXIO ? -EBADMSG : -errno; /* a socket */
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EBADMSG;
	if ((unsigned long long)st.st_size > max)
		return -EFBIG;
	*ret_size = (size_t)st.st_size;
	return TAKE_FD(fd);
}

int regular_file_read(const char *path, int flags, size_t max, char **ret, size_t *ret_size)
{
	_cleanup_close_ int fd = -EBADF;
	_cleanup_free_ char *text = NULL;
	size_t capacity = 0, length = 0;
	ssize_t n;

	fd = open_regular(path, flags, max, &capacity);
	if (fd < 0)
		return fd;
	if (capacity < AT_FIRST)
		capacity = AT_FIRST;
	for (;;) {
		char *grown = realloc(text, capacity + 2); /* one more than is taken, and the 0 */

		if (!grown)
			return -ENOMEM;
		text = grown;
		n = read(fd, text + length, capacity + 1 - length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += (size_t)n;
		if (length > max)
			return -EFBIG;
		if (length > capacity)
			capacity *= 2;
	}
	text[length] = '\0';
	*ret = TAKE_PTR(text);
	*ret_size = length;
	return 0;
}

const char *regular_file_problem(int r)
{
	switch (r) {
	case -EBADMSG:
		return "It is not a regular file";
	case -EFBIG:
		return "It is too large";
	default:
		return strerror(-r);
	}
}
