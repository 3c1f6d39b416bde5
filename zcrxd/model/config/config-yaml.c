/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * /etc/zcrxd.yaml: its top, interfaces: and software:. The policy is config-policy.c's. Every key
 * has one reader; what only several keys together show is checked once the mapping is complete.
 */
#include <ctype.h>

#include "config-reader.h"

#define CHANNELS_MOST	   4096
#define RX_RING_MOST	   65536
#define HDS_THRESHOLD_MOST 65535
#define INTERFACES_MOST	   256

static int read_name(struct config_reader *r, const struct yaml_node *value, void *into)
{
	struct config_interface *i = into;

	/* What software: offers goes by this name. */
	if (value->kind == YAML_TEXT && streq(value->text, SOFTWARE_NAME))
		return config_bad(r, value,
				  "a network device (the name " SOFTWARE_NAME " is taken)");
	return config_read_interface_name(r, value, &i->name);
}

static int read_driver(struct config_reader *r, const struct yaml_node *value, void *into)
{
	struct config_interface *i = into;

	return config_read_name(r, value, "the name of a driver", 31, &i->driver);
}

static int read_mac(struct config_reader *r, const struct yaml_node *value, void *into)
{
	struct config_interface *i = into;
	const char *s = value->text;
	size_t n = 0;

	if (value->kind == YAML_TEXT)
		while (n < 17 && (n % 3 == 2 ? s[n] == ':' || s[n] == '-' : isxdigit((unsigned char)s[n])))
			n++;
	if (n != 17 || s[n])
		return config_bad(r, value, "an address like 02:00:5e:10:00:01");
	i->mac = strdup(s);
	if (!i->mac)
		return -ENOMEM;
	for (char *c = i->mac; *c; c++)
		*c = *c == '-' ? ':' : (char)tolower((unsigned char)*c);
	return 0;
}

static int read_path(struct config_reader *r, const struct yaml_node *value, void *into)
{
	struct config_interface *i = into;

	return config_read_name(r, value, "a path like pci-0000:3b:00.0", 255, &i->path);
}

static int read_channels(struct config_reader *r, const struct yaml_node *value, void *into)
{
	struct config_interface *i = into;

	if (value->kind == YAML_TEXT && streq(value->text, "keep")) {
		i->channels_mode = CHANNELS_KEEP;
		return 0;
	}
	if (value->kind == YAML_TEXT && streq(value->text, "max")) {
		i->channels_mode = CHANNELS_MAX;
		return 0;
	}
	if (value->kind == YAML_TEXT && streq(value->text, "1"))
		return config_bad(r, value, "at least 2: at least one queue must stay ordinary");
	i->channels_mode = CHANNELS_COUNT;
	/* Not config_read_number's own complaint: the two words belong to it. */
	if (config_read_number(&(struct config_reader) { .file = r->file }, value, 2, CHANNELS_MOST,
			       &i->channels) != 0)
		return config_bad(r, value, "keep, max or a number from 2 to %u", CHANNELS_MOST);
	return 0;
}

static int read_zero_copy_queues(struct config_reader *r, const struct yaml_node *value, void *into)
{
	struct config_interface *i = into;

	return config_read_number(r, value, 1, CHANNELS_MOST - 1, &i->zero_copy_queues);
}

static int read_rx_ring(struct config_reader *r, const struct yaml_node *value, void *into)
{
	struct config_interface *i = into;

	return config_read_number(r, value, 1, RX_RING_MOST, &i->rx_ring);
}

static int read_tcp_data_split(struct config_reader *r, const struct yaml_node *value, void *into)
{
	struct config_interface *i = into;
	int ret;

	ret = config_read_bool(r, value, &i->tcp_data_split);
	if (ret == 0 && !i->tcp_data_split)
		return config_bad_found(r, value, "false",
					"true: zero-copy receive needs headers apart from payload");
	return ret;
}

static int read_hds_threshold(struct config_reader *r, const struct yaml_node *value, void *into)
{
	struct config_interface *i = into;
	int ret;

	ret = config_read_number(r, value, 0, HDS_THRESHOLD_MOST, &i->hds_threshold);
	if (ret == 0 && i->hds_threshold != 0)
		return config_bad(r, value,
				  "0: the kernel refuses zero-copy receive with any other "
				  "threshold");
	return ret;
}

static int read_idle_queues(struct config_reader *r, const struct yaml_node *value, void *into)
{
	static const char *const words[] = { [IDLE_RESERVE] = "reserve", [IDLE_SERVE] = "serve", NULL };
	unsigned word;
	int ret;

	ret = config_read_word(r, value, words, &word);
	if (ret == 0)
		((struct config_interface *)into)->idle_queues = (enum idle_queues)word;
	return ret;
}

