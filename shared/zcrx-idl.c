/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * io.zcrx.Manager in libsystemd's macros. A comment per field gives shape, unit, range and source.
 * Never remove or retype a field: clients of every age speak this.
 */
#include "zcrx-idl.h"

/* Shorthands: N nullable, A array; DOC in front of what it describes. */
#define N SD_VARLINK_NULLABLE
#define A SD_VARLINK_ARRAY
#define DOC(text) SD_VARLINK_FIELD_COMMENT(text)
#define FIELD(name, type, flags) SD_VARLINK_DEFINE_FIELD(name, SD_VARLINK_##type, flags)
#define TYPED(name, type, flags) SD_VARLINK_DEFINE_FIELD_BY_TYPE(name, type, flags)
#define IN(name, type, flags) SD_VARLINK_DEFINE_INPUT(name, SD_VARLINK_##type, flags)
#define IN_TYPED(name, type, flags) SD_VARLINK_DEFINE_INPUT_BY_TYPE(name, type, flags)
#define OUT(name, type, flags) SD_VARLINK_DEFINE_OUTPUT(name, SD_VARLINK_##type, flags)
#define OUT_TYPED(name, type, flags) SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(name, type, flags)

/* ------------------------------------------------------------------ types */

static SD_VARLINK_DEFINE_ENUM_TYPE(InterfaceState,
	DOC("As the configuration asks for; leases are granted"),
	SD_VARLINK_DEFINE_ENUM_VALUE(configured),
	DOC("Present, but something that zero-copy receive needs is missing, or it was restored to its "
	    "baseline; see the reason"),
	SD_VARLINK_DEFINE_ENUM_VALUE(degraded),
	DOC("Named in the configuration, but no such device exists now"),
	SD_VARLINK_DEFINE_ENUM_VALUE(missing));

static SD_VARLINK_DEFINE_ENUM_TYPE(QueueKind,
	DOC("Serves RSS and ordinary sockets"), SD_VARLINK_DEFINE_ENUM_VALUE(ordinary),
	DOC("Carved out for leases; RSS does not lead to it"),
	SD_VARLINK_DEFINE_ENUM_VALUE(zeroCopy));

static SD_VARLINK_DEFINE_ENUM_TYPE(LeaseState,
	DOC("Not leased"), SD_VARLINK_DEFINE_ENUM_VALUE(free),
	DOC("Leased; no ifq is registered yet"), SD_VARLINK_DEFINE_ENUM_VALUE(reserved),
	DOC("The ifq is on the client's ring"), SD_VARLINK_DEFINE_ENUM_VALUE(bound),
	DOC("Rules lead flows to the queue"), SD_VARLINK_DEFINE_ENUM_VALUE(steered),
	DOC("Being reclaimed"), SD_VARLINK_DEFINE_ENUM_VALUE(draining),
	DOC("Not leased until the kernel shows the queue clean; see the reason"),
	SD_VARLINK_DEFINE_ENUM_VALUE(quarantined));

static SD_VARLINK_DEFINE_ENUM_TYPE(GrantKind,
	DOC("Leased to a netkit device of the lease's own: the kernel can reclaim it at once"),
	SD_VARLINK_DEFINE_ENUM_VALUE(netkit),
	DOC("The ifq is registered on the hardware queue, which is reclaimed when the ring is closed"),
	SD_VARLINK_DEFINE_ENUM_VALUE(direct),
	DOC("No device: every byte is copied; released when the ring is gone"), SD_VARLINK_DEFINE_ENUM_VALUE(software));

static SD_VARLINK_DEFINE_ENUM_TYPE(Spread,
	DOC("Each flow over all queues, connection by connection, by an RSS context of the lease's own"),
	SD_VARLINK_DEFINE_ENUM_VALUE(context),
	DOC("Each flow as a whole to one of the queues, that with the fewest: the device has no context "
	    "to give"),
	SD_VARLINK_DEFINE_ENUM_VALUE(perFlow));

static SD_VARLINK_DEFINE_ENUM_TYPE(Where,
	DOC("In zcrxd's own network, user and process namespaces"), SD_VARLINK_DEFINE_ENUM_VALUE(host),
	DOC("In another of these, or in one that the kernel does not show"),
	SD_VARLINK_DEFINE_ENUM_VALUE(container));

static SD_VARLINK_DEFINE_ENUM_TYPE(FlowProtocol,
	DOC("TCP over IPv4"), SD_VARLINK_DEFINE_ENUM_VALUE(tcp4),
	DOC("TCP over IPv6"), SD_VARLINK_DEFINE_ENUM_VALUE(tcp6));

static SD_VARLINK_DEFINE_ENUM_TYPE(AreaType,
	DOC("A memfd sealed with F_SEAL_SHRINK"), SD_VARLINK_DEFINE_ENUM_VALUE(memory),
	DOC("A whole dma-buf; payload that cannot be placed by the NIC is an error, not a copy"),
	SD_VARLINK_DEFINE_ENUM_VALUE(dmabuf));

static SD_VARLINK_DEFINE_ENUM_TYPE(TargetShare,
	DOC("Every packet"), SD_VARLINK_DEFINE_ENUM_VALUE(all),
	DOC("Those that the rule matches too, or may match"), SD_VARLINK_DEFINE_ENUM_VALUE(some),
	DOC("What the rules before have left"), SD_VARLINK_DEFINE_ENUM_VALUE(rest));

