/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Objects that we keep as JSON: one table of fields is both how they are written and how they are read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <systemd/sd-json.h>

#include "macro.h"

enum json_kind {
	JSON_NUMBER,  /* a member of 1, 2, 4 or 8 bytes; an enum goes by its number */
	JSON_BOOLEAN,
	JSON_TEXT,    /* an array of char */
	JSON_BYTES,   /* of uint8_t, in hexadecimal digits */
};

enum json_presence {
	JSON_ALWAYS,
	JSON_LATER,  /* an earlier version's file lacks it: the member stays as it is */
	JSON_IF_SET, /* likewise, and it is not written while it is 0, false or empty */
};

struct json_field {
	const char *key;
	enum json_kind kind;
	enum json_presence presence;
	size_t offset, size; /* of the member */
	uint64_t last;	     /* of a number: the largest that is read */
	size_t has;	     /* 0, or 1 + the offset of a bool: it is written if that is true, and read to it */
};

#define JSON_MEMBER(type, member) offsetof(type, member), sizeof(((type *)0)->member)

/* What cannot be read is 0 or empty, and the first of it is remembered. */
struct json_reader {
	const char *bad; /* its key; NULL if all is right so far */
};

void json_refuse(struct json_reader *r, const char *key);
/* To the members of `object` that the table names. */
void json_read(struct json_reader *r, sd_json_variant *v, const struct json_field *fields, size_t n,
	       void *object);
uint64_t json_read_number(struct json_reader *r, sd_json_variant *v, const char *key, uint64_t last);
/* The number of elements, with room for them in *ret. How many there may be is for who makes them. */
size_t json_read_array(struct json_reader *r, sd_json_variant *v, const char *key, size_t size, void **ret,
		       sd_json_variant **ret_array);

/* The members, each with a comma before it unless it is the first of its object or array. */
struct json_writer {
	FILE *f;
	bool follows; /* something stands before */
	int r;	      /* the first failure */
};

void json_write(struct json_writer *w, const struct json_field *fields, size_t n, const void *object);
/* `key` NULL: an element of an array. `bracket` is { or [, and its counterpart. */
void json_open(struct json_writer *w, const char *key, char bracket);
void json_close(struct json_writer *w, char bracket);
void json_write_number(struct json_writer *w, const char *key, uint64_t number);
void json_write_boolean(struct json_writer *w, const char *key, bool value);
void json_write_text(struct json_writer *w, const char *key, const char *text);
/* JSON already. */
void json_write_raw(struct json_writer *w, const char *text);

/* A writer to memory, and what was written; negative errno. */
int json_writer_begin(struct json_writer *w, char **text, size_t *size);
int json_writer_end(struct json_writer *w);
