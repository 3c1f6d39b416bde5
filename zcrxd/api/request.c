/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the methods share. See methods.h.
 */
#include <errno.h>

#include "devices.h"
#include "handle.h"
#include "log.h"
#include "methods.h"
#include "policy.h"

/* ---------------------------------------------------------------------------- errors */

static int add_string(sd_json_variant **v, const char *key, const char *value)
{
	return key && value ? sd_json_variant_set_field_string(v, key, value) : 0;
}

static int fault_parameters(const struct fault *f, const struct zcrx_error_info *info,
			    sd_json_variant **ret)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	int r;

	r = add_string(&v, info->subject_field, f->subject);
	if (r >= 0)
		r = add_string(&v, info->operation_field, f->operation);
	if (r >= 0 && f->error != 0)
		r = add_string(&v, "errnoName", strerrorname_np(f->error));
	if (r >= 0)
		r = add_string(&v, "kernelMessage", f->kernel_text);
	if (r >= 0)
		r = add_string(&v, "message", f->message ?: info->sentence);
	*ret = TAKE_PTR(v);
	return r;
}

int reply_fault(sd_varlink *link, int r, const struct fault *fault)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *v = NULL;
	static const struct fault empty;
	const struct zcrx_error_info *info;
	struct api *api = sd_varlink_get_userdata(link);
	int k;

	api->refusals[r > 0 && r < _ZCRX_ERROR_MAX ? r : ZCRX_OK]++;
	if (r < 0) {
		log_errno(r, "Cannot answer a call");
		(void)sd_varlink_error_errno(link, r);
		return 0;
	}
	info = zcrx_error_info((enum zcrx_error)r);
	k = fault_parameters(fault ?: &empty, info, &v);
	/* Both return the errno that the error stands for, not whether it was sent. */
	if (k < 0)
		(void)sd_varlink_error_errno(link, k);
	else
		(void)sd_varlink_error(link, info->id, v);
	return 0;
}

int reply_handle(sd_varlink *link, struct lease *l, sd_json_variant *lease)
{
	_cleanup_fault_ struct fault fault = {};
	_cleanup_close_ int fd = -EBADF;
	int r, index;

	r = lease_handle_new(l, &fd, &fault);
	if (r != 0)
		return reply_fault(link, r, &fault);
	index = sd_varlink_push_fd(link, fd);
	if (index < 0)
		return index;
	TAKE_FD(fd);
	return sd_varlink_replybo(
		link,
		SD_JSON_BUILD_PAIR_CONDITION(!!lease, "lease", SD_JSON_BUILD_VARIANT(lease)),
		SD_JSON_BUILD_PAIR_INTEGER("handleFileDescriptor", index));
}

/* ------------------------------------------------------------------------ parameters */

int request_take_fd(sd_varlink *link, uint64_t index, const char *field, int *ret,
		    struct fault *reterr)
{
	int fd = -EBADF;

	if (index < 16)
		fd = sd_varlink_take_fd(link, (size_t)index);
	if (fd < 0)
		return fault_set(reterr, ZCRX_INVALID_PARAMETER, field,
				 "%s is the index of a descriptor that comes with the call, counted from "
				 "0; there is none at %llu.", field, (unsigned long long)index);
	*ret = fd;
	return 0;
}

static int check_handle(sd_varlink *link, struct lease *l, uint64_t index, struct fault *reterr)
{
	_cleanup_close_ int fd = -EBADF;
	char id[LEASE_ID_DIGITS + 1];
	int r;

	r = request_take_fd(link, index, "handleFileDescriptor", &fd, reterr);
	if (r != 0)
		return r;
	if (lease_handle_matches(l, fd))
		return 0;
	lease_id_format(l->id, id);
	return fault_set(reterr, ZCRX_PERMISSION_DENIED, NULL,
			 "The descriptor that was sent is not a handle of lease %s.", id);
}

struct lease *request_find_lease(struct api *api, const char *id)
{
	uint32_t number;

	return lease_id_parse(id, &number) == 0 || lease_id_from_device(id, &number) == 0 ?
		       leases_find(api->leases, number) : NULL;
}

