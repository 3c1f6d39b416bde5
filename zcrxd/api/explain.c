/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Explain: where a flow would land now. Looks at the NIC first, so that it also knows of rules that
 * others have made since.
 */
#include <errno.h>

#include "answers.h"
#include "json.h"
#include "flow-target.h"
#include "methods.h"

struct explain_parameters {
	const char *interface;
	sd_json_variant *flow;
};

struct explanation {
	struct api *api;
	sd_varlink *link;
	char *interface; /* as the caller named it, or NULL */
	struct flow flow;
	int r; /* of looking */
	struct fault fault;
};

static int explain(const struct device *d, const struct flow *f, sd_json_variant **ret)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *array = NULL;
	_cleanup_free_ struct flow_target *list = NULL;
	size_t n;
	int r;

	r = flow_targets(d->observed, f, &list, &n);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;

		r = json_target(d, &list[i], &v);
		if (r >= 0)
			r = sd_json_variant_append_array(&array, v);
	}
	if (r < 0)
		return r;
	return sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("interface", device_name(d)),
			      SD_JSON_BUILD_PAIR_VARIANT("targets", array));
}

/* The named interface, or the only one. */
static int find_device(struct api *api, const char *name, struct device **ret,
		       struct fault *reterr)
{
	struct device *d = TAILQ_FIRST(&api->devices->list);
	int r = name ? request_device(api, name, &d, reterr) : 0;

	if (r != 0)
		return r;
	if (!name && (!d || TAILQ_NEXT(d, entry)))
		return fault_set(reterr, ZCRX_INVALID_PARAMETER, "interface",
				 "Name the interface: there are several, or none. zcrxctl status lists "
				 "them.");
	if (d->ifindex == SOFTWARE_IFINDEX)
		return refuse_steering(reterr);
	if (!device_is_open(d))
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
		r = find_device(e->api, e->interface, &d, &e->fault);
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

	e->r = report->r;
	if (e->r > 0)
		fault_copy(report->fault, &e->fault);
	answer_later(e->api, explanation_answer, e);
}

static const sd_json_dispatch_field explain_fields[] = {
	{ "flow", SD_JSON_VARIANT_OBJECT, dispatch_optional_variant,
	  offsetof(struct explain_parameters, flow), SD_JSON_MANDATORY },
	{ "interface", _SD_JSON_VARIANT_TYPE_INVALID, dispatch_optional_string,
	  offsetof(struct explain_parameters, interface), 0 },
	{}
};

static int explain_flow(struct call *c, void *parameters)
{
	const struct explain_parameters *p = parameters;
	_cleanup_(explanation_freep) struct explanation *e = calloc(1, sizeof(*e));
	struct device *d = NULL;
	int r;

	if (!e)
		return -ENOMEM;
	e->api = c->api;
	e->interface = p->interface ? strdup(p->interface) : NULL;
	r = p->interface && !e->interface ? -ENOMEM : json_parse_flow(p->flow, &e->flow, &c->fault);
	if (r == 0)
		r = find_device(c->api, p->interface, &d, &c->fault);
	if (r == 0)
		r = device_refresh(d, on_looked, e);
	if (r == 0)
		TAKE_PTR(e)->link = sd_varlink_ref(c->link);
	return r;
}

const struct method method_explain = {
	.kind = METHOD_OPEN,
	.fields = explain_fields,
	.size = sizeof(struct explain_parameters),
	.act = explain_flow,
};
