// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receive queues: their NAPI and their page pool, which is where memory providers plug in.
 * Called by netdev.c and ethtool.c for whole ranges of queues, and by the core for single ones
 * (zcnic_queue_mgmt_ops) when a provider is bound or leaves. All under the instance lock.
 *
 * A queue has one NAPI from open to close. Restarting a queue disables it and swaps the pool;
 * frames go on waiting on the wire meanwhile, as they would in a NIC's own memory.
 */
#include <linux/delay.h>
#include <net/netdev_lock.h>
#include <net/netdev_queues.h>
#include <net/page_pool/helpers.h>

#include "zcnic.h"

static unsigned int zcnic_queue_index(const struct zcnic_queue *queue)
{
	return queue - queue->port->queue;
}

static struct page_pool *zcnic_pool_create(struct zcnic_port *port, unsigned int index,
					   unsigned int ring, unsigned int buf_len)
{
	const struct page_pool_params params = {
		.order = get_order(buf_len),
		.pool_size = ring,
		.nid = NUMA_NO_NODE,
		/* zcrx insists on the very device it mapped its area for. */
		.dev = port->netdev->dev.parent,
		.dma_dir = DMA_FROM_DEVICE,
		.max_len = buf_len,
		.netdev = port->netdev,
		.queue_idx = index,
		/* Providers demand both DMA flags. Without a provider ALLOW_ means nothing. */
		.flags = PP_FLAG_DMA_MAP | PP_FLAG_DMA_SYNC_DEV | PP_FLAG_ALLOW_UNREADABLE_NETMEM,
	};

	/* The NAPI is told at start: a pool destroyed before that must not know it. */
	return page_pool_create(&params);
}

/* The pool that the queue's present configuration asks for, provider included. */
static struct page_pool *zcnic_pool_create_configured(struct zcnic_port *port, unsigned int index,
						      unsigned int ring)
{
	struct netdev_queue_config qcfg = { .rx_page_size = PAGE_SIZE };

	if (port->netdev->queue_mgmt_ops)
		netdev_queue_config(port->netdev, index, &qcfg);
	return zcnic_pool_create(port, index, ring, qcfg.rx_page_size);
}

static void zcnic_queue_disable(struct zcnic_queue *queue)
{
	napi_disable_locked(&queue->napi);
	/* Else it is kept: by drivers with a config for their NAPIs, which not all have. */
	if (zcnic_has(queue->port, ZCNIC_NAPI_RENEWED))
		queue->napi.config->napi_id = 0;
}

static void zcnic_queue_enable(struct zcnic_queue *queue)
{
	napi_enable_locked(&queue->napi);

	/* Nobody else would poll for what arrived meanwhile. */
	local_bh_disable();
	if (!skb_queue_empty(&queue->wire) || !skb_queue_empty(&queue->filled))
		napi_schedule(&queue->napi);
	local_bh_enable();
}

/*
 * Some drivers give a packet's buffer away only when there is another one for its place in the ring.
 * Then what the ring holds is never seen, and this is all of it. Nothing polls yet, or any more.
 */
static void zcnic_ring_fill(struct zcnic_queue *queue)
{
	const unsigned int size = queue->port->rx_ring;

	if (!zcnic_has(queue->port, ZCNIC_AREA_OVER_RING) || !page_pool_is_unreadable(queue->pool))
		return;
	queue->ring = kvcalloc(size, sizeof(*queue->ring), GFP_KERNEL);
	while (queue->ring && queue->nr_ring < size) {
		netmem_ref netmem = page_pool_alloc_netmems(queue->pool, GFP_KERNEL);

		if (!netmem)
			break;
		queue->ring[queue->nr_ring++] = netmem;
	}
}

static void zcnic_ring_drain(struct zcnic_queue *queue)
{
	while (queue->nr_ring)
		page_pool_put_full_netmem(queue->pool, queue->ring[--queue->nr_ring], false);
	kvfree(queue->ring);
	queue->ring = NULL;
}

