/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Configurations that are wrong: each mistake with the whole message that a person gets. */
#include "testlib.h"

#include "config.h"

#define IFACE "interfaces:\n- name: eth0\n  zero-copy-queues: 1\n"
#define RULE  "policy:\n- user: alice\n"

#define ONE_MATCH "exactly one of name, driver, mac and path to find the device by"
#define PORT	  "a port or a range like 9000-9999, from 1 to 65535"
#define ADDRESS	  "an address like 10.0.0.1, 10.0.0.0/24 or fd09::1"

static const struct {
	const char *text, *message;
} mistakes[] = {
	/* What is no YAML, or more of it than is wanted. */
	{ "a: b: c", "1:5: syntax: found a mistake (mapping values are not allowed in this context), "
		     "expected valid YAML" },
	{ "policy: [", "2:1: syntax: found a mistake (did not find expected node content while "
		       "parsing a flow node), expected valid YAML" },
	{ "on-stop: keep\n  x: y",
	  "2:4: syntax: found a mistake (mapping values are not allowed in this context), expected "
	  "valid YAML" },
	{ "on-stop: \"keep",
	  "1:15: syntax: found a mistake (found unexpected end of stream while scanning a quoted "
	  "scalar), expected valid YAML" },
	{ "\tx: y", "1:1: syntax: found a mistake (found character that cannot start any token while "
		    "scanning for the next token), expected valid YAML" },
	{ "on-stop: \"\\0\"", "1:10: syntax: found a NUL byte, expected text" },
	{ "on-stop: keep\non-drift: \x01",
	  "2:11: syntax: found a control character, expected text" },
	{ "on-stop: \x7f", "1:10: syntax: found a control character, expected text" },
	{ "on-stop: \xff", "1:10: syntax: found a byte that is not UTF-8, expected text in UTF-8" },
	{ "a\n# \xc3\xa9\xc3", "2:4: syntax: found a byte that is not UTF-8, expected text in UTF-8" },
	{ "# \xc0\x80", "1:3: syntax: found a byte that is not UTF-8, expected text in UTF-8" },
	{ "# \xed\xa0\x80", "1:3: syntax: found a byte that is not UTF-8, expected text in UTF-8" },
	{ "# \xf4\x90\x80\x80",
	  "1:3: syntax: found a byte that is not UTF-8, expected text in UTF-8" },
	{ "on-stop: &a keep",
	  "1:10: syntax: found an anchor, expected plain YAML: write the value out" },
	{ "on-stop: *a", "1:10: syntax: found an alias, expected plain YAML: write the value out" },
	{ "policy: &p []", "1:9: syntax: found an anchor, expected plain YAML: write the value out" },
	{ "on-stop: !!str keep", "1:10: syntax: found a tag, expected plain YAML: leave it out" },
	{ "policy: !x []", "1:9: syntax: found a tag, expected plain YAML: leave it out" },
	{ "!x {}", "1:1: syntax: found a tag, expected plain YAML: leave it out" },
	{ "on-stop: keep\n---\non-stop: keep\n",
	  "2:1: syntax: found a second document, expected one in a file" },
	{ "[[[[[[[[[x]]]]]]]]]",
	  "1:9: syntax: found too many levels, expected lists and mappings less deep" },

	/* The document and its keys. */
	{ "just text", "1:1: document: found \"just text\", expected a mapping" },
	{ "- a", "1:1: document: found a list, expected a mapping" },
	{ "interface: []", "1:1: interface: found an unknown key, expected one of on-stop, on-drift, "
			   "grants, interfaces, software, policy (did you mean interfaces?)" },
	{ "zzzzzzzzzz: 1", "1:1: zzzzzzzzzz: found an unknown key, expected one of on-stop, on-drift, "
			   "grants, interfaces, software, policy" },
	{ "<<: {}", "1:1: <<: found an unknown key, expected one of on-stop, on-drift, grants, "
		    "interfaces, software, policy" },
	{ "[a]: b", "1:1: document: found a list, expected a key" },
	{ "? \n: b", "1:2: document: found nothing, expected a key" },
	{ "on-stop: keep\n\non-stop: keep\n",
	  "3:1: on-stop: found the key a second time (first at line 1), expected it once" },
	{ "on-stop: kept", "1:10: on-stop: found \"kept\", expected keep or restore" },
	{ "on-stop:", "1:9: on-stop: found nothing, expected keep or restore" },
	{ "on-stop: [keep]", "1:10: on-stop: found a list, expected keep or restore" },
	{ "on-drift: ignore", "1:11: on-drift: found \"ignore\", expected repair or report" },
	{ "grants: netkit", "1:9: grants: found \"netkit\", expected auto or direct" },
	{ "interfaces: eth0", "1:13: interfaces: found \"eth0\", expected a list of interfaces" },
	{ "interfaces:", "1:12: interfaces: found nothing, expected a list of interfaces" },
	{ "interfaces: {name: eth0}",
	  "1:13: interfaces: found a mapping, expected a list of interfaces" },
	{ "interfaces: [eth0]", "1:14: interfaces[0]: found \"eth0\", expected a mapping" },
	{ "software: 8", "1:11: software: found \"8\", expected a mapping" },
	{ "software: {}", "1:11: software.queues: found nothing, expected the number of queues to "
			  "offer" },
	{ "software: {queues: 0}",
	  "1:20: software.queues: found \"0\", expected a number from 1 to 1024" },
	{ "software: {queues: 1025}",
	  "1:20: software.queues: found \"1025\", expected a number from 1 to 1024" },
	{ "software: {queue: 1}",
	  "1:12: software.queue: found an unknown key, expected queues (did you mean queues?)" },

	/* How the device is found. */
	{ "interfaces: [{zero-copy-queues: 1}]",
	  "1:14: interfaces[0]: found no match, expected " ONE_MATCH },
	{ "interfaces:\n- name: eth0\n  driver: x\n  zero-copy-queues: 1\n",
	  "2:3: interfaces[0]: found name and driver, expected " ONE_MATCH },
	{ "interfaces:\n- path: x\n  mac: 02:00:00:00:00:01\n  zero-copy-queues: 1\n",
	  "2:3: interfaces[0]: found mac and path, expected " ONE_MATCH },
	{ "interfaces: [{name: software, zero-copy-queues: 1}]",
	  "1:21: interfaces[0].name: found \"software\", expected a network device (the name "
	  "software is taken)" },
	{ "interfaces: [{name: a-name-of-sixteen, zero-copy-queues: 1}]",
	  "1:21: interfaces[0].name: found \"a-name-of-sixteen\", expected the name of an interface "
	  "of 1 to 15 characters without blanks" },
	{ "interfaces: [{name: 'a b', zero-copy-queues: 1}]",
	  "1:21: interfaces[0].name: found \"a b\", expected the name of an interface of 1 to 15 "
	  "characters without blanks" },
	{ "interfaces: [{name: a/b, zero-copy-queues: 1}]",
	  "1:21: interfaces[0].name: found \"a/b\", expected the name of an interface, as ip link "
	  "shows it" },
	{ "interfaces: [{name: .., zero-copy-queues: 1}]",
	  "1:21: interfaces[0].name: found \"..\", expected the name of an interface, as ip link "
	  "shows it" },
	{ "interfaces: [{name: , zero-copy-queues: 1}]",
	  "1:21: interfaces[0].name: found nothing, expected the name of an interface of 1 to 15 "
	  "characters without blanks" },
	{ "interfaces: [{name: null, zero-copy-queues: 1}]",
	  "1:21: interfaces[0].name: found nothing, expected the name of an interface of 1 to 15 "
	  "characters without blanks" },
	{ "interfaces: [{name: [eth0], zero-copy-queues: 1}]",
	  "1:21: interfaces[0].name: found a list, expected the name of an interface of 1 to 15 "
	  "characters without blanks" },
	{ "interfaces: [{driver: '', zero-copy-queues: 1}]",
	  "1:23: interfaces[0].driver: found \"\", expected the name of a driver of 1 to 31 "
	  "characters without blanks" },
	{ "interfaces: [{mac: 02:00:00:00:00, zero-copy-queues: 1}]",
	  "1:20: interfaces[0].mac: found \"02:00:00:00:00\", expected an address like "
	  "02:00:5e:10:00:01" },
	{ "interfaces: [{mac: 02-00-00-00-00-01, zero-copy-queues: 1}]",
	  "1:20: interfaces[0].mac: found \"02-00-00-00-00-01\", expected an address like "
	  "02:00:5e:10:00:01" },
	{ "interfaces: [{mac: '02:00:00:00:00:01:02', zero-copy-queues: 1}]",
	  "1:20: interfaces[0].mac: found \"02:00:00:00:00:01:02\", expected an address like "
	  "02:00:5e:10:00:01" },
	{ "interfaces: [{path: \"a\\nb\", zero-copy-queues: 1}]",
	  "1:21: interfaces[0].path: found \"a?b\", expected a path like pci-0000:3b:00.0 of 1 to "
	  "255 characters without blanks" },
	{ IFACE "- driver: x\n  zero-copy-queues: 1\n- name: eth0\n  zero-copy-queues: 1\n",
	  "6:9: interfaces[2].name: found \"eth0\" a second time (first at line 2), expected another "
	  "device" },
	{ "interfaces:\n- mac: 02:00:00:00:00:0A\n  zero-copy-queues: 1\n"
	  "- mac: 02:00:00:00:00:0a\n  zero-copy-queues: 1\n",
	  "4:8: interfaces[1].mac: found \"02:00:00:00:00:0a\" a second time (first at line 2), "
	  "expected another device" },

	/* Its queues. */
	{ "interfaces:\n- name: eth0\n",
	  "2:3: interfaces[0].zero-copy-queues: found nothing, expected the number of queues to carve "
	  "out" },
	{ "interfaces: [{name: eth0, zero-copy-queues: 0}]",
	  "1:45: interfaces[0].zero-copy-queues: found \"0\", expected a number from 1 to 4095" },
	{ "interfaces: [{name: eth0, zero-copy-queues: -1}]",
	  "1:45: interfaces[0].zero-copy-queues: found \"-1\", expected a number from 1 to 4095" },
	{ "interfaces: [{name: eth0, zero-copy-queues: \"4\"}]",
	  "1:45: interfaces[0].zero-copy-queues: found \"4\", expected a number from 1 to 4095" },
	{ "interfaces: [{name: eth0, zero-copy-queues: 010}]",
	  "1:45: interfaces[0].zero-copy-queues: found \"010\", expected a number from 1 to 4095" },
	{ "interfaces: [{name: eth0, zero-copy-queues: 4.0}]",
	  "1:45: interfaces[0].zero-copy-queues: found \"4.0\", expected a number from 1 to 4095" },
	{ "interfaces: [{name: eth0, zero-copy-queues: 99999999999999999999}]",
	  "1:45: interfaces[0].zero-copy-queues: found \"99999999999999999999\", expected a number "
	  "from 1 to 4095" },
	{ "interfaces: [{name: eth0, zero-copy-queues: {}}]",
	  "1:45: interfaces[0].zero-copy-queues: found a mapping, expected a number from 1 to 4095" },
	{ "interfaces:\n- zero-copy-queues: 4\n  name: eth0\n  channels: 4\n",
	  "2:21: interfaces[0].zero-copy-queues: found 4 of 4 channels, expected at most 3: at least "
	  "one queue must stay ordinary" },
	{ "interfaces: [{name: eth0, channels: 2, zero-copy-queues: 3}]",
	  "1:58: interfaces[0].zero-copy-queues: found 3 of 2 channels, expected at most 1: at least "
	  "one queue must stay ordinary" },
	{ IFACE "  channels: 1\n",
	  "4:13: interfaces[0].channels: found \"1\", expected at least 2: at least one queue must "
	  "stay ordinary" },
	{ IFACE "  channels: 0\n",
	  "4:13: interfaces[0].channels: found \"0\", expected keep, max or a number from 2 to 4096" },
	{ IFACE "  channels: all\n",
	  "4:13: interfaces[0].channels: found \"all\", expected keep, max or a number from 2 to "
	  "4096" },
	{ IFACE "  channels: 4097\n",
	  "4:13: interfaces[0].channels: found \"4097\", expected keep, max or a number from 2 to "
	  "4096" },
	{ IFACE "  channels: [4]\n",
	  "4:13: interfaces[0].channels: found a list, expected keep, max or a number from 2 to "
	  "4096" },
	{ IFACE "  chanels: 4\n",
	  "4:3: interfaces[0].chanels: found an unknown key, expected one of name, driver, mac, path, "
	  "channels, zero-copy-queues, rx-ring, tcp-data-split, hds-threshold (did you mean "
	  "channels?)" },
	{ IFACE "  channels: 4\n  channels: 4\n",
	  "5:3: interfaces[0].channels: found the key a second time (first at line 4), expected it "
	  "once" },
	{ IFACE "  rx-ring: 0\n",
	  "4:12: interfaces[0].rx-ring: found \"0\", expected a number from 1 to 65536" },
	{ IFACE "  rx-ring: 1k\n",
	  "4:12: interfaces[0].rx-ring: found \"1k\", expected a number from 1 to 65536" },
	{ IFACE "  tcp-data-split: false\n",
	  "4:19: interfaces[0].tcp-data-split: found false, expected true: zero-copy receive needs "
	  "headers apart from payload" },
	{ IFACE "  tcp-data-split: yes\n",
	  "4:19: interfaces[0].tcp-data-split: found \"yes\", expected true or false" },
	{ IFACE "  tcp-data-split: 'true'\n",
	  "4:19: interfaces[0].tcp-data-split: found \"true\", expected true or false" },
	{ IFACE "  hds-threshold: 128\n",
	  "4:18: interfaces[0].hds-threshold: found \"128\", expected 0: the kernel refuses zero-copy "
	  "receive with any other threshold" },
	{ IFACE "  hds-threshold: 65536\n",
	  "4:18: interfaces[0].hds-threshold: found \"65536\", expected a number from 0 to 65535" },

	/* The policy. */
	{ "policy: none", "1:9: policy: found \"none\", expected a list of rules" },
	{ "policy:", "1:8: policy: found nothing, expected a list of rules" },
	{ "policy: [root]", "1:10: policy[0]: found \"root\", expected a mapping" },
	{ "policy: [{}]", "1:10: policy[0]: found an empty rule, expected at least one key" },
	{ "policy: [{user: }]", "1:17: policy[0].user: found nothing, expected the name or number of a "
				"user of 1 to 255 characters without blanks" },
	{ "policy: [{user: 'a:b'}]",
	  "1:17: policy[0].user: found \"a:b\", expected the name or number of a user" },
	{ "policy: [{group: a/b}]",
	  "1:18: policy[0].group: found \"a/b\", expected the name or number of a group" },
	{ "policy: [{group: [a, b]}]",
	  "1:18: policy[0].group: found a list, expected the name or number of a group of 1 to 255 "
	  "characters without blanks" },
	{ "policy: [{users: alice}]",
	  "1:11: policy[0].users: found an unknown key, expected one of user, group, interfaces, "
	  "max-queues, max-area, max-lease-time, flows, administer (did you mean user?)" },
	{ RULE "- group: zcrx\n- user: alice\n  flows: any\n",
	  "4:3: policy[2]: found a rule that never decides, expected it before the rule at line 2, "
	  "which matches the same users first" },
	{ "policy:\n- max-queues: 1\n- user: root\n",
	  "3:3: policy[1]: found a rule that never decides, expected it before the rule at line 2, "
	  "which matches the same users first" },
	{ "policy: [{group: g}, {user: a, group: g}]",
	  "1:22: policy[1]: found a rule that never decides, expected it before the rule at line 1, "
	  "which matches the same users first" },
	{ RULE "  interfaces: eth0\n",
	  "3:15: policy[0].interfaces: found \"eth0\", expected a list of interfaces" },
	{ RULE "  interfaces: []\n", "3:15: policy[0].interfaces: found an empty list, expected at "
				     "least one of the interfaces" },
	{ RULE "  interfaces: [eth0, 'x:1']\n",
	  "3:22: policy[0].interfaces[1]: found \"x:1\", expected the name of an interface, as ip "
	  "link shows it" },
	{ RULE "  max-queues: unlimited\n",
	  "3:15: policy[0].max-queues: found \"unlimited\", expected a number from 0 to 65536" },
	{ RULE "  max-area: 256MB\n", "3:13: policy[0].max-area: found \"256MB\", expected a size in "
				      "bytes or like 256M (K, M, G, T)" },
	{ RULE "  max-area: 0\n", "3:13: policy[0].max-area: found \"0\", expected a size in bytes or "
				  "like 256M (K, M, G, T)" },
	{ RULE "  max-area: 99999999T\n",
	  "3:13: policy[0].max-area: found \"99999999T\", expected a size in bytes or like 256M (K, "
	  "M, G, T)" },
	{ RULE "  max-lease-time: 1 day\n",
	  "3:19: policy[0].max-lease-time: found \"1 day\", expected a time in seconds or like 30min, "
	  "12h, 1d" },
	{ RULE "  max-lease-time: 0\n",
	  "3:19: policy[0].max-lease-time: found \"0\", expected a time in seconds or like 30min, "
	  "12h, 1d" },
	{ RULE "  administer: 1\n",
	  "3:15: policy[0].administer: found \"1\", expected true or false" },
	{ RULE "  flows: all\n",
	  "3:10: policy[0].flows: found \"all\", expected prove, any or a list of {ports, addresses}" },
	{ RULE "  flows: {ports: 80}\n",
	  "3:10: policy[0].flows: found a mapping, expected prove, any or a list of {ports, "
	  "addresses}" },
	{ RULE "  flows: []\n",
	  "3:10: policy[0].flows: found an empty list, expected at least one of the flows" },
	{ RULE "  flows: [{}]\n",
	  "3:11: policy[0].flows[0]: found neither ports nor addresses, expected at least one of them "
	  "(flows: any allows everything)" },
	{ RULE "  flows: [80]\n", "3:11: policy[0].flows[0]: found \"80\", expected a mapping" },
	{ RULE "  flows: [{port: 80}]\n",
	  "3:12: policy[0].flows[0].port: found an unknown key, expected one of ports, addresses (did "
	  "you mean ports?)" },
	{ RULE "  flows: [{ports: 0}]\n",
	  "3:19: policy[0].flows[0].ports: found \"0\", expected " PORT },
	{ RULE "  flows: [{ports: 65536}]\n",
	  "3:19: policy[0].flows[0].ports: found \"65536\", expected " PORT },
	{ RULE "  flows: [{ports: 90-80}]\n",
	  "3:19: policy[0].flows[0].ports: found \"90-80\", expected " PORT },
	{ RULE "  flows: [{ports: 80-}]\n",
	  "3:19: policy[0].flows[0].ports: found \"80-\", expected " PORT },
	{ RULE "  flows: [{ports: 80 - 90}]\n",
	  "3:19: policy[0].flows[0].ports: found \"80 - 90\", expected " PORT },
	{ RULE "  flows: [{ports: [80]}]\n",
	  "3:19: policy[0].flows[0].ports: found a list, expected " PORT },
	{ RULE "  flows: [{addresses: 10.0.0.1}]\n",
	  "3:23: policy[0].flows[0].addresses: found \"10.0.0.1\", expected a list of addresses" },
	{ RULE "  flows: [{addresses: []}]\n", "3:23: policy[0].flows[0].addresses: found an empty "
					       "list, expected at least one of the addresses" },
	{ RULE "  flows: [{addresses: [localhost]}]\n",
	  "3:24: policy[0].flows[0].addresses[0]: found \"localhost\", expected " ADDRESS
	  " (\"localhost\" is no IPv4 address; write it like 10.0.0.1 or 10.0.0.0/24.)" },
	{ RULE "  flows: [{addresses: [10.0.0.1/24]}]\n",
	  "3:24: policy[0].flows[0].addresses[0]: found \"10.0.0.1/24\", expected " ADDRESS
	  " (\"10.0.0.1/24\" has bits behind its prefix; clear them, or leave the prefix out to mean "
	  "this one address.)" },
	{ RULE "  flows: [{addresses: [[]]}]\n",
	  "3:24: policy[0].flows[0].addresses[0]: found a list, expected " ADDRESS },
	/* A long value is cut, between characters. */
	{ "on-stop: 123456789012345678901234567890123456789012345678901234567890",
	  "1:10: on-stop: found \"123456789012345678901234567890123456789012345678...\", expected "
	  "keep or restore" },
	{ "on-stop: 12345678901234567890123456789012345678901234567\xc3\xa9"
	  "12345678901234567890",
	  "1:10: on-stop: found \"12345678901234567890123456789012345678901234567...\", expected "
	  "keep or restore" },
};

