/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Configurations that are right: what they say, and what is meant by what they do not say. */
#include "testlib.h"

#include "config.h"

static struct config *parse(const char *text)
{
	_cleanup_fault_ struct fault f = {};
	struct config *c = NULL;
	int r;

	r = config_parse(text, strlen(text), "test.yaml", &c, &f);
	if (r != 0)
		fail_msg("%d: %s", r, f.message ?: "?");
	return c;
}

static void check_defaults(const char *text)
{
	_cleanup_(config_freep) struct config *c = parse(text);

	assert_int_equal(c->on_stop, ON_STOP_KEEP);
	assert_int_equal(c->on_drift, ON_DRIFT_REPAIR);
	assert_int_equal(c->grants, GRANTS_AUTO);
	assert_int_equal(c->unsafe_kernel, UNSAFE_KERNEL_REFUSE);
	assert_int_equal(c->n_interfaces, 0);
	assert_int_equal(c->software.zero_copy_queues, 0);
	assert_int_equal(c->n_policy, 1);
	assert_string_equal(c->policy[0].user, "root");
	assert_true(c->policy[0].user_number.known);
	assert_int_equal(c->policy[0].user_number.id, 0);
	assert_null(c->policy[0].group);
	assert_int_equal(c->policy[0].line, 0);
	assert_int_equal(c->policy[0].flows, POLICY_FLOWS_ANY);
	assert_true(c->policy[0].administer);
	assert_true(c->policy[0].max_queues == POLICY_UNLIMITED);
}

static void test_empty(void **state)
{
	check_defaults("");
	check_defaults("\n\n");
	check_defaults("# nothing but a comment\n");
	check_defaults("---\n");
	check_defaults("---\n...\n");
	check_defaults("{}");
	check_defaults("%YAML 1.1\n---\n");
	check_defaults("interfaces: []\n");
	check_defaults("on-stop: keep\non-drift: repair\ngrants: auto\nunsafe-kernel: refuse\n");
	assert_null(config_free(NULL));
}

/* The example that the documentation gives. */
static void test_example(void **state)
{
	_cleanup_(config_freep) struct config *c = parse("on-stop: restore\n"
							 "on-drift: report\n"
							 "grants: direct\n"
							 "unsafe-kernel: allow\n"
							 "interfaces:\n"
							 "  - name: eth0\n"
							 "    channels: 32\n"
							 "    zero-copy-queues: 16\n"
							 "    rx-ring: 1024\n"
							 "    tcp-data-split: true\n"
							 "    hds-threshold: 0\n"
							 "  - driver: mlx5_core\n"
							 "    channels: max\n"
							 "    zero-copy-queues: 1\n"
							 "  - mac: 02:00:5E:10:00:0a\n"
							 "    channels: keep\n"
							 "    zero-copy-queues: 4095\n"
							 "  - path: pci-0000:3b:00.0\n"
							 "    zero-copy-queues: 2\n"
							 "    idle-queues: serve\n"
							 "    keep-free: 1\n"
							 "software:\n"
							 "  queues: 8\n"
							 "policy:\n"
							 "  - user: root\n"
							 "    flows: any\n"
							 "    administer: true\n"
							 "  - group: zcrx\n"
							 "    interfaces: [eth0, software]\n"
							 "    max-queues: 4\n"
							 "    max-area: 256M\n"
							 "    max-lease-time: 1d\n"
							 "    flows: prove\n");
	const struct config_interface *i = c->interfaces;

	assert_int_equal(c->on_stop, ON_STOP_RESTORE);
	assert_int_equal(c->on_drift, ON_DRIFT_REPORT);
	assert_int_equal(c->grants, GRANTS_DIRECT);
	assert_int_equal(c->unsafe_kernel, UNSAFE_KERNEL_ALLOW);
	assert_int_equal(c->software.zero_copy_queues, 8);
	assert_int_equal(c->n_interfaces, 4);
	assert_string_equal(i[0].name, "eth0");
	assert_null(i[0].driver);
	assert_null(i[0].mac);
	assert_null(i[0].path);
	assert_int_equal(i[0].channels_mode, CHANNELS_COUNT);
	assert_int_equal(i[0].channels, 32);
	assert_int_equal(i[0].zero_copy_queues, 16);
	assert_int_equal(i[0].rx_ring, 1024);
	assert_true(i[0].tcp_data_split);
	assert_string_equal(i[1].driver, "mlx5_core");
	assert_int_equal(i[1].channels_mode, CHANNELS_MAX);
	assert_int_equal(i[1].rx_ring, 0);
	assert_string_equal(i[2].mac, "02:00:5e:10:00:0a");
	assert_int_equal(i[2].channels_mode, CHANNELS_KEEP);
	assert_int_equal(i[2].zero_copy_queues, 4095);
	assert_string_equal(i[3].path, "pci-0000:3b:00.0");
	assert_int_equal(i[3].channels_mode, CHANNELS_KEEP);
	assert_true(i[3].tcp_data_split);
	assert_int_equal(i[3].hds_threshold, 0);
	assert_int_equal(i[2].idle_queues, IDLE_RESERVE);
	assert_int_equal(i[3].idle_queues, IDLE_SERVE);
	assert_int_equal(i[3].keep_free, 1);

	assert_int_equal(c->n_policy, 2);
	assert_string_equal(c->policy[0].user, "root");
	assert_true(c->policy[0].user_number.fixed);
	assert_int_equal(c->policy[0].line, 25);
	assert_int_equal(c->policy[0].flows, POLICY_FLOWS_ANY);
	assert_true(c->policy[0].administer);
	assert_null(c->policy[0].interfaces);
	assert_true(c->policy[0].max_area == POLICY_UNLIMITED);
	assert_true(c->policy[0].max_lease_time == POLICY_UNLIMITED);
	assert_int_equal(c->policy[1].line, 28);
	assert_string_equal(c->policy[1].group, "zcrx");
	assert_null(c->policy[1].user);
	assert_string_equal(c->policy[1].interfaces[0], "eth0");
	assert_string_equal(c->policy[1].interfaces[1], "software");
	assert_null(c->policy[1].interfaces[2]);
	assert_int_equal(c->policy[1].max_queues, 4);
	assert_int_equal(c->policy[1].max_area, 256 << 20);
	assert_true(c->policy[1].max_lease_time == 86400000000);
	assert_int_equal(c->policy[1].flows, POLICY_FLOWS_PROVE);
	assert_false(c->policy[1].administer);
}

