/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A client that sends anything to a session: zcrxd/session/. An input has a line for each piece that is
 * sent: >TEXT with a NUL behind it, <TEXT without; after a line fKINDS with descriptors, each of them
 *
 *	a t x   memory, a TCP socket, a stream socket of AF_UNIX: what passes
 *	n u p   /dev/null, a UDP socket, a pipe: what does not
 *
 * It is played twice, and zcrxd has to see the same calls: once each piece is sent and dealt with, once
 * all of them are cut anew and are there before the session reads any.
 */
#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-event.h>
#include <systemd/sd-json.h>

#include "fuzz.h"
#include "inline-session.h"
#include "macro.h"
#include "session-control.h"
#include "session-process.h"

#define PIECES_MAX 24 /* cut in five each, a socket holds them */
#define FDS_MAX	   16
#define CALLS_MAX  (128 * 1024)
#define REPLY	   "{\"parameters\":{}}"

static const char kinds[] = "atxnup";
static int constants[ARRAY_SIZE(kinds)];

/* One play: the session's surroundings, and the calls that came out of it, as text. */
struct play {
	sd_event *event;
	int control, link, client;
	bool ended;
	char calls[CALLS_MAX];
	size_t n_calls;
};

static int constant_new(char kind)
{
	int ends[2];

	switch (kind) {
	case 'a':
		return memfd_create("area", MFD_CLOEXEC);
	case 't':
		return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	case 'x':
		return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	case 'u':
		return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	case 'p':
		assert(pipe2(ends, O_CLOEXEC) == 0);
		return ends[0];
	default:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	}
}

static void prepare(void)
{
	for (size_t i = 0; kinds[i]; i++) {
		if (constants[i] == 0)
			constants[i] = constant_new(kinds[i]);
		assert(constants[i] > 0);
	}
}

static unsigned count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* ------------------------------------------------------------------------------ sending */

static void send_fds(int to, const char *data, size_t n, const int *fds, size_t n_fds)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control = { .header = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
				  .cmsg_len = CMSG_LEN(n_fds * sizeof(int)) } };
	struct iovec iov = { (void *)data, n };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds > 0) {
		memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
		h.msg_control = &control;
		h.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
	}
	/* It may have hung up. */
	(void)sendmsg(to, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void play_begin(struct play *p)
{
	const struct session_connection connection = { .uid = 1000 };
	int control[2], link[2], client[2];
	pid_t pid;

	*p = (struct play){};
	assert(sd_event_new(&p->event) >= 0);
	assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) == 0);
	assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link) == 0);
	assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, client) == 0);
	p->control = control[0];
	p->link = link[0];
	p->client = client[0];
	assert(session_spawn(p->event, control[1], &pid) == 0);
	send_fds(p->link, "", 1, &client[1], 1);
	send_fds(p->control, (const char *)&connection, sizeof(connection), &link[1], 1);
	close(client[1]);
	close(link[1]);
}

static void play_end(struct play *p)
{
	inline_sessions_end();
	close(p->control);
	close(p->link);
	close(p->client);
	sd_event_unref(p->event);
}

/* ------------------------------------------------------------------- what zcrxd gets */

static char kind_of(int fd)
{
	struct stat st, other;

	assert(fstat(fd, &st) == 0);
	for (size_t i = 0; kinds[i]; i++)
		if (fstat(constants[i], &other) == 0 && st.st_ino == other.st_ino &&
		    st.st_dev == other.st_dev)
			return kinds[i];
	return '?';
}

static void note(struct play *p, const char *text, size_t n)
{
	assert(p->n_calls + n <= sizeof(p->calls));
	memcpy(p->calls + p->n_calls, text, n);
	p->n_calls += n;
}

