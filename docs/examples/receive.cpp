/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Receives files over TCP by zero copy, in C++20:
 *
 *	receive PORT DIRECTORY [CONNECTIONS]
 *
 * What comes through each connection is written to a file in DIRECTORY, from where the NIC has put
 *it. Ends when so many CONNECTIONS have been stored, or when killed. The variable INTERFACE may
 *name the NIC.
 *
 * Build: c++ -std=c++20 receive.cpp $(pkg-config --cflags --libs libzcrx-client)
 */
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <utility>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zcrx-client.hpp>

namespace
{

[[noreturn]] void fail(const char *what)
{
	throw std::system_error(errno, std::generic_category(), what);
}

class descriptor
{
public:
	explicit descriptor(int fd) : fd_(fd) {}
	descriptor(descriptor &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
	descriptor &operator=(descriptor &&) = delete;
	~descriptor()
	{
		if (fd_ >= 0)
			close(fd_);
	}
	int get() const { return fd_; }

private:
	int fd_;
};

descriptor listen_on(int port)
{
	sockaddr_in four {};
	sockaddr_in6 six {};
	auto *address = reinterpret_cast<sockaddr *>(&six); /* of IPv4, too */
	socklen_t size = sizeof(six);
	int one = 1, fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	six.sin6_family = AF_INET6;
	six.sin6_port = htons(static_cast<uint16_t>(port));
	if (fd < 0 && errno == EAFNOSUPPORT) { /* a machine without IPv6 */
		four.sin_family = AF_INET;
		four.sin_port = six.sin6_port;
		address = reinterpret_cast<sockaddr *>(&four);
		size = sizeof(four);
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	}
	descriptor listener(fd);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, address, size) < 0 || listen(fd, 128) < 0)
		fail("Cannot listen");
	return listener;
}

struct connection {
	std::ofstream file;
	zcrx::stream stream;
	uint64_t received = 0;
};

class server
{
public:
	server(zcrx::queue &queue, int listener, std::string directory)
	    : queue_(queue), listener_(listener), directory_(std::move(directory))
	{
	}

	void run(unsigned long n)
	{
		pollfd p[] = { { listener_, POLLIN, 0 }, { queue_.fd(), POLLIN, 0 } };
		bool more = false;

		while (n == 0 || stored_ < n) {
			if (poll(p, 2, more ? 0 : -1) < 0 && errno != EINTR)
				fail("Cannot wait");
			if (p[0].revents)
				accept_all();
			more = handle_some();
		}
	}

private:
	void accept_all()
	{
		for (;;) {
			descriptor fd(accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC));

			if (fd.get() < 0)
				return;
			auto &c = connections_[accepted_];
			c.file.exceptions(std::ios::failbit | std::ios::badbit);
			c.file.open(directory_ + "/" + std::to_string(accepted_), std::ios::binary);
			/* std::map leaves its elements where they are. */
			c.stream = queue_.receive(fd.get(), reinterpret_cast<void *>(accepted_++));
		}
	}

	/* Whether there may be more: the descriptor tells only of what comes when there was none. */
	bool handle_some()
	{
		for (int i = 0; i < 256; i++) {
			auto event = queue_.wait(std::chrono::milliseconds(0));

			if (!event)
				return false;
			handle(*event);
		}
		return true;
	}

	void handle(const zcrx::event &event)
	{
		auto number = reinterpret_cast<uintptr_t>(event.userdata);

		if (event.type == ZCRX_EVENT_DATA) {
			auto &c = connections_.at(number);
			c.file << event.data.text();
			c.received += event.data.size();
		} else if (event.type == ZCRX_EVENT_EOF) {
			end(number);
		} else if (event.type == ZCRX_EVENT_ERROR) {
			std::cerr << number << ": cannot receive: " << event.message << std::endl;
			end(number);
		} else if (event.type == ZCRX_EVENT_LEASE_GONE) {
			std::cerr << "The lease has ended: " << event.message << "." << std::endl;
			if (event.error == -ENODEV)
				throw zcrx::error(event.error, "Nothing more can arrive.");
		}
	}

	void end(uintptr_t number)
	{
		auto at = connections_.find(number);

		at->second.file.close();
		std::cout << number << ": " << at->second.received << " bytes" << std::endl;
		connections_.erase(at);
		stored_++;
	}

	zcrx::queue &queue_;
	int listener_;
	std::string directory_;
	std::map<uintptr_t, connection> connections_;
	uintptr_t accepted_ = 0;
	unsigned long stored_ = 0;
};

void receive(int port, const char *directory, unsigned long n)
{
	descriptor listener = listen_on(port);
	auto client = zcrx::client::connect();
	auto lease = zcrx::lease::acquire(client, { .interface = std::getenv("INTERFACE") });

	{
		auto queue = zcrx::queue::make(lease);

		queue.enroll();
		queue.steer(listener.get());
		std::cout << "listening" << std::endl;
		server(queue, listener.get(), directory).run(n);
		std::cout << queue.copied().bytes << " bytes were copied" << std::endl;
	}
	if (!lease.has_ended())
		lease.release(); /* when the queue is gone */
}

} // namespace

int main(int argc, char **argv)
{
	if (argc != 3 && argc != 4) {
		std::cerr << "usage: " << argv[0] << " PORT DIRECTORY [CONNECTIONS]" << std::endl;
		return 2;
	}
	try {
		receive(std::atoi(argv[1]), argv[2], argc == 4 ? std::strtoul(argv[3], nullptr, 10) : 0);
	} catch (const std::exception &e) {
		std::cerr << e.what() << std::endl;
		return 1;
	}
	return 0;
}
