/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See baseline.h. Enums go by their numbers: version and checksum vouch for the writer.
 */
#include <dirent.h>
#include <errno.h>

#include "clock.h"
#include "json-fields.h"
#include "baseline.h"
#include "checked-file.h"

#define PREFIX	    "found-"
#define QUEUES_LAST 65535
#define TABLE_MAX   65536
#define UNCONFIRMED "unconfirmed"
#define TEXT_MAX    512 /* of what is said to people */

static const struct file_format format = { .magic = "zcrxd-found", .version = 1, .durable = true };

void baseline_drop_rollback(struct baseline *o)
{
	o->rollback = nic_state_free(o->rollback);
	o->rollback_usec = 0;
}

void baseline_done(struct baseline *o)
{
	nic_state_free(o->found);
	nic_state_free(o->rollback);
	free(o->configured);
	*o = (struct baseline) {};
}

int baseline_path(const char *directory, unsigned ifindex, char **ret)
{
	return asprintf(ret, "%s/" PREFIX "%u", directory, ifindex) < 0 ? -ENOMEM : 0;
}

#define S struct nic_state
#define HAS(member) 1 + offsetof(S, member)
static const struct json_field settings_fields[] = {
	{ "hasRss", JSON_BOOLEAN, JSON_ALWAYS, JSON_MEMBER(S, has_rss), 0, 0 },
	{ "combined", JSON_NUMBER, JSON_ALWAYS, JSON_MEMBER(S, channels.combined), QUEUES_LAST, HAS(has_channels) },
	{ "rxRing", JSON_NUMBER, JSON_ALWAYS, JSON_MEMBER(S, rx_ring), UINT32_MAX, HAS(has_rings) },
	{ "split", JSON_NUMBER, JSON_ALWAYS, JSON_MEMBER(S, split), _SPLIT_MAX - 1, HAS(has_split) },
	{ "hdsThreshold", JSON_NUMBER, JSON_ALWAYS, JSON_MEMBER(S, hds_threshold), UINT32_MAX, HAS(has_hds_threshold) },
};
static const struct json_field channels_fields[] = { /* beside combined */
	{ "rx", JSON_NUMBER, JSON_ALWAYS, JSON_MEMBER(S, channels.rx), QUEUES_LAST, 0 },
	{ "tx", JSON_NUMBER, JSON_ALWAYS, JSON_MEMBER(S, channels.tx), QUEUES_LAST, 0 },
	{ "other", JSON_NUMBER, JSON_ALWAYS, JSON_MEMBER(S, channels.other), QUEUES_LAST, 0 },
};
#undef HAS
#undef S

/* ------------------------------------------------------------------------------ to text */

static void write_feature(struct json_writer *w, const char *key, enum feature_state f)
{
	if (feature_can_change(f))
		json_write_number(w, key, f == FEATURE_ON);
}

static void write_settings(struct json_writer *w, const char *key, const struct nic_state *s)
{
	json_open(w, key, '{');
	json_write(w, settings_fields, ARRAY_SIZE(settings_fields), s);
	if (s->split == SPLIT_ENABLED && !s->split_was_set)
		json_write_number(w, "splitByDriver", 1);
	write_feature(w, "ntuple", s->ntuple);
	write_feature(w, "groHw", s->gro_hw);
	if (s->has_channels)
		json_write(w, channels_fields, ARRAY_SIZE(channels_fields), s);
	if (s->has_rss && !nic_state_rss_is_default(s)) {
		json_open(w, "rss", '[');
		for (size_t i = 0; i < s->rss.n; i++)
			json_write_number(w, NULL, s->rss.entries[i]);
		json_close(w, ']');
	}
	json_close(w, '}');
}