static SD_VARLINK_DEFINE_ENUM_TYPE(EventKind,
	DOC("A lease was acquired"), SD_VARLINK_DEFINE_ENUM_VALUE(acquired),
	DOC("An ifq was registered for a lease"), SD_VARLINK_DEFINE_ENUM_VALUE(bound),
	DOC("The rings of a lease were closed, and it goes on: it is reserved again, its flows are copied, and "
	    "Register works"),
	SD_VARLINK_DEFINE_ENUM_VALUE(unbound),
	DOC("A flow was added to a lease, or a foreign rule no longer takes one of its flows"),
	SD_VARLINK_DEFINE_ENUM_VALUE(steered),
	DOC("A foreign rule takes flows of a lease before its own rules can; see the reason"),
	SD_VARLINK_DEFINE_ENUM_VALUE(taken),
	DOC("A lease is being reclaimed"), SD_VARLINK_DEFINE_ENUM_VALUE(draining),
	DOC("A lease's queues are free again"), SD_VARLINK_DEFINE_ENUM_VALUE(freed),
	DOC("A queue is not leased until it is seen clean"),
	SD_VARLINK_DEFINE_ENUM_VALUE(quarantined),
	DOC("An administrator revoked a lease: it is reclaimed at the deadline"),
	SD_VARLINK_DEFINE_ENUM_VALUE(revoked),
	DOC("An interface appeared"), SD_VARLINK_DEFINE_ENUM_VALUE(appeared),
	DOC("An interface is gone"), SD_VARLINK_DEFINE_ENUM_VALUE(gone),
	DOC("An interface was configured"),
	SD_VARLINK_DEFINE_ENUM_VALUE(configured),
	DOC("Changes to an interface are rolled back at the deadline unless they are confirmed"),
	SD_VARLINK_DEFINE_ENUM_VALUE(unconfirmed),
	DOC("Changes to an interface were confirmed"), SD_VARLINK_DEFINE_ENUM_VALUE(confirmed),
	DOC("An interface was restored, or changes to it rolled back; see the reason"),
	SD_VARLINK_DEFINE_ENUM_VALUE(restored),
	DOC("Somebody else changed an interface"), SD_VARLINK_DEFINE_ENUM_VALUE(drifted),
	DOC("Such a change was undone"), SD_VARLINK_DEFINE_ENUM_VALUE(repaired),
	DOC("An interface could not be configured; see the reason"),
	SD_VARLINK_DEFINE_ENUM_VALUE(failed));

static SD_VARLINK_DEFINE_STRUCT_TYPE(Kernel,
	DOC("The kernel's release, as uname -r prints it"), FIELD(release, STRING, 0),
	DOC("io_uring zero-copy receive exists (6.15; CONFIG_IO_URING_ZCRX)"),
	FIELD(zeroCopyReceive, BOOL, 0),
	DOC("Refill rings can be flushed and ifqs exported (6.19)"), FIELD(control, BOOL, 0),
	DOC("Receive buffers larger than a page (7.0)"), FIELD(largeBuffers, BOOL, 0),
	DOC("Device-less ifqs (7.1)"), FIELD(software, BOOL, 0),
	DOC("Queues can be leased to netkit devices (7.1): grants can be reclaimed at once"),
	FIELD(queueLeasing, BOOL, 0),
	DOC("Events and copy statistics on the ring (7.2)"), FIELD(events, BOOL, 0),
	DOC("Whoever has a ring can add areas to its ifq by itself (7.3), past max-area; null from a zcrxd "
	    "that does not know"),
	FIELD(addedAreas, BOOL, N),
	DOC("Segments on which the kernel panics can be kept from steered flows (nf_tables at the ingress "
	    "of a NIC); null from a zcrxd that does not know"),
	FIELD(guard, BOOL, N));

static SD_VARLINK_DEFINE_STRUCT_TYPE(Queue,
	DOC("Index of the hardware receive queue"), FIELD(queue, INT, 0),
	DOC("What it is for"), TYPED(kind, QueueKind, 0),
	DOC("How far its lease is, free without one; null for an ordinary queue, which cannot be leased"),
	TYPED(state, LeaseState, N),
	DOC("Why it is quarantined or cannot be leased"), FIELD(reason, STRING, N),
	DOC("The default RSS table leads to it, though it is carved out (idle-queues: serve); null for an ordinary queue, and "
	    "from a zcrxd that does not know"),
	FIELD(servesRss, BOOL, N),
	DOC("The lease that holds it"), FIELD(leaseId, STRING, N),
	DOC("NAPI id, as SO_INCOMING_NAPI_ID reports it; from netdev queue-get"),
	FIELD(napiId, INT, N),
	DOC("Interrupt number; from netdev napi-get"), FIELD(irq, INT, N),
	DOC("CPUs that the interrupt may go to, as a list such as 0-3,8; from /proc/irq"),
	FIELD(irqAffinity, STRING, N),
	DOC("Empty polls before the interrupt is armed again; from netdev napi-get"),
	FIELD(deferHardIrqs, INT, N),
	DOC("Nanoseconds between polls meanwhile, likewise"), FIELD(groFlushTimeoutNSec, INT, N),
	DOC("Nanoseconds without interrupts while the application polls, likewise"),
	FIELD(irqSuspendTimeoutNSec, INT, N),
	DOC("NUMA node of the device; from sysfs"), FIELD(numaNode, INT, N),
	DOC("Packets received since the driver last reset its counters; from netdev qstats-get"),
	FIELD(receivedPackets, INT, N),
	DOC("Bytes received, likewise"), FIELD(receivedBytes, INT, N),
	DOC("Packets that found no memory, likewise: when bound, those that found the area used up"),
	FIELD(allocationFailures, INT, N),
	DOC("Packets that the hardware dropped, likewise"), FIELD(hardwareDrops, INT, N),
	DOC("Buffers of its page pools that hold packets now; from netdev page-pool-get"),
	FIELD(buffersInUse, INT, N),
	DOC("Bytes of these"), FIELD(bufferBytesInUse, INT, N));