/* From here on the DMA thread, if there is one, takes from this pool; NULL: from none. */
static void zcnic_queue_set_pool(struct zcnic_queue *queue, struct page_pool *pool)
{
	spin_lock_bh(&queue->dma_lock);
	queue->pool = pool;
	spin_unlock_bh(&queue->dma_lock);
}

/* Only who allocates may be given buffers back without a lock. */
static void zcnic_queue_attach(struct zcnic_queue *queue, struct page_pool *pool)
{
	zcnic_queue_set_pool(queue, pool);
	zcnic_ring_fill(queue);
	if (!queue->port->dma)
		page_pool_enable_direct_recycling(pool, &queue->napi);
	zcnic_queue_enable(queue);
}

static struct page_pool *zcnic_queue_detach(struct zcnic_queue *queue)
{
	struct page_pool *pool = queue->pool;

	zcnic_queue_disable(queue);
	if (!queue->port->dma)
		page_pool_disable_direct_recycling(pool);
	zcnic_ring_drain(queue);
	zcnic_queue_set_pool(queue, NULL);
	return pool;
}

static void zcnic_queue_set_napi(struct zcnic_queue *queue, struct napi_struct *napi)
{
	struct net_device *netdev = queue->port->netdev;
	unsigned int index = zcnic_queue_index(queue);

	netif_queue_set_napi(netdev, index, NETDEV_QUEUE_TYPE_RX, napi);
	netif_queue_set_napi(netdev, index, NETDEV_QUEUE_TYPE_TX, napi);
}

static void zcnic_queue_set_open(struct zcnic_queue *queue, bool open)
{
	struct sk_buff_head frames;

	__skb_queue_head_init(&frames);
	spin_lock_bh(&queue->wire.lock);
	queue->open = open;
	skb_queue_splice_init(&queue->wire, &frames);
	spin_unlock_bh(&queue->wire.lock);
	__skb_queue_purge(&frames);
}

static int zcnic_queue_open(struct zcnic_queue *queue)
{
	struct zcnic_port *port = queue->port;
	unsigned int index = zcnic_queue_index(queue);
	struct page_pool *pool;
	int err;

	pool = zcnic_pool_create_configured(port, index, port->rx_ring);
	if (IS_ERR(pool))
		return PTR_ERR(pool);
	err = zcnic_irq_alloc(queue);
	if (err) {
		page_pool_destroy(pool);
		return err;
	}

	netif_napi_add_config_locked(port->netdev, &queue->napi, zcnic_poll, index);
	netif_napi_set_irq_locked(&queue->napi, queue->irq);
	zcnic_queue_set_napi(queue, &queue->napi);
	zcnic_queue_attach(queue, pool);
	zcnic_queue_set_open(queue, true);
	return 0;
}

void zcnic_queues_close(struct zcnic_port *port, unsigned int first, unsigned int end)
{
	for (unsigned int i = first; i < end; i++) {
		struct zcnic_queue *queue = &port->queue[i];

		/* Senders schedule NAPI under the wire's lock, so after this none will. */
		zcnic_queue_set_open(queue, false);
		zcnic_queue_set_napi(queue, NULL);
		page_pool_destroy(zcnic_queue_detach(queue));
		skb_queue_purge(&queue->filled);
		__netif_napi_del_locked(&queue->napi);
		zcnic_irq_free(queue);
	}
	/* Busy pollers may still look at the NAPI instances. */
	synchronize_net();
}

int zcnic_queues_open(struct zcnic_port *port, unsigned int first, unsigned int end)
{
	for (unsigned int i = first; i < end; i++) {
		int err = zcnic_queue_open(&port->queue[i]);

		if (err) {
			zcnic_queues_close(port, first, i);
			return err;
		}
	}
	return 0;
}

