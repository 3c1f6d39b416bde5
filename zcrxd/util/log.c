/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See log.h. sd_journal_sendv where stderr leads to the journal, plain lines elsewhere.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include "log.h"

static int log_max_level = LOG_INFO;
static bool log_to_journal;

/* systemd sets JOURNAL_STREAM to device:inode of the stream that it made our stderr. */
static bool stderr_is_journal(void)
{
	const char *s = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return s && sscanf(s, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_setup(int max_level)
{
	log_max_level = max_level;
	log_to_journal = stderr_is_journal();
}

static void add_field(struct iovec *iov, int *n, char *field)
{
	if (field)
		iov[(*n)++] = (struct iovec){ field, strlen(field) };
}

_printf_(1, 2)
static char *field_format(const char *format, ...)
{
	char *s;
	va_list ap;
	int r;

	va_start(ap, format);
	r = vasprintf(&s, format, ap);
	va_end(ap);
	return r < 0 ? NULL : s;
}

static int log_send(int level, const struct log_fields *f, const char *text)
{
	_cleanup_free_ char *message = field_format("MESSAGE=%s", text);
	_cleanup_free_ char *priority = field_format("PRIORITY=%d", level);
	_cleanup_free_ char *lease = f && f->lease ? field_format("ZCRXD_LEASE=%08x", f->lease)
						   : NULL;
	_cleanup_free_ char *interface =
		f && f->interface ? field_format("ZCRXD_INTERFACE=%s", f->interface) : NULL;
	_cleanup_free_ char *event =
		f && f->event ? field_format("ZCRXD_EVENT=%s", f->event) : NULL;
	struct iovec iov[6];
	int n = 0;

	add_field(iov, &n, message);
	add_field(iov, &n, priority);
	add_field(iov, &n, lease);
	add_field(iov, &n, interface);
	add_field(iov, &n, event);
	return sd_journal_sendv(iov, n);
}

void log_message(int level, const struct log_fields *fields, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	int saved = errno;
	va_list ap;

	if (level > log_max_level)
		return;
	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	if (text && (!log_to_journal || log_send(level, fields, text) < 0))
		fprintf(stderr, "%s%s\n", "zcrxd: ", text);
	errno = saved;
}
