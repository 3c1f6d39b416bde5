/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Instructions in user space for each buffer that is received and returned, as JSON: the library's
 * layers beside the smallest loop over liburing. With --short, for the first way of feeding them
 * only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stepped.h"

static const struct {
	const char *name;
	step_loop loop;
} ways[] = {
	{ "liburing", loop_liburing },
	{ "pool", loop_pool },
	{ "queue", loop_queue },
	{ "joined", loop_joined },
};

static const struct step_feed feeds[] = {
	{ .connections = 1, .batch = 1, .run = 1 },
	{ .connections = 1, .batch = 16, .run = 1 },
	{ .connections = 8, .batch = 16, .run = 1 },
	{ .connections = 8, .batch = 64, .run = 8 },
};

int main(int argc, char *argv[])
{
	size_t n_feeds =
		argc > 1 && strcmp(argv[1], "--short") == 0 ? 1 : sizeof(feeds) / sizeof(feeds[0]);

	for (size_t i = 0; i < n_feeds; i++) {
		printf("%s{\"connections\":%u,\"batch\":%u,\"run\":%u", i ? ",\n" : "[",
		       feeds[i].connections, feeds[i].batch, feeds[i].run);
		for (size_t j = 0; j < sizeof(ways) / sizeof(ways[0]); j++) {
			double n = step_count(ways[j].loop, &feeds[i]);

			if (n < 0) {
				fprintf(stderr, "Cannot count the instructions of %s: %s\n",
					ways[j].name, strerror((int)-n));
				return 1;
			}
			printf(",\"%s\":%.2f", ways[j].name, n);
		}
		putchar('}');
	}
	puts("]");
	return 0;
}
