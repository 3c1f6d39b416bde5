# SPDX-License-Identifier: LGPL-2.1-or-later
"""The quirks of drivers that the simulated NIC can have, the drivers that have them, and what zcrxd
makes of them. Read by the tests, and by table.py for docs/DRIVERS.md."""

# Quirk of the simulated NIC: real drivers, what is different, what zcrxd does about it.
QUIRKS = {
    "location-any": (
        "bnxt, fbnic", "The driver picks the location of a rule; a given one is refused.",
        "Asks the driver whether it picks locations, and takes the one that it returns."),
    "location-given": (
        "mlx5, gve, ice, idpf, igb", "The location of a rule must be given.",
        "Takes the lowest that is free."),
    "location-occupied": (
        "idpf", "A location that has a rule is refused. Others replace what is there.",
        "Never asks for a location that has a rule, and tries another one if somebody was faster. "
        "Every rule is read back."),
    "table-silent": (
        "mlx5", "The driver does not report the size of the rule table.",
        "Takes it to be mlx5's, 1024."),
    "one-field-set": (
        "ice", "All rules of a flow type match the same fields.",
        "Refuses the flow, and names the rule whose fields are other ones."),
    "rules-lost": (
        "bnxt (MAC address), gve, mlx5 (device reset)", "Rules are lost silently.",
        "Reads the rules again when the link changes, and inserts those that are missing."),
    "split-fixed": (
        "bnxt, fbnic", "Headers are split from data whether asked for or not; \"disabled\" is "
        "refused. For the kernel only what was asked for counts.",
        "Asks for it all the same, and restores it to \"unknown\", never to \"disabled\"."),
    "split-gro-hw": (
        "mlx5", "`tcp-data-split` needs `rx-gro-hw`.", "Switches `rx-gro-hw` on first."),
    "split-refused": (
        "those with old firmware", "There is no header/data split, and the driver says why.",
        "Leaves the NIC unchanged: degraded, with the driver's message as the reason."),
    "split-shrinks-rings": (
        "bnxt", "Receive rings are smaller at most while headers are split; larger ones shrink without a "
        "word.", "Restores such a ring after the split."),
    "threshold-default": (
        "bnxt, fbnic", "`hds-thresh` is not 0 at first.", "Sets it to 0."),
    "threshold-none": (
        "gve, ice, idpf", "`hds-thresh` is not known.", "Does not send it."),
    "few-filtered": (
        "bnxt (some chips)", "With too many channels ntuple-filters are off, and everybody's rules gone.",
        "Takes the channels back, and names their number as the reason."),
    "separate-channels": (
        "gve", "There are receive and transmit channels, none combined.",
        "Counts receive channels, and leaves the others unchanged."),
    "table-rewritten": (
        "igb", "A change of channels sets the RSS table to its default, and the kernel does not "
        "know.", "Reads the table again after the channels, and sets it again."),
    "no-contexts": (
        "gve, ice, idpf, igb", "There is one RSS table only.",
        "Assigns each flow of a lease of several queues to one of them by a rule."),
    "bounces": (
        "bnxt; mlx5 and gve (but for RSS)",
        "The device is closed and opened to set channels, rings or RSS.",
        "Changes nothing that is as configured, sets all of the ring in one call, says so in the plan, and "
        "never does it to the interface that carries the default route or an ssh session, unless forced."),
    "failure-closes": (
        "bnxt", "A setting with which the device cannot be opened again leaves the interface down.",
        "Takes the setting back and brings the interface up again, and says so; likewise of a "
        "Register that fails, where it only says so."),
    "bind-stops-all": (
        "mlx5, gve; bnxt (steered traffic only)",
        "All queues stop for a moment whenever one is bound or released; with mlx5 and bnxt what comes "
        "meanwhile is dropped.",
        "Says so with the interface (`bindEffect`), and binds and releases nothing needlessly."),
    "bind-needs-up": (
        "mlx5, bnxt, gve", "A queue can be bound only while the interface is up.",
        "Refuses Register while it is down, with the remedy."),
    "pages-only": (
        "gve, fbnic", "Receive buffers have the size of a page.",
        "Refuses another `receiveBufferLength`, and says so."),
    "no-queue-management": (
        "ice, idpf, igb, virtio_net and others", "No queue can be given to a program.",
        "Asks the kernel before the first change, and leaves the NIC unchanged: degraded, with the "
        "reason."),
    "lists-race": (
        "mlx5, bnxt", "Rules that others add or delete while they are listed make the list refused or "
        "cut, silently.", "Counts again after the list, and lists again until nobody came between; no rule "
        "is inserted again before it was looked for everywhere."),
    "down-hides-rules": (
        "fbnic", "While the interface is down rules are not listed, cannot be deleted, and are back when it "
        "comes up.", "Inserts none while it is down, takes none for lost, and keeps a lease whose rule cannot "
        "be deleted until it can."),
    "contexts-lost": (
        "mlx5 (firmware recovery, PCI error recovery, suspend)", "RSS contexts are lost, and the kernel still "
        "lists them: no rule can lead to one, none can be deleted. The RSS table is uniform, rules are gone, "
        "and nobody is told.", "Makes another context when a rule cannot lead to the first, and does not wait "
        "for a deletion that cannot be. The first keeps the kernel from lowering the channels until the "
        "driver is loaded anew."),
    "area-over-ring": (
        "bnxt", "An area no larger than the driver's ring receives nothing, though Register succeeds.",
        "Knows what the ring of each driver keeps; recommends a size, refuses less than is needed, and "
        "reports packets that find no buffer."),
    "dry-stops-all": (
        "mlx5", "While a bound queue has no buffers left, nothing is received on the whole NIC, for up to "
        "20 s, whenever another one is bound or released.",
        "Refuses an area that the ring would use up, and ends a lease whose queue is dry before it binds "
        "or releases another."),
    "buffer-range": (
        "mlx5, bnxt", "Longer receive buffers than it takes are refused with ERANGE.",
        "Refuses them with the longest that the driver takes."),
    "napi-renewed": (
        "gve", "Whenever a queue is bound or released, each queue has another NAPI id.",
        "Looks each second, and tells the present ids with the lease."),
    "other-errnos": (
        "gve", "A location that has a rule is refused with EINVAL, also one whose rule is not listed, a full table "
        "with ENOMEM, and everything with EAGAIN while the device is reset.",
        "Takes another location, and says of a full table or a busy device what it is, instead of its usual "
        "words for these numbers."),
    "slow": (
        "many, with slow firmware", "Each setting, rule and binding takes seconds.",
        "Works on one interface at a time in a thread of its own: nobody else waits, and read-only "
        "calls get the last known state."),
}

