/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One look at the NIC: settings, queues, and all counters, summed up over queues by their names ("rx3_bytes" is
 * "rxN_bytes"). Facts are rows of a key and a value, so that the difference of two looks is one loop.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "hardware.h"

static struct look_fact *find(const struct look *l, const char *key)
{
	for (size_t i = 0; i < l->n; i++)
		if (streq(l->facts[i].key, key))
			return &l->facts[i];
	return NULL;
}

static struct look_fact *add(struct look *l, const char *key)
{
	struct look_fact *f = find(l, key), *more;

	if (f)
		return f;
	more = reallocarray(l->facts, l->n + 1, sizeof(*more));
	if (!more) {
		l->failed = true;
		return NULL;
	}
	l->facts = more;
	f = &more[l->n++];
	*f = (struct look_fact) {};
	snprintf(f->key, sizeof(f->key), "%s", key);
	return f;
}

static void set(struct look *l, const char *key, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void set(struct look *l, const char *key, const char *format, ...)
{
	struct look_fact *f = add(l, key);
	va_list ap;

	if (!f)
		return;
	va_start(ap, format);
	vsnprintf(f->text, sizeof(f->text), format, ap);
	va_end(ap);
}

static void count(struct look *l, const char *key, uint64_t value)
{
	struct look_fact *f = add(l, key);

	if (!f)
		return;
	f->number = true;
	f->value += value;
}

/* ------------------------------------------------------------------------- what is read */

static void on_statistic(const char *name, uint64_t value, void *userdata)
{
	char key[64] = "ethtool -S ";
	size_t n = strlen(key);

	for (; *name && n + 2 < sizeof(key); name++) {
		if (isdigit((unsigned char)*name)) {
			if (key[n - 1] != 'N')
				key[n++] = 'N';
		} else {
			key[n++] = *name;
		}
	}
	key[n] = '\0';
	count(userdata, key, value);
}

/* What it is, and how it is plugged in; not every driver has each. */
static void read_files(struct look *l, const char *interface)
{
	static const char *const files[] = { "mtu", "speed", "device/vendor", "device/device",
					     "device/current_link_speed", "device/current_link_width",
					     "queues/rx-0/rps_flow_cnt", "carrier_changes" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_close_ int fd = -EBADF;
		char path[96], text[64];
		ssize_t n;

		snprintf(path, sizeof(path), "/sys/class/net/%s/%s", interface, files[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
		if (n <= 0)
			continue;
		text[n] = '\0';
		set(l, files[i], "%.*s", (int)strcspn(text, "\n"), text);
	}
}

static const char *feature(enum feature_state f)
{
	return f == FEATURE_ABSENT ? "absent" : f == FEATURE_OFF ? "off" : f == FEATURE_ON ? "on" :
	       f == FEATURE_FIXED_OFF ? "off, fixed" : "on, fixed";
}

static void read_settings(struct look *l, const struct nic_state *s)
{
	const struct nic_channels *c = &s->channels;

	set(l, "up", "%s", s->up ? "yes" : "no");
	set(l, "NUMA node", "%d", s->numa_node);
	if (s->has_channels)
		set(l, "channels", "combined %u of %u, rx %u of %u, tx %u of %u, other %u", c->combined, c->combined_max,
		    c->rx, c->rx_max, c->tx, c->tx_max, c->other);
	if (s->has_rings)
		set(l, "receive ring", "%u of %u", s->rx_ring, s->rx_ring_max);
	set(l, "tcp-data-split", "%s", s->has_split ? data_split_to_string(s->split) : "not told");
	if (s->split_refusal)
		set(l, "tcp-data-split cannot be", "%s", s->split_refusal);
	if (s->has_hds_threshold)
		set(l, "hds-thresh", "%u", s->hds_threshold);
	set(l, "ntuple", "%s", feature(s->ntuple));
	set(l, "rx-gro-hw", "%s", feature(s->gro_hw));
	if (s->has_rss)
		set(l, "RSS table", "%zu entries over %u queues", s->rss.n, nic_state_rss_queues(s));
	set(l, "RSS contexts", "%zu", s->n_contexts);
	set(l, "rules", s->has_rules ? "%zu" : "not told", s->n_rules);
	set(l, "rule locations", "%s", s->chooses_locations ? "chosen by the driver" : "as asked for");
	set(l, "receive queues", "%zu", s->n_queues);
}

static void read_queue(struct look *l, unsigned i, const struct nic_queue *q)
{
	char key[64];

	snprintf(key, sizeof(key), "queue %u", i);
	set(l, key, "NAPI %u%s%s%s%s", q->napi_id, q->io_uring ? ", io_uring" : "", q->dmabuf ? ", dma-buf" : "",
	    q->xsk ? ", AF_XDP" : "", q->leased ? ", leased" : "");
	snprintf(key, sizeof(key), "queue %u: packets", i);
	if (q->has_counters)
		count(l, key, q->packets);
	snprintf(key, sizeof(key), "queue %u: allocation failures", i);
	if (q->has_failures)
		count(l, key, q->failures);
	snprintf(key, sizeof(key), "queue %u: hardware drops", i);
	if (q->has_drops)
		count(l, key, q->drops);
	snprintf(key, sizeof(key), "queue %u: buffers in use", i);
	if (q->has_pool)
		count(l, key, q->pool_buffers);
}

int look_take(struct look *l, const char *interface, const struct machine_facts *m)
{
	struct nic_inspection nic = {};
	int r = inspect_nic(interface, &m->kernel, &nic);

	*l = (struct look) {};
	if (r < 0)
		return r;
	if (nic.failure)
		set(l, "it cannot be read", "%s", nic.failure);
	set(l, "driver", "%s", nic.state && nic.state->driver ? nic.state->driver : "unknown");
	set(l, "driver's version", "%s", nic.version);
	set(l, "firmware", "%s", nic.firmware);
	/* Else it would look like an address. */
	for (char *c = strchr(find(l, "firmware")->text, '.'); c; c = strchr(c, '.'))
		*c = '_';
	if (nic.state) {
		read_settings(l, nic.state);
		for (unsigned i = 0; i < nic.state->n_queues; i++)
			read_queue(l, i, &nic.state->queues[i]);
		r = inspect_statistics(nic.state->ifindex, interface, on_statistic, l);
		if (r < 0)
			set(l, "ethtool -S", "%s", strerror(-r));
	}
	read_files(l, interface);
	l->state = TAKE_PTR(nic.state);
	nic_inspection_done(&nic);
	return l->failed ? -ENOMEM : 0;
}

void look_done(struct look *l)
{
	free(l->facts);
	nic_state_free(l->state);
	*l = (struct look) {};
}

/* ---------------------------------------------------------------------- what is printed */

static void print_fact(FILE *out, const struct look_fact *f)
{
	if (f->number)
		fprintf(out, "  %s: %" PRIu64 "\n", f->key, f->value);
	else
		fprintf(out, "  %s: %s\n", f->key, f->text);
}

void look_print(FILE *out, const struct look *l)
{
	for (size_t i = 0; i < l->n; i++)
		print_fact(out, &l->facts[i]);
}

void look_print_changes(FILE *out, const struct look *before, const struct look *after)
{
	for (size_t i = 0; i < after->n; i++) {
		const struct look_fact *now = &after->facts[i], *then = find(before, now->key);

		if (!then)
			print_fact(out, now);
		else if (now->number && now->value != then->value)
			fprintf(out, "  %s: %+" PRId64 "\n", now->key, (int64_t)(now->value - then->value));
		else if (!now->number && !streq(now->text, then->text))
			fprintf(out, "  %s: %s -> %s\n", now->key, then->text, now->text);
	}
	for (size_t i = 0; i < before->n; i++)
		if (!find(after, before->facts[i].key))
			fprintf(out, "  %s: not there any more\n", before->facts[i].key);
}

/* -------------------------------------------------------------------- the kernel's words */

int kernel_log_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	(void)lseek(fd, 0, SEEK_END);
	return fd;
}

/* A record: "priority,number,time,flags;text", and lines of its own about the device. */
void kernel_log_print(FILE *out, int fd)
{
	char record[8192];
	ssize_t n;

	while (fd >= 0 && ((n = read(fd, record, sizeof(record) - 1)) > 0 || errno == EPIPE)) {
		char *text;

		if (n <= 0) /* some were lost; the next ones are there */
			continue;
		record[n] = '\0';
		text = strchr(record, ';');
		if (text)
			fprintf(out, "  kernel: %.*s\n", (int)strcspn(text + 1, "\n"), text + 1);
	}
}
