/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs a fuzz target on the files of the folders given, where libFuzzer is not there to do it. An
 * empty corpus is a failure: it would test nothing.
 */
#include <dirent.h>
#include <errno.h>

#include "fuzz.h"
#include "macro.h"

#define INPUT_MAX (4 * 1024 * 1024)

static void closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

static int replay_file(const char *folder, const char *name)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_free_ uint8_t *data = NULL;
	_cleanup_fclose_ FILE *f = NULL;
	size_t n;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return -ENOMEM;
	f = fopen(path, "re");
	data = malloc(INPUT_MAX);
	if (!f || !data)
		return -errno;
	n = fread(data, 1, INPUT_MAX, f);
	/* Exactly as long as it is, so that a sanitizer sees a read behind it. */
	data = realloc(data, n ?: 1);
	return data ? LLVMFuzzerTestOneInput(data, n) : -ENOMEM;
}

/* How many files there were, or a negative errno. */
static int replay_folder(const char *folder)
{
	_cleanup_(closedirp) DIR *d = opendir(folder);
	const struct dirent *e;
	int n = 0, r;

	if (!d)
		return -errno;
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		r = replay_file(folder, e->d_name);
		if (r < 0)
			return r;
		n++;
	}
	return n;
}

int main(int argc, char **argv)
{
	int n = 0;

	for (int i = 1; i < argc; i++) {
		int r = replay_folder(argv[i]);

		if (r < 0) {
			fprintf(stderr, "%s: %s\n", argv[i], strerror(-r));
			return EXIT_FAILURE;
		}
		n += r;
	}
	printf("%d inputs\n", n);
	return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
