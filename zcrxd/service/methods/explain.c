/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Explain: where a flow would land now. Looks at the NIC first, so that it also knows of rules that
 * others have made since.
 */
#include <errno.h>

#include "answers.h"
#include "json.h"
#include "landing.h"
#include "methods.h"

struct explain_parameters {
	const char *interface;
	sd_json_variant *flow;
};

struct explanation {
	struct manager *manager;
	sd_varlink *link;
	char *interface; /* as the caller named it, or NULL */
	struct flow flow;
	int r; /* of looking */
	struct fault fault;
};

static const struct lease *rule_lease(const struct device *d, const struct nic_rule *rule)
{
	const struct lease *l;

	TAILQ_FOREACH(l, &d->manager->leases, entry)
		for (size_t i = 0; l->device == d && i < l->n_flows; i++)
			if (l->flows[i]->state == FLOW_INSTALLED &&
			    l->flows[i]->location == rule->location)
				return l;
	return NULL;
}

/* What becomes of it, for a person. */
static int landing_sentence(const struct landing *l, const struct lease *lease, char **ret)
{
	const struct nic_rule *rule = l->rule;
	const char *whose = !rule || lease	? "" :
			    !rule->understood	? ", which is not zcrxd's and may match other things too," :
						  ", which is not zcrxd's,";
	int r = -1;

	if (!rule)
		r = asprintf(ret, !l->table ? "The RSS table cannot be read: it may land anywhere." :
				  l->share == LANDING_ALL ? "No rule matches: RSS spreads it." :
							    "What no rule matches is spread by RSS.");
	else if (lease && rule->action == RULE_TO_CONTEXT)
		r = asprintf(ret, "Rule %u has the lease's RSS context %u spread it over its queues.",
			     rule->location, rule->target);
	else if (lease)
		r = asprintf(ret, "Rule %u steers it to the lease's queue %u.", rule->location,
			     rule->target);
	else
		switch (rule->action) {
		case RULE_TO_QUEUE:
			r = asprintf(ret, "Rule %u%s steers it to queue %u.", rule->location, whose,
				     rule->target);
			break;
		case RULE_TO_CONTEXT:
			r = asprintf(ret, "Rule %u%s has RSS context %u spread it.", rule->location,
				     whose, rule->target);
			break;
		case RULE_DROP:
			r = asprintf(ret, "Rule %u%s drops it.", rule->location, whose);
			break;
		case RULE_OTHER:
			r = asprintf(ret, "Rule %u%s sends it elsewhere: to a virtual function, or to "
					  "wake the machine.", rule->location, whose);
			break;
		}
	return r < 0 ? -ENOMEM : 0;
}

static int json_numbers(const uint32_t *numbers, size_t n, sd_json_variant **ret)
{
	int r = sd_json_variant_new_array(ret, NULL, 0);

	for (size_t i = 0; r >= 0 && i < n; i++)
		r = sd_json_variant_append_arrayb(ret, SD_JSON_BUILD_UNSIGNED(numbers[i]));
	return r;
}

static int json_landing(const struct device *d, const struct landing *l, sd_json_variant **ret)
{
	const struct lease *lease = l->rule ? rule_lease(d, l->rule) : NULL;
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *array = NULL;
	_cleanup_free_ uint32_t *queues = NULL;
	_cleanup_free_ char *sentence = NULL;
	bool to_context = l->rule && l->rule->action == RULE_TO_CONTEXT;
	char id[LEASE_ID_DIGITS + 1] = "";
	size_t n_queues;
	int r;

	r = landing_queues(l, &queues, &n_queues);
	if (r >= 0)
		r = json_numbers(queues, n_queues, &array);
	if (r >= 0)
		r = landing_sentence(l, lease, &sentence);
	if (r < 0)
		return r;
	if (lease)
		lease_id_format(lease->id, id);
	return sd_json_buildo(
		ret, SD_JSON_BUILD_PAIR_STRING("share", landing_share_to_string(l->share)),
		SD_JSON_BUILD_PAIR_CONDITION(!!l->rule, "rule",
					     SD_JSON_BUILD_UNSIGNED(l->rule ? l->rule->location : 0)),
		SD_JSON_BUILD_PAIR_CONDITION(to_context, "rssContext",
					     SD_JSON_BUILD_UNSIGNED(l->rule ? l->rule->target : 0)),
		SD_JSON_BUILD_PAIR_CONDITION(!!lease, "leaseId", SD_JSON_BUILD_STRING(id)),
		SD_JSON_BUILD_PAIR_VARIANT("queues", array),
		SD_JSON_BUILD_PAIR_STRING("message", sentence));
}