# Driver: the quirks that imitate it, and what they do not imitate.
DRIVERS = {
    "mlx5": ("location-given table-silent lists-race contexts-lost split-gro-hw bind-stops-all bind-needs-up "
             "dry-stops-all buffer-range",
             "rules with more fields win over those with fewer; `hds-thresh` takes 0 only"),
    "bnxt": ("location-any lists-race split-fixed threshold-default bounces failure-closes rules-lost "
             "bind-needs-up area-over-ring buffer-range",
             "rule insertion while the interface is down"),
    "gve": ("location-given threshold-none separate-channels no-contexts bind-stops-all pages-only "
            "rules-lost napi-renewed other-errnos", "queue 0 cannot be bound"),
    "fbnic": ("location-any down-hides-rules split-fixed threshold-default pages-only", "one extra RSS context only"),
}

# What zcrxd finds where there is nothing to lease, and no mode to imitate it.
WITHOUT = {
    "ice, idpf": "No queue management: degraded before anything is changed (Linux 7.1 and later; the "
                 "kernel does not tell before, and Register is refused with NotSupported). Software "
                 "queues work.",
    "igb": "No header/data split and no rules for TCP: degraded, with the kernel's reason. Software "
           "queues work.",
    "virtio_net": "No header/data split: degraded, with the kernel's reason (tested on the virtual "
                  "machine's own).",
}

# Modes in which nothing can be leased, and of the reason.
REFUSING = {"split-refused": "firmware cannot split", "no-queue-management": "no queue management"}

MODES = {"none": ""} | {name: quirks for name, (quirks, _) in DRIVERS.items()} | {
    name: name for name in QUIRKS}
# A silent table is one of a driver that wants locations.
MODES["table-silent"] = "location-given table-silent"
MODES["other-errnos"] = "location-given other-errnos"
MODES["failure-closes"] = "bounces failure-closes"