static int read_keep_free(struct config_reader *r, const struct yaml_node *value, void *into)
{
	struct config_interface *i = into;

	return config_read_number(r, value, 0, CHANNELS_MOST - 1, &i->keep_free);
}

static int check_match(struct config_reader *r, const struct yaml_node *value,
		       const struct config_interface *i)
{
	const char *const keys[] = { i->name ? "name" : NULL, i->driver ? "driver" : NULL,
				     i->mac ? "mac" : NULL, i->path ? "path" : NULL };
	_cleanup_free_ char *found = NULL;
	const char *first = NULL, *second = NULL;

	for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
		if (first && keys[k] && !second)
			second = keys[k];
		first = first ?: keys[k];
	}
	if (first && !second)
		return 0;
	if (first && asprintf(&found, "%s and %s", first, second) < 0)
		return -ENOMEM;
	return config_bad_found(r, value, found ?: "no match",
				"exactly one of name, driver, mac and path to find the device by");
}

static int check_queues(struct config_reader *r, const struct yaml_node *value,
			const struct config_interface *i)
{
	const struct yaml_node *zero_copy = yaml_node_get(value, "zero-copy-queues");
	_cleanup_free_ char *found = NULL, *expected = NULL;

	if (!zero_copy)
		return config_bad_key(r, value, "zero-copy-queues", "nothing",
				      "the number of queues to carve out");
	if (i->channels_mode != CHANNELS_COUNT || i->zero_copy_queues < i->channels)
		return 0;
	if (asprintf(&found, "%u of %u channels", i->zero_copy_queues, i->channels) < 0)
		return -ENOMEM;
	if (asprintf(&expected, "at most %u: at least one queue must stay ordinary",
		     i->channels - 1) < 0)
		return -ENOMEM;
	return config_bad_key(r, zero_copy, "zero-copy-queues", found, expected);
}

/* Where idle queues serve nobody, all of them are free. */
static int check_idle(struct config_reader *r, const struct yaml_node *value,
		      const struct config_interface *i)
{
	const struct yaml_node *keep_free = yaml_node_get(value, "keep-free");
	_cleanup_free_ char *found = NULL;

	if (keep_free && i->idle_queues != IDLE_SERVE)
		return config_bad_key(r, keep_free, "keep-free", "it without idle-queues: serve",
				      "it only there: with reserve, all idle queues are kept free");
	if (i->keep_free <= i->zero_copy_queues)
		return 0;
	if (asprintf(&found, "%u of %u zero-copy-queues", i->keep_free, i->zero_copy_queues) < 0)
		return -ENOMEM;
	return config_bad_key(r, keep_free, "keep-free", found, "no more than there are");
}

static int read_interface(struct config_reader *r, const struct yaml_node *value, void *into)
{
	static const struct config_key keys[] = {
		{ "name", read_name },
		{ "driver", read_driver },
		{ "mac", read_mac },
		{ "path", read_path },
		{ "channels", read_channels },
		{ "zero-copy-queues", read_zero_copy_queues },
		{ "rx-ring", read_rx_ring },
		{ "tcp-data-split", read_tcp_data_split },
		{ "hds-threshold", read_hds_threshold },
		{ "idle-queues", read_idle_queues },
		{ "keep-free", read_keep_free },
	};
	struct config_interface *i = into;
	int ret;

	i->tcp_data_split = true;
	ret = config_read_mapping(r, value, keys, ARRAY_SIZE(keys), i);
	if (ret == 0)
		ret = check_match(r, value, i);
	if (ret == 0)
		ret = check_queues(r, value, i);
	if (ret == 0)
		ret = check_idle(r, value, i);
	return ret;
}

/* The same match twice: which of the two entries rules would be a guess. */
static int check_duplicates(struct config_reader *r, const struct yaml_node *list,
			    const struct config *c)
{
	for (size_t j = 1; j < c->n_interfaces; j++)
		for (size_t i = 0; i < j; i++) {
			const struct config_interface *a = &c->interfaces[i];
			const struct config_interface *b = &c->interfaces[j];
			struct config_path path = { .up = r->path, .index = j };
			struct config_reader at = { .file = r->file,
						    .path = &path,
						    .reterr = r->reterr };
			_cleanup_free_ char *found = NULL;
			const char *key = config_interface_key(b);

			if (!streq(config_interface_key(a), key) || !streq(config_interface_text(a), config_interface_text(b)))
				continue;
			if (asprintf(&found, "\"%s\" a second time (first at line %u)",
				     config_interface_text(b), yaml_node_get(&list->items[i], key)->line) < 0)
				return -ENOMEM;
			return config_bad_key(&at, yaml_node_get(&list->items[j], key), key, found,
					      "another device");
		}
	return 0;
}

