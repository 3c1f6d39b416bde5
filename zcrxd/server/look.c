/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See look.h.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "look.h"
#include "macro.h"

void look_unref(struct look *l)
{
	if (atomic_fetch_sub(&l->n_ref, 1) > 1)
		return;
	accounts_list_free(l->list, l->n);
	free(l->user.groups);
	if (l->done_fd >= 0)
		close(l->done_fd);
	free(l);
}

static void *look_main(void *userdata)
{
	struct look *l = userdata;

	for (size_t i = 0; i < l->n; i++)
		l->list[i].r = account_find(l->list[i].kind, l->list[i].name, &l->list[i].id);
	if (l->of_user)
		account_find_groups(&l->user);
	(void)eventfd_write(l->done_fd, 1);
	look_unref(l);
	return NULL;
}

int look_new(const struct config *c, struct look **ret)
{
	struct look *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	atomic_init(&l->n_ref, 1);
	l->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = l->done_fd < 0 ? -errno : config_list_accounts(c, &l->list, &l->n);
	if (r < 0) {
		look_unref(l);
		return r;
	}
	*ret = l;
	return 0;
}

int look_start(struct look *l)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int r = pthread_attr_init(&attributes);

	if (r != 0)
		return -r;
	(void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	atomic_fetch_add(&l->n_ref, 1);
	r = pthread_create(&thread, &attributes, look_main, l);
	(void)pthread_attr_destroy(&attributes);
	if (r != 0)
		look_unref(l);
	return -r;
}