static SD_VARLINK_DEFINE_STRUCT_TYPE(Interface,
	DOC("The interface's name now; for a missing one, what the configuration matches by"),
	FIELD(name, STRING, 0),
	DOC("Interface index; 0 when missing, and for software"), FIELD(index, INT, 0),
	DOC("Name of the driver; empty when missing"), FIELD(driver, STRING, 0),
	DOC("Whether queues can be leased"), TYPED(state, InterfaceState, 0),
	DOC("Why it is not configured, with the kernel's message; and when zcrxd tries again by itself"), FIELD(reason, STRING, N),
	DOC("Why the policy would refuse a queue here to who asks; null if it would not"),
	FIELD(leaseRefusal, STRING, N),
	DOC("Changes are rolled back then unless they are confirmed; realtime clock, microseconds"),
	FIELD(confirmUntilUSec, INT, N),
	DOC("Since when one operation on it has made no progress, so that nothing else can be done there; "
	    "realtime clock, microseconds; null unless that is longer than 10 s"),
	FIELD(standstillUSec, INT, N),
	DOC("When the kernel was asked for what follows; realtime clock, microseconds. That is during "
	    "the call, unless a slow operation is in progress on the interface: a call waits for a second "
	    "at most and then gives the last observation. Null if there is none"),
	FIELD(observationUSec, INT, N),
	DOC("Receive queues: combined channels plus receive-only ones"),
	FIELD(combinedChannels, INT, 0),
	DOC("Index of the first carved-out queue"), FIELD(zeroCopyFirst, INT, 0),
	DOC("How many queues are carved out, from zeroCopyFirst up"), FIELD(zeroCopyCount, INT, 0),
	DOC("Header/data split as the device reports it: unknown, disabled, enabled"),
	FIELD(tcpDataSplit, STRING, 0),
	DOC("Header/data split threshold in bytes; null where the driver has none"),
	FIELD(hdsThreshold, INT, N),
	DOC("How many queues the default RSS table leads to"), FIELD(rssQueues, INT, 0),
	DOC("ntuple rules that are not zcrxd's"), FIELD(foreignRules, INT, 0),
	DOC("What becomes of carved-out queues that nobody leases: reserve, or serve (RSS leads to them meanwhile); null when "
	    "missing, of software, and from a zcrxd that does not know"),
	FIELD(idleQueues, STRING, N),
	DOC("How many of them RSS does not lead to all the same, likewise; null unless they serve"), FIELD(keepFree, INT, N),
	DOC("What binding or releasing a queue (Register, the end of a lease) does to the other traffic of the NIC, by "
	    "its driver, in words; null if nothing, if it is not known, and from a zcrxd that does not know"),
	FIELD(bindEffect, STRING, N),
	DOC("Entries of the receive ring of its queues, as ethtool -g has them; null where the driver tells none, and from "
	    "a zcrxd that does not know"),
	FIELD(ringEntries, INT, N),
	DOC("MTU; null of software and of a missing interface, likewise"), FIELD(mtu, INT, N),
	DOC("The least area of a queue, as in Lease"), FIELD(leastAreaBytes, INT, N),
	DOC("The area that zcrxd recommends for a queue, likewise"), FIELD(recommendedAreaBytes, INT, N),
	DOC("The first bound queue whose area is less than twice what its driver keeps in the ring, in a sentence; null if "
	    "none is, if it is not known of the driver, and from a zcrxd that does not know"),
	FIELD(smallArea, STRING, N),
	DOC("The bond that it is a port of, whose sockets and addresses prove flows here; null if of none"),
	FIELD(bond, STRING, N),
	DOC("The bond does not receive by it at the moment; null if it is a port of none"),
	FIELD(standby, BOOL, N),
	DOC("Traffic that is not steered, or reaches no lease at the moment, though a client may expect it; "
	    "a sentence each"),
	FIELD(problems, STRING, N | A),
	DOC("Flows of leases that foreign rules take, or may take, before the lease's own rule can; null from "
	    "a zcrxd that does not know"),
	FIELD(takenFlows, INT, N),
	DOC("Urgent TCP segments to steered flows that lost their flag, so that the kernel does not panic, "
	    "since the first flow; null if none is steered"),
	FIELD(urgentSegments, INT, N),
	DOC("TCP segments to steered flows that were dropped for a signature (MD5 or AO), likewise"),
	FIELD(signedSegments, INT, N),
	DOC("Every receive queue, by index"), TYPED(queues, Queue, A));

static SD_VARLINK_DEFINE_STRUCT_TYPE(Flow,
	DOC("What carries it"), TYPED(protocol, FlowProtocol, 0),
	DOC("Remote address with optional /prefix; null for any"), FIELD(source, STRING, N),
	DOC("Local address with optional /prefix; null for any"), FIELD(destination, STRING, N),
	DOC("Remote port, 1 to 65535; null for any"), FIELD(sourcePort, INT, N),
	DOC("Local port, 1 to 65535; null for any"), FIELD(destinationPort, INT, N));

static SD_VARLINK_DEFINE_STRUCT_TYPE(FlowTarget,
	DOC("How much of the flow"), TYPED(share, TargetShare, 0),
	DOC("Location of the ntuple rule that decides; null if RSS does"), FIELD(rule, INT, N),
	DOC("The RSS context that it spreads by; null for a rule to one queue, and for none"),
	FIELD(rssContext, INT, N),
	DOC("The lease that the rule belongs to; null if it is not zcrxd's"),
	FIELD(leaseId, STRING, N),
	DOC("Indices of the hardware queues; empty if they are dropped or it is not known"),
	FIELD(queues, INT, A),
	DOC("The same for a person"), FIELD(message, STRING, 0));

static SD_VARLINK_DEFINE_STRUCT_TYPE(LeaseFlow,
	DOC("Names the flow within its lease, for RemoveFlow"), FIELD(flowId, STRING, 0),
	DOC("This and the rest: as in Flow"), TYPED(protocol, FlowProtocol, 0),
	DOC("Remote address"), FIELD(source, STRING, N),
	DOC("Local address"), FIELD(destination, STRING, N),
	DOC("Remote port"), FIELD(sourcePort, INT, N),
	DOC("Local port"), FIELD(destinationPort, INT, N),
	DOC("A foreign rule that takes it, all or in part, or may take it, before the lease's own rule "
	    "can: its message says how to remove it. As observed within the last second or so; null "
	    "if there is none"),
	TYPED(takenBy, FlowTarget, N));