/* A call comes alone: its answer is awaited. */
static void note_call(struct play *p, const char *text, size_t n, const int *fds, size_t n_fds)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;

	assert(n > 0 && text[n - 1] == '\0' && strlen(text) == n - 1);
	assert(sd_json_parse(text, 0, &v, NULL, NULL) >= 0 && sd_json_variant_is_object(v));
	assert(n_fds <= MESSAGE_FDS_MAX);
	for (size_t i = 0; i < n_fds; i++) {
		char kind = kind_of(fds[i]);

		assert(kind == 'a' || kind == 't' || kind == 'x' || kind == 'n');
		note(p, &kind, 1);
		close(fds[i]);
	}
	note(p, text, n);
}

static bool take_call(struct play *p)
{
	static char text[CALLS_MAX];
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = { text, sizeof(text) };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	int fds[FDS_MAX];
	size_t n_fds = 0;
	ssize_t n = recvmsg(p->link, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n <= 0) {
		p->ended = p->ended || n == 0;
		return false;
	}
	assert(!(h.msg_flags & MSG_CTRUNC));
	if (CMSG_FIRSTHDR(&h)) {
		n_fds = (CMSG_FIRSTHDR(&h)->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&h)), n_fds * sizeof(int));
	}
	note_call(p, text, (size_t)n, fds, n_fds);
	return true;
}

static void run(struct play *p)
{
	char replies[4096];

	for (;;) {
		while (sd_event_run(p->event, 0) > 0)
			;
		while (recv(p->client, replies, sizeof(replies), MSG_DONTWAIT) > 0)
			;
		if (!take_call(p))
			return;
		send_fds(p->link, REPLY, sizeof(REPLY), NULL, 0);
	}
}

/* ------------------------------------------------------------------------------ the plays */

struct piece {
	const char *text;
	size_t n; /* with a NUL at the end that is not in `text`, if `whole` */
	bool whole;
	int fds[FDS_MAX];
	size_t n_fds;
};

static size_t read_pieces(const char *text, size_t size, struct piece *pieces)
{
	struct piece next = {};
	size_t n = 0;

	while (size > 0 && n < PIECES_MAX) {
		const char *end = memchr(text, '\n', size);
		size_t length = end ? (size_t)(end - text) : size;

		if (length > 0 && text[0] == 'f')
			for (size_t i = 1; i < length && next.n_fds < FDS_MAX; i++) {
				const char *at = text[i] ? strchr(kinds, text[i]) : NULL;

				if (at)
					next.fds[next.n_fds++] = constants[at - kinds];
			}
		if (length > 0 && (text[0] == '>' || text[0] == '<')) {
			next.text = text + 1;
			next.whole = text[0] == '>';
			next.n = length - 1 + next.whole;
			pieces[n++] = next;
			next = (struct piece){};
		}
		length += end != NULL;
		text += length;
		size -= length;
	}
	return n;
}

/* In `cuts` parts, the descriptors with the last. */
static void send_piece(struct play *p, const struct piece *piece, size_t cuts)
{
	_cleanup_free_ char *data = calloc(1, piece->n + 1);
	size_t at = 0, part;

	assert(data);
	memcpy(data, piece->text, piece->n - piece->whole);
	for (; at < piece->n; at += part) {
		part = piece->n / (cuts + 1) + 1;
		if (part > piece->n - at)
			part = piece->n - at;
		send_fds(p->client, data + at, part, piece->fds,
			 at + part == piece->n ? piece->n_fds : 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct play whole, cut;
	struct piece pieces[PIECES_MAX];
	unsigned before;
	size_t n;

	if (size > 8192)
		return 0;
	prepare();
	before = count_descriptors();
	n = read_pieces((const char *)data, size, pieces);

	play_begin(&whole);
	for (size_t i = 0; i < n; i++) {
		send_piece(&whole, &pieces[i], 0);
		run(&whole);
	}
	play_end(&whole);

	play_begin(&cut);
	for (size_t i = 0; i < n; i++)
		send_piece(&cut, &pieces[i], data[i] % 5);
	run(&cut);
	play_end(&cut);

	assert(whole.n_calls == cut.n_calls && !memcmp(whole.calls, cut.calls, whole.n_calls));
	assert(whole.ended == cut.ended);
	assert(count_descriptors() == before);
	return 0;
}