static int read_interfaces(struct config_reader *r, const struct yaml_node *value, void *into)
{
	struct config *c = into;
	void *items = NULL;
	int ret;

	if (value->kind == YAML_LIST && value->n_items > INTERFACES_MOST)
		return config_bad_found(r, value, "too many entries", "at most %u",
					INTERFACES_MOST);
	ret = config_read_list(r, value, "interfaces", read_interface, sizeof(*c->interfaces),
			       &items, &c->n_interfaces);
	c->interfaces = items;
	return ret ?: check_duplicates(r, value, c);
}

static int read_software_queues(struct config_reader *r, const struct yaml_node *value, void *into)
{
	struct config *c = into;

	return config_read_number(r, value, 1, SOFTWARE_QUEUES_MAX, &c->software.zero_copy_queues);
}

static int read_software(struct config_reader *r, const struct yaml_node *value, void *into)
{
	static const struct config_key keys[] = { { "queues", read_software_queues } };
	struct config *c = into;
	int ret;

	ret = config_read_mapping(r, value, keys, ARRAY_SIZE(keys), into);
	if (ret == 0 && !yaml_node_get(value, "queues"))
		return config_bad_key(r, value, "queues", "nothing",
				      "the number of queues to offer");
	if (ret == 0)
		c->software.name = strdup(SOFTWARE_NAME);
	return ret == 0 && !c->software.name ? -ENOMEM : ret;
}

static int read_on_stop(struct config_reader *r, const struct yaml_node *value, void *into)
{
	static const char *const words[] = {
		[ON_STOP_KEEP] = "keep", [ON_STOP_RESTORE] = "restore", NULL
	};
	unsigned word;
	int ret;

	ret = config_read_word(r, value, words, &word);
	if (ret == 0)
		((struct config *)into)->on_stop = (enum on_stop)word;
	return ret;
}

static int read_on_drift(struct config_reader *r, const struct yaml_node *value, void *into)
{
	static const char *const words[] = {
		[ON_DRIFT_REPAIR] = "repair", [ON_DRIFT_REPORT] = "report", NULL
	};
	unsigned word;
	int ret;

	ret = config_read_word(r, value, words, &word);
	if (ret == 0)
		((struct config *)into)->on_drift = (enum on_drift)word;
	return ret;
}

static int read_grants(struct config_reader *r, const struct yaml_node *value, void *into)
{
	static const char *const words[] = {
		[GRANTS_AUTO] = "auto", [GRANTS_DIRECT] = "direct", NULL
	};
	unsigned word;
	int ret;

	ret = config_read_word(r, value, words, &word);
	if (ret == 0)
		((struct config *)into)->grants = (enum grants_mode)word;
	return ret;
}

static int read_unsafe_kernel(struct config_reader *r, const struct yaml_node *value, void *into)
{
	static const char *const words[] = {
		[UNSAFE_KERNEL_REFUSE] = "refuse", [UNSAFE_KERNEL_ALLOW] = "allow", NULL
	};
	unsigned word;
	int ret;

	ret = config_read_word(r, value, words, &word);
	if (ret == 0)
		((struct config *)into)->unsafe_kernel = (enum unsafe_kernel)word;
	return ret;
}

static int read_document(struct config_reader *r, const struct yaml_node *root, struct config *c)
{
	static const struct config_key keys[] = {
		{ "on-stop", read_on_stop },   { "on-drift", read_on_drift },
		{ "grants", read_grants },     { "unsafe-kernel", read_unsafe_kernel },
		{ "interfaces", read_interfaces }, { "software", read_software },
		{ "policy", config_read_policy },
	};
	int ret;

	/* "---" with nothing behind it. */
	if (root->kind == YAML_TEXT && root->plain && !*root->text)
		return config_default_policy(c);
	ret = config_read_mapping(r, root, keys, ARRAY_SIZE(keys), c);
	if (ret == 0 && !yaml_node_get(root, "policy"))
		ret = config_default_policy(c);
	return ret;
}

int config_parse(const char *text, size_t length, const char *file, struct config **ret,
		 struct fault *reterr)
{
	_cleanup_(config_freep) struct config *c = calloc(1, sizeof(*c));
	struct config_reader r = { .file = file, .reterr = reterr };
	_cleanup_(yaml_node_done) struct yaml_node root = {};
	int result;

	if (!c)
		return -ENOMEM;
	result = yaml_parse(text, length, file, &root, reterr);
	if (result == 0)
		result = read_document(&r, &root, c);
	if (result == 0)
		*ret = TAKE_PTR(c);
	return result;
}