/* Says all that differs, not only the first. */
static bool is_told(const char *text, size_t n, const char *message)
{
	_cleanup_fault_ struct fault f = {};
	_cleanup_free_ char *expected = NULL;
	struct config *c = NULL;
	int r;

	assert_true(asprintf(&expected, "/etc/x.yaml:%s", message) > 0);
	r = config_parse(text, n, "/etc/x.yaml", &c, &f);
	if (r == ZCRX_INVALID_PARAMETER && !c && f.subject && streq(f.message, expected))
		return true;
	print_error("%d\n    %s\nand not\n    %s\n", r, f.message ?: "no complaint", expected);
	config_free(c);
	return false;
}

static void check(const char *text, size_t n, const char *message)
{
	assert_true(is_told(text, n, message));
}

static void test_mistakes(void **state)
{
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++)
		good &= is_told(mistakes[i].text, strlen(mistakes[i].text), mistakes[i].message);
	assert_true(good);
}

static void test_nul(void **state)
{
	(void)state;
	check("on-stop: keep\n\0x: y\n", 20, "2:1: syntax: found a NUL byte, expected text");
	check("\0", 1, "1:1: syntax: found a NUL byte, expected text");
	/* UTF-16 is not guessed at. */
	check("\xff\xfe"
	      "a\0",
	      4, "1:1: syntax: found a byte that is not UTF-8, expected text in UTF-8");
}

