/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See instance-lock.h. The lock is of the POSIX kind: a process that zcrxd forks, and leaves behind with a
 * client, does not have it, and the kernel says whose it is. The file is in a directory, and of a mode, that
 * keep it from everybody but zcrxd and root, so that nobody else can have it locked.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sys/stat.h>

#include "instance-lock.h"
#include "macro.h"
#include "checked-file.h"

static int open_lock(const char *path)
{
	const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	_cleanup_close_ int fd = open(path, flags | O_CREAT | O_EXCL, 0600);
	struct stat st;
	int r;

	if (fd >= 0) {
		r = checked_file_chown(fd, path);
		return r < 0 ? r : TAKE_FD(fd);
	}
	fd = errno == EEXIST ? open(path, flags) : -1;
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) && st.st_nlink == 1 ? TAKE_FD(fd) : -EBADMSG;
}

/* 0, or whose it is, as far as that is to be seen from here; or negative. */
static int lock(int fd, pid_t *ret_holder)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	*ret_holder = 0;
	if (fcntl(fd, F_SETLK, &l) >= 0)
		return 0;
	if (errno != EACCES && errno != EAGAIN)
		return -errno;
	if (fcntl(fd, F_GETLK, &l) >= 0 && l.l_type != F_UNLCK)
		*ret_holder = l.l_pid;
	return 1;
}

static int refuse_lock(const char *path, int r, struct fault *reterr)
{
	_cleanup_free_ char *copy = strdup(path);
	const char *directory = copy ? dirname(copy) : path;

	if (r == -ENOENT)
		return fault_kernel(reterr, -r, NULL, "make sure that no other zcrxd is running",
				    "There is no directory %s: systemd-tmpfiles --create", directory);
	if (r == -EACCES || r == -EPERM)
		return fault_kernel(reterr, -r, NULL, "make sure that no other zcrxd is running",
				    "zcrxd has to own %s, and runs as its own user, or as root: chown -R zcrxd: %s",
				    path, directory);
	if (r == -EBADMSG || r == -ELOOP || r == -ENXIO)
		return fault_set(reterr, ZCRX_WRONG_STATE, path,
				 "Cannot make sure that no other zcrxd is running: %s is not the file that zcrxd "
				 "makes. rm -r %s", path, path);
	return fault_kernel(reterr, -r, NULL, "make sure that no other zcrxd is running",
			    "Can zcrxd write %s?", path);
}

int instance_lock(const char *path, int *ret_fd, struct fault *reterr)
{
	_cleanup_close_ int fd = open_lock(path);
	_cleanup_free_ char *who = NULL;
	pid_t holder;
	int r;

	r = fd < 0 ? fd : lock(fd, &holder);
	if (r < 0)
		return refuse_lock(path, r, reterr);
	if (r == 0) {
		*ret_fd = TAKE_FD(fd);
		return 0;
	}
	if (holder > 0 && asprintf(&who, ", process %d", (int)holder) < 0)
		who = NULL;
	return fault_set(reterr, ZCRX_WRONG_STATE, path,
			 "Another zcrxd is running%s: it has locked %s. Two would take each other's leases away, "
			 "so nothing was touched. To end the service: systemctl stop zcrxd.socket zcrxd",
			 who ?: "", path);
}
