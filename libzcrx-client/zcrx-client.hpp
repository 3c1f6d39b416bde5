/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libzcrx-client for C++20, in a header: objects that can be moved and not copied, let go of what
 *they have when they are destroyed, and give buffers back to the NIC. What each function does is
 *said in zcrx-client.h, by the same name.
 *
 *	auto client = zcrx::client::connect();
 *	auto lease = zcrx::lease::acquire(client, { .queues = 1 });
 *	auto queue = zcrx::queue::make(lease, 0);
 *	queue.enroll();
 *	queue.steer(listening_socket);
 *	auto stream = queue.receive(accepted_socket);
 *	while (auto event = queue.wait())
 *		if (event->type == ZCRX_EVENT_DATA)
 *			use(event->data.bytes()); // and give it back here, or move event->data
 *elsewhere
 *
 * What fails throws zcrx::error. With ZCRX_NO_EXCEPTIONS, or -fno-exceptions, every function that
 *can fail returns a zcrx::result instead, which is the value or the zcrx::error; with exceptions
 *zcrx::result<T> is T. Both may be in one program.
 *
 * Functions that ask zcrxd return true; of a client that does not block, false while they are in
 *progress: see zcrx_client_set_nonblocking().
 *
 * What is not here is called with get(): references of one's own (zcrx_client_ref(),
 *zcrx_lease_ref(), zcrx_pool_ref()), zcrx_pool_return_many().
 *
 * Since: 0.2
 */
#ifndef ZCRX_CLIENT_HPP
#define ZCRX_CLIENT_HPP

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>

#include "zcrx-client.h"

#if !defined(ZCRX_NO_EXCEPTIONS) && !defined(__cpp_exceptions)
#define ZCRX_NO_EXCEPTIONS
#endif

namespace zcrx
{

using std::chrono::microseconds;

/* What went wrong: an errno value, a sentence for people, and the Varlink error if zcrxd refused.
 */
class error : public std::exception
{
public:
	error(int number, const char *sentence = nullptr, const char *id = nullptr)
	    : code_(number < 0 ? -number : number, std::generic_category()),
	      text_(sentence && *sentence ? sentence : code_.message()), id_(id ? id : "")
	{
	}

