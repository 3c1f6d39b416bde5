/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The configuration's memory. Where it comes from is config-yaml.c's.
 */
#include <errno.h>

#include "config.h"

static void interface_done(struct config_interface *i)
{
	free(i->name);
	free(i->driver);
	free(i->mac);
	free(i->path);
}

static void rule_done(struct policy_rule *rule)
{
	free(rule->user);
	free(rule->group);
	free(rule->cgroup);
	for (char **i = rule->interfaces; i && *i; i++)
		free(*i);
	free(rule->interfaces);
	for (size_t i = 0; i < rule->n_flow_list; i++) {
		free(rule->flow_list[i].addresses4);
		free(rule->flow_list[i].addresses6);
	}
	free(rule->flow_list);
}

struct config *config_free(struct config *c)
{
	if (!c)
		return NULL;
	for (size_t i = 0; i < c->n_interfaces; i++)
		interface_done(&c->interfaces[i]);
	free(c->interfaces);
	free(c->software.name);
	for (size_t i = 0; i < c->n_policy; i++)
		rule_done(&c->policy[i]);
	free(c->policy);
	free(c);
	return NULL;
}

static bool is_root(const struct policy_rule *rule)
{
	if (!rule->user)
		return false;
	return rule->user_number.known && rule->user_number.id == 0;
}

unsigned policy_rule_where(const struct policy_rule *rule)
{
	if (rule->where != 0)
		return rule->where;
	if (rule->administer || is_root(rule))
		return WHERE_HOST;
	return rule->user ? WHERE_ANY : WHERE_HOST | WHERE_CONTAINER;
}

const char *config_interface_key(const struct config_interface *i)
{
	return i->name ? "name" : i->driver ? "driver" : i->mac ? "mac" : "path";
}

const char *config_interface_text(const struct config_interface *i)
{
	return i->name ?: i->driver ?: i->mac ?: i->path;
}

int config_interface_describe(const struct config_interface *c, char **ret)
{
	static const char *const modes[] = { [CHANNELS_KEEP] = "keep", [CHANNELS_MAX] = "max",
					     [CHANNELS_COUNT] = "count" };
	_cleanup_free_ char *idle = NULL;
	char *s;

	if (c->idle_queues == IDLE_SERVE && asprintf(&idle, ", idle-queues serve, keep-free %u", c->keep_free) < 0)
		return -ENOMEM;
	if (asprintf(&s, "channels %s %u, zero-copy-queues %u, rx-ring %u, tcp-data-split %d, "
			 "hds-threshold %u%s", modes[c->channels_mode],
		     c->channels_mode == CHANNELS_COUNT ? c->channels : 0, c->zero_copy_queues,
		     c->rx_ring, c->tcp_data_split, c->hds_threshold, idle ?: "") < 0)
		return -ENOMEM;
	*ret = s;
	return 0;
}
