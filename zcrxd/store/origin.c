/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See origin.h. Enums go by their numbers: version and checksum vouch for the writer.
 */
#include <dirent.h>
#include <errno.h>
#include <systemd/sd-json.h>

#include "clock.h"
#include "origin.h"
#include "sealed-file.h"

#define PREFIX	    "found-"
#define QUEUES_LAST 65535
#define TABLE_MAX   65536
#define TEXT_MAX    512 /* of what is said to people */

static const struct seal seal = { .magic = "zcrxd-found", .version = 1, .durable = true };

void origin_done(struct origin *o)
{
	nic_settings_done(&o->found);
	nic_settings_done(&o->back);
	free(o->held);
	free(o->configured);
	*o = (struct origin){};
}

int origin_path(const char *directory, unsigned ifindex, char **ret)
{
	return asprintf(ret, "%s/" PREFIX "%u", directory, ifindex) < 0 ? -ENOMEM : 0;
}

/* ------------------------------------------------------------------------------ to text */

static int add_number(sd_json_variant **v, bool has, const char *key, uint64_t number)
{
	return has ? sd_json_variant_set_field_unsigned(v, key, number) : 0;
}

static int add_table(sd_json_variant **v, const struct nic_settings *s)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *array = NULL;
	int r = sd_json_variant_new_array(&array, NULL, 0);

	for (size_t i = 0; r >= 0 && i < s->n_rss; i++)
		r = sd_json_variant_append_arrayb(&array, SD_JSON_BUILD_UNSIGNED(s->rss[i]));
	return r < 0 ? r : sd_json_variant_set_field(v, "rss", array);
}

static int build_settings(const struct nic_settings *s, sd_json_variant **ret)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	int r;

	r = sd_json_buildo(&v, SD_JSON_BUILD_PAIR_BOOLEAN("hasRss", s->has_rss));
	if (r >= 0)
		r = add_number(&v, s->has_channels, "combined", s->channels.combined);
	if (r >= 0)
		r = add_number(&v, s->has_channels, "rx", s->channels.rx);
	if (r >= 0)
		r = add_number(&v, s->has_channels, "tx", s->channels.tx);
	if (r >= 0)
		r = add_number(&v, s->has_channels, "other", s->channels.other);
	if (r >= 0)
		r = add_number(&v, s->has_rx_ring, "rxRing", s->rx_ring);
	if (r >= 0)
		r = add_number(&v, s->has_split, "split", s->split);
	if (r >= 0)
		r = add_number(&v, s->split_by_driver, "splitByDriver", 1);
	if (r >= 0)
		r = add_number(&v, s->has_hds_threshold, "hdsThreshold", s->hds_threshold);
	if (r >= 0)
		r = add_number(&v, s->has_ntuple, "ntuple", s->ntuple);
	if (r >= 0)
		r = add_number(&v, s->has_gro_hw, "groHw", s->gro_hw);
	if (r >= 0 && s->rss)
		r = add_table(&v, s);
	if (r >= 0)
		*ret = TAKE_PTR(v);
	return r;
}

static int add_settings(sd_json_variant **v, bool has, const char *key, const struct nic_settings *s)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *settings = NULL;
	int r;

	if (!has)
		return 0;
	r = build_settings(s, &settings);
	return r < 0 ? r : sd_json_variant_set_field(v, key, settings);
}

int origin_format(unsigned ifindex, const char *driver, const struct origin *o, char **ret)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	int r;

	r = sd_json_buildo(&v, SD_JSON_BUILD_PAIR_UNSIGNED("ifindex", ifindex),
			   SD_JSON_BUILD_PAIR_STRING("driver", driver));
	if (r >= 0)
		r = add_settings(&v, o->has_found, "found", &o->found);
	if (r >= 0)
		r = add_settings(&v, o->has_back, "back", &o->back);
	if (r >= 0)
		r = add_number(&v, o->has_back, "backUSec",
			       o->back_usec ? boottime_to_realtime(o->back_usec) : 0);
	if (r >= 0) /* and the other for an older zcrxd, which knows no other clock */
		r = add_number(&v, o->has_back, "backBoottimeUSec", o->back_usec);
	if (r >= 0 && o->held)
		r = sd_json_variant_set_field_string(&v, "held", o->held);
	if (r >= 0 && o->configured)
		r = sd_json_variant_set_field_string(&v, "configured", o->configured);
	if (r >= 0)
		r = sd_json_variant_format(v, 0, ret);
	return r < 0 ? r : 0;
}

