/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What udev knows of network devices, from its database (one file a device). It writes after the kernel
 * has told of the device, and what it writes nobody tells: hence the watch.
 */
#pragma once

#include <stdbool.h>

/* ID_PATH; NULL if udev does not know it (yet). -ENOMEM only. */
int udev_path(unsigned ifindex, char **ret);

/* A descriptor that becomes readable when udev has written something down. -ENOENT: there is no udev. */
int udev_watch(int *ret_fd);
typedef void (*udev_handler)(unsigned ifindex, void *userdata);
/* Reads what there is. -EOVERFLOW if something was lost. */
int udev_watch_read(int fd, udev_handler handler, void *userdata);

/* Pure: the network device that the name of a file in the database stands for. */
bool udev_read_name(const char *name, unsigned *ret_ifindex);