/* Text that is cut off anywhere is read up to there, whatever lies behind. */
static void test_length(void **state)
{
	static const char text[] = IFACE "  channels: 4\n" RULE "  flows: any\n";

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		_cleanup_free_ char *copy = malloc(n + 1);
		struct config *c = NULL;
		int r;

		/* Exactly n bytes, so that a sanitizer sees a read behind them. */
		copy = realloc(copy, n ?: 1);
		memcpy(copy, text, n);
		r = config_parse(copy, n, "x", &c, NULL);
		assert_true(r == 0 || r == ZCRX_INVALID_PARAMETER);
		config_free(c);
	}
}

static char *repeat(const char *head, const char *part, size_t times, size_t *ret_n)
{
	char *s = malloc(strlen(head) + strlen(part) * times + 1), *at = s;

	assert_non_null(s);
	at = stpcpy(at, head);
	for (size_t i = 0; i < times; i++)
		at = stpcpy(at, part);
	*ret_n = (size_t)(at - s);
	return s;
}

static void test_size(void **state)
{
	static const struct {
		const char *head, *part;
		size_t times;
		const char *message;
	} cases[] = {
		{ "", "#", 1024 * 1024 + 1,
		  "1:1: syntax: found a file of more than 1M, expected a smaller one" },
		{ "policy:\n", "- x\n", 70000,
		  "65535:3: syntax: found too many values, expected a smaller file" },
		{ "policy:\n", "- {}\n", 1025,
		  "2:1: policy: found too many entries, expected at most 1024" },
		{ "interfaces:\n", "- {}\n", 257,
		  "2:1: interfaces: found too many entries, expected at most 256" },
		{ RULE "  interfaces:\n", "  - eth0\n", 257,
		  "4:3: policy[0].interfaces: found too many entries, expected at most 256" },
		{ RULE "  flows:\n", "  - {ports: 1}\n", 257,
		  "4:3: policy[0].flows: found too many entries, expected at most 256" },
		{ "", "[", 100000,
		  "1:9: syntax: found too many levels, expected lists and mappings less deep" },
		{ "", "{a: ", 100000,
		  "1:33: syntax: found too many levels, expected lists and mappings less deep" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t n;
		_cleanup_free_ char *text = repeat(cases[i].head, cases[i].part, cases[i].times, &n);

		check(text, n, cases[i].message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