static SD_VARLINK_DEFINE_STRUCT_TYPE(Lease,
	DOC("Eight hexadecimal digits; its netkit device is named zcrx-LEASEID"),
	FIELD(leaseId, STRING, 0),
	DOC("What the client called it"), FIELD(name, STRING, N),
	DOC("User whose it is: who acquired it, as the kernel reports, or whom an administrator acquired it for"),
	FIELD(ownerUid, INT, 0),
	DOC("The administrator who acquired it for ownerUid; null: ownerUid did"), FIELD(acquirerUid, INT, N),
	DOC("Process that acquired it, likewise; it may be gone"), FIELD(ownerPid, INT, 0),
	DOC("Name of the interface"), FIELD(interface, STRING, 0),
	DOC("Hardware queue indices, in the order in which the lease counts them from 0"),
	FIELD(hardwareQueues, INT, A),
	DOC("SO_INCOMING_NAPI_ID of sockets whose packets arrive on these queues, in the same order; 0 of one that is not "
	    "bound, or where it is not known. With some drivers (gve) they change whenever some queue of the NIC is bound or "
	    "released; zcrxd looks each second. Null from a zcrxd that does not know"),
	FIELD(napiIds, INT, A | N),
	DOC("How its flows reach these queues; null for one queue, and until all of them are bound"),
	TYPED(spread, Spread, N),
	DOC("The RSS context that spreads them, by the kernel's number; null if none does"),
	FIELD(rssContext, INT, N),
	DOC("How the kernel holds its queues"), TYPED(grant, GrantKind, 0),
	DOC("How far it is"), TYPED(state, LeaseState, 0),
	DOC("Lives without a handle, until Release or its time to live"),
	FIELD(persistent, BOOL, 0),
	DOC("root's own: its program registers the ifq itself, on the hardware queue"),
	FIELD(selfRegistered, BOOL, 0),
	DOC("What is steered to it, or will be once it is bound"), TYPED(flows, LeaseFlow, A),
	DOC("Which flows of a listener on all addresses are not steered, so that they are copied, and why, in a "
	    "sentence; null if there are none"),
	FIELD(notSteered, STRING, N),
	DOC("Packets that again and again find no buffer in the area of one of its queues, so that they are dropped, and what "
	    "to do, in a sentence; null if there are none, and from a zcrxd that does not know"),
	FIELD(shortage, STRING, N),
	DOC("When it was acquired; realtime clock, microseconds"), FIELD(creationUSec, INT, 0),
	DOC("When it ends by itself, likewise; null for never"), FIELD(expiryUSec, INT, N),
	DOC("Bytes of all areas registered through zcrxd. What clients add to their queues by themselves "
	    "(Linux 7.3) is not among them: it counts against their own limit of locked memory"),
	FIELD(areaBytes, INT, 0),
	DOC("An area of a queue with fewer bytes is refused (InvalidArea): with the NIC's ring and MTU as they "
	    "are now, the driver would drop every packet, or stop others' queues; null if any size will do, and "
	    "from a zcrxd that does not know"),
	FIELD(leastAreaBytes, INT, N),
	DOC("Bytes that zcrxd recommends for the area of each queue: at least twice what the driver keeps in its "
	    "ring. May be more than max-area allows; null if the ring is not known, likewise"),
	FIELD(recommendedAreaBytes, INT, N),
	DOC("Bytes that the policy (max-area) left for the area of each queue when the lease was acquired; null for no limit, "
	    "and from a zcrxd that does not know"),
	FIELD(permittedAreaBytes, INT, N),
	DOC("Entries of the receive ring of the NIC's queues, as ethtool -g has them; null where it tells none, likewise"),
	FIELD(ringEntries, INT, N),
	DOC("MTU of the interface; null of software, likewise"), FIELD(mtu, INT, N));

static SD_VARLINK_DEFINE_STRUCT_TYPE(Change,
	DOC("Name of the interface"), FIELD(interface, STRING, 0),
	DOC("ntuple-feature, gro-hw, rings, tcp-data-split, hds-threshold, rss, channels"),
	FIELD(step, STRING, 0),
	DOC("The value now"), FIELD(from, STRING, 0),
	DOC("What the configuration asks for"), FIELD(to, STRING, 0),
	DOC("Side effect on traffic, as far as it is known for the driver"),
	FIELD(effect, STRING, 0),
	DOC("Apply and Restore only: done, failed, undone, undo-failed, skipped, waits"),
	FIELD(outcome, STRING, N),
	DOC("Why it failed, with the kernel's message and the remedy; or what it waits for"),
	FIELD(message, STRING, N),
	DOC("Ids of the leases that it would disturb; it follows by itself when they have ended"),
	FIELD(blockedBy, STRING, A | N));

static SD_VARLINK_DEFINE_STRUCT_TYPE(LoopBucket,
	DOC("They took less than this, and not less than that of the bucket before; null: any longer time"),
	FIELD(belowUSec, INT, N),
	DOC("How many they were since zcrxd started"), FIELD(turns, INT, 0));

static SD_VARLINK_DEFINE_STRUCT_TYPE(Loop,
	DOC("Event-loop iterations since zcrxd started: calls, timers, results of operations on interfaces"),
	FIELD(turns, INT, 0),
	DOC("How many took more than 50 ms, for which time everything else waited"),
	FIELD(overBudget, INT, 0),
	DOC("The longest of them; what other processes had of the CPU meanwhile does not count"),
	FIELD(longestUSec, INT, 0),
	DOC("When that was; realtime clock, microseconds; null before the first"),
	FIELD(longestAtUSec, INT, N),
	DOC("How many took how long"), TYPED(buckets, LoopBucket, A));

static SD_VARLINK_DEFINE_STRUCT_TYPE(Event,
	DOC("What happened"), TYPED(event, EventKind, 0),
	DOC("When; realtime clock, microseconds"), FIELD(timestampUSec, INT, 0),
	DOC("Where"), FIELD(interface, STRING, N),
	DOC("Index of the hardware queue, for what concerns one"), FIELD(queue, INT, N),
	DOC("The lease, for what concerns one"), FIELD(leaseId, STRING, N),
	DOC("Why, in a sentence"), FIELD(reason, STRING, N),
	DOC("When it takes effect; realtime clock, microseconds"), FIELD(deadlineUSec, INT, N));

/* ---------------------------------------------------------------- methods */

#define HANDLE                                                                                     \
	DOC("Index of the attached handle; null for the owner of a persistent lease"),             \
		IN(handleFileDescriptor, INT, N)

static SD_VARLINK_DEFINE_STRUCT_TYPE(Caller,
	DOC("The user, in zcrxd's user namespace; from the socket"), FIELD(uid, INT, 0),
	DOC("Where the process that connected runs; what `where` in the policy is compared with"),
	TYPED(where, Where, 0),
	DOC("Which of network, user, process are namespaces other than zcrxd's; null for none"),
	FIELD(otherNamespaces, STRING, A | N),
	DOC("The uid is one that another user's namespace has given out: rules that name no user do not "
	    "match it unless they say where"),
	FIELD(assumed, BOOL, 0),
	DOC("Its control group in the unified hierarchy, what `cgroup` in the policy is compared with; null if it is not "
	    "known, and from a zcrxd that does not tell"),
	FIELD(controlGroup, STRING, N),
	DOC("The policy lets it administer: Apply, Confirm, Restore, Revoke, Reload; null from a zcrxd that does not know "
	    "(since 0.2)"),
	FIELD(administers, BOOL, N));

