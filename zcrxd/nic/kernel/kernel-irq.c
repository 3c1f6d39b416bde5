/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the interrupt of a queue goes: nic_ops.irq_get and irq_set. /proc/irq is root's, and the
 * daemon is not: zcrxd-irq (zcrxd/irq) writes there, and is told which interrupt by the number. That
 * it is the queue's is known here only.
 */
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "irq-affinity.h"
#include "kernel-nic.h"
#include "sysfs.h"

/* It does one thing at once, but may have to be started first. */
#define PATIENCE_SEC 30

int kernel_nic_irq_get(struct nic *base, uint32_t queue, struct irq_affinity *ret,
		       struct fault *reterr)
{
	struct kernel_nic *nic = kernel_nic(base);
	_cleanup_free_ struct nic_queue *queues = NULL;
	struct netdev_queues all = {};
	struct irq_affinity a = {};
	int r = kernel_nic_begin(nic, reterr);

	if (r != 0)
		return r;
	r = kernel_nic_read_queues(nic, &all);
	queues = all.queues;
	if (r >= 0)
		r = netlink_dump(&nic->genl, netdev_dump_napis(&nic->netdev, nic->nic.ifindex),
				 netdev_read_napi, NULL, &all);
	if (r == -ENODEV)
		return kernel_nic_absent(nic, "find the interrupt of a queue", reterr);
	if (r < 0)
		return netlink_fault(&nic->genl, r, reterr, "find the interrupt of a queue", "%s", "");
	if (all.n == 0)
		return fault_set(reterr, ZCRX_INTERFACE_DOWN, nic->name,
				 "Interface %s is down, and its queues have no interrupts then. Bring it "
				 "up (ip link set %s up).", nic->name, nic->name);
	r = nic_queues_check_irq(queues, all.n, queue, nic->name, reterr);
	if (r != 0)
		return r;
	a.irq = queues[queue].interrupt.irq;
	irq_read_affinity(&a);
	if (!*a.cpus)
		return fault_set(reterr, ZCRX_NOT_SUPPORTED, "irq",
				 "Nothing can be read from /proc/irq/%u/smp_affinity_list, so it "
				 "could not be restored.", a.irq);
	*ret = a;
	return 0;
}

/* 0, what zcrxd-irq answers, or a negative errno: it cannot be asked. */
static int ask(const struct irq_affinity *affinity)
{
	const struct timeval patience = { PATIENCE_SEC, 0 };
	const struct sockaddr_un address = { AF_UNIX, IRQ_SOCKET };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int answer;
	ssize_t n;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    send(fd, affinity, sizeof(*affinity), MSG_NOSIGNAL) < 0)
		return -errno;
	n = recv(fd, &answer, sizeof(answer), 0);
	if (n < 0)
		return -errno;
	return n == sizeof(answer) && answer >= 0 ? answer : -ECONNRESET;
}

static int fault_of(int r, const struct irq_affinity *a, struct fault *reterr)
{
	_cleanup_free_ char *operation = NULL;

	if (r < 0)
		return fault_kernel(reterr, r == -EAGAIN ? ETIMEDOUT : -r, NULL,
				    "ask zcrxd-irq to set the affinity of an interrupt",
				    "Is it there? systemctl start zcrxd-irq.socket");
	if (r == EPERM || r == EIO)
		return fault_set(reterr, ZCRX_NOT_SUPPORTED, "irq",
				 "The kernel manages the affinity of interrupt %u itself, and lets no program "
				 "change it.", a->irq);
	if (asprintf(&operation, "set the affinity of interrupt %u to CPUs %s", a->irq, a->cpus) < 0) {
		operation = NULL;
		return -ENOMEM;
	}
	return fault_kernel(reterr, r, NULL, operation, "%s",
			    r == EINVAL ? "None of these CPUs is online." : "");
}

int kernel_nic_irq_set(struct nic *base, uint32_t queue, const struct irq_affinity *affinity,
		       struct fault *reterr)
{
	struct irq_affinity now;
	int r = kernel_nic_irq_get(base, queue, &now, reterr);

	if (r != 0)
		return r;
	if (now.irq != affinity->irq)
		return fault_set(reterr, ZCRX_NOT_SUPPORTED, "irq",
				 "Queue %u of %s has interrupt %u by now, and not %u any more.", queue,
				 kernel_nic(base)->name, now.irq, affinity->irq);
	if (streq(now.cpus, affinity->cpus))
		return 0;
	r = ask(affinity);
	return r != 0 ? fault_of(r, affinity, reterr) : 0;
}
