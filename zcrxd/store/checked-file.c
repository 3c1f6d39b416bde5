/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See checked-file.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sys/stat.h>
#include <systemd/sd-id128.h>
#include <time.h>

#include "macro.h"
#include "regular-file.h"
#include "checked-file.h"

#define SIZE_LIMIT (64 * 1024 * 1024)
#define LINE_MAX_SIZE 64 /* above a change */

/* FNV-1a: enough to tell a torn or edited file from a whole one. */
static uint64_t checksum(const char *s, size_t n)
{
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)s[i]) * 0x100000001b3;
	return h;
}

int checked_file_format(const struct file_format *format, const char *text, const char *boot_id,
			char **ret)
{
	size_t n = strlen(text);

	if (asprintf(ret, "%s %d %s %zu %016llx\n%s", format->magic, format->version, boot_id, n,
		     (unsigned long long)checksum(text, n), text) < 0)
		return -ENOMEM;
	return 0;
}

int checked_file_check(const struct file_format *format, const char *file, size_t size,
		       const char *boot_id, const char **ret, size_t *ret_size)
{
	size_t magic = strlen(format->magic);
	const char *end = memchr(file, '\n', size);
	unsigned long long length, sum;
	char boot[SD_ID128_STRING_MAX];
	_cleanup_free_ char *header = NULL;
	int version, n = -1;

	if (size == 0)
		return -ENODATA;
	if (!end || end - file > 200)
		return -EBADMSG;
	header = strndup(file, (size_t)(end - file));
	if (!header)
		return -ENOMEM;
	if (strncmp(header, format->magic, magic) != 0 ||
	    sscanf(header + magic, " %d", &version) != 1)
		return -EBADMSG;
	if (version != format->version && (format->older == 0 || version != format->older))
		return -EPROTONOSUPPORT;
	if (sscanf(header + magic, " %*d %32s %llu %16llx%n", boot, &length, &sum, &n) != 3 ||
	    header[magic + (size_t)n] != '\0')
		return -EBADMSG;
	size -= (size_t)(end + 1 - file);
	if (length > size || (length < size && !format->grows) || checksum(end + 1, length) != sum)
		return -EBADMSG;
	if (!streq(boot, boot_id))
		return -ESTALE;
	*ret = end + 1;
	*ret_size = length;
	return 0;
}

/* The line above a change, without its end. */
static int format_line(size_t n, uint64_t sum, char ret[LINE_MAX_SIZE])
{
	int size = snprintf(ret, LINE_MAX_SIZE, "+ %zu %016llx", n, (unsigned long long)sum);

	return size + snprintf(ret + size, LINE_MAX_SIZE - (size_t)size, " %016llx",
			       (unsigned long long)checksum(ret, (size_t)size));
}

int checked_file_next(const char **at, const char *end, const char **ret, size_t *ret_size)
{
	const char *p = *at, *eol = memchr(p, '\n', (size_t)(end - p));
	char line[LINE_MAX_SIZE];
	unsigned long long n, sum;
	int size;

	if (!eol) /* and a line that is longer is none of ours */
		return end - p < LINE_MAX_SIZE ? 0 : -EBADMSG;
	if (sscanf(p, "+ %llu %16llx", &n, &sum) != 2)
		return -EBADMSG;
	size = format_line(n, sum, line);
	if (eol - p != size || memcmp(p, line, (size_t)size) != 0)
		return -EBADMSG;
	p = eol + 1;
	if (n > (size_t)(end - p))
		return 0;
	if (checksum(p, n) != sum)
		return -EBADMSG;
	*ret = p;
	*ret_size = n;
	*at = p + n;
	return 1;
}

const char *checked_file_problem(int r)
{
	switch (r) {
	case -ENODATA:
		return "it is empty";
	case -EPROTONOSUPPORT:
		return "another version of zcrxd wrote it";
	case -ESTALE:
		return "it is from another boot";
	case -EBADMSG:
		return "it is damaged";
	case -EISDIR:
	case -ELOOP:
		return "it is not a file";
	case -EFBIG:
		return "it is too large";
	default:
		return strerror(-r);
	}
}

bool checked_file_is_damaged(int r)
{
	return r == -ENODATA || r == -EPROTONOSUPPORT || r == -ESTALE || r == -EBADMSG ||
	       r == -EFBIG || r == -EISDIR || r == -ELOOP;
}

int checked_file_refuse_unreadable(const char *path, int r, const char *loss, struct fault *reterr)
{
	_cleanup_free_ char *operation = NULL, *copy = strdup(path);
	const char *directory = copy ? dirname(copy) : path;

	if (!copy || asprintf(&operation, "read %s", path) < 0) {
		operation = NULL;
		return -ENOMEM;
	}
	if (r != -EACCES && r != -EPERM)
		return fault_kernel(reterr, -r, NULL, operation,
				    "Nothing was changed; it is tried again. If it stays so: rm -r %s, and %s is "
				    "lost.", path, loss);
	if (access(directory, R_OK | X_OK) == 0)
		directory = path;
	return fault_kernel(reterr, -r, NULL, operation,
			    "Nothing was changed; it is tried again. It has to be the user's whom zcrxd runs "
			    "as: chown -R zcrxd: %s && chmod -R u+rwX %s", directory, directory);
}