static SD_VARLINK_DEFINE_METHOD(Describe,
	DOC("Only this one, by any of its names; null for all. NoSuchInterface if there is none"),
	IN(interface, STRING, N),
	DOC("Version of zcrxd"), OUT(version, STRING, 0),
	DOC("The kernel, as it was probed when zcrxd started"), OUT_TYPED(kernel, Kernel, 0),
	DOC("Every interface that the configuration names"),
	OUT_TYPED(interfaces, Interface, A),
	DOC("How long the iterations of its event loop took; null from older versions only"),
	OUT_TYPED(loop, Loop, N),
	DOC("When this zcrxd started, its record of leases could not be used: the file, where it was "
	    "moved, and what is wrong with it"), OUT(stateSetAside, STRING, N),
	DOC("What makes this kernel dangerous for steering flows, and what follows by the configuration's "
	    "unsafe-kernel, in sentences; null if nothing does"),
	OUT(unsafeKernel, STRING, N),
	DOC("Why the configuration that it read last is not in force, but the one before; null if it "
	    "is"),
	OUT(refusedConfig, STRING, N),
	DOC("What is wrong with zcrxd itself, that among it, in sentences; null from a zcrxd that does not "
	    "know"),
	OUT(problems, STRING, A | N),
	DOC("Who asks, as the policy sees it"), OUT_TYPED(caller, Caller, 0));

static SD_VARLINK_DEFINE_METHOD_FULL(ListLeases, SD_VARLINK_SUPPORTS_MORE,
	DOC("Only this one; NoSuchLease if there is none"), IN(leaseId, STRING, N),
	DOC("One lease a reply; null in the only reply if there is none at all"),
	OUT_TYPED(lease, Lease, N));

static SD_VARLINK_DEFINE_METHOD(Acquire,
	DOC("Where; null for the first interface that the policy allows and that has queues free"),
	IN(interface, STRING, N),
	DOC("How many hardware queues, 1 if null"), IN(queues, INT, N),
	DOC("For people; at most 64 printable characters"), IN(name, STRING, N),
	DOC("Lives without a handle, until Release or its time to live"), IN(persistent, BOOL, N),
	DOC("Ends by itself after this many microseconds; the policy's max-lease-time caps it"),
	IN(timeToLiveUSec, INT, N),
	DOC("Flows by value, as far as the policy allows; steered as soon as every queue is bound, and at "
	    "once for a persistent lease of root, which then registers by itself"),
	IN_TYPED(flows, Flow, A | N),
	DOC("The user whose it will be, who then opens it (Open): administrators only, and the lease has to be persistent. "
	    "What that user may have bounds it, with the groups that nss tells of; flows by value the "
	    "caller has to be allowed, too. Null: the caller's"),
	IN(ownerUid, INT, N),
	DOC("What was leased"), OUT_TYPED(lease, Lease, 0),
	DOC("Index of the attached handle: the lease ends when its last copy is closed; it reports a "
	    "hang-up when the lease ends otherwise. Before, zcrxd writes one JSON object there, to be looked at with "
	    "MSG_PEEK: \"end\" says what the lease ended by (interface-gone, expired, release, revoke...), \"reason\" why, "
	    "in a sentence. With the grace of a revocation the object begins early: {\"deadlineUSec\":N, when it ends at "
	    "the latest (realtime clock, microseconds), and ,\"deadlineUSec\":N if that comes to be sooner; what "
	    "closes it follows at the end. Null for a persistent lease"),
	OUT(handleFileDescriptor, INT, N));

static SD_VARLINK_DEFINE_METHOD(Open,
	DOC("A persistent lease of the caller's uid, whoever acquired it"), IN(leaseId, STRING, 0),
	DOC("Index of the attached handle"), OUT(handleFileDescriptor, INT, 0));

static SD_VARLINK_DEFINE_METHOD(Register,
	DOC("The lease"), IN(leaseId, STRING, 0),
	HANDLE,
	DOC("Which of the lease's queues, counted from 0. One that was registered before can be again when all rings of "
	    "the lease were closed; who does that often waits up to 8 s. Where only its own were, and other queues are in use: "
	    "Share"),
	IN(queue, INT, 0),
	DOC("Number of the io_uring descriptor in the calling process: created R_DISABLED, SINGLE_ISSUER, "
	    "DEFER_TASKRUN and CQE32 or CQE_MIXED, and not enabled yet"),
	IN(ring, INT, 0),
	DOC("Index of the attached memfd (sealed with F_SEAL_SHRINK, populated) or dma-buf"),
	IN(areaFileDescriptor, INT, 0),
	DOC("Offset of the area in it in bytes, page aligned; 0 if null"), IN(areaOffset, INT, N),
	DOC("Bytes, page aligned; at least the leastAreaBytes of the lease, at most the policy's max-area"),
	IN(areaSize, INT, 0),
	DOC("What the area is; memory if null"), IN_TYPED(areaType, AreaType, N),
	DOC("Entries of the refill ring, 1 to 32768; rounded up to a power of two"),
	IN(refillEntries, INT, 0),
	DOC("Bytes, a power of two of at least a page; a page if null"),
	IN(receiveBufferLength, INT, N),
	DOC("user_data of completions that report events (kernel 7.2); no events if null"),
	IN(eventUserData, INT, N),
	DOC("Names the ifq on the ring: zcrx_ifq_idx of IORING_OP_RECV_ZC"), OUT(zcrxId, INT, 0),
	DOC("Entries of the refill ring as the kernel rounded them"), OUT(refillEntries, INT, 0),
	DOC("Bytes to map of the ring fd at refillMapOffset"), OUT(refillSize, INT, 0),
	DOC("Where to map them: the offset for mmap(2)"), OUT(refillMapOffset, INT, 0),
	DOC("Offset in the mapping of the u32 that the kernel consumes entries by"),
	OUT(headOffset, INT, 0),
	DOC("Offset of the u32 by which the client produces them"), OUT(tailOffset, INT, 0),
	DOC("Offset of the entries, struct io_uring_zcrx_rqe each"), OUT(entriesOffset, INT, 0),
	DOC("Offset of struct zcrx_stats {u64 copy_count, copy_bytes}; null before 7.2"),
	OUT(statsOffset, INT, N),
	DOC("rq_area_token: goes into the offset of refill entries"), OUT(areaToken, INT, 0),
	DOC("Bytes of a buffer"), OUT(receiveBufferLength, INT, 0),
	DOC("Index of the hardware interface that feeds it"), OUT(interfaceIndex, INT, 0),
	DOC("Index of the hardware queue that feeds it"), OUT(hardwareQueue, INT, 0),
	DOC("SO_INCOMING_NAPI_ID of sockets whose packets arrive on this queue; with some drivers it does not stay (napiIds "
	    "of the lease)"),
	OUT(napiId, INT, N),
	DOC("The same of all queues of the lease, as they are since this one was bound: see Lease. Null from a zcrxd that "
	    "does not know"),
	OUT(napiIds, INT, A | N));