int request_no_lease(const char *id, struct fault *reterr)
{
	return fault_set(reterr, ZCRX_NO_SUCH_LEASE, id,
			 "There is no lease %s (any more). See zcrxctl leases.", id);
}

int request_lease(sd_varlink *link, struct api *api, const struct peer *peer, const char *id,
		  uint64_t handle_index, struct lease **ret, struct fault *reterr)
{
	struct lease *l = request_find_lease(api, id);
	int r;

	if (!l)
		return request_no_lease(id, reterr);
	if (handle_index != NO_INDEX) {
		r = check_handle(link, l, handle_index, reterr);
		if (r != 0)
			return r;
	} else if (!l->persistent || !policy_is_owner(api->devices->config, peer, l->owner_uid))
		return fault_set(reterr, ZCRX_PERMISSION_DENIED, NULL,
				 l->persistent
					 ? "Lease %s belongs to another user, or to the same one outside of "
					   "this container. Only its owner, whoever "
					   "has its handle, and an administrator (zcrxctl revoke) may end "
					   "or use it."
					 : "Lease %s is its handle's: send the handle with the call. An "
					   "administrator may revoke it (zcrxctl revoke).", id);
	*ret = l;
	return 0;
}

struct lease *request_orchestrated(struct api *api, const struct peer *peer, const struct lease_reference *reference)
{
	struct lease *l = request_find_lease(api, reference->id);

	if (!l || reference->handle != NO_INDEX || l->acquirer_uid == l->owner_uid)
		return NULL;
	return policy_administers(api->devices->config, peer) ? l : NULL;
}

/* As `ip address` and `ip link` print it: "zc0:", "zc0@if5". */
static struct device *find_pasted(struct api *api, const char *name)
{
	_cleanup_free_ char *start = strndup(name, strcspn(name, ":@ "));

	return start && !streq(start, name) ? devices_find(api->devices, start) : NULL;
}

int request_device(struct api *api, const char *name, struct device **ret, struct fault *reterr)
{
	struct device *d = devices_find(api->devices, name), *meant;

	if (d) {
		*ret = d;
		return 0;
	}
	meant = find_pasted(api, name);
	return fault_set(reterr, ZCRX_NO_SUCH_INTERFACE, name,
			 "%s is not in the configuration%s%s%s See zcrxctl status.", name,
			 meant ? "; did you mean " : "", meant ? device_name(meant) : "", meant ? "?" : ".");
}

int dispatch_optional_uint64(const char *name, sd_json_variant *v, sd_json_dispatch_flags_t flags,
			     void *userdata)
{
	return sd_json_variant_is_null(v) ? 0 : sd_json_dispatch_uint64(name, v, flags, userdata);
}

int dispatch_optional_bool(const char *name, sd_json_variant *v, sd_json_dispatch_flags_t flags,
			   void *userdata)
{
	return sd_json_variant_is_null(v) ? 0 : sd_json_dispatch_stdbool(name, v, flags, userdata);
}

int dispatch_optional_string(const char *name, sd_json_variant *v, sd_json_dispatch_flags_t flags,
			     void *userdata)
{
	return sd_json_variant_is_null(v)
		       ? 0
		       : sd_json_dispatch_const_string(name, v, flags, userdata);
}

int dispatch_optional_variant(const char *name, sd_json_variant *v, sd_json_dispatch_flags_t flags,
			      void *userdata)
{
	if (!sd_json_variant_is_null(v))
		*(sd_json_variant **)userdata = v; /* lives as long as the parameters */
	return 0;
}

int refuse_steering(struct fault *reterr)
{
	return fault_set(reterr, ZCRX_NOT_SUPPORTED, "flows",
			 "The queues of " SOFTWARE_NAME " have no NIC that steers, and need none: whatever "
			 "socket is received from through the lease's ring, the kernel copies.");
}

int check_range(uint64_t value, uint64_t first, uint64_t last, const char *name,
		       struct fault *reterr)
{
	if (value >= first && value <= last)
		return 0;
	return fault_set(reterr, ZCRX_INVALID_PARAMETER, name, "%s is %llu; it must be %llu to %llu.",
			 name, (unsigned long long)value, (unsigned long long)first,
			 (unsigned long long)last);
}
