/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of methods.
 */
#include "methods.h"
#include "zcrx-idl.h"

int methods_bind(sd_varlink_server *s)
{
	int r = sd_varlink_server_add_interface(s, &vl_interface_io_zcrx_Manager);

	return r < 0 ? r : sd_varlink_server_bind_method_many(
		s, ZCRX_METHOD("Describe"), vl_method_describe,
		ZCRX_METHOD("ListLeases"), vl_method_list_leases,
		ZCRX_METHOD("Acquire"), vl_method_acquire,
		ZCRX_METHOD("Open"), vl_method_open,
		ZCRX_METHOD("Register"), vl_method_register,
		ZCRX_METHOD("AddFlow"), vl_method_add_flow,
		ZCRX_METHOD("RemoveFlow"), vl_method_remove_flow,
		ZCRX_METHOD("Release"), vl_method_release,
		ZCRX_METHOD("Renew"), vl_method_renew,
		ZCRX_METHOD("Tune"), vl_method_tune,
		ZCRX_METHOD("Watch"), vl_method_watch,
		ZCRX_METHOD("Explain"), vl_method_explain,
		ZCRX_METHOD("Plan"), vl_method_plan,
		ZCRX_METHOD("Apply"), vl_method_apply,
		ZCRX_METHOD("Confirm"), vl_method_confirm,
		ZCRX_METHOD("Restore"), vl_method_restore,
		ZCRX_METHOD("Revoke"), vl_method_revoke,
		ZCRX_METHOD("Reload"), vl_method_reload);
}