static SD_VARLINK_DEFINE_METHOD(Share,
	DOC("The lease. Linux 6.19, and not for every kind: NotSupported"), IN(leaseId, STRING, 0),
	HANDLE,
	DOC("Which of the lease's queues, counted from 0; WrongState unless it is registered"),
	IN(queue, INT, 0),
	DOC("Number of the io_uring descriptor in the calling process, as for Register. QuotaExceeded if the "
	    "queue is on 64 rings, or shared by 15 more processes than the one that registered it"),
	IN(ring, INT, 0),
	DOC("Names the ifq on this ring. What Register has answered of area, refill ring and statistics holds "
	    "for all rings: there is one of each, and whoever shares agrees with the others about who returns "
	    "buffers"),
	OUT(zcrxId, INT, 0),
	DOC("Where to map the refill ring of this ring's descriptor: the offset for mmap(2)"),
	OUT(refillMapOffset, INT, 0),
	DOC("Offset in the mapping of the u32 that the kernel consumes entries by"), OUT(headOffset, INT, 0),
	DOC("Offset of the u32 by which the sharers produce them"), OUT(tailOffset, INT, 0),
	DOC("Offset of the entries, struct io_uring_zcrx_rqe each"), OUT(entriesOffset, INT, 0));

static SD_VARLINK_DEFINE_METHOD(AddFlow,
	DOC("The lease"), IN(leaseId, STRING, 0),
	HANDLE,
	DOC("Which of the lease's queues, which must be bound. Null for all: they are spread by the "
	    "lease's RSS context, which there is once every queue is bound; WrongState before. Without "
	    "a context each flow goes to the queue with the fewest"),
	IN(queue, INT, N),
	DOC("Index of the attached TCP socket, listening or established, whose flows these are. WrongState "
	    "if there are other connections already that would be steered along, or urgent data is in "
	    "flight to it, unless the configuration has \"unsafe-kernel: allow\""),
	IN(socketFileDescriptor, INT, N),
	DOC("By value instead: for root, and for ports and addresses that the policy lists"),
	IN_TYPED(flow, Flow, N),
	DOC("Names of the flows within the lease, for RemoveFlow"), OUT(flowIds, STRING, A),
	DOC("The flows as they were understood, in the same order"), OUT_TYPED(flows, Flow, A),
	DOC("Those of them that a foreign rule takes before the lease's own rule can, so that they are "
	    "copied, or not received at all; null if there are none"),
	OUT_TYPED(taken, LeaseFlow, A | N),
	DOC("Flows of a listener on all addresses for which the lease has no room, so that they are copied: the "
	    "first 16; null if there are none"),
	OUT_TYPED(leftOut, Flow, A | N),
	DOC("How many these are, null if there are none"), OUT(leftOutCount, INT, N));

static SD_VARLINK_DEFINE_METHOD(RemoveFlow,
	DOC("The lease"), IN(leaseId, STRING, 0),
	HANDLE,
	DOC("Of AddFlow's reply, or of the lease's description"), IN(flowId, STRING, 0));

static SD_VARLINK_DEFINE_METHOD(Release,
	DOC("The lease. The answer comes when its queues are free again, or quarantined"),
	IN(leaseId, STRING, 0),
	HANDLE);

static SD_VARLINK_DEFINE_METHOD(Renew,
	DOC("The lease"), IN(leaseId, STRING, 0),
	HANDLE,
	DOC("From now, in microseconds; the policy's max-lease-time caps it"),
	IN(timeToLiveUSec, INT, 0));

static SD_VARLINK_DEFINE_METHOD(Tune,
	DOC("The lease, until the end of which the settings hold; then the former ones are restored"),
	IN(leaseId, STRING, 0),
	HANDLE,
	DOC("Which of the lease's queues, counted from 0; every one if null"), IN(queue, INT, N),
	DOC("Empty polls before the interrupt is armed again, 0 to 100; unchanged if null"),
	IN(deferHardIrqs, INT, N),
	DOC("Nanoseconds between polls meanwhile, 0 to 10 ms; unchanged if null"),
	IN(groFlushTimeoutNSec, INT, N),
	DOC("Nanoseconds without interrupts while the application polls, 0 to 100 ms; unchanged if null"),
	IN(irqSuspendTimeoutNSec, INT, N),
	DOC("CPUs that the interrupt may go to, a list such as 0-3,8 of less than 256 bytes; unchanged "
	    "if null. Only CPUs on which the caller's process may run, unless he may administer. "
	    "NotSupported where the interrupt is not known, is that of other queues too, or is managed "
	    "by the kernel"),
	IN(irqAffinity, STRING, N));

static SD_VARLINK_DEFINE_METHOD_FULL(Watch, SD_VARLINK_REQUIRES_MORE,
	DOC("Only events of this lease"), IN(leaseId, STRING, N),
	DOC("One event a reply. The first reply has none: it says that the watch is in place"),
	OUT_TYPED(event, Event, N));

static SD_VARLINK_DEFINE_METHOD(Explain,
	DOC("The flow; fields that it leaves open may lead to several targets"),
	IN_TYPED(flow, Flow, 0),
	DOC("Where; may be null if the configuration has one interface only"),
	IN(interface, STRING, N),
	DOC("Name of the interface"), OUT(interface, STRING, 0),
	DOC("In the order in which the NIC asks its rules"), OUT_TYPED(targets, FlowTarget, A));