static int explain(const struct device *d, const struct flow *f, sd_json_variant **ret)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *array = NULL;
	_cleanup_free_ struct landing *list = NULL;
	size_t n;
	int r;

	r = landings_of(d->observed, f, &list, &n);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;

		r = json_landing(d, &list[i], &v);
		if (r >= 0)
			r = sd_json_variant_append_array(&array, v);
	}
	if (r < 0)
		return r;
	return sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("interface", device_name(d)),
			      SD_JSON_BUILD_PAIR_VARIANT("landings", array));
}

/* The named interface, or the only one. */
static int find_device(struct manager *m, const char *name, struct device **ret,
		       struct fault *reterr)
{
	struct device *d = TAILQ_FIRST(&m->devices);
	int r = name ? request_device(m, name, &d, reterr) : 0;

	if (r != 0)
		return r;
	if (!name && (!d || TAILQ_NEXT(d, entry)))
		return fault_set(reterr, ZCRX_INVALID_PARAMETER, "interface",
				 "Name the interface: there are several, or none. zcrxctl status lists "
				 "them.");
	if (d->ifindex == SOFTWARE_IFINDEX)
		return refuse_steering(reterr);
	if (!d->worker || d->gone)
		return fault_set(reterr, ZCRX_NO_SUCH_INTERFACE, device_name(d), "%s: %s.",
				 device_name(d), d->reason ?: "it is going away");
	*ret = d;
	return 0;
}

static void explanation_free(struct explanation *e)
{
	sd_varlink_unref(e->link);
	fault_done(&e->fault);
	free(e->interface);
	free(e);
}
DEFINE_CLEANUP(struct explanation *, explanation_free)

static void explanation_answer(void *userdata)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	_cleanup_(explanation_freep) struct explanation *e = userdata;
	struct device *d;
	int r = e->r;

	if (r == 0)
		r = find_device(e->manager, e->interface, &d, &e->fault);
	if (r == 0 && !d->observed)
		r = fault_set(&e->fault, ZCRX_NO_SUCH_INTERFACE, device_name(d), "%s has just gone.",
			      device_name(d));
	if (r == 0)
		r = explain(d, &e->flow, &v);
	if (r != 0)
		(void)reply_fault(e->link, r, &e->fault);
	else
		(void)sd_varlink_reply(e->link, v);
}

static void on_looked(struct device *d, const struct device_report *report, void *userdata)
{
	struct explanation *e = userdata;

	(void)d;
	e->r = report->r;
	if (e->r > 0)
		fault_copy(report->fault, &e->fault);
	answer_later(e->manager, explanation_answer, e);
}

int vl_method_explain(sd_varlink *link, sd_json_variant *parameters,
		      sd_varlink_method_flags_t flags, void *userdata)
{
	static const sd_json_dispatch_field table[] = {
		{ "flow", SD_JSON_VARIANT_OBJECT, dispatch_optional_variant,
		  offsetof(struct explain_parameters, flow), SD_JSON_MANDATORY },
		{ "interface", _SD_JSON_VARIANT_TYPE_INVALID, dispatch_optional_string,
		  offsetof(struct explain_parameters, interface), 0 },
		{}
	};
	struct explain_parameters p = {};
	_cleanup_fault_ struct fault fault = {};
	_cleanup_(explanation_freep) struct explanation *e = calloc(1, sizeof(*e));
	struct device *d = NULL;
	int r;

	(void)flags;
	if (!e)
		return -ENOMEM;
	r = sd_varlink_dispatch(link, parameters, table, &p);
	if (r != 0)
		return r;
	e->manager = userdata;
	e->interface = p.interface ? strdup(p.interface) : NULL;
	r = p.interface && !e->interface ? -ENOMEM : json_parse_flow(p.flow, &e->flow, &fault);
	if (r == 0)
		r = find_device(userdata, p.interface, &d, &fault);
	if (r == 0)
		r = device_refresh(d, on_looked, e);
	if (r != 0)
		return reply_fault(link, r, &fault);
	TAKE_PTR(e)->link = sd_varlink_ref(link);
	return 0;
}
