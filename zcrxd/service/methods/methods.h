/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One function per method of io.zcrx.Manager, each in the same stages: dispatch, authorise, decide,
 * act, reply. What is slow is answered later; the link is then kept by the operation.
 */
#pragma once

#include "leases.h"
#include "manager.h"
#include "peer.h"

int vl_method_describe(sd_varlink *link, sd_json_variant *parameters,
		       sd_varlink_method_flags_t flags, void *userdata);
int vl_method_list_leases(sd_varlink *link, sd_json_variant *parameters,
			  sd_varlink_method_flags_t flags, void *userdata);
int vl_method_watch(sd_varlink *link, sd_json_variant *parameters,
		    sd_varlink_method_flags_t flags, void *userdata);
int vl_method_explain(sd_varlink *link, sd_json_variant *parameters,
		      sd_varlink_method_flags_t flags, void *userdata);
int vl_method_acquire(sd_varlink *link, sd_json_variant *parameters,
		      sd_varlink_method_flags_t flags, void *userdata);
int vl_method_open(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		   void *userdata);
int vl_method_register(sd_varlink *link, sd_json_variant *parameters,
		       sd_varlink_method_flags_t flags, void *userdata);
int vl_method_add_flow(sd_varlink *link, sd_json_variant *parameters,
		       sd_varlink_method_flags_t flags, void *userdata);
int vl_method_remove_flow(sd_varlink *link, sd_json_variant *parameters,
			  sd_varlink_method_flags_t flags, void *userdata);
int vl_method_release(sd_varlink *link, sd_json_variant *parameters,
		      sd_varlink_method_flags_t flags, void *userdata);
int vl_method_renew(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		    void *userdata);
int vl_method_tune(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		   void *userdata);
int vl_method_plan(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		   void *userdata);
int vl_method_apply(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		    void *userdata);
int vl_method_revoke(sd_varlink *link, sd_json_variant *parameters,
		     sd_varlink_method_flags_t flags, void *userdata);
int vl_method_reload(sd_varlink *link, sd_json_variant *parameters,
		     sd_varlink_method_flags_t flags, void *userdata);

/* ---- request.c: what the methods share */

/* Answers with the error that `r` (positive: with `fault`; negative: an errno) stands for.
 * Returns 0: the call is answered. */
int reply_fault(sd_varlink *link, int r, const struct fault *fault);

/* The descriptor that a ...FileDescriptor parameter names by its index, taken from the message; the
 * caller closes it. INVALID_PARAMETER if no such one was attached. */
int request_take_fd(sd_varlink *link, uint64_t index, const char *field, int *ret,
		    struct fault *reterr);

#define NO_INDEX UINT64_MAX /* a ...FileDescriptor that was not given */

/* The lease that a request names, if the caller may act on it: who sends a handle of it (it is
 * looked at and closed), or the owner of a persistent one. NO_SUCH_LEASE, PERMISSION_DENIED. */
int request_lease(sd_varlink *link, struct manager *m, const struct peer *peer, const char *id,
		  uint64_t handle_index, struct lease **ret, struct fault *reterr);

/* sd_json_dispatch callbacks that leave the default in place for null. */
int dispatch_optional_uint64(const char *name, sd_json_variant *v, sd_json_dispatch_flags_t flags,
			     void *userdata);
int dispatch_optional_bool(const char *name, sd_json_variant *v, sd_json_dispatch_flags_t flags,
			   void *userdata);
int dispatch_optional_string(const char *name, sd_json_variant *v, sd_json_dispatch_flags_t flags,
			     void *userdata);
int dispatch_optional_variant(const char *name, sd_json_variant *v, sd_json_dispatch_flags_t flags,
			      void *userdata);
