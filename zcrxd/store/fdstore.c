/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See fdstore.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <systemd/sd-daemon.h>

#include "close-late.h"
#include "fdstore-later.h"
#include "fdstore.h"
#include "log.h"

int stored_fds_collect(struct stored_fds *ret)
{
	char **names = NULL;
	int n;

	*ret = (struct stored_fds){};
	n = sd_listen_fds_with_names(true, &names);
	if (n <= 0)
		return n;
	ret->list = calloc((size_t)n, sizeof(*ret->list));
	for (int i = 0; i < n; i++) {
		if (ret->list)
			ret->list[ret->n++] = (struct stored_fd){ .name = names[i],
								  .fd = SD_LISTEN_FDS_START + i };
		else
			free(names[i]);
	}
	free(names);
	return ret->list ? 0 : -ENOMEM;
}

int stored_fds_take(struct stored_fds *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->list[i].fd >= 0 && streq(s->list[i].name, name))
			return TAKE_FD(s->list[i].fd);
	return -EBADF;
}

static void drop(const struct stored_fd *s)
{
	log_debug("Closing unclaimed fd-store entry %s.", s->name);
	fdstore_remove(s->name);
	if (strncmp(s->name, FDSTORE_EXPORT, strlen(FDSTORE_EXPORT)) == 0)
		close_late(s->fd);
	else
		close(s->fd);
}

void stored_fds_done(struct stored_fds *s, bool remove)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->list[i].fd >= 0 && remove)
			drop(&s->list[i]);
		else if (s->list[i].fd >= 0)
			close(s->list[i].fd);
		free(s->list[i].name);
	}
	free(s->list);
	*s = (struct stored_fds){};
}

void fdstore_handle_name(uint32_t lease, uint64_t cookie, char ret[64])
{
	snprintf(ret, 64, "handle-%08x-%llx", lease, (unsigned long long)cookie);
}

void fdstore_proof_name(uint32_t lease, uint64_t cookie, unsigned queue, char ret[64])
{
	snprintf(ret, 64, "proof-%08x-%llx-%x", lease, (unsigned long long)cookie, queue);
}

void fdstore_old_proof_name(uint32_t lease, uint64_t cookie, char ret[64])
{
	snprintf(ret, 64, "proof-%08x-%llx", lease, (unsigned long long)cookie);
}

void fdstore_client_name(uint32_t lease, unsigned queue, char ret[64])
{
	snprintf(ret, 64, "client-%08x-%u", lease, queue);
}

bool fdstore_is_there(void)
{
	return getenv("NOTIFY_SOCKET");
}

bool fdstore_mark(struct stored_fds *passed)
{
	_cleanup_close_ int fd = stored_fds_take(passed, FDSTORE_MARK);

	if (fd >= 0 || !fdstore_is_there())
		return fd >= 0;
	fd = eventfd(0, EFD_CLOEXEC);
	return fd >= 0 && fdstore_push(FDSTORE_MARK, fd) == 0;
}

uint64_t fdstore_size(void)
{
	const char *text = getenv("FDSTORE"); /* systemd 254 and later */
	char *end = NULL;
	unsigned long long n;

	if (!text || !fdstore_is_there())
		return UINT64_MAX;
	n = strtoull(text, &end, 10);
	return end != text && *end == '\0' ? n : UINT64_MAX;
}

void fdstore_export_name(uint32_t lease, unsigned queue, char ret[64])
{
	snprintf(ret, 64, FDSTORE_EXPORT "%08x-%u", lease, queue);
}

void fdstore_sharer_name(uint32_t lease, unsigned queue, unsigned uid, unsigned number, char ret[64])
{
	snprintf(ret, 64, "sharer-%08x-%u-%u-%u", lease, queue, uid, number);
}

bool fdstore_parse_sharer_name(const char *name, unsigned *ret_lease, unsigned *ret_queue, unsigned *ret_uid,
			       unsigned *ret_number)
{
	int end;

	return sscanf(name, "sharer-%8x-%u-%u-%u%n", ret_lease, ret_queue, ret_uid, ret_number, &end) == 4 &&
	       name[end] == '\0';
}

int fdstore_push(const char *name, int fd)
{
	_cleanup_free_ char *text = NULL;
	int r;

	fdstore_flush();
	if (asprintf(&text, "FDSTORE=1\nFDNAME=%s", name) < 0)
		r = -ENOMEM;
	else
		r = sd_pid_notify_with_fds(0, 0, text, &fd, 1);
	if (r < 0)
		log_errno(r, "Cannot store a descriptor for the next zcrxd");
	return r < 0 ? r : 0;
}

void fdstore_remove(const char *name)
{
	(void)sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}
