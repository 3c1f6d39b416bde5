/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whose sockets prove flows of a NIC that is a port of a bond, or that carries VLANs; what is refused, in
 * which words, and what follows when that changes.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness.h"

#define FLOW_NOT_PROVED "io.zcrx.Manager.FlowNotProved"
#define LO   1
#define BOND 50
#define VLAN 51
#define ETH9 52
#define OTHER 53
#define SIM1 3

static struct daemon d;

static void set_link(unsigned ifindex, const char *name, const char *kind, unsigned master, unsigned below)
{
	struct nic_link link = { .ifindex = ifindex, .master = master, .below = below, .up = true };

	snprintf(link.name, sizeof(link.name), "%s", name);
	snprintf(link.kind, sizeof(link.kind), "%s", kind);
	assert_int_equal(sim_set_link(d.sim, &link), 0);
}

static void set_address(unsigned ifindex, const char *address)
{
	struct local_address a = { .protocol = FLOW_TCP4 };

	if (address)
		assert_int_equal(inet_pton(AF_INET, address, a.bytes), 1);
	assert_int_equal(sim_set_addresses(d.sim, ifindex, &a, address != NULL), 0);
}

static int setup(void **state)
{
	char config[256];

	snprintf(config, sizeof(config),
		 "interfaces:\n  - name: sim0\n    channels: 8\n    zero-copy-queues: 4\n"
		 "policy:\n  - user: \"%u\"\n    flows: any\n", (unsigned)getuid());
	daemon_prepare(&d, config);
	set_link(LO, "lo", "", 0, 0);
	set_link(BOND, "bond0", "bond", 0, 0);
	daemon_run(&d);
	return 0;
}

static int teardown(void **state)
{
	daemon_stop(&d);
	return 0;
}

/* The bond has the address, and the NIC is a port of it. */
static void enslave(void)
{
	set_address(SIM0, NULL);
	set_address(BOND, "127.0.0.1");
	assert_int_equal(sim_set_master(d.sim, SIM0, BOND), 0);
}

/* The first of its problems; "" if there is none. */
static const char *problem(sd_varlink *link)
{
	sd_json_variant *v;

	assert_null(call(link, "Describe", &v, "{}"));
	v = sd_json_variant_by_index(sd_json_variant_by_key(v, "interfaces"), 0);
	v = sd_json_variant_by_key(v, "problems");
	return v && sd_json_variant_is_array(v) ? sd_json_variant_string(sd_json_variant_by_index(v, 0)) : "";
}

static void await_problem(const char *part)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(&d);
	const char *said = "";

	for (int i = 0; i < 2000; i++) {
		said = problem(link);
		if (*part ? strstr(said, part) != NULL : *said == '\0')
			return;
		usleep(5000);
	}
	fail_msg("\"%s\" never says \"%s\"", said, part);
}

