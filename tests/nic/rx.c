// SPDX-License-Identifier: GPL-2.0-only
/*
 * A queue's NAPI: takes frames off the wire and puts them into buffers of the queue's page pool.
 * If the port has a thread for that, as hardware has DMA, NAPI only finds what the thread has filled.
 * With header/data split a TCP frame's headers go to ordinary memory and its payload, alone, into
 * buffers; only such payload may reach the buffers of a memory provider.
 */
#include <linux/dma-direct.h>
#include <linux/etherdevice.h>
#include <linux/kthread.h>
#include <net/page_pool/helpers.h>

#include "zcnic.h"

/* What of an unsplit frame goes next to the sk_buff rather than into a buffer. */
#define ZCNIC_COPYBREAK 256

/*
 * Where the "DMA engine" writes. A provider's buffers have no kernel address, but they do have a
 * bus address, and for a device without IOMMU that is the physical one.
 */
static void *zcnic_buffer_address(struct page_pool *pool, netmem_ref netmem)
{
	if (!netmem_is_net_iov(netmem))
		return netmem_address(netmem);
	return phys_to_virt(dma_to_phys(pool->p.dev, page_pool_get_dma_addr_netmem(netmem)));
}

/* Puts what follows offset in the frame into buffers and hangs them on skb. */
static bool zcnic_fill_buffers(struct zcnic_queue *queue, struct sk_buff *skb,
			       struct sk_buff *frame, unsigned int offset)
{
	struct page_pool *pool = queue->pool;
	const unsigned int buf_len = PAGE_SIZE << pool->p.order;

	for (unsigned int i = 0; offset < frame->len; i++) {
		const unsigned int len = min(frame->len - offset, buf_len);
		netmem_ref netmem = 0;

		if (!zcnic_fault_atomic(queue->port, ZCNIC_OP_RX_ALLOC))
			netmem = page_pool_dev_alloc_netmems(pool);
		if (!netmem) {
			queue->rx.alloc_fail++;
			return false;
		}

		/* Cannot fail: offset and len are within the frame. */
		skb_copy_bits(frame, offset, zcnic_buffer_address(pool, netmem), len);
		page_pool_dma_sync_netmem_for_cpu(pool, netmem, 0, len);
		skb_add_rx_frag_netmem(skb, i, netmem, 0, len, buf_len);
		skb_mark_for_recycle(skb);
		if (netmem_is_net_iov(netmem))
			queue->rx.zc_bytes += len;
		else
			queue->rx.page_bytes += len;
		offset += len;
	}
	return true;
}

/* How many bytes of the frame stay in ordinary memory next to the sk_buff. */
static unsigned int zcnic_linear_len(struct zcnic_queue *queue, struct sk_buff *frame)
{
	const struct zcnic_port *port = queue->port;
	const unsigned int hdr_len = zcnic_frame(frame)->hdr_len;

	if (hdr_len && frame->len > hdr_len && READ_ONCE(port->hds) &&
	    frame->len > READ_ONCE(port->hds_thresh))
		return hdr_len;
	/* The stack must be able to read all of a frame that is not split. */
	if (page_pool_is_unreadable(queue->pool))
		return frame->len;
	return min(frame->len, ZCNIC_COPYBREAK);
}

static struct sk_buff *zcnic_receive(struct zcnic_queue *queue, struct sk_buff *frame)
{
	const struct zcnic_frame *info = zcnic_frame(frame);
	struct net_device *netdev = queue->port->netdev;
	const unsigned int linear = zcnic_linear_len(queue, frame);
	struct sk_buff *skb;

	skb = napi_alloc_skb(&queue->napi, linear);
	if (!skb) {
		queue->rx.alloc_fail++;
		return NULL;
	}
	skb_copy_bits(frame, 0, __skb_put(skb, linear), linear);
	if (!zcnic_fill_buffers(queue, skb, frame, linear)) {
		dev_kfree_skb_any(skb);
		return NULL;
	}

