/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrxd-nic: every operation of the kernel backend from the command line, without the daemon. For
 * developers and for test-backend.sh; not installed. Prints one `key value...` a line.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <time.h>

#include "kernel.h"
#include "nic.h"
#include "zcrxd-nic.h"

struct command {
	const char *name;
	const char *arguments;
	int n_arguments; /* at least */
	int (*run)(struct nic_backend *b, char **argv, struct fault *reterr);
	bool plays_client; /* leaves what only the end of its process cleans up */
};

static int open_nic(struct nic_backend *b, const char *name, struct nic **ret, struct fault *reterr)
{
	unsigned ifindex = if_nametoindex(name);

	return b->ops->open(b, ifindex ?: (unsigned)strtoul(name, NULL, 10), ret, reterr);
}

static inline void nic_closep(struct nic **nic)
{
	if (*nic)
		(*nic)->ops->close(*nic);
}
#define _cleanup_nic_ _cleanup_(nic_closep)

static int run_features(struct nic_backend *b, char **argv, struct fault *reterr)
{
	const struct kernel_features *f = b->ops->features(b);

	(void)argv, (void)reterr;
	printf("release %s\nzero-copy-receive %d\ncontrol %d\nlarge-buffers %d\nsoftware %d\n"
	       "queue-leasing %d\nevents %d\n",
	       f->release, f->zero_copy_receive, f->control, f->large_buffers, f->software,
	       f->queue_leasing, f->events);
	return 0;
}

static int run_links(struct nic_backend *b, char **argv, struct fault *reterr)
{
	struct nic_link *links;
	size_t n;
	int r = b->ops->links(b, &links, &n);

	(void)argv, (void)reterr;
	if (r != 0)
		return r;
	for (size_t i = 0; i < n; i++)
		printf("link %s index %u driver '%s' mac '%s' kind '%s' path '%s' %s\n",
		       links[i].name, links[i].ifindex, links[i].driver, links[i].mac,
		       links[i].kind, links[i].path ?: "", links[i].up ? "up" : "down");
	nic_links_free(links, n);
	return 0;
}

static int run_addresses(struct nic_backend *b, char **argv, struct fault *reterr)
{
	_cleanup_free_ struct local_address *list = NULL;
	char text[INET6_ADDRSTRLEN];
	size_t n;
	int r = b->ops->addresses(b, if_nametoindex(argv[0]), &list, &n);

	for (size_t i = 0; r == 0 && i < n; i++)
		printf("address %s\n", inet_ntop(list[i].protocol == FLOW_TCP4 ? AF_INET : AF_INET6,
						 list[i].bytes, text, sizeof(text)));
	return r;
}

static void print_queue(uint32_t id, const struct nic_queue *q)
{
	printf("queue %u napi %s irq %u%s%s%s%s", id, q->napi_id ? "yes" : "no", q->interrupt.irq,
	       q->io_uring ? " io-uring" : "", q->dmabuf ? " dmabuf" : "", q->xsk ? " xsk" : "",
	       q->leased ? " leased" : "");
	if (q->has_counters)
		printf(" packets %llu bytes %llu", (unsigned long long)q->packets,
		       (unsigned long long)q->bytes);
	putchar('\n');
}

static void print_table(const struct rss_table *t)
{
	printf("rss %u entries %zu:", t->context, t->n);
	for (size_t i = 0; i < t->n && i < 16; i++)
		printf(" %u", t->entries[i]);
	putchar('\n');
}

static void print_rule(const struct nic_rule *r)
{
	static const char *const actions[] = { "queue", "context", "drop", "other" };
	_cleanup_free_ char *flow = NULL;

	if (r->understood && flow_format(&r->flow, &flow) < 0)
		return;
	printf("rule %u %s %u %s\n", r->location, actions[r->action], r->target, flow ?: "?");
}

