/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zcrx-client.hpp, over a library of which some functions are defined here instead: who returns
 * what, when. Compiled twice, with exceptions and without, and linked together.
 */
#include <cstdio>
#include <cstdlib>
#include <type_traits>

#include <zcrx-client.hpp>

#include "wrapper-fakes.h"

#define CHECK(condition)                                                                                       \
	do                                                                                                     \
		if (!(condition)) {                                                                            \
			fprintf(stderr, "%s:%d: not %s\n", __FILE__, __LINE__, #condition);                    \
			exit(1);                                                                               \
		}                                                                                              \
	while (0)

template <class T>
constexpr bool is_owner = std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T> &&
			  std::is_nothrow_default_constructible_v<T> && !std::is_copy_constructible_v<T> &&
			  !std::is_copy_assignable_v<T>;

static_assert(is_owner<zcrx::client> && is_owner<zcrx::lease> && is_owner<zcrx::queue> &&
	      is_owner<zcrx::stream> && is_owner<zcrx::pool> && is_owner<zcrx::payload>);
static_assert(!std::is_copy_constructible_v<zcrx::event> && std::is_move_constructible_v<zcrx::event>);

/* The value of what must succeed, and the error of what must not. */
#ifdef ZCRX_NO_EXCEPTIONS
#define RUN run_without_exceptions

template <class T> static T good(zcrx::result<T> r)
{
	CHECK(r);
	return *std::move(r);
}

template <class Function> static zcrx::error bad(Function function)
{
	auto r = function();

	CHECK(!r.has_value());
	return r.error();
}
#else
#define RUN run_with_exceptions

template <class T> static T good(T value)
{
	return value;
}

template <class Function> static zcrx::error bad(Function function)
{
	try {
		(void)function();
	} catch (const zcrx::error &e) {
		return e;
	}
	CHECK(false && "nothing was thrown");
	abort();
}
#endif

static void test_errors()
{
	auto e = bad([] { return zcrx::client::connect("/nonexistent/socket"); });

	CHECK(e.code() == std::errc::no_such_file_or_directory);
	CHECK(std::string(e.what()).starts_with("Cannot connect to zcrxd at /nonexistent/socket: "));
	CHECK(e.id().empty());

	zcrx_client *c = nullptr;
	CHECK(zcrx_client_new(&c) == 0);
	zcrx::client client(c);
	CHECK(client && client.get() == c && good(client.fd()) >= 0 && !client.process());
	auto lease = good(zcrx::lease::make(client, { .interface = "zc0", .queues = 2 }));
	CHECK(!lease.id() && !lease.interface() && lease.fd() == -EBADF && lease.has_ended());
	CHECK(bad([&] { return lease.acquire(); }).code().value() == ENOTCONN);
	CHECK(bad([&] { return zcrx::lease::acquire(client); }).code().value() == ENOTCONN);
	CHECK(bad([&] { return zcrx::queue::make(lease); }).code().value() == EBADFD);
	CHECK(bad([&] { return zcrx::lease::make(client, { .queues = 0 }); }).code() ==
	      std::errc::invalid_argument);
	/* Who was moved from has nothing, and says so. */
	auto other = std::move(lease);
	CHECK(!lease && bad([&] { return lease.acquire(); }).code() == std::errc::invalid_argument); // NOLINT
	lease = std::move(other);
	CHECK(lease && !other); // NOLINT
	/* The client may go first. */
	client = zcrx::client();
	CHECK(!client);
	CHECK(bad([&] { return zcrx::pool::make(lease); }).code().value() == EBADFD);
}

/* In progress is no error. */
static void test_nonblocking()
{
	zcrx_client *c = nullptr;

	CHECK(zcrx_client_new(&c) == 0);
	zcrx::client client(c);
	auto lease = good(zcrx::lease::make(client));
	fakes.acquire_result = -EINPROGRESS;
	CHECK(!good(lease.acquire()));
	fakes.acquire_result = 1; /* the library's own */
	CHECK(bad([&] { return lease.acquire(); }).code().value() == ENOTCONN);
}

static void test_payload_of_a_queue()
{
	zcrx::queue queue = fakes_queue<zcrx::queue>();

	fakes = {};
	{
		auto event = good(queue.wait());
		CHECK(event && event->type == ZCRX_EVENT_DATA && event->data && event->offset == 7);
		CHECK(event->data.size() == 5 && event->data.text() == "hello");
		CHECK(fakes.references == 1 && fakes.returned == 0);

		zcrx::payload kept = std::move(event->data);
		CHECK(!event->data && event->data.size() == 0); // NOLINT: that is what is asked
		event.reset();
		CHECK(fakes.returned == 0 && kept.text() == "hello");

		auto second = kept.share();
		CHECK(second && second.data() == kept.data() && fakes.held == 1);
		kept = std::move(second); /* what it had is given back */
		CHECK(fakes.returned == 1 && fakes.references == 1);
		kept.give_back();
		kept.give_back();
		CHECK(fakes.returned == 2 && fakes.references == 0);
		CHECK(!kept.share());
	}
	CHECK(fakes.returned == 2 && fakes.references == 0);

	fakes.wait_result = 0;
	CHECK(!good(queue.wait(std::chrono::milliseconds(20))) && fakes.timeout == 20);
	fakes.wait_result = -EINTR;
	CHECK(!good(queue.wait()) && fakes.timeout == -1);
	fakes.wait_result = -EBADFD;
	CHECK(bad([&] { return queue.wait(); }).code().value() == EBADFD);
}

static void test_payload_of_a_pool()
{
	fakes = {};
	{
		zcrx::pool pool = fakes_pool<zcrx::pool>();
		auto payload = good(pool.take("a completion"));
		CHECK(payload && payload->text() == "hello");
		auto again = payload->share();
		CHECK(fakes.held == 1 && again.text() == "hello");
		pool = zcrx::pool(); /* it lives until its last span is back */
		CHECK(fakes.returned == 0);
	}
	CHECK(fakes.returned == 2 && fakes.references == 0);
}

void RUN()
{
	test_errors();
	test_nonblocking();
	test_payload_of_a_queue();
	test_payload_of_a_pool();
}