static int current_boot(char ret[SD_ID128_STRING_MAX])
{
	sd_id128_t id;
	int r;

	r = sd_id128_get_boot(&id);
	if (r >= 0)
		sd_id128_to_string(id, ret);
	return r;
}

/* ------------------------------------------------------------------------------ writing */

static int write_all(int fd, const char *s, size_t n)
{
	while (n > 0) {
		ssize_t k = write(fd, s, n);

		if (k < 0 && errno != EINTR)
			return -errno;
		if (k > 0) {
			s += k;
			n -= (size_t)k;
		}
	}
	return 0;
}

static int sync_directory(const char *path)
{
	_cleanup_free_ char *copy = strdup(path);
	_cleanup_close_ int fd = -EBADF;

	if (!copy)
		return -ENOMEM;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* Root by hand must not leave what the service cannot read. */
int checked_file_chown(int fd, const char *path)
{
	_cleanup_free_ char *copy = strdup(path);
	struct stat st;

	if (!copy)
		return -ENOMEM;
	if (stat(dirname(copy), &st) < 0)
		return -errno;
	return geteuid() == 0 && fchown(fd, st.st_uid, st.st_gid) < 0 ? -errno : 0;
}

void growing_file_done(struct growing_file *f)
{
	closep(&f->fd);
	*f = (struct growing_file){ .fd = -EBADF };
}

int checked_file_append(struct growing_file *f, const char *change)
{
	const size_t n = strlen(change);
	_cleanup_free_ char *text = NULL;
	char line[LINE_MAX_SIZE];
	struct stat st;
	int size, r = 0;

	(void)format_line(n, checksum(change, n), line);
	size = asprintf(&text, "%s\n%s", line, change);
	if (size < 0) {
		text = NULL;
		r = -ENOMEM;
	} else if (f->fd < 0 || fstat(f->fd, &st) < 0 || st.st_nlink == 0 || st.st_size != (off_t)f->size)
		r = -ESTALE;
	else
		r = write_all(f->fd, text, (size_t)size);
	if (r == 0)
		f->size += (size_t)size;
	else
		growing_file_done(f);
	return r;
}

int checked_file_write(const struct file_format *format, const char *path, const char *text,
		       struct growing_file *ret)
{
	_cleanup_free_ char *temporary = NULL, *file = NULL;
	_cleanup_close_ int fd = -EBADF;
	char boot[SD_ID128_STRING_MAX];
	int r;

	r = current_boot(boot);
	if (r >= 0)
		r = checked_file_format(format, text, boot, &file);
	if (r < 0)
		return r;
	if (strlen(file) > SIZE_LIMIT)
		return -EFBIG;
	if (asprintf(&temporary, "%s.new", path) < 0)
		return -ENOMEM;
	/* Not what somebody has put there. */
	if (unlink(temporary) < 0 && errno != ENOENT)
		return -errno;
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	/* In /run, which is memory, what is written is there for the next process, and a power cut
	 * ends the boot that the file is bound to: nothing to sync there. */
	r = checked_file_chown(fd, path);
	if (r == 0)
		r = write_all(fd, file, strlen(file));
	if (r == 0 && format->durable && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && rename(temporary, path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(temporary);
	if (r == 0 && ret) {
		growing_file_done(ret);
		*ret = (struct growing_file){ TAKE_FD(fd), strlen(file), strlen(file) };
	}
	return r == 0 && format->durable ? sync_directory(path) : r;
}

/* ------------------------------------------------------------------------------ reading */

static int read_all(const char *path, char **ret, size_t *ret_size)
{
	return regular_file_read(path, O_NOFOLLOW, SIZE_LIMIT, ret, ret_size);
}

int checked_file_read(const struct file_format *format, const char *path, char **ret, size_t *ret_size)
{
	_cleanup_free_ char *file = NULL;
	char boot[SD_ID128_STRING_MAX];
	const char *text;
	size_t size = 0, n = 0;
	int r;

	r = read_all(path, &file, &size);
	if (r == 0)
		r = current_boot(boot);
	if (r >= 0)
		r = checked_file_check(format, file, size, boot, &text, &n);
	if (r >= 0 && strlen(file) != size)
		r = -EBADMSG;
	if (r < 0)
		return r;
	if (ret_size)
		*ret_size = n;
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

int checked_file_read_damaged(const char *path, char **ret)
{
	_cleanup_free_ char *file = NULL;
	const char *end;
	size_t size = 0;
	int r;

	r = read_all(path, &file, &size);
	if (r < 0)
		return r;
	end = memchr(file, '\n', size);
	*ret = strdup(end ? end + 1 : file);
	return *ret ? 0 : -ENOMEM;
}

int checked_file_quarantine(const char *path, int problem, char **ret)
{
	_cleanup_free_ char *aside = NULL;

	if (asprintf(&aside, "%s.%lld.broken", path, (long long)time(NULL)) < 0)
		return -ENOMEM;
	if (rename(path, aside) < 0)
		return -errno;
	if (asprintf(ret, "%s was set aside as %s: %s", path, aside,
		     checked_file_problem(problem)) < 0)
		return -ENOMEM;
	return 0;
}