static void test_flow_lists(void **state)
{
	_cleanup_(config_freep) struct config *c =
		parse("policy:\n"
		      "- user: 1000\n"
		      "  flows:\n"
		      "  - ports: 9000-9999\n"
		      "    addresses: [10.0.0.1, 'fd09::1', \"fd0a::/16\", 10.1.0.0/16]\n"
		      "  - {ports: 80}\n"
		      "  - {ports: 1-65535}\n"
		      "  - {addresses: [10.0.0.2]}\n");
	const struct policy_flow *f;

	assert_string_equal(c->policy[0].user, "1000");
	assert_int_equal(c->policy[0].flows, POLICY_FLOWS_LIST);
	assert_int_equal(c->policy[0].n_flow_list, 4);
	f = c->policy[0].flow_list;
	assert_int_equal(f[0].port_first, 9000);
	assert_int_equal(f[0].port_last, 9999);
	assert_int_equal(f[0].n_addresses4, 2);
	assert_int_equal(f[0].n_addresses6, 2);
	assert_int_equal(f[0].addresses4[1].prefix, 16);
	assert_int_equal(f[0].addresses6[0].prefix, 128);
	assert_int_equal(f[1].port_first, 80);
	assert_int_equal(f[1].port_last, 80);
	assert_int_equal(f[1].n_addresses4 + f[1].n_addresses6, 0);
	assert_int_equal(f[2].port_last, 65535);
	assert_int_equal(f[3].port_first, 0);
	assert_int_equal(f[3].port_last, 0);
}

static void test_policies(void **state)
{
	_cleanup_(config_freep) struct config *nobody = parse("policy: []\n");
	_cleanup_(config_freep) struct config *everybody = parse("policy:\n- max-queues: 0\n");
	_cleanup_(config_freep) struct config *both = parse("policy:\n"
							    "- {user: a, group: g}\n"
							    "- {user: a}\n"
							    "- {group: g}\n"
							    "- {user: b, group: h}\n"
							    "- {max-queues: 1}\n");

	assert_int_equal(nobody->n_policy, 0);
	assert_int_equal(everybody->n_policy, 1);
	assert_null(everybody->policy[0].user);
	assert_null(everybody->policy[0].group);
	assert_int_equal(everybody->policy[0].max_queues, 0);
	assert_int_equal(both->n_policy, 5);
}

