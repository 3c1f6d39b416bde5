/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether a starting daemon may go on at all: what an earlier one has left is read, and nothing is touched.
 * See adopt.h.
 */
#include <errno.h>

#include "adopt.h"
#include "log.h"
#include "checked-file.h"
#include "state-file.h"

static bool has_stored(const struct stored_fds *fds, const char *prefix)
{
	for (size_t i = 0; i < fds->n; i++)
		if (strncmp(fds->list[i].name, prefix, strlen(prefix)) == 0)
			return true;
	return false;
}

/* Leases that live by their handles, of which the service manager was to keep our ends, and has none. With the
 * mark it has kept all: what is not there was closed. */
static size_t count_lost(const struct stored_fds *fds, const struct record *record)
{
	size_t n = 0;

	if (!record->kept || has_stored(fds, FDSTORE_MARK))
		return 0;
	for (size_t i = 0; i < record->n_leases; i++) {
		const struct record_lease *l = &record->leases[i];
		char prefix[32];

		snprintf(prefix, sizeof(prefix), "handle-%08x-", l->id);
		n += !l->persistent && !has_stored(fds, prefix);
	}
	return n;
}

static int check_store(struct leases *leases, const struct stored_fds *fds, const struct record *record,
		       struct fault *reterr)
{
	size_t n = count_lost(fds, record);

	if (n == 0)
		return 0;
	if (!fdstore_is_there())
		return fault_set(reterr, ZCRX_WRONG_STATE, "kept",
				 "systemd keeps the handles of %zu lease%s for zcrxd.service, and a zcrxd that "
				 "is started otherwise would end them. Nothing was changed. Either: systemctl "
				 "start zcrxd; or, if they may end: rm %s", n, n == 1 ? "" : "s", leases->state.path);
	leases->n_store_lost = n;
	log_error("The service manager did not keep what zcrxd has stored there: %zu lease%s in the "
		  "record cannot continue. See systemctl show -P NFileDescriptorStore zcrxd, and zcrxd(8).", n,
		  n == 1 ? "" : "s");
	return 0;
}

int leases_read_record(struct leases *leases, const struct stored_fds *fds, struct record *ret,
			struct fault *reterr)
{
	_cleanup_free_ char *set_aside = NULL;
	int r;

	r = state_read(leases->state.path, ret, &set_aside);
	if (r < 0)
		return checked_file_refuse_unreadable(leases->state.path, r, "the record of leases",
						      reterr);
	if (set_aside)
		log_error(
			"%s. No lease of an earlier zcrxd continues. Their kernel objects are "
			"removed "
			"where their name, or the file (%zu leases), shows that they are zcrxd's.",
			set_aside, ret->n_orphans);
	leases->state_set_aside = TAKE_PTR(set_aside);
	leases->n_dropped = ret->n_dropped;
	return check_store(leases, fds, ret, reterr);
}
