/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Wrong configurations: the text itself, interfaces, software; and how much of it there may be. */
#include "mistakes.h"

#define ONE_MATCH "exactly one of name, driver, mac and path to find the device by"

static const struct mistake mistakes[] = {
	/* What is no YAML, or more of it than is wanted. */
	{ "a: b: c",
	  "1:5: syntax: found a mistake (mapping values are not allowed in this context), "
	  "expected valid YAML" },
	{ "policy: [", "2:1: syntax: found a mistake (did not find expected node content while "
		       "parsing a flow node), expected valid YAML" },
	{ "on-stop: keep\n  x: y",
	  "2:4: syntax: found a mistake (mapping values are not allowed in this context), expected "
	  "valid YAML" },
	{ "on-stop: \"keep",
	  "1:15: syntax: found a mistake (found unexpected end of stream while scanning a quoted "
	  "scalar), expected valid YAML" },
	{ "\tx: y",
	  "1:1: syntax: found a mistake (found character that cannot start any token while "
	  "scanning for the next token), expected valid YAML" },
	{ "on-stop: \"\\0\"", "1:10: syntax: found a NUL byte, expected text" },
	{ "on-stop: keep\non-drift: \x01",
	  "2:11: syntax: found a control character, expected text" },
	{ "on-stop: \x7f", "1:10: syntax: found a control character, expected text" },
	{ "on-stop: \xff", "1:10: syntax: found a byte that is not UTF-8, expected text in UTF-8" },
	{ "a\n# \xc3\xa9\xc3",
	  "2:4: syntax: found a byte that is not UTF-8, expected text in UTF-8" },
	{ "# \xc0\x80", "1:3: syntax: found a byte that is not UTF-8, expected text in UTF-8" },
	{ "# \xed\xa0\x80", "1:3: syntax: found a byte that is not UTF-8, expected text in UTF-8" },
	{ "# \xf4\x90\x80\x80",
	  "1:3: syntax: found a byte that is not UTF-8, expected text in UTF-8" },
	{ "on-stop: &a keep",
	  "1:10: syntax: found an anchor, expected plain YAML: write the value out" },
	{ "on-stop: *a", "1:10: syntax: found an alias, expected plain YAML: write the value out, or quote a "
			 "text that begins with *" },
	{ "on-stop: keep\n\xef\xbb\xbfon-drift: repair\n",
	  "2:1: syntax: found a byte order mark (the start of another file?), expected one at the beginning "
	  "at most" },
	{ "policy: &p []",
	  "1:9: syntax: found an anchor, expected plain YAML: write the value out" },
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
	{ "interface: []",
	  "1:1: interface: found an unknown key, expected one of on-stop, on-drift, "
	  "grants, unsafe-kernel, interfaces, software, policy (did you mean interfaces?)" },
	{ "zzzzzzzzzz: 1",
	  "1:1: zzzzzzzzzz: found an unknown key, expected one of on-stop, on-drift, "
	  "grants, unsafe-kernel, interfaces, software, policy" },
	{ "<<: {}", "1:1: <<: found an unknown key, expected one of on-stop, on-drift, grants, "
		    "unsafe-kernel, interfaces, software, policy" },
	{ "[a]: b", "1:1: document: found a list, expected a key" },
	{ "? \n: b", "1:2: document: found nothing, expected a key" },
	{ "on-stop: keep\n\non-stop: keep\n",
	  "3:1: on-stop: found the key a second time (first at line 1), expected it once" },
	{ "on-stop: kept", "1:10: on-stop: found \"kept\", expected keep or restore" },
	{ "on-stop:", "1:9: on-stop: found nothing, expected keep or restore" },
	{ "on-stop: [keep]", "1:10: on-stop: found a list, expected keep or restore" },
	{ "on-drift: ignore", "1:11: on-drift: found \"ignore\", expected repair or report" },
	{ "unsafe-kernel: yes", "1:16: unsafe-kernel: found \"yes\", expected refuse or allow" },
	{ "unsafe-kernel: [allow]",
	  "1:16: unsafe-kernel: found a list, expected refuse or allow" },
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
	{ "policy: [{user: root, interfaces: [a/b]}]",
	  "1:36: policy[0].interfaces[0]: found \"a/b\", expected the name of an interface, as ip link "
	  "shows it" },
	{ "interfaces: [{name: 'a b', zero-copy-queues: 1}]",
	  "1:21: interfaces[0].name: found \"a b\", expected the name of an interface of 1 to 127 "
	  "characters without blanks" },
	{ "interfaces: [{name: a/b, zero-copy-queues: 1}]",
	  "1:21: interfaces[0].name: found \"a/b\", expected the name of an interface, as ip link "
	  "shows it" },
	{ "interfaces: [{name: 'eth0:', zero-copy-queues: 1}]",
	  "1:21: interfaces[0].name: found \"eth0:\", expected the name of an interface, as ip link "
	  "shows it, without the colon behind it" },
	{ "interfaces: [{name: .., zero-copy-queues: 1}]",
	  "1:21: interfaces[0].name: found \"..\", expected the name of an interface, as ip link "
	  "shows it" },
	{ "interfaces: [{name: , zero-copy-queues: 1}]",
	  "1:21: interfaces[0].name: found nothing, expected the name of an interface of 1 to 127 "
	  "characters without blanks" },
	{ "interfaces: [{name: null, zero-copy-queues: 1}]",
	  "1:21: interfaces[0].name: found nothing, expected the name of an interface of 1 to 127 "
	  "characters without blanks" },
	{ "interfaces: [{name: [eth0], zero-copy-queues: 1}]",
	  "1:21: interfaces[0].name: found a list, expected the name of an interface of 1 to 127 "
	  "characters without blanks" },
	{ "interfaces: [{driver: '', zero-copy-queues: 1}]",
	  "1:23: interfaces[0].driver: found \"\", expected the name of a driver of 1 to 31 "
	  "characters without blanks" },
	{ "interfaces: [{mac: 02:00:00:00:00, zero-copy-queues: 1}]",
	  "1:20: interfaces[0].mac: found \"02:00:00:00:00\", expected an address like "
	  "02:00:5e:10:00:01" },
	{ "interfaces: [{mac: 0200.0000.0001, zero-copy-queues: 1}]",
	  "1:20: interfaces[0].mac: found \"0200.0000.0001\", expected an address like "
	  "02:00:5e:10:00:01" },
	{ "interfaces: [{mac: '02:00:00:00:00:01:02', zero-copy-queues: 1}]",
	  "1:20: interfaces[0].mac: found \"02:00:00:00:00:01:02\", expected an address like "
	  "02:00:5e:10:00:01" },
	{ "interfaces: [{path: \"a\\nb\", zero-copy-queues: 1}]",
	  "1:21: interfaces[0].path: found \"a?b\", expected a path like pci-0000:3b:00.0 of 1 to "
	  "255 characters without blanks" },
	{ IFACE "- driver: x\n  zero-copy-queues: 1\n- name: eth0\n  zero-copy-queues: 1\n",
	  "6:9: interfaces[2].name: found \"eth0\" a second time (first at line 2), expected "
	  "another "
	  "device" },
	{ "interfaces:\n- mac: 02:00:00:00:00:0A\n  zero-copy-queues: 1\n"
	  "- mac: 02:00:00:00:00:0a\n  zero-copy-queues: 1\n",
	  "4:8: interfaces[1].mac: found \"02:00:00:00:00:0a\" a second time (first at line 2), "
	  "expected another device" },

	/* Its queues. */
	{ "interfaces:\n- name: eth0\n", "2:3: interfaces[0].zero-copy-queues: found nothing, "
					 "expected the number of queues to carve "
					 "out" },
	{ "interfaces: [{name: eth0, zero-copy-queues: 0}]",
	  "1:45: interfaces[0].zero-copy-queues: found \"0\", expected a number from 1 to 4095" },
	{ "interfaces: [{name: eth0, zero-copy-queues: -1}]",
	  "1:45: interfaces[0].zero-copy-queues: found \"-1\", expected a number from 1 to 4095" },
	{ "interfaces: [{name: eth0, zero-copy-queues: \"\"}]",
	  "1:45: interfaces[0].zero-copy-queues: found \"\", expected a number from 1 to 4095" },
	{ "interfaces: [{name: eth0, zero-copy-queues: \"4 \"}]",
	  "1:45: interfaces[0].zero-copy-queues: found \"4 \", expected a number from 1 to 4095" },
	{ "interfaces: [{name: eth0, zero-copy-queues: 010}]",
	  "1:45: interfaces[0].zero-copy-queues: found \"010\", expected a number from 1 to 4095, without "
	  "zeros in front" },
	{ "interfaces: [{name: eth0, zero-copy-queues: 4.0}]",
	  "1:45: interfaces[0].zero-copy-queues: found \"4.0\", expected a number from 1 to 4095" },
	{ "interfaces: [{name: eth0, zero-copy-queues: 99999999999999999999}]",
	  "1:45: interfaces[0].zero-copy-queues: found \"99999999999999999999\", expected a number "
	  "from 1 to 4095" },
	{ "interfaces: [{name: eth0, zero-copy-queues: {}}]",
	  "1:45: interfaces[0].zero-copy-queues: found a mapping, expected a number from 1 to "
	  "4095" },
	{ "interfaces:\n- zero-copy-queues: 4\n  name: eth0\n  channels: 4\n",
	  "2:21: interfaces[0].zero-copy-queues: found 4 of 4 channels, expected at most 3: at "
	  "least "
	  "one queue must stay ordinary" },
	{ "interfaces: [{name: eth0, channels: 2, zero-copy-queues: 3}]",
	  "1:58: interfaces[0].zero-copy-queues: found 3 of 2 channels, expected at most 1: at "
	  "least "
	  "one queue must stay ordinary" },
	{ IFACE "  channels: 1\n",
	  "4:13: interfaces[0].channels: found \"1\", expected at least 2: at least one queue must "
	  "stay ordinary" },
	{ IFACE "  channels: 0\n", "4:13: interfaces[0].channels: found \"0\", expected keep, max "
				   "or a number from 2 to 4096" },
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
	  "4:3: interfaces[0].chanels: found an unknown key, expected one of name, driver, mac, "
	  "path, "
	  "channels, zero-copy-queues, rx-ring, tcp-data-split, hds-threshold, idle-queues, keep-free "
	  "(did you mean channels?)" },
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
	{ IFACE "  tcp-data-split: True\n",
	  "4:19: interfaces[0].tcp-data-split: found \"True\", expected true or false, in small letters" },
	{ IFACE "  hds-threshold: 128\n", "4:18: interfaces[0].hds-threshold: found \"128\", "
					  "expected 0: the kernel refuses zero-copy "
					  "receive with any other threshold" },
	{ IFACE "  idle-queues: share\n",
	  "4:16: interfaces[0].idle-queues: found \"share\", expected reserve or serve" },
	{ IFACE "  keep-free: 1\n", "4:14: interfaces[0].keep-free: found it without idle-queues: serve, expected it only "
				    "there: with reserve, all idle queues are kept free" },
	{ IFACE "  idle-queues: serve\n  keep-free: 4096\n",
	  "5:14: interfaces[0].keep-free: found \"4096\", expected a number from 0 to 4095" },
	{ IFACE "  idle-queues: serve\n  keep-free: 4095\n",
	  "5:14: interfaces[0].keep-free: found 4095 of 1 zero-copy-queues, expected no more than there are" },
	{ IFACE "  hds-threshold: 65536\n",
	  "4:18: interfaces[0].hds-threshold: found \"65536\", expected a number from 0 to 65535" },

	/* A long value is cut, between characters. */
	{ "on-stop: 123456789012345678901234567890123456789012345678901234567890",
	  "1:10: on-stop: found \"123456789012345678901234567890123456789012345678...\", expected "
	  "keep or restore" },
	{ "on-stop: 12345678901234567890123456789012345678901234567\xc3\xa9"
	  "12345678901234567890",
	  "1:10: on-stop: found \"12345678901234567890123456789012345678901234567...\", expected "
	  "keep or restore" },
};

static void test_mistakes(void **state)
{
	check_mistakes(mistakes, ARRAY_SIZE(mistakes));
}

static void test_nul(void **state)
{
	check_mistake("on-stop: keep\n\0x: y\n", 20,
		      "2:1: syntax: found a NUL byte, expected text");
	check_mistake("\0", 1, "1:1: syntax: found a NUL byte, expected text");
	/* UTF-16 is not guessed at. */
	check_mistake("\xff\xfe"
		      "a\0",
		      4, "1:1: syntax: found UTF-16, expected text in UTF-8");
	check_mistake("\xfe\xff\0a", 4, "1:1: syntax: found UTF-16, expected text in UTF-8");
}

/* Text that is cut off anywhere is read up to there, whatever lies behind. */
static void test_length(void **state)
{
	static const char text[] = IFACE "  channels: 4\n" RULE "  flows: any\n";

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

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t n;
		_cleanup_free_ char *text =
			repeat(cases[i].head, cases[i].part, cases[i].times, &n);

		check_mistake(text, n, cases[i].message);
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
