# SPDX-License-Identifier: LGPL-2.1-or-later
"""What no simulated daemon comes to: replies of `zcrxctl status` and `check` with everything in them."""
import json
import time
from pathlib import Path

GOLDEN = Path("/src/tools/zcrxctl/tests/golden")
TAKEN = "ntuple rule 3 of somebody else takes it; ethtool --config-ntuple eth0 delete 3 removes that."
SHORTAGE = "Packets again and again find no buffer: 4096 were dropped. Register areas of at least 64M."
NOT_STEERED = "2 of 18 flows are not steered: the policy's max-flows is 16."


def golden(name):
    read = json.loads((GOLDEN / name).read_text())
    return read["description"], read["leases"]


def everything():
    """Every state of a queue, a lease and an interface; every kind of problem."""
    status, leases = golden("status-32-queues.json")
    degraded, _ = golden("status-degraded.json")
    now = int(time.time() * 1e6)
    status["interfaces"] += degraded["interfaces"][1:]
    status["problems"] = degraded["problems"]
    status["stateSetAside"] = degraded["stateSetAside"]
    eth0 = status["interfaces"][0]
    eth0["observationUSec"] = now
    eth0["confirmUntilUSec"] = now + int(42.5e6)
    for queue in eth0["queues"]:
        number = queue["queue"]
        queue.update(napiId=8193 + number, irq=64 + number, irqAffinity=f"{number}", numaNode=0, receivedPackets=1000 * number,
                     receivedBytes=4096000 * number, allocationFailures=4096 if number == 16 else 0, buffersInUse=17)
    for lease, name in zip(leases, ("alice", None, "root", "alice")):
        lease["creationUSec"] = now - int(3.7e9)
        if name:
            lease["ownerName"] = name
    leases[0]["flows"][1]["takenBy"] = {"share": "all", "rule": 3, "queues": [2], "message": TAKEN}
    leases[0]["shortage"] = SHORTAGE
    leases[1]["notSteered"] = NOT_STEERED
    leases[2]["expiryUSec"] = now + int(540e6)
    return {**status, "leases": leases, "caller": {"uid": 0, "where": "host", "assumed": False, "administers": True}}


def evil(value, number=iter(range(10**6))):
    """The same with each string a try at being HTML, but those that others are found by."""
    if isinstance(value, dict):
        keep = ("state", "kind", "leaseId", "protocol")
        return {key: one if key in keep and isinstance(one, str) else evil(one) for key, one in value.items()}
    if isinstance(value, list):
        return [evil(one) for one in value]
    if not isinstance(value, str):
        return value
    return f"<img src=x{next(number)} onerror='document.title=\"bad\"'></b><script>document.title='bad'</script>\u202e\x1b[31m"


CHECK = [
    {"requirement": "zero-copy-receive", "verdict": "yes", "optional": False, "found": "Linux 7.2"},
    {"requirement": "queue-leasing", "verdict": "yes", "optional": True, "found": "Linux 7.2"},
    {"requirement": "memlock", "verdict": "no", "optional": True, "found": "8M, less than one area of 16M",
     "remedy": "Give it 16M for each queue and what it locks itself: LimitMEMLOCK=64M in its unit."},
    {"requirement": "tcp-data-split", "interface": "eth0", "verdict": "no", "optional": False, "found": "off",
     "remedy": "zcrxd sets it when it applies the configuration: zcrxctl apply eth0"},
    {"requirement": "rss-contexts", "interface": "eth0", "verdict": "unknown", "optional": True, "found": "not shown to this user",
     "remedy": "Ask as root."},
]