/* Gives every queue a pool for rings of this size. Nothing changes if one cannot be had. */
int zcnic_queues_resize(struct zcnic_port *port, unsigned int ring)
{
	const unsigned int count = port->netdev->real_num_rx_queues;
	struct page_pool **pools;
	int err = 0;

	pools = kcalloc(count, sizeof(*pools), GFP_KERNEL);
	if (!pools)
		return -ENOMEM;

	for (unsigned int i = 0; i < count && !err; i++) {
		struct page_pool *pool = zcnic_pool_create_configured(port, i, ring);

		err = PTR_ERR_OR_ZERO(pool);
		if (!err)
			pools[i] = pool;
	}

	for (unsigned int i = 0; i < count; i++) {
		struct page_pool *old = pools[i];

		if (!err) {
			old = zcnic_queue_detach(&port->queue[i]);
			zcnic_queue_attach(&port->queue[i], pools[i]);
		}
		page_pool_destroy(old);
	}
	kfree(pools);
	return err;
}

/*
 * Some drivers stop all queues to restart one. A failure to start leaves them so until the old
 * queue is put back, which the core does at once.
 */
static void zcnic_queues_pause(struct zcnic_port *port, unsigned int restarted)
{
	if (!zcnic_has(port, ZCNIC_BIND_STOPS_ALL) && !zcnic_has(port, ZCNIC_DRY_STOPS_ALL) &&
	    !zcnic_has(port, ZCNIC_NAPI_RENEWED))
		return;
	WRITE_ONCE(port->bind_stops, port->bind_stops + 1);
	port->paused = true;
	for (unsigned int i = 0; i < port->netdev->real_num_rx_queues; i++)
		if (i != restarted)
			zcnic_queue_disable(&port->queue[i]);
}

static void zcnic_queues_resume(struct zcnic_port *port, unsigned int restarted)
{
	if (!port->paused)
		return;
	port->paused = false;
	/* The core wants their numbers in the order of the queues. */
	if (zcnic_has(port, ZCNIC_NAPI_RENEWED))
		zcnic_queue_disable(&port->queue[restarted]);
	for (unsigned int i = 0; i < port->netdev->real_num_rx_queues; i++)
		if (i != restarted || zcnic_has(port, ZCNIC_NAPI_RENEWED))
			zcnic_queue_enable(&port->queue[i]);
}

static bool zcnic_pool_is_dry(struct page_pool *pool)
{
	netmem_ref got[ZCNIC_DRY_BUFFERS];
	unsigned int n = 0;
	bool dry;

	if (!pool || !page_pool_is_unreadable(pool))
		return false;
	while (n < ARRAY_SIZE(got) && (got[n] = page_pool_alloc_netmems(pool, GFP_KERNEL)))
		n++;
	dry = n < ARRAY_SIZE(got);
	while (n)
		page_pool_put_full_netmem(pool, got[--n], false);
	return dry;
}

/*
 * Others wait until every queue has some buffers before any receives again, those of providers
 * included, which nobody but their users can give. All NAPIs are disabled; `pool` is that of the
 * queue which is being restarted.
 */
static void zcnic_queues_wait(struct zcnic_port *port, unsigned int restarted, struct page_pool *pool)
{
	bool dry;

	if (!port->paused || !zcnic_has(port, ZCNIC_DRY_STOPS_ALL))
		return;
	dry = zcnic_pool_is_dry(pool);
	for (unsigned int i = 0; i < port->netdev->real_num_rx_queues; i++)
		dry |= i != restarted && zcnic_pool_is_dry(port->queue[i].pool);
	if (!dry)
		return;
	WRITE_ONCE(port->dry_stops, port->dry_stops + 1);
	msleep(ZCNIC_DRY_MS);
}

/* What the core carries between the calls that restart a queue. */
struct zcnic_queue_mem {
	struct page_pool *pool;
	bool ran; /* was running before: putting it back needs nothing that could fail */
};

/*
 * Injected failures spare the way back. When a provider leaves, or an old queue is put back, the
 * core takes failure for a driver bug and warns; such calls can only be delayed.
 */
static int zcnic_queue_fault(struct net_device *netdev, enum zcnic_op op, unsigned int index,
			     const struct zcnic_queue_mem *mem)
{
	struct zcnic_port *port = netdev_priv(netdev);

	if (netif_rxq_has_unreadable_mp(netdev, index) && !mem->ran)
		return zcnic_fault(port, op, NULL);
	zcnic_delay(port, op);
	return 0;
}