int baseline_format(unsigned ifindex, const char *driver, const struct baseline *o, char **ret)
{
	_cleanup_free_ char *text = NULL;
	struct json_writer w;
	size_t size;
	int r = json_writer_begin(&w, &text, &size);

	if (r < 0)
		return r;
	json_open(&w, NULL, '{');
	json_write_number(&w, "ifindex", ifindex);
	json_write_text(&w, "driver", driver);
	if (o->found)
		write_settings(&w, "found", o->found);
	if (o->rollback) {
		write_settings(&w, "back", o->rollback);
		/* For an older zcrxd, which knows no other clock, and the one that counts. */
		json_write_number(&w, "backUSec",
				  o->rollback_usec ? boottime_to_realtime(o->rollback_usec) : 0);
		json_write_number(&w, "backBoottimeUSec", o->rollback_usec);
	}
	if (o->unmanaged != UNMANAGED_NOT)
		json_write_text(&w, "held",
				o->unmanaged == UNMANAGED_UNCONFIRMED ? UNCONFIRMED : "restored");
	if (o->configured)
		json_write_text(&w, "configured", o->configured);
	json_close(&w, '}');
	r = json_writer_end(&w);
	if (r == 0)
		*ret = TAKE_PTR(text);
	return r;
}

/* ---------------------------------------------------------------------------- from text */

static void read_table(struct json_reader *r, sd_json_variant *v, struct nic_state *s)
{
	sd_json_variant *array;
	void *list;

	if (!sd_json_variant_by_key(v, "rss"))
		return;
	s->rss.n = json_read_array(r, v, "rss", sizeof(*s->rss.entries), &list, &array);
	s->rss.entries = list;
	if (!s->has_rss || s->rss.n == 0 || s->rss.n > TABLE_MAX)
		json_refuse(r, "rss");
	for (size_t i = 0; i < s->rss.n; i++) {
		sd_json_variant *e = sd_json_variant_by_index(array, i);

		if (!sd_json_variant_is_unsigned(e) || sd_json_variant_unsigned(e) > QUEUES_LAST)
			json_refuse(r, "rss");
		else
			s->rss.entries[i] = (uint32_t)sd_json_variant_unsigned(e);
	}
}

static enum feature_state read_feature(struct json_reader *r, sd_json_variant *v, const char *key)
{
	if (!sd_json_variant_by_key(v, key))
		return FEATURE_ABSENT;
	return json_read_number(r, v, key, 1) ? FEATURE_ON : FEATURE_OFF;
}

/* NULL if there are none, or they cannot be read. */
static struct nic_state *read_settings(struct json_reader *r, sd_json_variant *v, const char *key)
{
	sd_json_variant *f = sd_json_variant_by_key(v, key);
	struct nic_state *s = f ? calloc(1, sizeof(*s)) : NULL;

	if (f && (!s || !sd_json_variant_is_object(f)))
		json_refuse(r, key);
	if (!s || r->bad)
		return nic_state_free(s);
	json_read(r, f, settings_fields, ARRAY_SIZE(settings_fields), s);
	s->split_was_set = !sd_json_variant_by_key(f, "splitByDriver") ||
			   !json_read_number(r, f, "splitByDriver", 1);
	s->ntuple = read_feature(r, f, "ntuple");
	s->gro_hw = read_feature(r, f, "groHw");
	if (s->has_channels) {
		json_read(r, f, channels_fields, ARRAY_SIZE(channels_fields), s);
		if (nic_channels_rx(&s->channels) == 0)
			json_refuse(r, "combined");
	}
	read_table(r, f, s);
	return s;
}

static char *read_text(struct json_reader *r, sd_json_variant *v, const char *key)
{
	sd_json_variant *f = sd_json_variant_by_key(v, key);
	char *text = NULL;

	if (f && sd_json_variant_is_string(f) && strlen(sd_json_variant_string(f)) <= TEXT_MAX)
		text = strdup(sd_json_variant_string(f));
	if (f && !text)
		json_refuse(r, key);
	return text;
}

/* An older zcrxd noted the sentence that it told people, with the name that the interface had then. */
static enum unmanaged_reason read_held(struct json_reader *r, sd_json_variant *v)
{
	static const char older[] = "What was applied";
	_cleanup_free_ char *text = read_text(r, v, "held");

	if (!text)
		return UNMANAGED_NOT;
	return streq(text, UNCONFIRMED) || !strncmp(text, older, strlen(older))
		       ? UNMANAGED_UNCONFIRMED
		       : UNMANAGED_RESTORED;
}

