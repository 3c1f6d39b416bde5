/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Part of zcrx-client.hpp, which includes it: payload, and receiving by the library. Since: 0.2 */
#ifndef ZCRX_CLIENT_HPP
#error "include <zcrx-client.hpp>"
#endif

namespace zcrx
{

#ifdef ZCRX_NO_EXCEPTIONS
inline namespace without_exceptions
#else
inline namespace with_exceptions
#endif
{

/* What is 0 is as it is in zcrx-client.h. */
struct area_options {
	size_t area_size = 0;
	size_t buffer_length = 0;
	bool huge_pages = false;
	int numa_node = -1;
};

struct queue_options : area_options {
	unsigned int completions = 0;
	bool join = false;
};

/* What the kernel had to copy. */
struct copied {
	uint64_t count = 0, bytes = 0;
};

namespace detail
{

/* Where the client may be another thread's. */
inline nothing check(int r)
{
	if (r < 0)
		ZCRX_FAIL(error(r));
	ZCRX_DONE;
}

inline result<bool> whether(int r)
{
	if (r < 0)
		ZCRX_FAIL(error(r));
	return r > 0;
}

template <class Object, class Get> result<std::array<int, 2>> get_share(zcrx_client *c, Object *object, Get get)
{
	std::array<int, 2> fds {};
	int r = get(object, fds.data());

	if (r < 0)
		ZCRX_FAIL(why(c, r));
	return fds;
}

template <class Object, class Get> result<copied> get_copied(Object *object, Get get)
{
	copied c;
	int r = get(object, &c.count, &c.bytes);

	if (r < 0)
		ZCRX_FAIL(error(r));
	return c;
}

template <class Object, class Get> result<uint64_t> get_counter(Object *object, Get get, zcrx_counter which)
{
	uint64_t n = 0;
	int r = get(object, which, &n);

	if (r < 0)
		ZCRX_FAIL(error(r));
	return n;
}

} // namespace detail

/* Payload where the NIC has put it: given back when this is destroyed, in whatever thread. It may
 * outlive queue and pool. In a dma-buf it has an offset and a size, and no bytes. */
class payload
{
public:
	payload() noexcept = default;
	/* Takes over what is out already. Of a queue, it has a reference to it. */
	payload(zcrx_queue *q, void *data, size_t size, uint64_t offset) noexcept
	    : bytes_(static_cast<std::byte *>(data), data ? size : 0), size_(size), offset_(offset),
	      queue_(zcrx_queue_ref(q))
	{
	}
	payload(zcrx_pool *p, const zcrx_span &s) noexcept
	    : bytes_(static_cast<std::byte *>(s.data), s.data ? s.length : 0), size_(s.length), offset_(s.offset),
	      pool_(p)
	{
	}
	payload(payload &&other) noexcept
	    : bytes_(std::exchange(other.bytes_, {})), size_(std::exchange(other.size_, 0)), offset_(other.offset_),
	      queue_(std::exchange(other.queue_, nullptr)), pool_(std::exchange(other.pool_, nullptr))
	{
	}
	payload &operator=(payload &&other) noexcept
	{
		payload taken(std::move(other));

		std::swap(bytes_, taken.bytes_);
		std::swap(size_, taken.size_);
		std::swap(offset_, taken.offset_);
		std::swap(queue_, taken.queue_);
		std::swap(pool_, taken.pool_);
		return *this;
	}
	~payload() { give_back(); }

	std::span<std::byte> bytes() const noexcept { return bytes_; }
	std::string_view text() const noexcept
	{
		return { reinterpret_cast<const char *>(bytes_.data()), bytes_.size() };
	}
	std::byte *data() const noexcept { return bytes_.data(); }
	size_t size() const noexcept { return size_; }
	/* In the area. */
	uint64_t offset() const noexcept { return offset_; }
	explicit operator bool() const noexcept { return queue_ || pool_; }

	void give_back() noexcept
	{
		if (queue_ && bytes_.data())
			zcrx_queue_return(queue_, bytes_.data());
		else if (queue_)
			zcrx_queue_return_offset(queue_, offset_);
		else if (pool_ && bytes_.data())
			zcrx_pool_return(pool_, bytes_.data());
		else if (pool_)
			zcrx_pool_return_offset(pool_, offset_);
		bytes_ = {};
		size_ = 0;
		queue_ = zcrx_queue_unref(queue_);
		pool_ = nullptr;
	}
	/* One more owner of the same bytes; none (false) if this is none. */
	payload share() const noexcept
	{
		payload other;
		zcrx_pool *p = queue_ ? zcrx_queue_get_pool(queue_) : pool_;

		if (p && (bytes_.data() ? zcrx_pool_hold(p, bytes_.data()) : zcrx_pool_hold_offset(p, offset_)) >= 0) {
			other.bytes_ = bytes_;
			other.size_ = size_;
			other.offset_ = offset_;
			other.queue_ = zcrx_queue_ref(queue_);
			other.pool_ = pool_;
		}
		return other;
	}

private:
	std::span<std::byte> bytes_;
	size_t size_ = 0;
	uint64_t offset_ = 0;
	zcrx_queue *queue_ = nullptr;
	zcrx_pool *pool_ = nullptr; /* which lives until its last span is back */
};

/* A connection that is received from; destroyed, it stops at once. In the thread of its queue. */
class stream : public detail::handle<zcrx_stream, zcrx_stream_free>
{
public:
	using handle::handle;

	nothing pause() { return detail::check(zcrx_stream_pause(object_)); }
	nothing resume() { return detail::check(zcrx_stream_resume(object_)); }
	nothing set_limit(unsigned int buffers)
	{
		return detail::check(zcrx_stream_set_limit(object_, buffers));
	}
	nothing stop() { return detail::check(zcrx_stream_stop(object_)); }
	/* After ZCRX_EVENT_STOPPED. */
	nothing go_on(uint64_t bytes = 0) { return detail::check(zcrx_stream_continue(object_, bytes)); }
	int socket() const { return zcrx_stream_get_socket(object_); }
	void *userdata() const { return zcrx_stream_get_userdata(object_); }
	void set_userdata(void *userdata) { zcrx_stream_set_userdata(object_, userdata); }
};

/* As struct zcrx_event; `data` is this one's own. `message`, and what was `staged`, are valid until the next wait(). */
struct event {
	zcrx_event_kind type {};
	int error = 0;
	zcrx_stream *stream = nullptr;
	void *userdata = nullptr;
	payload data;
	std::string_view message;
	uint64_t user_data = 0;
	int32_t result = 0;
	uint32_t flags = 0;
	uint64_t offset = 0;
	std::span<std::byte> staged;
	uint64_t deadline_usec = 0;
};

class queue : public detail::handle<zcrx_queue, zcrx_queue_unref>
{
public:
	queue() noexcept = default;

	static zcrx::result<queue> make(const lease &l, unsigned int index = 0, const queue_options &o = {})
	{
		queue q;
		int r = zcrx_queue_new(l.get(), index, &q.object_);

		q.client_ = l.get_client();
		if (r >= 0 && o.area_size > 0)
			r = zcrx_queue_set_area_size(q.object_, o.area_size);
		if (r >= 0 && o.buffer_length > 0)
			r = zcrx_queue_set_buffer_length(q.object_, o.buffer_length);
		if (r >= 0)
			r = zcrx_queue_set_huge_pages(q.object_, o.huge_pages);
		if (r >= 0)
			r = zcrx_queue_set_numa_node(q.object_, o.numa_node);
		if (r >= 0 && o.completions > 0)
			r = zcrx_queue_set_completions(q.object_, o.completions);
		if (r >= 0)
			r = zcrx_queue_set_join(q.object_, o.join);
		if (r < 0)
			ZCRX_FAIL(detail::why(q.client_, r));
		return q;
	}

	/* The whole of a dma-buf as area, before enroll(). */
	nothing set_dmabuf(int fd) { return detail::check(client_, zcrx_queue_set_dmabuf(object_, fd)); }
	/* zcrx_queue_register(), whose name is not to be had. */
	zcrx::result<bool> enroll() { return detail::asked(client_, zcrx_queue_register(object_)); }
	zcrx::result<bool> steer(int socket)
	{
		return detail::asked(client_, zcrx_queue_steer_socket(object_, socket));
	}
	zcrx::result<bool> steer(const flow &f)
	{
		return detail::asked(client_, zcrx_queue_steer(object_, f.family, f.source, f.source_port,
							       f.destination, f.destination_port));
	}
	zcrx::result<bool> tune(int64_t defer_hard_irqs, int64_t gro_flush_timeout, int64_t irq_suspend_timeout)
	{
		return detail::asked(client_, zcrx_queue_tune(object_, defer_hard_irqs, gro_flush_timeout,
							      irq_suspend_timeout));
	}
	zcrx::result<bool> set_irq_affinity(const char *cpus)
	{
		return detail::asked(client_, zcrx_queue_set_irq_affinity(object_, cpus));
	}

	/* The same queue with one more ring, for another thread. */
	zcrx::result<queue> share() const
	{
		queue q;
		int r = zcrx_queue_share(object_, &q.object_);

		q.client_ = client_;
		if (r < 0)
			ZCRX_FAIL(detail::why(client_, r));
		return q;
	}
	/* For another process: the descriptors are the caller's. */
	zcrx::result<std::array<int, 2>> get_share() const
	{
		return detail::get_share(client_, object_, zcrx_queue_get_share);
	}
	nothing set_share(const std::array<int, 2> &fds)
	{
		return detail::check(client_, zcrx_queue_set_share(object_, fds.data()));
	}
	nothing reclaim() { return detail::check(zcrx_queue_reclaim(object_)); }

	/* No more than so many bytes, or 0: without bound. */
	zcrx::result<zcrx::stream> receive(int socket, void *userdata = nullptr, uint64_t bytes = 0)
	{
		zcrx_stream *s = nullptr;
		int r = bytes == 0 ? zcrx_queue_receive(object_, socket, userdata, &s)
				   : zcrx_queue_receive_bounded(object_, socket, bytes, userdata, &s);

		if (r < 0)
			ZCRX_FAIL(zcrx::error(r));
		return zcrx::stream(s);
	}

	/* None when the time is over, or a signal came. */
	zcrx::result<std::optional<event>> wait(std::optional<std::chrono::milliseconds> timeout = std::nullopt)
	{
		const zcrx_event *e = nullptr;
		int r = zcrx_queue_wait(object_, timeout ? static_cast<int>(timeout->count()) : -1, &e);

		if (r < 0 && r != -EINTR)
			ZCRX_FAIL(zcrx::error(r));
		if (r <= 0)
			return std::optional<event>();
		return std::optional<event>(take(*e));
	}

	zcrx::result<int> fd()
	{
		int r = zcrx_queue_get_fd(object_);

		if (r < 0)
			ZCRX_FAIL(zcrx::error(r));
		return r;
	}
	io_uring *ring() const { return zcrx_queue_get_ring(object_); }
	zcrx_pool *pool() const { return zcrx_queue_get_pool(object_); }
	uint64_t received() const { return zcrx_queue_get_received(object_); }
	zcrx::result<uint64_t> counter(zcrx_counter which) const
	{
		return detail::get_counter(object_, zcrx_queue_get_counter, which);
	}
	zcrx::result<zcrx::copied> copied() const { return detail::get_copied(object_, zcrx_queue_get_copied); }
	unsigned int napi_id() const { return zcrx_queue_get_napi_id(object_); }
	size_t buffer_length() const { return zcrx_queue_get_buffer_length(object_); }
	unsigned int buffers() const { return zcrx_queue_get_buffers(object_); }

private:
	event take(const zcrx_event &e) const
	{
		event ours { e.type,	  e.error,  e.stream, e.userdata, {}, e.message ? e.message : "",
			     e.user_data, e.result, e.flags,  e.offset, {}, e.deadline_usec };

		if (e.type == ZCRX_EVENT_DATA)
			ours.data = payload(object_, e.data, e.length, e.area_offset);
		if (e.type == ZCRX_EVENT_STAGED)
			ours.staged = { static_cast<std::byte *>(e.data), e.length };
		return ours;
	}
};

} // inline namespace
} // namespace zcrx