static int run_observe(struct nic_backend *b, char **argv, struct fault *reterr)
{
	static const char *const features[] = { "absent", "off", "on", "fixed-off", "fixed-on" };
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;
	_cleanup_free_ struct reach *reach = malloc(sizeof(*reach));
	_cleanup_nic_ struct nic *nic = NULL;
	struct timespec from, to;
	int r = open_nic(b, argv[0], &nic, reterr);

	clock_gettime(CLOCK_MONOTONIC, &from);
	if (r == 0)
		r = nic->ops->observe(nic, &s, reterr);
	clock_gettime(CLOCK_MONOTONIC, &to);
	if (r == 0)
		r = reach ? nic->ops->reach(nic, reach, reterr) : -ENOMEM;
	if (r != 0)
		return r;
	printf("name %s index %u driver '%s' %s default-route %d numa %d\n", s->name, s->ifindex,
	       s->driver, s->up ? "up" : "down", reach->default_route[FLOW_TCP4] || reach->default_route[FLOW_TCP6], s->numa_node);
	if (s->has_channels)
		printf("channels combined %u/%u rx %u/%u tx %u/%u other %u/%u\n",
		       s->channels.combined, s->channels.combined_max, s->channels.rx,
		       s->channels.rx_max, s->channels.tx, s->channels.tx_max, s->channels.other,
		       s->channels.other_max);
	if (s->has_rings)
		printf("rx-ring %u/%u\n", s->rx_ring, s->rx_ring_max);
	if (s->has_split)
		printf("split %s\n", data_split_to_string(s->split));
	if (s->has_hds_threshold)
		printf("hds-threshold %u\n", s->hds_threshold);
	printf("ntuple %s\ngro-hw %s\n", features[s->ntuple], features[s->gro_hw]);
	if (s->has_rss)
		print_table(&s->rss);
	for (size_t i = 0; i < s->n_contexts; i++)
		print_table(&s->contexts[i]);
	printf("rules %s %zu\n", s->has_rules ? "yes" : "no", s->n_rules);
	for (size_t i = 0; i < s->n_rules; i++)
		print_rule(&s->rules[i]);
	for (size_t i = 0; i < s->n_queues; i++)
		print_queue((uint32_t)i, &s->queues[i]);
	fprintf(stderr, "observed in %ld us\n",
		(to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000);
	return 0;
}

/* The table is "equal over n", of the device's own size. */
static int equal_table(unsigned n, const struct nic_state *s, struct step_value *ret)
{
	*ret = (struct step_value) {};
	if (n == 0)
		return 0;
	ret->n_rss = s->rss.n;
	ret->rss = calloc(s->rss.n, sizeof(*ret->rss));
	if (!ret->rss)
		return -ENOMEM;
	for (size_t i = 0; i < ret->n_rss; i++)
		ret->rss[i] = (uint32_t)(i % n);
	return 0;
}

static int run_apply(struct nic_backend *b, char **argv, struct fault *reterr)
{
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;
	_cleanup_nic_ struct nic *nic = NULL;
	struct step step = { .op = _STEP_OP_MAX };
	unsigned value = (unsigned)strtoul(argv[2], NULL, 10);
	int r = open_nic(b, argv[0], &nic, reterr);

	if (r == 0)
		r = nic->ops->observe(nic, &s, reterr);
	if (r != 0)
		return r;
	for (enum step_op op = 0; op < _STEP_OP_MAX; op++)
		if (streq(argv[1], step_op_to_string(op)))
			step.op = op;
	if (step.op == _STEP_OP_MAX)
		return -EINVAL;
	step.to.number = value;
	if (step.op == STEP_RSS)
		r = equal_table(value, s, &step.to);
	if (step.op == STEP_CHANNELS) {
		step.from.channels = step.to.channels = s->channels;
		step.to.channels.combined = value;
	}
	if (r == 0 && argv[3])
		pretend_old_kernel(nic);
	if (r == 0)
		r = nic->ops->apply(nic, &step, 1, reterr);
	free(step.to.rss);
	return r;
}

static size_t parse_queues(char **argv, uint32_t *ret)
{
	size_t n = 0;

	while (argv[n] && n < LEASE_QUEUES_MAX) {
		ret[n] = (uint32_t)strtoul(argv[n], NULL, 10);
		n++;
	}
	return n;
}

static int run_queues(struct nic_backend *b, char **argv, struct fault *reterr)
{
	uint32_t ids[LEASE_QUEUES_MAX];
	struct nic_queue queues[LEASE_QUEUES_MAX];
	size_t n = parse_queues(argv + 1, ids);
	_cleanup_nic_ struct nic *nic = NULL;
	int r = open_nic(b, argv[0], &nic, reterr);

	if (r == 0)
		r = nic->ops->queues(nic, ids, n, queues, reterr);
	for (size_t i = 0; r == 0 && i < n; i++)
		print_queue(ids[i], &queues[i]);
	return r;
}

static int run_grant(struct nic_backend *b, char **argv, struct fault *reterr)
{
	uint32_t ids[LEASE_QUEUES_MAX];
	struct grant_request request = {
		.kind = streq(argv[1], "direct") ? GRANT_DIRECT : GRANT_NETKIT,
		.queues = ids,
		.n_queues = parse_queues(argv + 3, ids),
	};
	_cleanup_nic_ struct nic *nic = NULL;
	struct grant grant;
	int r = open_nic(b, argv[0], &nic, reterr);

	strncpy(request.device, argv[2], sizeof(request.device) - 1);
	if (r == 0)
		r = nic->ops->grant(nic, &request, &grant, reterr);
	if (r != 0)
		return r;
	printf("grant %u", grant.ifindex);
	for (size_t i = 0; i < grant.n_queues; i++)
		printf(" %u", grant.queues[i]);
	putchar('\n');
	return 0;
}

static int run_ungrant(struct nic_backend *b, char **argv, struct fault *reterr)
{
	struct grant grant = { .kind = GRANT_NETKIT,
			       .ifindex = (unsigned)strtoul(argv[1], NULL, 10) };
	_cleanup_nic_ struct nic *nic = NULL;
	int r = open_nic(b, argv[0], &nic, reterr);

	return r != 0 ? r : nic->ops->ungrant(nic, &grant, reterr);
}

/* PROTOCOL SOURCE SOURCE-PORT DESTINATION DESTINATION-PORT, "-" for any. */
static int parse_flow(char **argv, struct flow *ret, struct fault *reterr)
{
	struct flow f = {};
	int r = flow_protocol_from_string(argv[0], &f.protocol);

	if (r == 0 && !streq(argv[1], "-"))
		r = flow_address_parse(f.protocol, argv[1], "source", &f.source, reterr);
	if (r == 0 && !streq(argv[3], "-"))
		r = flow_address_parse(f.protocol, argv[3], "destination", &f.destination, reterr);
	f.source_port = (uint16_t)strtoul(argv[2], NULL, 10);
	f.destination_port = (uint16_t)strtoul(argv[4], NULL, 10);
	*ret = f;
	return r;
}

/* "7": that queue; "context:1": that RSS context. */
static struct rule_target parse_target(const char *text)
{
	const char *number = strchr(text, ':');

	return (struct rule_target) {
		.action = number ? RULE_TO_CONTEXT : RULE_TO_QUEUE,
		.number = (uint32_t)strtoul(number ? number + 1 : text, NULL, 10),
	};
}

static int run_rule_insert(struct nic_backend *b, char **argv, struct fault *reterr)
{
	_cleanup_nic_ struct nic *nic = NULL;
	struct rule_target target = parse_target(argv[1]);
	struct flow flow;
	uint32_t location;
	int r = parse_flow(argv + 2, &flow, reterr);

	if (r == 0)
		r = open_nic(b, argv[0], &nic, reterr);
	if (r == 0)
		r = nic->ops->rule_insert(nic, &flow, &target, 0, &location, reterr);
	if (r == 0)
		printf("location %u\n", location);
	return r;
}

static int run_rule_delete(struct nic_backend *b, char **argv, struct fault *reterr)
{
	struct rule_target target = parse_target(argv[1]);
	_cleanup_nic_ struct nic *nic = NULL;
	struct flow flow;
	int r = parse_flow(argv + 3, &flow, reterr);

	if (r == 0)
		r = open_nic(b, argv[0], &nic, reterr);
	if (r == 0)
		r = nic->ops->rule_delete(nic, (uint32_t)strtoul(argv[2], NULL, 10), &flow,
					  &target, reterr);
	return r;
}

static int run_context_create(struct nic_backend *b, char **argv, struct fault *reterr)
{
	uint32_t ids[LEASE_QUEUES_MAX], context;
	size_t n = parse_queues(argv + 1, ids);
	_cleanup_nic_ struct nic *nic = NULL;
	int r = open_nic(b, argv[0], &nic, reterr);

	if (r == 0)
		r = nic->ops->context_create(nic, ids, n, &context, reterr);
	if (r == 0)
		printf("context %u\n", context);
	return r;
}

static int run_context_delete(struct nic_backend *b, char **argv, struct fault *reterr)
{
	uint32_t ids[LEASE_QUEUES_MAX];
	size_t n = parse_queues(argv + 2, ids);
	_cleanup_nic_ struct nic *nic = NULL;
	int r = open_nic(b, argv[0], &nic, reterr);

	return r != 0 ? r
		      : nic->ops->context_delete(nic, (uint32_t)strtoul(argv[1], NULL, 10), ids, n,
						 reterr);
}

static void print_event(const struct nic_event *e, void *userdata)
{
	static const char *const names[] = { "link",  "link-gone", "addresses", "socket-gone",
					     "drift", "pool",	   "overrun" };

	printf("event %s %u %llx\n", names[e->type], e->ifindex, (unsigned long long)e->cookie);
	fflush(stdout);
}

static int run_events(struct nic_backend *b, char **argv, struct fault *reterr)
{
	struct pollfd p = { .fd = b->ops->get_fd(b), .events = POLLIN };
	const time_t end = time(NULL) + strtol(argv[0], NULL, 10);
	int r = 0;

	puts("listening");
	fflush(stdout);
	while (r >= 0 && time(NULL) < end)
		if (poll(&p, 1, 200) > 0)
			r = b->ops->dispatch(b, print_event, NULL);
	return r;
}

static void count_event(const struct nic_event *e, void *userdata)
{
	((unsigned *)userdata)[e->type]++;
}

/* Runs a shell command without listening meanwhile, then listens. */
static int run_overrun(struct nic_backend *b, char **argv, struct fault *reterr)
{
	struct pollfd p = { .fd = b->ops->get_fd(b), .events = POLLIN };
	unsigned counts[NIC_EVENT_OVERRUN + 1] = {};
	int r = system(argv[0]) == 0 ? 0 : -EIO;

	while (r >= 0 && poll(&p, 1, 0) > 0)
		r = b->ops->dispatch(b, count_event, counts);
	printf("links %u addresses %u overruns %u\n", counts[NIC_EVENT_LINK],
	       counts[NIC_EVENT_ADDRESSES], counts[NIC_EVENT_OVERRUN]);
	return r < 0 ? r : run_links(b, argv, reterr);
}

static const struct command commands[] = {
	{ "features", "", 0, run_features },
	{ "links", "", 0, run_links },
	{ "addresses", "IF", 1, run_addresses },
	{ "observe", "IF", 1, run_observe },
	{ "apply", "IF STEP NUMBER [before-6.17]", 3, run_apply },
	{ "queues", "IF QUEUE...", 2, run_queues },
	{ "grant", "IF netkit|direct DEVICE QUEUE...", 4, run_grant },
	{ "ungrant", "IF INDEX", 2, run_ungrant },
	{ "context-create", "IF QUEUE...", 2, run_context_create },
	{ "context-delete", "IF CONTEXT QUEUE...", 3, run_context_delete },
	{ "rule-insert", "IF TARGET PROTOCOL SRC SPORT DST DPORT", 7, run_rule_insert },
	{ "rule-delete", "IF TARGET LOCATION PROTOCOL SRC SPORT DST DPORT", 8, run_rule_delete },
	{ "events", "SECONDS", 1, run_events },
	{ "overrun", "SHELL-COMMAND", 1, run_overrun },
	{ "facts", "listen|connect ADDRESS PORT", 3, run_facts },
	{ "register", "IFINDEX|software QUEUE BUFFER-LENGTH SECONDS [enabled|small-cqe|no-ring]", 4,
	  run_register },
	{ "facts-locked", "", 0, run_facts_locked, true },
	{ "dmabuf", "PATH|udmabuf OFFSET SIZE", 3, run_dmabuf, true },
};

static int report(int r, const struct fault *fault)
{
	fflush(stdout);
	if (r == 0)
		return EXIT_SUCCESS;
	if (r > 0)
		fprintf(stderr, "%s %d: %s\n", zcrx_error_info((enum zcrx_error)r)->id,
			fault->error, fault->message);
	else
		fprintf(stderr, "machine failed: %s\n", strerror(-r));
	return r > 0 ? EXIT_FAILURE : 2;
}

static bool plays_client(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (streq(name, commands[i].name))
			return commands[i].plays_client;
	return false;
}

static int run_command(int argc, char **argv)
{
	_cleanup_fault_ struct fault fault = {};
	struct nic_backend *b;
	int r;

	for (size_t i = 0; argc > 0 && i < ARRAY_SIZE(commands); i++) {
		if (!streq(argv[0], commands[i].name) || argc - 1 < commands[i].n_arguments)
			continue;
		r = kernel_backend_new(&b, &fault);
		if (r != 0)
			return report(r, &fault);
		r = commands[i].run(b, argv + 1, &fault);
		b->ops->free(b);
		return report(r, &fault);
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(stderr, "zcrxd-nic %s %s\n", commands[i].name, commands[i].arguments);
	return 2;
}

/* One line of `serve`: its words are separated by tabs. */
static int serve_line(char *line)
{
	char *words[LEASE_QUEUES_MAX + 8], *rest = line;
	size_t n = 0;
	int status;
	pid_t pid;

	while (n < ARRAY_SIZE(words) - 1 && (words[n] = strsep(&rest, "\t\n")) && *words[n])
		n++;
	words[n] = NULL;
	if (n == 0)
		return 2;
	if (!plays_client(words[0]))
		return run_command((int)n, words);
	pid = fork();
	if (pid == 0)
		_exit(run_command((int)n, words)); /* it has flushed what it printed */
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 2;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* serve ANSWER: each line of standard input is a command. What it prints replaces what is in the file
 * ANSWER, and its status is a line of standard output. */
static int serve(const char *answer)
{
	_cleanup_close_ int statuses = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	_cleanup_close_ int fd = open(answer, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	if (statuses < 0 || fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
		return 2;
	while (getline(&line, &size, stdin) > 0) {
		int status = ftruncate(fd, 0) < 0 ? 2 : serve_line(line);

		fflush(stdout);
		dprintf(statuses, "%d\n", status);
	}
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	return argc == 3 && streq(argv[1], "serve") ? serve(argv[2]) : run_command(argc - 1, argv + 1);
}