/* An older zcrxd noted it on the realtime clock. */
static uint64_t read_back_usec(struct json_reader *r, sd_json_variant *v)
{
	uint64_t realtime = json_read_number(r, v, "backUSec", INT64_MAX);

	if (sd_json_variant_by_key(v, "backBoottimeUSec"))
		return json_read_number(r, v, "backBoottimeUSec", INT64_MAX);
	return realtime ? boottime_from_realtime(realtime) : 0;
}

int baseline_parse(const char *text, unsigned ifindex, const char *driver, struct baseline *ret,
		   bool *ret_same)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	_cleanup_origin_ struct baseline o = {};
	struct json_reader r = {};
	sd_json_variant *d;
	uint64_t index;

	if (sd_json_parse(text, 0, &v, NULL, NULL) < 0 || !sd_json_variant_is_object(v))
		return -EBADMSG;
	index = json_read_number(&r, v, "ifindex", INT32_MAX);
	d = sd_json_variant_by_key(v, "driver");
	if (!d || !sd_json_variant_is_string(d))
		return -EBADMSG;
	o.found = read_settings(&r, v, "found");
	o.rollback = read_settings(&r, v, "back");
	if (o.rollback)
		o.rollback_usec = read_back_usec(&r, v);
	else if (sd_json_variant_by_key(v, "backUSec"))
		return -EBADMSG;
	o.unmanaged = read_held(&r, v);
	o.configured = read_text(&r, v, "configured");
	if (r.bad)
		return -EBADMSG;
	*ret_same = index == ifindex && streq(sd_json_variant_string(d), driver);
	*ret = o;
	o = (struct baseline) {};
	return 0;
}

/* -------------------------------------------------------------------------- the file */

int baseline_read(const char *path, unsigned ifindex, const char *driver, struct baseline *ret,
		  char **ret_set_aside, struct fault *reterr)
{
	_cleanup_origin_ struct baseline o = {};
	_cleanup_free_ char *text = NULL;
	bool same = false;
	int r;

	*ret = (struct baseline) {};
	r = checked_file_read(&format, path, &text, NULL);
	if (r == 0)
		r = baseline_parse(text, ifindex, driver, &o, &same);
	if (r == -ENOENT || r == -ESTALE)
		return 0;
	if (r < 0 && checked_file_is_damaged(r))
		return checked_file_quarantine(path, r, ret_set_aside);
	if (r < 0 && r != -ENOMEM)
		return checked_file_refuse_unreadable(path, r, "the baseline of the interface",
						      reterr);
	if (r == 0 && same) {
		*ret = o;
		o = (struct baseline) {};
	}
	return r;
}

int baseline_write(const char *path, unsigned ifindex, const char *driver, const struct baseline *o)
{
	_cleanup_free_ char *text = NULL;
	int r;

	if (!o->found && !o->rollback && o->unmanaged == UNMANAGED_NOT && !o->configured)
		return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
	r = baseline_format(ifindex, driver, o, &text);
	return r < 0 ? r : checked_file_write(&format, path, text, NULL);
}

int baseline_remove_stale(const char *directory, struct fault *reterr)
{
	const struct dirent *e;
	DIR *d = opendir(directory);

	if (!d && errno == ENOENT)
		return 0;
	if (!d)
		return checked_file_refuse_unreadable(directory, -errno,
						      "the baselines of all interfaces", reterr);
	while ((e = readdir(d))) {
		_cleanup_free_ char *path = NULL, *text = NULL;
		unsigned ifindex;
		int end = 0;

		if (sscanf(e->d_name, PREFIX "%u%n", &ifindex, &end) != 1 || e->d_name[end] != '\0' ||
		    asprintf(&path, "%s/%s", directory, e->d_name) < 0) {
			path = NULL;
			continue;
		}
		if (checked_file_read(&format, path, &text, NULL) == -ESTALE)
			(void)unlink(path);
	}
	closedir(d);
	return 0;
}
