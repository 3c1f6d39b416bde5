/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Small files of the machine; see read.h. What is not there is not known.
 */
#include <ctype.h>
#include <dirent.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "read.h"

static inline void closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

static int read_number(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	int n;

	return f && fscanf(f, "%d", &n) == 1 ? n : -1;
}

static bool runs(const char *command)
{
	_cleanup_(closedirp) DIR *d = opendir("/proc");
	const struct dirent *e;

	while (d && (e = readdir(d))) {
		char path[sizeof(e->d_name) + sizeof("/proc//comm")], comm[32] = "";
		_cleanup_fclose_ FILE *f = NULL;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		f = fopen(path, "re");
		if (f && fgets(comm, sizeof(comm), f) && strncmp(comm, command, strlen(command)) == 0 &&
		    comm[strlen(command)] == '\n')
			return true;
	}
	return false;
}

/* By a set-uid program, or in a user namespace of their own. */
static bool can_users_mount_fuse(void)
{
	struct stat device, helper;

	if (stat("/dev/fuse", &device) < 0 || !(device.st_mode & S_IWOTH))
		return false;
	if (stat("/usr/bin/fusermount3", &helper) == 0 && helper.st_mode & S_ISUID)
		return true;
	return read_number("/proc/sys/user/max_user_namespaces") != 0 &&
	       read_number("/proc/sys/kernel/unprivileged_userns_clone") != 0 &&
	       read_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") != 1;
}

static unsigned read_huge_free(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/meminfo", "re");
	char line[128];
	unsigned n;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "HugePages_Free: %u", &n) == 1)
			return n;
	return 0;
}

/* The kernel's configuration, of which every distribution has its own place. */
static FILE *open_config(const char *release, char **ret_path)
{
	static const char *const places[] = { "/boot/config-%s", "/usr/lib/modules/%s/config",
					      "/lib/modules/%s/config", "/lib/modules/%s/build/.config" };
	_cleanup_free_ char *path = NULL;
	FILE *f = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(places) && !f; i++) {
		free(path);
		path = NULL;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		if (asprintf(&path, places[i], release) < 0) {
			path = NULL;
			return NULL;
		}
#pragma GCC diagnostic pop
		f = fopen(path, "re");
	}
	*ret_path = f ? TAKE_PTR(path) : NULL;
	return f;
}

static void read_options(FILE *f, struct machine_facts *m)
{
	char line[256];

	m->config_zcrx = m->config_netkit = CONFIG_ABSENT;
	while (fgets(line, sizeof(line), f)) {
		if (streq(line, "CONFIG_IO_URING_ZCRX=y\n"))
			m->config_zcrx = CONFIG_PRESENT;
		else if (streq(line, "CONFIG_NETKIT=y\n") || streq(line, "CONFIG_NETKIT=m\n"))
			m->config_netkit = CONFIG_PRESENT;
	}
}

static int read_config(struct machine_facts *m)
{
	FILE *f = m->kernel.features.release ?
			  open_config(m->kernel.features.release, &m->config_file) :
			  NULL;

	if (f) {
		read_options(f, m);
		fclose(f);
		return 0;
	}
	if (access("/proc/config.gz", R_OK) < 0)
		return 0;
	f = popen("gzip -dc /proc/config.gz", "re");
	if (!f)
		return 0;
	read_options(f, m);
	if (pclose(f) != 0) {
		m->config_zcrx = m->config_netkit = CONFIG_UNKNOWN;
		return 0;
	}
	m->config_file = strdup("/proc/config.gz");
	return m->config_file ? 0 : -ENOMEM;
}

/* By /proc, so that no library is needed for one bit. */
static bool has_ipc_lock(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/status", "re");
	unsigned long long effective;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %llx", &effective) == 1)
			return effective >> CAP_IPC_LOCK & 1;
	return false;
}

int read_machine(struct machine_facts *ret)
{
	struct machine_facts m = {
		.io_uring_disabled = read_number("/proc/sys/kernel/io_uring_disabled"),
		.ptrace_scope = read_number("/proc/sys/kernel/yama/ptrace_scope"),
		.fuse_timeout = read_number("/proc/sys/fs/fuse/max_request_timeout"),
		.fuse_users = can_users_mount_fuse(),
		.irqbalance = runs("irqbalance"),
		.huge_free = read_huge_free(),
		.memlock = UINT64_MAX,
		.may_lock = has_ipc_lock(),
	};
	struct rlimit limit;
	int r = inspect_kernel(&m.kernel);

	if (r >= 0)
		r = read_config(&m);
	if (r < 0) {
		machine_facts_done(&m);
		return r;
	}
	if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		m.memlock = limit.rlim_cur;
	*ret = m;
	return 0;
}
