/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the errno of a registration means. The kernel gives no text with it, and most errnos have
 * several causes; the ring's own faults are ruled out before (zcrx_probe_ring), so what is left
 * is about the area, the parameters or the device. Pure.
 */
#include "zcrx.h"

#define OPERATION "register an interface queue on the client's ring"

/* What the exporter of a dma-buf says comes through as it is. */
static int refuse_dmabuf(int error, const struct ifq_request *request, struct fault *reterr)
{
	if (error == ERANGE)
		return fault_set(reterr, ZCRX_INVALID_AREA, NULL,
				 "Cannot " OPERATION ": the dma-buf's memory is not contiguous in pieces "
				 "of %u bytes (receiveBufferLength), or the driver takes no buffers of that "
				 "length. Leave receiveBufferLength out, or have it made of larger pages.",
				 request->buffer_length);
	return fault_kernel(reterr, error, NULL, OPERATION,
			    "The area is a dma-buf. Either its exporter does not map it for this NIC, "
			    "or not all of its %llu bytes, or what holds for every area is missing: "
			    "a memfd as areaType memory tells which.",
			    (unsigned long long)request->area_size);
}

static int refuse_unsupported(const struct ifq_request *request, struct fault *reterr)
{
	if (request->kind == GRANT_SOFTWARE)
		return fault_set(reterr, ZCRX_NOT_SUPPORTED, "software zero-copy receive",
				 "Cannot " OPERATION ": the kernel has no receive without a device "
				 "with these parameters (7.1 and later; pages as buffers only).");
	if (request->buffer_length != 0)
		return fault_set(reterr, ZCRX_NOT_SUPPORTED, "receiveBufferLength",
				 "Cannot " OPERATION
				 ": the driver cannot receive into buffers of %u "
				 "bytes. Leave receiveBufferLength out.",
				 request->buffer_length);
	return fault_set(
		reterr, ZCRX_NOT_SUPPORTED, "zero-copy receive",
		"Cannot " OPERATION ": the driver cannot give receive queue %u to an "
		"io_uring%s. zcrxctl check tells what it lacks, and the kernel's log (journalctl -k) what excludes "
		"it (mlx5: TX port timestamps, receive timestamps by PTP, an XDP program, HTB).",
		request->queue,
		request->kind == GRANT_DIRECT ? ", or the queue is leased to another device" : "");
}

static int refuse_invalid(const struct ifq_request *request, struct fault *reterr)
{
	if (request->kind == GRANT_SOFTWARE)
		return fault_kernel(reterr, EINVAL, NULL, OPERATION,
				    "The kernel does not take these parameters: software queues "
				    "need Linux 7.1.");
	if (request->buffer_length != 0)
		return fault_kernel(reterr, EINVAL, NULL, OPERATION,
				    "Either receiveBufferLength (%u) is no power of two or not one "
				    "that the driver takes, or the NIC is not set up: header/data "
				    "split must have been switched on, with threshold 0 (zcrxctl "
				    "plan, zcrxctl apply).",
				    request->buffer_length);
	return fault_kernel(reterr, EINVAL, NULL, OPERATION,
			    "The NIC is not set up for it: header/data split must have been "
			    "switched on by hand or by zcrxd (that the driver reports it on by "
			    "default is not enough), and its threshold must be 0. See zcrxctl plan "
			    "and zcrxctl apply.");
}

static int refuse_range(const struct ifq_request *request, struct fault *reterr)
{
	if (request->buffer_length != 0)
		return fault_set(
			reterr, ZCRX_INVALID_AREA, NULL,
			"Cannot " OPERATION ": the area's memory is not contiguous in pieces of "
			"%u bytes (receiveBufferLength), or the driver takes no buffers of that length "
			"(mlx5 takes up to 131072 bytes, on a DPU pages only; bnxt up to 32768). Use huge "
			"pages (MFD_HUGETLB); if it has them, take a shorter receiveBufferLength, or leave "
			"it out.",
			request->buffer_length);
	return fault_kernel(
		reterr, ERANGE, NULL, OPERATION,
		"The device has no receive queue %u (any more), or the driver cannot stop "
		"this one.",
		request->queue);
}

int zcrx_explain_errno(int error, const struct ifq_request *request, struct fault *reterr)
{
	if (request->dmabuf && (error == EINVAL || error == EOPNOTSUPP ||
				(error == ERANGE && request->buffer_length != 0)))
		return refuse_dmabuf(error, request, reterr);
	switch (error) {
	case EOPNOTSUPP:
		return refuse_unsupported(request, reterr);
	case EINVAL:
		return refuse_invalid(request, reterr);
	case EFAULT:
		return fault_set(reterr, ZCRX_INVALID_AREA, NULL,
				 "Cannot " OPERATION ": the pages of the area cannot be pinned. It "
				 "must be a memfd, readable and writable, populated, and whole.");
	case ERANGE:
		return refuse_range(request, reterr);
	case ENOMEM:
		return fault_kernel(
			reterr, error, NULL, OPERATION,
			"Memory ran out, or the limit of locked memory was reached; zcrxd "
			"should run with LimitMEMLOCK=infinity.");
	case EEXIST:
		return fault_kernel(
			reterr, error, NULL, OPERATION,
			"Receive queue %u already has a zero-copy user, or an XDP program "
			"is attached to the NIC (ip link shows one).",
			request->queue);
	case EBUSY:
		return fault_kernel(
			reterr, error, NULL, OPERATION,
			"Receive queue %u is used by AF_XDP or leased to another device.",
			request->queue);
	case ENODEV:
		return fault_set(reterr, ZCRX_NO_SUCH_INTERFACE, NULL,
				 "Cannot " OPERATION
				 ": the lease's device is gone. The lease ends; "
				 "acquire another one.");
	case ENETDOWN:
	case EAGAIN:
		return fault_set(reterr, ZCRX_INTERFACE_DOWN, NULL,
				 "Cannot " OPERATION ": the NIC is down%s. Bring it up first.",
				 error == EAGAIN ? ", or its driver resets it: if it is up, try again" : "");
	case ENODATA:
		return fault_set(
			reterr, ZCRX_NOT_SUPPORTED, "zero-copy receive",
			"Cannot " OPERATION ": the driver did not take the area for receive "
			"queue %u. Something that it needs is off, usually header/data split "
			"or rx-gro-hw (ethtool -g, ethtool -k).",
			request->queue);
	case EPERM:
		return fault_kernel(reterr, error, NULL, OPERATION,
				    "zcrxd needs CAP_NET_ADMIN in the initial user namespace.");
	default:
		return fault_kernel(
			reterr, error, NULL, OPERATION,
			"The driver refused; the kernel log may say more (journalctl -k).");
	}
}