/* Two queues are enough. */
static void test_least(void **state)
{
	_cleanup_(config_freep) struct config *c =
		parse("interfaces: [{name: eth0, channels: 2, zero-copy-queues: 1}]");

	assert_int_equal(c->interfaces[0].channels, 2);
	assert_int_equal(c->interfaces[0].zero_copy_queues, 1);
}

/* JSON is YAML, and quotes, order and line ends do not matter. */
static void test_styles(void **state)
{
	_cleanup_(config_freep) struct config *c = parse(
		"\xef\xbb\xbf{\"interfaces\": [{\"zero-copy-queues\": 3, \"channels\": \"max\",\r\n"
		"\t\"name\": \"eth0\"}], 'on-stop': 'restore'}\r\n");

	assert_int_equal(c->interfaces[0].channels_mode, CHANNELS_MAX);
	assert_string_equal(c->interfaces[0].name, "eth0");
	assert_int_equal(c->on_stop, ON_STOP_RESTORE);
}

/* As templates, other tools and other systems write it. */
static void test_pasted(void **state)
{
	_cleanup_(config_freep) struct config *c = parse(
		"\xef\xbb\xbfinterfaces:\r\n"
		"  - mac: 02-00-5E-10-00-0A\r\n"
		"    channels: '8'\r\n"
		"    zero-copy-queues: \"4\"\r\n"
		"    tcp-data-split: 'true'\r\n"
		"policy:\r\n"
		"  - group: app team@corp.example\r\n"
		"    max-queues: '4'\r\n"
		"    max-area: 256MiB\r\n"
		"    max-lease-time: 1h 30min\r\n"
		"  - user: \"CORP\\\\svc app\"\r\n"
		"    flows: [{ports: '9000'}]\r\n"
		"    administer: 'false'\r\n");

	assert_string_equal(c->interfaces[0].mac, "02:00:5e:10:00:0a");
	assert_int_equal(c->interfaces[0].channels, 8);
	assert_int_equal(c->interfaces[0].zero_copy_queues, 4);
	assert_string_equal(c->policy[0].group, "app team@corp.example");
	assert_int_equal(c->policy[0].max_queues, 4);
	assert_int_equal(c->policy[0].max_area, 256 << 20);
	assert_true(c->policy[0].max_lease_time == 5400000000);
	assert_string_equal(c->policy[1].user, "CORP\\svc app");
	assert_int_equal(c->policy[1].flow_list[0].port_first, 9000);
}

static void read_file(const char *path, char **ret, size_t *ret_n)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char *text = malloc(1 << 16);

	if (!f)
		fail_msg("cannot open %s", path);
	assert_non_null(text);
	*ret_n = fread(text, 1, (1 << 16) - 1, f);
	text[*ret_n] = '\0';
	*ret = text;
}

static struct config *parse_file(const char *text, size_t n)
{
	_cleanup_fault_ struct fault f = {};
	struct config *c = NULL;

	if (config_parse(text, n, "etc/zcrxd.yaml", &c, &f) != 0)
		fail_msg("%s", f.message ?: "no memory");
	return c;
}

/* "#key: value" is an example to be switched on, "# Words" is a comment. */
static void uncomment(char *text)
{
	for (char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (line[0] == '#' && line[1] != '\n' && !(line[1] == ' ' && line[2] != ' '))
			memmove(line, line + 1, strlen(line));
	}
}

/* The file that is installed: as it is it touches no NIC, and its examples are right. */
static void test_default_file(void **state)
{
	_cleanup_(config_freep) struct config *c = NULL, *examples = NULL;
	_cleanup_free_ char *text = NULL;
	size_t n;

	read_file(DEFAULT_FILE, &text, &n);
	c = parse_file(text, n);
	assert_int_equal(c->n_interfaces, 0);
	assert_int_equal(c->software.zero_copy_queues, 0);
	assert_true(c->n_policy > 0);
	uncomment(text);
	examples = parse_file(text, strlen(text));
	assert_int_equal(examples->n_interfaces, 1);
	assert_int_equal(examples->software.zero_copy_queues, 8);
	/* What it shows as the default is the default. */
	assert_int_equal(examples->on_stop, c->on_stop);
	assert_int_equal(examples->on_drift, c->on_drift);
	assert_int_equal(examples->grants, c->grants);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),	     cmocka_unit_test(test_example),
		cmocka_unit_test(test_flow_lists),   cmocka_unit_test(test_policies),
		cmocka_unit_test(test_least),	     cmocka_unit_test(test_styles), cmocka_unit_test(test_pasted),
		cmocka_unit_test(test_default_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
