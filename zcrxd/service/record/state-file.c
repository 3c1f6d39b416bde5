/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See state-file.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <systemd/sd-id128.h>
#include <time.h>

#include "record.h"
#include "state-file.h"

#define STATE_MAGIC "zcrxd-state"
#define STATE_SIZE_MAX (64 * 1024 * 1024)

/* FNV-1a: enough to tell a torn or edited file from a whole one. */
static uint64_t checksum(const char *s, size_t n)
{
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)s[i]) * 0x100000001b3;
	return h;
}

int state_format(const char *record, const char *boot_id, char **ret)
{
	size_t n = strlen(record);

	if (asprintf(ret, STATE_MAGIC " %d %s %zu %016llx\n%s", RECORD_VERSION, boot_id, n,
		     (unsigned long long)checksum(record, n), record) < 0)
		return -ENOMEM;
	return 0;
}

int state_check(const char *text, size_t size, const char *boot_id, const char **ret)
{
	const char *end = memchr(text, '\n', size);
	unsigned long long length, sum;
	char boot[SD_ID128_STRING_MAX];
	_cleanup_free_ char *header = NULL;
	int version, n = -1;

	if (size == 0)
		return -ENODATA;
	if (!end || end - text > 200)
		return -EBADMSG;
	header = strndup(text, (size_t)(end - text));
	if (!header)
		return -ENOMEM;
	if (sscanf(header, STATE_MAGIC " %d", &version) != 1)
		return -EBADMSG;
	if (version != RECORD_VERSION)
		return -EPROTONOSUPPORT;
	if (sscanf(header, STATE_MAGIC " %*d %32s %llu %16llx%n", boot, &length, &sum, &n) != 3 ||
	    header[n] != '\0')
		return -EBADMSG;
	if (length != size - (size_t)(end + 1 - text) || checksum(end + 1, length) != sum)
		return -EBADMSG;
	if (!streq(boot, boot_id))
		return -ESTALE;
	*ret = end + 1;
	return 0;
}

const char *state_problem(int r)
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
	case -EFBIG:
		return "it is too large";
	default:
		return strerror(-r);
	}
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

int state_write(const char *path, const char *record)
{
	_cleanup_free_ char *temporary = NULL, *text = NULL;
	_cleanup_close_ int fd = -EBADF;
	char boot[SD_ID128_STRING_MAX];
	int r;

	r = current_boot(boot);
	if (r >= 0)
		r = state_format(record, boot, &text);
	if (r < 0)
		return r;
	if (asprintf(&temporary, "%s.new", path) < 0)
		return -ENOMEM;
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	/* /run is memory: what is written is there for the next process, and a power cut ends the
	 * boot that the file is bound to. No fsync. */
	r = write_all(fd, text, strlen(text));
	if (r == 0 && rename(temporary, path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(temporary);
	return r;
}

/* ------------------------------------------------------------------------------ reading */

static int read_all(const char *path, char **ret, size_t *ret_size)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADMSG;
	if (st.st_size > STATE_SIZE_MAX)
		return -EFBIG;
	text = calloc(1, (size_t)st.st_size + 1);
	if (!text)
		return -ENOMEM;
	n = read(fd, text, (size_t)st.st_size);
	if (n < 0)
		return -errno;
	*ret = TAKE_PTR(text);
	*ret_size = (size_t)n;
	return 0;
}

static int parse(const char *text, size_t size, struct record *ret)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	char boot[SD_ID128_STRING_MAX];
	const char *record;
	int r;

	r = current_boot(boot);
	if (r >= 0)
		r = state_check(text, size, boot, &record);
	if (r < 0)
		return r;
	r = sd_json_parse(record, 0, &v, NULL, NULL);
	return r < 0 ? -EBADMSG : record_parse(v, ret);
}

static int set_aside(const char *path, int problem, char **ret)
{
	_cleanup_free_ char *aside = NULL;

	if (asprintf(&aside, "%s.%lld.broken", path, (long long)time(NULL)) < 0)
		return -ENOMEM;
	if (rename(path, aside) < 0)
		return -errno;
	if (asprintf(ret, "%s was set aside as %s: %s", path, aside, state_problem(problem)) < 0)
		return -ENOMEM;
	return 0;
}

int state_read(const char *path, struct record *ret, char **ret_set_aside)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	int r;

	*ret = (struct record){};
	r = read_all(path, &text, &size);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = parse(text, size, ret);
	if (r < 0 && r != -ENOMEM)
		return set_aside(path, r, ret_set_aside);
	return r;
}
