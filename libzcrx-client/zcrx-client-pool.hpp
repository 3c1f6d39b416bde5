/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Part of zcrx-client.hpp, which includes it: receiving on a ring of the program's. Since: 0.2 */
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

/* The buffers of a queue on a ring of the program's. */
class pool : public detail::handle<zcrx_pool, zcrx_pool_unref>
{
public:
	pool() noexcept = default;

	static result<pool> make(const lease &l, unsigned int index = 0, const area_options &o = {})
	{
		pool p;
		int r = zcrx_pool_new(l.get(), index, &p.object_);

		p.client_ = l.get_client();
		if (r >= 0 && o.area_size > 0)
			r = zcrx_pool_set_area_size(p.object_, o.area_size);
		if (r >= 0 && o.buffer_length > 0)
			r = zcrx_pool_set_buffer_length(p.object_, o.buffer_length);
		if (r >= 0)
			r = zcrx_pool_set_huge_pages(p.object_, o.huge_pages);
		if (r >= 0)
			r = zcrx_pool_set_numa_node(p.object_, o.numa_node);
		if (r < 0)
			ZCRX_FAIL(detail::why(p.client_, r));
		return p;
	}

	nothing set_area(int fd, uint64_t offset, void *data, size_t size)
	{
		return detail::check(client_, zcrx_pool_set_area(object_, fd, offset, data, size));
	}
	nothing set_dmabuf(int fd) { return detail::check(client_, zcrx_pool_set_dmabuf(object_, fd)); }
	static unsigned int ring_flags() { return zcrx_pool_get_ring_flags(); }
	/* zcrx_pool_register(), whose name is not to be had. */
	result<bool> enroll(int ring_fd)
	{
		return detail::asked(client_, zcrx_pool_register(object_, ring_fd));
	}
	result<bool> steer(int socket)
	{
		return detail::asked(client_, zcrx_pool_steer_socket(object_, socket));
	}
	result<bool> steer(const flow &f)
	{
		return detail::asked(client_, zcrx_pool_steer(object_, f.family, f.source, f.source_port,
							      f.destination, f.destination_port));
	}
	result<bool> tune(int64_t defer_hard_irqs, int64_t gro_flush_timeout, int64_t irq_suspend_timeout)
	{
		return detail::asked(client_, zcrx_pool_tune(object_, defer_hard_irqs, gro_flush_timeout,
							     irq_suspend_timeout));
	}
	result<bool> set_irq_affinity(const char *cpus)
	{
		return detail::asked(client_, zcrx_pool_set_irq_affinity(object_, cpus));
	}

	/* One more ring: what zcrx_pool_get_id() is there. */
	result<uint32_t> share(int ring_fd)
	{
		uint32_t id = 0;
		int r = zcrx_pool_share(object_, ring_fd, &id);

		if (r < 0)
			ZCRX_FAIL(detail::why(client_, r));
		return id;
	}
	result<bool> flush_on(int ring_fd, uint32_t id)
	{
		return detail::whether(zcrx_pool_flush_on(object_, ring_fd, id));
	}
	/* For another process: the descriptors are the caller's. */
	result<std::array<int, 2>> get_share() const
	{
		return detail::get_share(client_, object_, zcrx_pool_get_share);
	}
	nothing set_share(const std::array<int, 2> &fds)
	{
		return detail::check(client_, zcrx_pool_set_share(object_, fds.data()));
	}
	nothing reclaim() { return detail::check(zcrx_pool_reclaim(object_)); }

	uint32_t id() const { return zcrx_pool_get_id(object_); }
	/* Empty before it is registered. */
	std::span<std::byte> area() const
	{
		void *data = nullptr;
		size_t size = 0;

		zcrx_pool_get_area(object_, &data, &size, nullptr);
		return { static_cast<std::byte *>(data), size };
	}

	/* None if the receive has ended: then see next(). */
	result<std::optional<payload>> take(const void *cqe)
	{
		zcrx_span s;
		int r = zcrx_pool_take(object_, cqe, &s);

		if (r < 0)
			ZCRX_FAIL(error(r));
		if (r == 0)
			return std::optional<payload>();
		return std::optional<payload>(payload(object_, s));
	}
	zcrx_next next(int result) { return zcrx_pool_next(object_, result); }
	/* After ZCRX_NEXT_STAGE: how many bytes, or a negative errno value. */
	ssize_t stage(int socket, std::span<std::byte> to)
	{
		return zcrx_pool_stage(object_, socket, to.data(), to.size());
	}
	uint64_t staged() const { return zcrx_pool_get_staged(object_); }
	/* Whether there was something to take. */
	result<bool> flush() { return detail::whether(zcrx_pool_flush(object_)); }
	static nothing nudge(int socket) { return detail::check(zcrx_pool_nudge(socket)); }

	/* Before it is registered; then completions with that user_data are for event(). */
	nothing set_events(uint64_t user_data) { return detail::check(zcrx_pool_set_events(object_, user_data)); }
	int event(const void *cqe) { return zcrx_pool_event(object_, cqe); }
	result<uint64_t> counter(zcrx_counter which) const
	{
		return detail::get_counter(object_, zcrx_pool_get_counter, which);
	}
	result<zcrx::copied> copied() const { return detail::get_copied(object_, zcrx_pool_get_copied); }
	unsigned int napi_id() const { return zcrx_pool_get_napi_id(object_); }
	size_t buffer_length() const { return zcrx_pool_get_buffer_length(object_); }
	unsigned int buffers() const { return zcrx_pool_get_buffers(object_); }
};

} // inline namespace
} // namespace zcrx
