/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * /run/udev/data; see udev.h.
 */
#include <errno.h>
#include <limits.h>
#include <sys/inotify.h>

#include "macro.h"
#include "regular-file.h"
#include "udev.h"

#define DATABASE     "/run/udev/data"
#define ID_PATH	     "E:ID_PATH="
#define SIZE_MOST    (1 << 20)
#define READS_AT_ONCE 16 /* the rest is read in the next round of the loop */

int udev_path(unsigned ifindex, char **ret)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	char *line, *rest;
	size_t size;
	int r;

	if (asprintf(&path, DATABASE "/n%u", ifindex) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	*ret = NULL;
	r = regular_file_read(path, 0, SIZE_MOST, &text, &size);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (rest = text; (line = strsep(&rest, "\n"));) {
		if (strncmp(line, ID_PATH, strlen(ID_PATH)) != 0)
			continue;
		*ret = strdup(line + strlen(ID_PATH));
		return *ret ? 0 : -ENOMEM;
	}
	return 0;
}

int udev_watch(int *ret_fd)
{
	_cleanup_close_ int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	/* A file is replaced whole. */
	if (fd < 0 || inotify_add_watch(fd, DATABASE, IN_MOVED_TO | IN_ONLYDIR) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

bool udev_read_name(const char *name, unsigned *ret_ifindex)
{
	char *end;
	unsigned long ifindex;

	if (name[0] != 'n' || name[1] < '1' || name[1] > '9')
		return false;
	errno = 0;
	ifindex = strtoul(name + 1, &end, 10);
	if (errno != 0 || *end != '\0' || ifindex > INT_MAX)
		return false;
	*ret_ifindex = (unsigned)ifindex;
	return true;
}

int udev_watch_read(int fd, udev_handler handler, void *userdata)
{
	_Alignas(struct inotify_event) char buffer[4096];
	unsigned ifindex;
	ssize_t n = 1;

	for (unsigned i = 0; i < READS_AT_ONCE && n > 0; i++) {
		n = read(fd, buffer, sizeof(buffer));
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *e = (const void *)(buffer + at);

			if (e->mask & IN_Q_OVERFLOW)
				return -EOVERFLOW;
			if (e->len > 0 && udev_read_name(e->name, &ifindex))
				handler(ifindex, userdata);
			at += (ssize_t)(sizeof(*e) + e->len);
		}
	}
	return 0;
}