static SD_VARLINK_DEFINE_METHOD(Plan,
	DOC("Only this one; null for all"), IN(interface, STRING, N),
	DOC("In the order in which they would be made; empty if all is as configured"),
	OUT_TYPED(changes, Change, A),
	DOC("A sentence each: what in the configuration is for no interface that there is, or that it names, if all "
	    "were asked for; and of those that would be changed, what each lease does to others there (bindEffect of "
	    "Interface). Null if there is nothing of that"),
	OUT(warnings, STRING, A | N));

static SD_VARLINK_DEFINE_METHOD(Apply,
	DOC("Only this one; null for all"), IN(interface, STRING, N),
	DOC("Also where it interrupts the default route or an ssh session"), IN(force, BOOL, N),
	DOC("Roll everything back after so many microseconds unless Confirm comes before: 1 s to 1 day"),
	IN(confirmWithinUSec, INT, N),
	DOC("What was changed, each with its outcome; empty if all was as configured"),
	OUT_TYPED(changes, Change, A),
	DOC("When it is rolled back; realtime clock, microseconds; null if nothing waits for Confirm"),
	OUT(confirmUntilUSec, INT, N));

static SD_VARLINK_DEFINE_METHOD(Confirm,
	DOC("Only this one; null for all that wait for it"), IN(interface, STRING, N),
	DOC("False: roll it back now, instead of at the end of the time; true if null"),
	IN(keep, BOOL, N),
	DOC("The names of those that were confirmed, or rolled back"), OUT(interfaces, STRING, A));

static SD_VARLINK_DEFINE_METHOD(Restore,
	DOC("Which one"), IN(interface, STRING, 0),
	DOC("Also where leases have to end for it, or it interrupts the default route or an ssh session"),
	IN(force, BOOL, N),
	DOC("What was restored, each with its outcome; empty if all was at the baseline"),
	OUT_TYPED(changes, Change, A));

static SD_VARLINK_DEFINE_METHOD(Revoke,
	DOC("The lease"), IN(leaseId, STRING, 0),
	DOC("Kill the client if its queue cannot be reclaimed otherwise"), IN(force, BOOL, N),
	DOC("How long the client may continue, in microseconds"), IN(graceUSec, INT, N),
	DOC("For the client and the journal"), IN(reason, STRING, N));

static SD_VARLINK_DEFINE_METHOD(Reload,
	DOC("Names what could not be applied, one sentence each; empty if all was"),
	OUT(warnings, STRING, A),
	DOC("Names what is done when the leases in its way have ended, likewise (since 0.2)"),
	OUT(waiting, STRING, N | A));

/* ----------------------------------------------------------------- errors */

#define MESSAGE DOC("Cause and remedy, for a person"), FIELD(message, STRING, 0)

static SD_VARLINK_DEFINE_ERROR(NoSuchInterface, DOC("What was asked for"),
	FIELD(interface, STRING, N), MESSAGE);
static SD_VARLINK_DEFINE_ERROR(NoSuchLease, DOC("What was asked for"),
	FIELD(leaseId, STRING, N), MESSAGE);
static SD_VARLINK_DEFINE_ERROR(NoSuchFlow, DOC("What was asked for"),
	FIELD(flowId, STRING, N), MESSAGE);
static SD_VARLINK_DEFINE_ERROR(NoQueueAvailable, DOC("Where; null if nowhere"),
	FIELD(interface, STRING, N), MESSAGE);
static SD_VARLINK_DEFINE_ERROR(QuotaExceeded,
	DOC("The key of the policy rule that sets the limit"), FIELD(limit, STRING, N), MESSAGE);
static SD_VARLINK_DEFINE_ERROR(InvalidFlow,
	DOC("The field that is wrong"), FIELD(field, STRING, N), MESSAGE);
static SD_VARLINK_DEFINE_ERROR(FlowNotProved, MESSAGE);
static SD_VARLINK_DEFINE_ERROR(FlowConflict,
	DOC("The lease that has the other flow; null for a rule that is not ours"),
	FIELD(leaseId, STRING, N), MESSAGE);
static SD_VARLINK_DEFINE_ERROR(InvalidRing, MESSAGE);
static SD_VARLINK_DEFINE_ERROR(InvalidArea, MESSAGE);
static SD_VARLINK_DEFINE_ERROR(WrongState, DOC("The state it is in"), FIELD(state, STRING, N),
	DOC("What was asked"), FIELD(requested, STRING, N), MESSAGE);
static SD_VARLINK_DEFINE_ERROR(NotSupported,
	DOC("What the kernel or the driver lacks"), FIELD(feature, STRING, N), MESSAGE);
static SD_VARLINK_DEFINE_ERROR(InterfaceDown, DOC("Which one"), FIELD(interface, STRING, N), MESSAGE);
static SD_VARLINK_DEFINE_ERROR(KernelRejected,
	DOC("What was being done"), FIELD(operation, STRING, N),
	DOC("Symbolic name of the errno, such as EBUSY"), FIELD(errnoName, STRING, N),
	DOC("The kernel's own words (extack)"), FIELD(kernelMessage, STRING, N), MESSAGE);

