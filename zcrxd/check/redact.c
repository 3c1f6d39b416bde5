/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See redact.h. Rather too much than too little: four numbers with dots between them are an address. */
#include <ctype.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memstream.h"
#include "redact.h"

/* In this order: each would match parts of those before it. */
static const struct {
	const char *pattern, *stead;
} addresses[] = {
	{ "[0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\\.[0-7]", "PCI-ADDRESS" },
	{ "([0-9a-fA-F]{2}[:-]){5,}[0-9a-fA-F]{2}", "MAC-ADDRESS" },
	{ "[0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:]*([0-9]{1,3}(\\.[0-9]{1,3}){3})?", "IP-ADDRESS" },
	{ "[0-9]{1,3}(\\.[0-9]{1,3}){3}", "IP-ADDRESS" },
};

static int replace_pattern(const char *text, const char *pattern, const char *stead, char **ret)
{
	struct memstream m;
	regmatch_t match;
	regex_t regex;
	int r;

	if (regcomp(&regex, pattern, REG_EXTENDED) != 0)
		return -ENOMEM;
	r = memstream_begin(&m);
	while (r == 0 && regexec(&regex, text, 1, &match, 0) == 0) {
		fprintf(m.f, "%.*s%s", (int)match.rm_so, text, stead);
		text += match.rm_eo;
	}
	if (r == 0)
		fputs(text, m.f);
	regfree(&regex);
	return memstream_end(&m, r, ret);
}

static bool is_part_of_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* The longest of them that stands here. */
static const struct redaction *find_name(const char *text, const struct redaction *list, size_t n)
{
	const struct redaction *found = NULL;

	for (size_t i = 0; i < n; i++) {
		size_t length = strlen(list[i].name);

		if (length > 0 && strncmp(text, list[i].name, length) == 0 && !is_part_of_word(text[length]) &&
		    (!found || length > strlen(found->name)))
			found = &list[i];
	}
	return found;
}

static int replace_names(const char *text, const struct redaction *list, size_t n, char **ret)
{
	struct memstream m;
	int r = memstream_begin(&m);
	char last = ' ';

	while (r == 0 && *text) {
		const struct redaction *name = is_part_of_word(last) ? NULL : find_name(text, list, n);

		if (name) {
			fputs(name->stead, m.f);
			text += strlen(name->name);
			last = text[-1];
		} else {
			last = *text++;
			fputc(last, m.f);
		}
	}
	return memstream_end(&m, r, ret);
}

int redact(const char *text, const struct redaction *list, size_t n, char **ret)
{
	char *next = NULL, *now = NULL;
	int r = replace_names(text, list, n, &now);

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(addresses); i++) {
		r = replace_pattern(now, addresses[i].pattern, addresses[i].stead, &next);
		if (r >= 0) {
			free(now);
			now = next;
		}
	}
	if (r < 0)
		free(now);
	else
		*ret = now;
	return r;
}
