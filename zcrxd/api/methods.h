/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The methods of io.zcrx.Manager, and of io.systemd.Metrics. All are opened by methods.c: parameters are read, and it is asked who
 * calls and whether he may; what is left to each is to decide, act, and reply. What is slow is answered
 * later; the link is then kept by the operation.
 */
#pragma once

#include "devices.h"
#include "leases.h"
#include "peer.h"

STAILQ_HEAD(answer_list, answer);

/* Calls whose times are told as metrics: those that clients and administrators wait for. */
enum call_kind {
	CALL_DESCRIBE,
	CALL_ACQUIRE,
	CALL_REGISTER,
	CALL_SHARE,
	CALL_ADD_FLOW,
	CALL_REMOVE_FLOW,
	CALL_RELEASE,
	CALL_TUNE,
	CALL_APPLY,
	CALL_RESTORE,
	_CALL_MAX,
};
const char *call_kind_to_string(enum call_kind k); /* the method */

/* What methods act on: their userdata. */
struct api {
	struct server *server;
	struct devices *devices;
	struct leases *leases;
	struct answer_list answers; /* to calls that only read: answers.h */
	sd_event_source *answer_source;
	struct histogram call_times[_CALL_MAX];
	uint64_t refusals[_ZCRX_ERROR_MAX]; /* by error; ZCRX_OK: the machine failed */
};

int methods_bind(sd_varlink_server *s);

/* A call that is being answered. What answers it later keeps the link. */
struct call {
	sd_varlink *link;
	struct api *api;
	bool more; /* the caller takes several replies */
	struct peer peer;    /* unless METHOD_OPEN */
	struct lease *lease; /* METHOD_LEASE */
	struct fault fault;
};

enum method_kind {
	METHOD_OPEN,  /* to everybody, and it is the same for everybody */
	METHOD_PEER,  /* it depends on who asks */
	METHOD_ADMIN, /* for administrators */
	METHOD_LEASE, /* about a lease, for whom request_lease() lets; its parameters begin with a lease_reference */
};

struct lease_reference {
	const char *id;
	uint64_t handle;
};

#define LEASE_FIELDS                                                                               \
	{ "leaseId", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,                        \
	  offsetof(struct lease_reference, id), SD_JSON_MANDATORY },                               \
	{ "handleFileDescriptor", _SD_JSON_VARIANT_TYPE_INVALID, dispatch_optional_uint64,         \
	  offsetof(struct lease_reference, handle), 0 }

/* One method. */
struct method {
	enum method_kind kind;
	const char *act_name; /* METHOD_ADMIN: what is refused to others */
	bool orchestrates; /* METHOD_LEASE: an administrator may, too, with a lease that one has acquired for its owner */
	const sd_json_dispatch_field *fields;
	size_t size;	      /* of the parameters */
	const void *defaults; /* of them; NULL: all zero */
	/* Answers, or sees to it that somebody will, and returns 0; else the call is answered with r, and
	 * c->fault if it is positive. */
	int (*act)(struct call *c, void *parameters);
};

extern const struct method method_describe, method_list_leases, method_acquire, method_open, method_register, method_share,
	method_add_flow, method_remove_flow, method_release, method_renew, method_tune, method_watch,
	method_explain, method_plan, method_apply, method_confirm, method_restore, method_revoke, method_reload,
	method_metrics_list, method_metrics_describe;

/* ---- request.c: what the methods share */

/* Answers with the error that `r` (positive: with `fault`; negative: an errno) stands for.
 * Returns 0: the call is answered. */
int reply_fault(sd_varlink *link, int r, const struct fault *fault);

/* Answers with a new handle of the lease, and with `lease`, if that is not NULL. */
int reply_handle(sd_varlink *link, struct lease *l, sd_json_variant *lease);

/* The device that somebody calls so: by its name, by an alternative name, or by what the configuration
 * matches a missing one by. NO_SUCH_INTERFACE. */
int request_device(struct api *api, const char *name, struct device **ret, struct fault *reterr);

/* The queues without a NIC: what comes in through their rings does so without our help. */
int refuse_steering(struct fault *reterr);

/* The descriptor that a ...FileDescriptor parameter names by its index, taken from the message; the
 * caller closes it. INVALID_PARAMETER if no such one was attached. */
int request_take_fd(sd_varlink *link, uint64_t index, const char *field, int *ret,
		    struct fault *reterr);

#define NO_INDEX UINT64_MAX /* a ...FileDescriptor that was not given */

/* By its id, or by the name of its netkit device, which `ip link` shows; NULL. */
struct lease *request_find_lease(struct api *api, const char *id);
/* The lease that a request names, if the caller may act on it: who sends a handle of it (it is
 * looked at and closed), or the owner of a persistent one. NO_SUCH_LEASE, PERMISSION_DENIED. */
/* NO_SUCH_LEASE, with what was asked for. */
int request_no_lease(const char *id, struct fault *reterr);
int request_lease(sd_varlink *link, struct api *api, const struct peer *peer, const char *id,
		  uint64_t handle_index, struct lease **ret, struct fault *reterr);

/* A lease that an administrator has acquired for another user (Acquire.ownerUid), if the caller is an
 * administrator and names it without a handle; NULL. */
struct lease *request_orchestrated(struct api *api, const struct peer *peer, const struct lease_reference *l);

/* INVALID_PARAMETER unless it is within these. */
int check_range(uint64_t value, uint64_t first, uint64_t last, const char *name, struct fault *reterr);

/* sd_json_dispatch callbacks that leave the default in place for null. */
int dispatch_optional_uint64(const char *name, sd_json_variant *v, sd_json_dispatch_flags_t flags,
			     void *userdata);
int dispatch_optional_bool(const char *name, sd_json_variant *v, sd_json_dispatch_flags_t flags,
			   void *userdata);
int dispatch_optional_string(const char *name, sd_json_variant *v, sd_json_dispatch_flags_t flags,
			     void *userdata);
int dispatch_optional_variant(const char *name, sd_json_variant *v, sd_json_dispatch_flags_t flags,
			      void *userdata);