static int zcnic_queue_mem_alloc(struct net_device *netdev, struct netdev_queue_config *qcfg,
				 void *per_queue_mem, int index)
{
	struct zcnic_port *port = netdev_priv(netdev);
	struct zcnic_queue_mem *mem = per_queue_mem;
	struct page_pool *pool;
	int err;

	err = zcnic_queue_fault(netdev, ZCNIC_OP_QUEUE_ALLOC, index, mem);
	if (err)
		return err;
	if (zcnic_has(port, ZCNIC_BIND_NEEDS_UP) && !netif_running(netdev) &&
	    netif_rxq_has_unreadable_mp(netdev, index))
		return -ENETDOWN;

	pool = zcnic_pool_create(port, index, port->rx_ring, qcfg->rx_page_size);
	if (IS_ERR(pool))
		return PTR_ERR(pool);
	mem->pool = pool;
	return 0;
}

static void zcnic_queue_mem_free(struct net_device *netdev, void *per_queue_mem)
{
	struct zcnic_queue_mem *mem = per_queue_mem;

	page_pool_destroy(mem->pool);
}

static int zcnic_queue_start(struct net_device *netdev, struct netdev_queue_config *qcfg,
			     void *per_queue_mem, int index)
{
	struct zcnic_port *port = netdev_priv(netdev);
	struct zcnic_queue_mem *mem = per_queue_mem;
	int err;

	err = zcnic_queue_fault(netdev, ZCNIC_OP_QUEUE_START, index, mem);
	if (err)
		return err;
	zcnic_queues_wait(port, index, mem->pool);
	zcnic_queue_attach(&port->queue[index], mem->pool);
	zcnic_queues_resume(port, index);
	return 0;
}

static int zcnic_queue_stop(struct net_device *netdev, void *per_queue_mem, int index)
{
	struct zcnic_port *port = netdev_priv(netdev);
	struct zcnic_queue_mem *mem = per_queue_mem;
	int err;

	err = zcnic_queue_fault(netdev, ZCNIC_OP_QUEUE_STOP, index, mem);
	if (err)
		return err;
	zcnic_queues_pause(port, index);
	mem->pool = zcnic_queue_detach(&port->queue[index]);
	mem->ran = true;
	return 0;
}

static void zcnic_default_qcfg(struct net_device *netdev, struct netdev_queue_config *qcfg)
{
	qcfg->rx_page_size = PAGE_SIZE;
}

static int zcnic_validate_qcfg(struct net_device *netdev, struct netdev_queue_config *qcfg,
			       struct netlink_ext_ack *extack)
{
	const struct zcnic_port *port = netdev_priv(netdev);

	if (zcnic_has(port, ZCNIC_BUFFER_RANGE) && qcfg->rx_page_size > ZCNIC_BUF_LEN_QUIRK)
		return -ERANGE;
	if (!is_power_of_2(qcfg->rx_page_size) || qcfg->rx_page_size < PAGE_SIZE ||
	    qcfg->rx_page_size > ZCNIC_MAX_BUF_LEN) {
		NL_SET_ERR_MSG_FMT_MOD(extack, "buffers of %u bytes: not a power of two in %lu..%u",
				       qcfg->rx_page_size, PAGE_SIZE, ZCNIC_MAX_BUF_LEN);
		return -EINVAL;
	}
	return 0;
}

const struct netdev_queue_mgmt_ops zcnic_queue_mgmt_ops = {
	.ndo_queue_mem_size = sizeof(struct zcnic_queue_mem),
	.ndo_queue_mem_alloc = zcnic_queue_mem_alloc,
	.ndo_queue_mem_free = zcnic_queue_mem_free,
	.ndo_queue_start = zcnic_queue_start,
	.ndo_queue_stop = zcnic_queue_stop,
	.ndo_default_qcfg = zcnic_default_qcfg,
	.ndo_validate_qcfg = zcnic_validate_qcfg,
	.supported_params = QCFG_RX_PAGE_SIZE,
};