static int listener_at(const char *address)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(inet_pton(AF_INET, address, &a.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void show_listener(struct client *c, const char *address)
{
	close(c->listener);
	c->listener = listener_at(address);
}

static void expect_refusal(struct client *c, const char *words)
{
	int fds[2] = { c->handle, c->listener };
	sd_json_variant *reply;

	assert_string_equal(call_fds(c->link, "AddFlow", fds, 2, &reply,
				     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,"
				     "\"socketFileDescriptor\":1}", c->id), FLOW_NOT_PROVED);
	if (!strstr(text_of(reply, "message"), words))
		fail_msg("\"%s\" lacks \"%s\"", text_of(reply, "message"), words);
}

/* ------------------------------------------------------------------------------- bonds */

static void test_addresses_of_a_bond_prove_on_its_ports(void **state)
{
	struct client c;

	enslave();
	assert_null(client_open(&d, &c, CLIENT_STEERED));
	wait_for_rules(&d, 1);
	await_problem("");
	/* Another port takes over: nothing is lost, and it is said. */
	set_link(ETH9, "eth9", "", BOND, 0);
	await_problem("bond0 receives by eth9 (not in the configuration), too: what comes in there is received "
		     "by copying.");
	assert_int_equal(sim_set_standby(d.sim, SIM0, true), 0);
	await_problem("bond0 does not receive by sim0 at the moment: what is steered here comes in at eth9 (not "
		     "in the configuration), and is received by copying until sim0 is active again.");
	wait_for_rules(&d, 1);
	assert_int_equal(sim_set_standby(d.sim, SIM0, false), 0);
	assert_int_equal(sim_remove_link(d.sim, ETH9), 0);
	client_close(&c);
	wait_until_clean(&d);
}

static int setup_two_ports(void **state)
{
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;
	char config[256];

	snprintf(config, sizeof(config),
		 "interfaces:\n  - name: sim0\n    channels: 8\n    zero-copy-queues: 4\n"
		 "  - name: sim1\n    channels: 8\n    zero-copy-queues: 4\n"
		 "policy:\n  - user: \"%u\"\n    flows: prove\n    max-queues: 8\n",
		 (unsigned)getuid());
	daemon_prepare(&d, config);
	assert_int_equal(sim_nic_state_new(SIM1, "sim1", "simulated", 4, 16, &s), 0);
	assert_int_equal(sim_add_nic(d.sim, s, "02:00:00:00:00:01", ""), 0);
	set_link(BOND, "bond0", "bond", 0, 0);
	daemon_run(&d);
	enslave();
	assert_int_equal(sim_set_master(d.sim, SIM1, BOND), 0);
	return 0;
}

static size_t n_rules_of(unsigned ifindex)
{
	_cleanup_(nic_state_freep) struct nic_state *s = NULL;
	struct nic *nic;

	assert_int_equal(d.sim->ops->open(d.sim, ifindex, &nic, NULL), 0);
	assert_int_equal(nic->ops->observe(nic, &s, NULL), 0);
	nic->ops->close(nic);
	return s->n_rules;
}

/* One listener, a lease at each port: every port steers to its own, and each lease ends by itself. */
static void test_both_ports(void **state)
{
	struct client first, second;

	assert_null(client_open_queues(&d, &first, 4, CLIENT_BOUND));
	assert_null(client_open_queues(&d, &second, 4, CLIENT_BOUND));
	assert_null(client_add_flow(&first));
	await_problem("bond0 receives by sim1, too: what comes in there is received by copying. For zero copy "
		      "there, acquire a lease there as well.");
	close(second.listener);
	second.listener = fcntl(first.listener, F_DUPFD_CLOEXEC, 3);
	assert_null(client_add_flow(&second));
	assert_int_equal(n_rules_of(SIM0), 1);
	assert_int_equal(n_rules_of(SIM1), 1);
	await_problem("");
	client_close(&first);
	wait_for_rules(&d, 0);
	assert_int_equal(n_rules_of(SIM1), 1);
	client_close(&second);
	wait_until_clean(&d);
	assert_int_equal(n_rules_of(SIM1), 0);
}

/* The address stays with the bond: what it proved is over. */
static void test_released(void **state)
{
	struct client c;

	enslave();
	assert_null(client_open(&d, &c, CLIENT_STEERED));
	assert_int_equal(sim_set_master(d.sim, SIM0, 0), 0);
	wait_for_rules(&d, 0);
	expect_refusal(&c, "127.0.0.1 is an address of bond0, not of sim0: no socket proves that what is sent "
			   "there comes in by sim0.");
	set_address(BOND, NULL);
	set_address(SIM0, "127.0.0.1");
	assert_null(client_add_flow(&c));
	client_close(&c);
	wait_until_clean(&d);
}

/* A listener on all addresses goes along: to those of the bond, and of the NIC again. */
static void test_wildcard_follows(void **state)
{
	static const struct local_address two[] = {
		{ .protocol = FLOW_TCP4, .bytes = { 127, 0, 0, 1 } },
		{ .protocol = FLOW_TCP4, .bytes = { 10, 9, 0, 1 } },
	};
	struct client c;

	assert_null(client_open(&d, &c, CLIENT_BOUND));
	show_listener(&c, "0.0.0.0");
	assert_null(client_add_flow(&c));
	wait_for_rules(&d, 2);
	assert_int_equal(sim_set_addresses(d.sim, BOND, two, 2), 0);
	set_address(SIM0, "127.0.0.1");
	wait_for_rules(&d, 1);
	assert_int_equal(sim_set_master(d.sim, SIM0, BOND), 0);
	wait_for_rules(&d, 2);
	/* As addresses of the bond, not of its port. */
	set_address(BOND, "127.0.0.1");
	wait_for_rules(&d, 1);
	assert_int_equal(sim_set_addresses(d.sim, BOND, two, 2), 0);
	wait_for_rules(&d, 2);
	client_close(&c);
	wait_until_clean(&d);
}

/* The cause comes before the symptom: the bond, not the address that the NIC has not. */
static void test_a_bond_below_a_bridge_proves_nothing(void **state)
{
	struct client c;

	enslave();
	assert_null(client_open(&d, &c, CLIENT_STEERED));
	set_link(OTHER, "br0", "bridge", 0, 0);
	set_link(BOND, "bond0", "bond", OTHER, 0);
	wait_for_rules(&d, 0);
	expect_refusal(&c, "bond0 belongs to br0, whose sockets receive in its place: no socket proves a flow "
			   "here.");
	await_problem("bond0 belongs to br0");
	set_link(BOND, "bond0", "bond", 0, 0);
	await_problem("");
	assert_null(client_add_flow(&c));
	assert_int_equal(sim_set_master(d.sim, SIM0, OTHER), 0);
	wait_for_rules(&d, 0);
	expect_refusal(&c, "sim0 belongs to br0");
	client_close(&c);
	wait_until_clean(&d);
}

/* ------------------------------------------------------------------- VLANs, lo, others */

static void add_by_value(struct client *c, const char *address)
{
	assert_null(call_fds(c->link, "AddFlow", &c->handle, 1, NULL,
			     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,\"flow\":{\"protocol\":\"tcp4\","
			     "\"destination\":\"%s\",\"destinationPort\":9}}", c->id, address));
}

static void test_addresses_elsewhere_prove_nothing(void **state)
{
	struct client c;

	set_link(VLAN, "sim0.5", "vlan", 0, SIM0);
	set_link(OTHER, "eth5", "", 0, 0);
	set_address(VLAN, "127.0.0.2");
	set_address(LO, "127.0.0.3");
	set_address(OTHER, "127.0.0.4");
	assert_null(client_open(&d, &c, CLIENT_BOUND));
	show_listener(&c, "127.0.0.2");
	expect_refusal(&c, "127.0.0.2 is an address of sim0.5, a VLAN of sim0, and the rules that zcrxd sets do "
			   "not say which VLAN they are for");
	show_listener(&c, "127.0.0.3");
	expect_refusal(&c, "127.0.0.3 is an address of lo, not of sim0");
	show_listener(&c, "127.0.0.4");
	expect_refusal(&c, "127.0.0.4 is an address of eth5, not of sim0: no socket proves that what is sent "
			   "there comes in by sim0. Bind it to an address of sim0, or name the flow by value "
			   "(tcp4,dst=127.0.0.4,dst-port=");
	show_listener(&c, "127.0.0.5");
	expect_refusal(&c, "none of the interface's; bind it to one that ip address show sim0 lists");
	/* As the message says. */
	add_by_value(&c, "127.0.0.2");
	wait_for_rules(&d, 1);
	client_close(&c);
	wait_until_clean(&d);
}

static void test_left_out(void **state)
{
	struct client c;

	set_link(VLAN, "sim0.5", "vlan", 0, SIM0);
	set_address(VLAN, "10.9.5.1");
	set_address(LO, "10.99.0.1");
	assert_null(client_open(&d, &c, CLIENT_BOUND));
	await_problem(""); /* nobody expects it yet */
	show_listener(&c, "0.0.0.0");
	assert_null(client_add_flow(&c));
	await_problem("Listeners on all addresses are not steered at 10.99.0.1 (lo), 10.9.5.1 (sim0.5): no socket "
		     "proves that what is sent there comes in by sim0. Name such flows by value");
	set_address(LO, NULL);
	await_problem("not steered at 10.9.5.1 (sim0.5)");
	/* Without one of its own nothing is proved at all. */
	set_address(SIM0, NULL);
	wait_for_rules(&d, 0);
	expect_refusal(&c, "sim0 has no IPv4 address that the listener could be reached at. The host has 10.9.5.1 "
			   "(sim0.5), which prove nothing here");
	client_close(&c);
	wait_until_clean(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_addresses_of_a_bond_prove_on_its_ports, setup, teardown),
		cmocka_unit_test_setup_teardown(test_both_ports, setup_two_ports, teardown),
		cmocka_unit_test_setup_teardown(test_released, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wildcard_follows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_bond_below_a_bridge_proves_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_addresses_elsewhere_prove_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_left_out, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
