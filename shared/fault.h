/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What went wrong, as a value: which Varlink error it becomes, what was being done to what, what
 * the kernel said, and a sentence for a person that ends with what to do. Filled where the cause is
 * known, carried up unchanged, reported once (the daemon above util/, and the commands). Never printed here.
 *
 * fault.c holds THE table: verdict <-> Varlink error <-> names of its parameters.
 */
#pragma once

#include <errno.h>

#include "macro.h"

/* Expected refusals. Functions return these as positive numbers; a negative errno means that the
 * machine failed (out of memory, a broken descriptor). Zero is success. */
enum zcrx_error {
	ZCRX_OK = 0,
	ZCRX_NO_SUCH_INTERFACE,
	ZCRX_NO_SUCH_LEASE,
	ZCRX_NO_SUCH_FLOW,
	ZCRX_NO_QUEUE_AVAILABLE,
	ZCRX_QUOTA_EXCEEDED,
	ZCRX_INVALID_FLOW,
	ZCRX_FLOW_NOT_PROVED,
	ZCRX_FLOW_CONFLICT,
	ZCRX_INVALID_RING,
	ZCRX_INVALID_AREA,
	ZCRX_WRONG_STATE,
	ZCRX_NOT_SUPPORTED,
	ZCRX_INTERFACE_DOWN,
	ZCRX_KERNEL_REJECTED,
	ZCRX_PERMISSION_DENIED,
	ZCRX_INVALID_PARAMETER,
	_ZCRX_ERROR_MAX,
};

struct fault {
	enum zcrx_error kind;
	int error;	   /* the kernel's errno, positive; 0 where no call failed */
	char *subject;	   /* what it was done to: the interface, lease id, flow id, state, limit... */
	char *operation;   /* what was being done, e.g. "insert ntuple rule"; WRONG_STATE: what was asked */
	char *kernel_text; /* the kernel's own words (extack), or NULL */
	char *message;	   /* a whole sentence for a person: cause and remedy */
};

/* One row of the table: how a verdict travels over Varlink. Parameters beside `message`. */
struct zcrx_error_info {
	const char *id;		     /* "io.zcrx.Manager.NoSuchLease" */
	const char *subject_field;   /* name of the parameter that carries `subject`, or NULL */
	const char *operation_field; /* name of the parameter that carries `operation`, or NULL */
	const char *sentence;	     /* what it means in general; used where no message was given */
};

const struct zcrx_error_info *zcrx_error_info(enum zcrx_error kind);
/* ZCRX_OK if the id is not one of ours. */
enum zcrx_error zcrx_error_from_id(const char *id);

/*
 * Fill *f (if not NULL; whatever it held is freed) and return `kind`, so that a refusal is one
 * statement: return fault_set(reterr, ZCRX_NO_SUCH_LEASE, id, "No lease %s. ...", id);
 * `subject` may be NULL. Out of memory leaves strings NULL; the kind always arrives.
 */
int fault_set(struct fault *f, enum zcrx_error kind, const char *subject, const char *format, ...)
	_printf_(4, 5);

/*
 * The kernel refused: kind KERNEL_REJECTED. `error` is a positive errno, `kernel_text` the extack
 * text or NULL. `format` gives the likely cause and remedy; the message becomes
 * "Cannot OPERATION: ERRNO-TEXT (EXTACK). REMEDY".
 */
int fault_kernel(struct fault *f, int error, const char *kernel_text, const char *operation,
		 const char *format, ...) _printf_(5, 6);

/* One more sentence of the message, if there is one. */
void fault_append(struct fault *f, const char *format, ...) _printf_(2, 3);

/* What `r` says, in words: the message of *f if it is positive, else the errno's. Valid as long as *f. */
const char *fault_text(int r, const struct fault *f);
/* For one more who is told of it. */
void fault_copy(const struct fault *from, struct fault *to);
void fault_done(struct fault *f);
#define _cleanup_fault_ _cleanup_(fault_done)