	queue->rx.packets++;
	queue->rx.bytes += frame->len;
	if (skb_is_gso(frame)) {
		skb_shinfo(skb)->gso_size = skb_shinfo(frame)->gso_size;
		skb_shinfo(skb)->gso_type = skb_shinfo(frame)->gso_type;
		skb_shinfo(skb)->gso_segs = skb_shinfo(frame)->gso_segs;
	}
	if (linear < frame->len && linear == info->hdr_len)
		queue->rx.split_packets++;
	if (info->csum_ok && !zcnic_has(queue->port, ZCNIC_CHECKSUM_UNSAID)) {
		skb->ip_summed = CHECKSUM_UNNECESSARY;
		queue->rx.csum_unnecessary++;
	} else {
		queue->rx.csum_none++;
	}
	if (netdev->features & NETIF_F_RXHASH && info->hash)
		skb_set_hash(skb, info->hash, info->hash_l4 ? PKT_HASH_TYPE_L4 : PKT_HASH_TYPE_L3);
	skb_record_rx_queue(skb, queue - queue->port->queue);
	skb->protocol = eth_type_trans(skb, netdev);
	return skb;
}

/* The next frame, in buffers or, if there were none, not at all. False: there is no frame. */
static bool zcnic_next(struct zcnic_queue *queue, int budget, struct sk_buff **ret)
{
	struct sk_buff *frame;

	if (queue->port->dma)
		return (*ret = skb_dequeue(&queue->filled));
	frame = skb_dequeue(&queue->wire);
	if (!frame)
		return false;
	*ret = zcnic_receive(queue, frame);
	napi_consume_skb(frame, budget);
	return true;
}

int zcnic_poll(struct napi_struct *napi, int budget)
{
	struct zcnic_queue *queue = container_of(napi, struct zcnic_queue, napi);
	struct sk_buff *skb;
	int done = 0;

	while (done < budget && zcnic_next(queue, budget, &skb)) {
		if (skb)
			napi_gro_receive(napi, skb);
		done++;
	}

	if (queue->port->dma && !skb_queue_empty(&queue->wire))
		wake_up_process(queue->port->dma);
	if (done < budget)
		napi_complete_done(napi, done);
	return done;
}

/* Some of what waits on the queue's wire, as much as its ring has room for. Whether there was anything. */
static bool zcnic_dma_queue(struct zcnic_queue *queue)
{
	const unsigned int room = READ_ONCE(queue->port->rx_ring);
	struct sk_buff *frame, *skb;
	int done = 0;

	if (skb_queue_empty(&queue->wire))
		return false;
	spin_lock_bh(&queue->dma_lock);
	while (queue->pool && done < NAPI_POLL_WEIGHT && skb_queue_len(&queue->filled) < room &&
	       (frame = skb_dequeue(&queue->wire))) {
		skb = zcnic_receive(queue, frame);
		consume_skb(frame);
		if (skb)
			skb_queue_tail(&queue->filled, skb);
		done++;
	}
	if (done)
		napi_schedule(&queue->napi);
	spin_unlock_bh(&queue->dma_lock);
	return done;
}

static int zcnic_dma(void *data)
{
	struct zcnic_port *port = data;

	while (!kthread_should_stop()) {
		bool busy = false;

		set_current_state(TASK_IDLE);
		for (unsigned int i = 0; i < port->max_queues; i++)
			busy |= zcnic_dma_queue(&port->queue[i]);
		if (!busy && !kthread_should_stop())
			schedule();
		__set_current_state(TASK_RUNNING);
		cond_resched();
	}
	return 0;
}

int zcnic_dma_start(struct zcnic_port *port, int cpu)
{
	struct task_struct *thread;

	if (cpu < 0)
		return 0;
	if (cpu >= nr_cpu_ids || !cpu_online(cpu))
		return -EINVAL;
	thread = kthread_create(zcnic_dma, port, "zcnic-dma");
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	kthread_bind(thread, cpu);
	port->dma = thread;
	wake_up_process(thread);
	return 0;
}

void zcnic_dma_stop(struct zcnic_port *port)
{
	if (port->dma)
		kthread_stop(port->dma);
	port->dma = NULL;
}