	const std::error_code &code() const noexcept { return code_; }
	const char *what() const noexcept override { return text_.c_str(); }
	const std::string &id() const noexcept { return id_; }

private:
	std::error_code code_;
	std::string text_, id_;
};

#ifdef ZCRX_NO_EXCEPTIONS

inline namespace without_exceptions
{

/* The value, or the error: ask before you take either. */
template <class T = std::monostate> class [[nodiscard]] result
{
public:
	result(T value) : value_(std::in_place_index<0>, std::move(value)) {}
	result(zcrx::error why) : value_(std::in_place_index<1>, std::move(why)) {}

	bool has_value() const noexcept { return value_.index() == 0; }
	explicit operator bool() const noexcept { return has_value(); }
	T &operator*() & noexcept { return *std::get_if<0>(&value_); }
	T &&operator*() && noexcept { return std::move(*std::get_if<0>(&value_)); }
	T *operator->() noexcept { return std::get_if<0>(&value_); }
	const zcrx::error &error() const noexcept { return *std::get_if<1>(&value_); }

private:
	std::variant<T, zcrx::error> value_;
};

using nothing = result<>;

#define ZCRX_FAIL(why) return (why)
#define ZCRX_DONE      return std::monostate()

#else

inline namespace with_exceptions
{

template <class T> using result = T;
using nothing = void;

#define ZCRX_FAIL(why) throw why
#define ZCRX_DONE      return

#endif

namespace detail
{

template <class T, T *(*unref)(T *)> class handle
{
public:
	handle() noexcept = default;
	explicit handle(T *object) noexcept : object_(object) {}
	handle(handle &&other) noexcept
	    : object_(std::exchange(other.object_, nullptr)), client_(std::exchange(other.client_, nullptr))
	{
	}
	handle &operator=(handle &&other) noexcept
	{
		handle taken(std::move(other));

		std::swap(object_, taken.object_);
		std::swap(client_, taken.client_);
		return *this;
	}
	~handle() { unref(object_); }

	/* For functions of zcrx-client.h. */
	T *get() const noexcept { return object_; }
	explicit operator bool() const noexcept { return object_ != nullptr; }

protected:
	T *object_ = nullptr;
	zcrx_client *client_ = nullptr; /* that says what went wrong; the object has a reference to it */
};

inline error why(zcrx_client *c, int number)
{
	return error(number, zcrx_client_error(c), zcrx_client_error_id(c));
}

inline nothing check(zcrx_client *c, int r)
{
	if (r < 0)
		ZCRX_FAIL(why(c, r));
	ZCRX_DONE;
}

/* Of what asks zcrxd. */
inline result<bool> asked(zcrx_client *c, int r)
{
	if (r < 0 && r != -EINPROGRESS)
		ZCRX_FAIL(why(c, r));
	return r >= 0;
}

inline result<unsigned int> number(zcrx_client *c, int r)
{
	if (r < 0)
		ZCRX_FAIL(why(c, r));
	return static_cast<unsigned int>(r);
}

inline std::optional<std::string_view> text(const char *s)
{
	return s ? std::optional<std::string_view>(s) : std::nullopt;
}

} // namespace detail

class client : public detail::handle<zcrx_client, zcrx_client_unref>
{
public:
	using handle::handle;

	/* Not connected, for what does without zcrxd. */
	static result<client> make()
	{
		client c;
		int r = zcrx_client_new(&c.object_);

		if (r < 0)
			ZCRX_FAIL(error(r));
		return c;
	}

	static result<client> connect(const char *path = nullptr)
	{
		client c;
		int r = zcrx_client_new(&c.object_);

		if (r >= 0)
			r = zcrx_client_connect(c.object_, path);
		if (r < 0)
			ZCRX_FAIL(detail::why(c.object_, r));
		return c;
	}

	void set_timeout(microseconds limit)
	{
		zcrx_client_set_timeout(object_, static_cast<uint64_t>(limit.count()));
	}
	void set_nonblocking(bool on) { zcrx_client_set_nonblocking(object_, on); }
	result<int> fd()
	{
		int r = zcrx_client_get_fd(object_);

		if (r < 0)
			ZCRX_FAIL(detail::why(object_, r));
		return r;
	}
	/* Whether to call again what was in progress. */
	bool process() { return zcrx_client_process(object_) > 0; }
};

/* A flow by value; what is left out stands for any. */
struct flow {
	int family;
	const char *source = nullptr;
	uint16_t source_port = 0;
	const char *destination = nullptr;
	uint16_t destination_port = 0;
};

struct lease_options {
	const char *interface = nullptr;
	unsigned int queues = 1;
	const char *name = nullptr;
	microseconds time_to_live {};
	const char *backends = nullptr;
	std::optional<unsigned int> hardware_queue {};
	std::optional<uid_t> owner {}; /* for another user, who opens it */
};

class lease : public detail::handle<zcrx_lease, zcrx_lease_unref>
{
public:
	lease() noexcept = default;

	/* To be acquired, inherited or opened. */
	static result<lease> make(const client &c, const lease_options &o = {})
	{
		lease l;
		int r = zcrx_lease_new(c.get(), &l.object_);

		l.client_ = c.get();
		if (r >= 0)
			r = zcrx_lease_set_interface(l.object_, o.interface);
		if (r >= 0 && o.queues != 1) /* so that zcrxctl run may decide */
			r = zcrx_lease_set_queues(l.object_, o.queues);
		if (r >= 0)
			r = zcrx_lease_set_name(l.object_, o.name);
		if (r >= 0)
			r = zcrx_lease_set_time_to_live(l.object_,
							static_cast<uint64_t>(o.time_to_live.count()));
		if (r >= 0)
			r = zcrx_lease_set_backends(l.object_, o.backends);
		if (r >= 0 && o.hardware_queue)
			r = zcrx_lease_set_hardware_queue(l.object_, *o.hardware_queue);
		if (r >= 0 && o.owner)
			r = zcrx_lease_set_owner(l.object_, *o.owner);
		if (r < 0)
			ZCRX_FAIL(detail::why(c.get(), r));
		return l;
	}

	/* Of a client that blocks. */
	static result<lease> acquire(const client &c, const lease_options &o = {})
	{
		auto made = make(c, o);
#ifdef ZCRX_NO_EXCEPTIONS
		if (!made)
			return made;
		if (auto r = made->acquire(); !r)
			return r.error();
#else
		made.acquire();
#endif
		return made;
	}

	result<bool> acquire() { return detail::asked(client_, zcrx_lease_acquire(object_)); }
	result<bool> inherit() { return detail::asked(client_, zcrx_lease_inherit(object_)); }
	result<bool> attach(const char *id, int fd)
	{
		return detail::asked(client_, zcrx_lease_attach(object_, id, fd));
	}
	result<bool> open(const char *id) { return detail::asked(client_, zcrx_lease_open(object_, id)); }
	result<bool> renew(microseconds t)
	{
		return detail::asked(client_, zcrx_lease_renew(object_, static_cast<uint64_t>(t.count())));
	}
	result<bool> refresh_napi_ids() { return detail::asked(client_, zcrx_lease_refresh_napi_ids(object_)); }
	result<bool> release() { return detail::asked(client_, zcrx_lease_release(object_)); }

	std::optional<std::string_view> id() const { return detail::text(zcrx_lease_get_id(object_)); }
	std::optional<std::string_view> interface() const
	{
		return detail::text(zcrx_lease_get_interface(object_));
	}
	unsigned int queues() const { return zcrx_lease_get_queues(object_); }
	size_t area_size() const { return zcrx_lease_get_area_size(object_); }
	size_t recommended_area_size() const { return zcrx_lease_get_recommended_area_size(object_); }
	std::optional<std::string_view> backend() const { return detail::text(zcrx_lease_get_backend(object_)); }
	result<unsigned int> hardware_queue(unsigned int index) const
	{
		return detail::number(client_, zcrx_lease_get_hardware_queue(object_, index));
	}
	int fd() const { return zcrx_lease_get_fd(object_); }
	bool has_ended() const { return zcrx_lease_has_ended(object_) != 0; }
	/* The number of why, 0 if it has not ended; and the sentence. */
	std::pair<int, std::string_view> end_reason() const
	{
		const char *reason = "";
		int r = zcrx_lease_get_end_reason(object_, &reason);

		return { r, reason };
	}

	/* When it ends at the latest, if it was revoked: CLOCK_REALTIME, microseconds. */
	std::optional<uint64_t> ending() const
	{
		uint64_t deadline = 0;

		return zcrx_lease_get_ending(object_, &deadline) > 0 ? std::optional(deadline) : std::nullopt;
	}

	/* To all queues of the lease. */
	result<bool> steer(int socket)
	{
		return detail::asked(client_, zcrx_lease_steer_socket(object_, socket));
	}
	result<bool> steer(const flow &f)
	{
		return detail::asked(client_, zcrx_lease_steer(object_, f.family, f.source, f.source_port,
							       f.destination, f.destination_port));
	}
	/* None if its packets arrive on no queue that is registered here. */
	std::optional<unsigned int> find_queue(int socket) const
	{
		int r = zcrx_lease_find_queue(object_, socket);

		return r < 0 ? std::nullopt : std::optional<unsigned int>(r);
	}
	std::optional<std::string_view> flow_id(unsigned int i) const
	{
		return detail::text(zcrx_lease_get_flow_id(object_, i));
	}
	result<bool> remove_flow(const char *id)
	{
		return detail::asked(client_, zcrx_lease_remove_flow(object_, id));
	}
	std::optional<std::string_view> taken(unsigned int i) const
	{
		return detail::text(zcrx_lease_get_taken(object_, i));
	}
	std::optional<std::string_view> left_out(unsigned int i) const
	{
		return detail::text(zcrx_lease_get_left_out(object_, i));
	}
	unsigned int left_out_count() const { return zcrx_lease_get_left_out_count(object_); }

	/* The client, which lives as long as the lease. */
	zcrx_client *get_client() const noexcept { return client_; }
};

} // inline namespace
} // namespace zcrx

#include "zcrx-client-queue.hpp"
#include "zcrx-client-pool.hpp"

#undef ZCRX_FAIL
#undef ZCRX_DONE

#endif
