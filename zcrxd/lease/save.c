/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The record, written down after each change. What cannot be written is tried again until it can be, and
 * is a problem that everybody is told of meanwhile (reconcile/problems.c).
 */
#include "leases.h"
#include "log.h"
#include "snapshot.h"
#include "state-file.h"

#define AGAIN_USEC (5 * 1000000ULL)

static int append(struct leases *leases)
{
	_cleanup_free_ char *text = NULL;
	int r;

	if (leases->state.whole || !state_takes_changes(&leases->state.file))
		return -ESTALE;
	r = leases_format_change(leases, &text);
	return r < 0 ? r : state_append(&leases->state.file, text);
}

static int write_whole(struct leases *leases)
{
	_cleanup_free_ char *text = NULL;
	int r;

	r = leases_format_record(leases, &text);
	return r < 0 ? r : state_write(leases->state.path, text, &leases->state.file);
}

/* What a change takes does not grow with the leases that did not change. */
static int save(struct leases *leases)
{
	int r = append(leases);

	if (r < 0)
		r = write_whole(leases);
	if (r == 0)
		leases_forget_change(leases);
	else
		growing_file_done(&leases->state.file);
	return r;
}

static int on_again(sd_event_source *s, uint64_t usec, void *userdata)
{
	(void)leases_save(userdata);
	return 0;
}

/* Nobody tells that there is room again. */
static void save_again_later(struct leases *leases)
{
	int r;

	r = loop_arm(leases->loop, &leases->save_timer, AGAIN_USEC, on_again, leases);
	if (r < 0)
		log_errno(r, "Cannot arm the timer that writes %s again", leases->state.path);
}

int leases_save(struct leases *leases)
{
	int r = save(leases), before = leases->state_error;

	if (r < 0 && before == 0)
		log_errno(r, "Cannot write %s; no lease is granted until that works", leases->state.path);
	if (r >= 0 && before < 0)
		log_info("%s can be written again.", leases->state.path);
	leases->state_error = r < 0 ? r : 0;
	if (r < 0)
		save_again_later(leases);
	else
		leases->save_timer = sd_event_source_disable_unref(leases->save_timer);
	if (leases->state_error != before)
		leases->hooks->saved(leases);
	return leases->state_error;
}

int lease_save(struct lease *l)
{
	lease_forget_record(l);
	return leases_save(l->leases);
}

int lease_check_saved(const struct lease *l, const char *act, struct fault *reterr)
{
	const struct leases *leases = l->leases;

	if (leases->state_error == 0)
		return 0;
	return fault_kernel(reterr, -leases->state_error, NULL, act,
			    "zcrxd could not save the record of leases in %s, so nothing was done. Is "
			    "there room in /run?", leases->state.path);
}