/* ---------------------------------------------------------------------------- from text */

/* Reading stops caring at the first thing that is wrong; what is read then is thrown away. */
struct reader {
	bool bad;
};

/* 0 where there is none. */
static uint64_t get(struct reader *r, sd_json_variant *v, const char *key, uint64_t last, bool *ret_has)
{
	sd_json_variant *f = sd_json_variant_by_key(v, key);

	*ret_has = f != NULL;
	if (!f)
		return 0;
	if (!sd_json_variant_is_unsigned(f) || sd_json_variant_unsigned(f) > last) {
		r->bad = true;
		return 0;
	}
	return sd_json_variant_unsigned(f);
}

static void get_channels(struct reader *r, sd_json_variant *v, struct nic_settings *s)
{
	bool rx, tx, other;

	s->channels.combined = (unsigned)get(r, v, "combined", QUEUES_LAST, &s->has_channels);
	s->channels.rx = (unsigned)get(r, v, "rx", QUEUES_LAST, &rx);
	s->channels.tx = (unsigned)get(r, v, "tx", QUEUES_LAST, &tx);
	s->channels.other = (unsigned)get(r, v, "other", QUEUES_LAST, &other);
	if (rx != s->has_channels || tx != s->has_channels || other != s->has_channels ||
	    (s->has_channels && nic_channels_rx(&s->channels) == 0))
		r->bad = true;
}

static void get_table(struct reader *r, sd_json_variant *v, struct nic_settings *s)
{
	sd_json_variant *has = sd_json_variant_by_key(v, "hasRss");
	sd_json_variant *array = sd_json_variant_by_key(v, "rss");
	size_t n;

	if (!has || !sd_json_variant_is_boolean(has)) {
		r->bad = true;
		return;
	}
	s->has_rss = sd_json_variant_boolean(has);
	if (!array)
		return;
	n = sd_json_variant_is_array(array) ? sd_json_variant_elements(array) : 0;
	if (!s->has_rss || n == 0 || n > TABLE_MAX) {
		r->bad = true;
		return;
	}
	s->rss = calloc(n, sizeof(*s->rss));
	if (!s->rss) {
		r->bad = true;
		return;
	}
	s->n_rss = n;
	for (size_t i = 0; i < n; i++) {
		sd_json_variant *e = sd_json_variant_by_index(array, i);

		if (!sd_json_variant_is_unsigned(e) || sd_json_variant_unsigned(e) > QUEUES_LAST)
			r->bad = true;
		else
			s->rss[i] = (uint32_t)sd_json_variant_unsigned(e);
	}
}

static bool get_settings(struct reader *r, sd_json_variant *v, const char *key,
			 struct nic_settings *s)
{
	sd_json_variant *f = sd_json_variant_by_key(v, key);

	if (!f)
		return false;
	if (!sd_json_variant_is_object(f)) {
		r->bad = true;
		return false;
	}
	get_channels(r, f, s);
	s->rx_ring = (unsigned)get(r, f, "rxRing", UINT32_MAX, &s->has_rx_ring);
	s->split = (enum data_split)get(r, f, "split", _SPLIT_MAX - 1, &s->has_split);
	(void)get(r, f, "splitByDriver", 1, &s->split_by_driver);
	s->hds_threshold = (unsigned)get(r, f, "hdsThreshold", UINT32_MAX, &s->has_hds_threshold);
	s->ntuple = get(r, f, "ntuple", 1, &s->has_ntuple);
	s->gro_hw = get(r, f, "groHw", 1, &s->has_gro_hw);
	get_table(r, f, s);
	return true;
}