SD_VARLINK_DEFINE_INTERFACE(io_zcrx_Manager, ZCRX_INTERFACE,
	SD_VARLINK_INTERFACE_COMMENT("Leases hardware receive queues for io_uring zero-copy receive"),
	SD_VARLINK_SYMBOL_COMMENT("What an interface is good for"), &vl_type_InterfaceState,
	SD_VARLINK_SYMBOL_COMMENT("What a queue is for"), &vl_type_QueueKind,
	SD_VARLINK_SYMBOL_COMMENT("How far a lease, or the lease of a queue, is"),
	&vl_type_LeaseState,
	SD_VARLINK_SYMBOL_COMMENT("How the kernel holds leased queues"), &vl_type_GrantKind,
	SD_VARLINK_SYMBOL_COMMENT("How the flows of a lease reach its queues"), &vl_type_Spread,
	SD_VARLINK_SYMBOL_COMMENT("What carries a flow"), &vl_type_FlowProtocol,
	SD_VARLINK_SYMBOL_COMMENT("Whose namespaces a process is in"), &vl_type_Where,
	SD_VARLINK_SYMBOL_COMMENT("Memory to receive into"), &vl_type_AreaType,
	SD_VARLINK_SYMBOL_COMMENT("What can happen"), &vl_type_EventKind,
	SD_VARLINK_SYMBOL_COMMENT("What the running kernel can do"), &vl_type_Kernel,
	SD_VARLINK_SYMBOL_COMMENT("One hardware receive queue"), &vl_type_Queue,
	SD_VARLINK_SYMBOL_COMMENT("One NIC"), &vl_type_Interface,
	SD_VARLINK_SYMBOL_COMMENT("TCP packets by what they carry"), &vl_type_Flow,
	SD_VARLINK_SYMBOL_COMMENT("A flow of a lease"), &vl_type_LeaseFlow,
	SD_VARLINK_SYMBOL_COMMENT("Queues in a client's hands"), &vl_type_Lease,
	SD_VARLINK_SYMBOL_COMMENT("How much of a flow goes to a target"), &vl_type_TargetShare,
	SD_VARLINK_SYMBOL_COMMENT("Where packets of a flow, or of a part of it, go"), &vl_type_FlowTarget,
	SD_VARLINK_SYMBOL_COMMENT("One step from what a NIC is to what the configuration says"),
	&vl_type_Change,
	SD_VARLINK_SYMBOL_COMMENT("Turns of the event loop that took about as long"), &vl_type_LoopBucket,
	SD_VARLINK_SYMBOL_COMMENT("How long zcrxd was busy with one thing, while others waited"),
	&vl_type_Loop,
	SD_VARLINK_SYMBOL_COMMENT("Something happened"), &vl_type_Event,
	SD_VARLINK_SYMBOL_COMMENT("Who calls, as the kernel reports"), &vl_type_Caller,
	SD_VARLINK_SYMBOL_COMMENT("The daemon, the kernel and every interface"),
	&vl_method_Describe,
	SD_VARLINK_SYMBOL_COMMENT("The leases that exist"), &vl_method_ListLeases,
	SD_VARLINK_SYMBOL_COMMENT("Lease queues"), &vl_method_Acquire,
	SD_VARLINK_SYMBOL_COMMENT("One more handle of a persistent lease"), &vl_method_Open,
	SD_VARLINK_SYMBOL_COMMENT("Register the ifq on the caller's ring"), &vl_method_Register,
	SD_VARLINK_SYMBOL_COMMENT("Put a registered queue's ifq on one more ring of the caller's"), &vl_method_Share,
	SD_VARLINK_SYMBOL_COMMENT("Steer a flow to the lease's queue"), &vl_method_AddFlow,
	SD_VARLINK_SYMBOL_COMMENT("Stop steering a flow"), &vl_method_RemoveFlow,
	SD_VARLINK_SYMBOL_COMMENT("End a lease. One that was acquired for another user (ownerUid), administrators may, too"),
	&vl_method_Release,
	SD_VARLINK_SYMBOL_COMMENT("Give a lease a new time to live"), &vl_method_Renew,
	SD_VARLINK_SYMBOL_COMMENT("Set how a lease's queues are polled, as far as the policy allows"),
	&vl_method_Tune,
	SD_VARLINK_SYMBOL_COMMENT("Events as they happen"), &vl_method_Watch,
	SD_VARLINK_SYMBOL_COMMENT("Where a flow would land now"), &vl_method_Explain,
	SD_VARLINK_SYMBOL_COMMENT("What would be changed to reach the configuration"),
	&vl_method_Plan,
	SD_VARLINK_SYMBOL_COMMENT("Bring interfaces to the configuration (administrators)"),
	&vl_method_Apply,
	SD_VARLINK_SYMBOL_COMMENT("Keep what was applied with confirmWithinUSec (administrators)"),
	&vl_method_Confirm,
	SD_VARLINK_SYMBOL_COMMENT("Put an interface back as it was found, and leave it alone until Apply, "
				  "Reload or a restart (administrators)"),
	&vl_method_Restore,
	SD_VARLINK_SYMBOL_COMMENT("Take a lease back from its owner (administrators)"),
	&vl_method_Revoke,
	SD_VARLINK_SYMBOL_COMMENT("Read the configuration again (administrators)"),
	&vl_method_Reload,
	SD_VARLINK_SYMBOL_COMMENT("The interface is not in the configuration, or not there"),
	&vl_error_NoSuchInterface,
	SD_VARLINK_SYMBOL_COMMENT("There is no such lease, or no more"), &vl_error_NoSuchLease,
	SD_VARLINK_SYMBOL_COMMENT("The lease has no such flow, or no more"), &vl_error_NoSuchFlow,
	SD_VARLINK_SYMBOL_COMMENT("Fewer queues are free than were asked for"),
	&vl_error_NoQueueAvailable,
	SD_VARLINK_SYMBOL_COMMENT("A limit of the policy, or of zcrxd, would be exceeded"),
	&vl_error_QuotaExceeded,
	SD_VARLINK_SYMBOL_COMMENT("The flow makes no sense"), &vl_error_InvalidFlow,
	SD_VARLINK_SYMBOL_COMMENT("The flow is not shown to be the caller's"),
	&vl_error_FlowNotProved,
	SD_VARLINK_SYMBOL_COMMENT("The flow, or part of it, goes elsewhere already"),
	&vl_error_FlowConflict,
	SD_VARLINK_SYMBOL_COMMENT("The ring is none, or cannot receive by zero copy"),
	&vl_error_InvalidRing,
	SD_VARLINK_SYMBOL_COMMENT("The memory to receive into does not do"), &vl_error_InvalidArea,
	SD_VARLINK_SYMBOL_COMMENT("Not possible in the state that the thing is in"),
	&vl_error_WrongState,
	SD_VARLINK_SYMBOL_COMMENT("The kernel, the driver or the device lacks something"),
	&vl_error_NotSupported,
	SD_VARLINK_SYMBOL_COMMENT("The interface is down"), &vl_error_InterfaceDown,
	SD_VARLINK_SYMBOL_COMMENT("The kernel refused, for what it says"),
	&vl_error_KernelRejected);