static char *get_text(struct reader *r, sd_json_variant *v, const char *key)
{
	sd_json_variant *f = sd_json_variant_by_key(v, key);
	char *text = NULL;

	if (f && sd_json_variant_is_string(f) && strlen(sd_json_variant_string(f)) <= TEXT_MAX)
		text = strdup(sd_json_variant_string(f));
	r->bad |= f && !text;
	return text;
}

/* An older zcrxd noted it on the realtime clock. */
static uint64_t get_back_usec(struct reader *r, sd_json_variant *v, bool *ret_has)
{
	uint64_t realtime = get(r, v, "backUSec", INT64_MAX, ret_has), boottime;
	bool has;

	boottime = get(r, v, "backBoottimeUSec", INT64_MAX, &has);
	if (has)
		return boottime;
	return realtime ? boottime_from_realtime(realtime) : 0;
}

int origin_parse(const char *text, unsigned ifindex, const char *driver, struct origin *ret,
		 bool *ret_same)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	_cleanup_origin_ struct origin o = {};
	struct reader r = {};
	sd_json_variant *d;
	uint64_t index;
	bool has;

	if (sd_json_parse(text, 0, &v, NULL, NULL) < 0 || !sd_json_variant_is_object(v))
		return -EBADMSG;
	index = get(&r, v, "ifindex", INT32_MAX, &has);
	d = sd_json_variant_by_key(v, "driver");
	if (!has || !d || !sd_json_variant_is_string(d))
		return -EBADMSG;
	o.has_found = get_settings(&r, v, "found", &o.found);
	o.has_back = get_settings(&r, v, "back", &o.back);
	o.back_usec = get_back_usec(&r, v, &has);
	o.held = get_text(&r, v, "held");
	o.configured = get_text(&r, v, "configured");
	if (r.bad || has != o.has_back)
		return -EBADMSG;
	*ret_same = index == ifindex && streq(sd_json_variant_string(d), driver);
	*ret = o;
	o = (struct origin){};
	return 0;
}

/* -------------------------------------------------------------------------- the file */

int origin_read(const char *path, unsigned ifindex, const char *driver, struct origin *ret,
		char **ret_set_aside, struct fault *reterr)
{
	_cleanup_origin_ struct origin o = {};
	_cleanup_free_ char *text = NULL;
	bool same = false;
	int r;

	*ret = (struct origin){};
	r = sealed_read(&seal, path, &text);
	if (r == 0)
		r = origin_parse(text, ifindex, driver, &o, &same);
	if (r == -ENOENT || r == -ESTALE)
		return 0;
	if (r < 0 && sealed_is_damaged(r))
		return sealed_set_aside(path, r, ret_set_aside);
	if (r < 0 && r != -ENOMEM)
		return sealed_refuse_unreadable(path, r, "how the interface was found", reterr);
	if (r == 0 && same) {
		*ret = o;
		o = (struct origin){};
	}
	return r;
}

int origin_write(const char *path, unsigned ifindex, const char *driver, const struct origin *o)
{
	_cleanup_free_ char *text = NULL;
	int r;

	if (!o->has_found && !o->has_back && !o->held && !o->configured)
		return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
	r = origin_format(ifindex, driver, o, &text);
	return r < 0 ? r : sealed_write(&seal, path, text);
}

int origin_sweep(const char *directory, struct fault *reterr)
{
	const struct dirent *e;
	DIR *d = opendir(directory);

	if (!d && errno == ENOENT)
		return 0;
	if (!d)
		return sealed_refuse_unreadable(directory, -errno, "how each interface was found", reterr);
	while ((e = readdir(d))) {
		_cleanup_free_ char *path = NULL, *text = NULL;
		unsigned ifindex;
		int end = 0;

		if (sscanf(e->d_name, PREFIX "%u%n", &ifindex, &end) != 1 || e->d_name[end] != '\0' ||
		    asprintf(&path, "%s/%s", directory, e->d_name) < 0) {
			path = NULL;
			continue;
		}
		if (sealed_read(&seal, path, &text) == -ESTALE)
			(void)unlink(path);
	}
	closedir(d);
	return 0;
}
