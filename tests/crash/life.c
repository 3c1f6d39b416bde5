/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A client's life, method by method, for the crash test: acquire, register, steer a listening socket,
 * stop steering it, release. Prints a line for each: its name, and "done" or the error. What fails is
 * no reason to stop: the daemon was killed, and the next call meets the one after it.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zcrx-client.h>

static struct zcrx_client *client;

static int say(const char *what, int r)
{
	printf("%s %s%s%s\n", what, r < 0 ? strerror(-r) : "done", r < 0 ? ": " : "",
	       r < 0 ? zcrx_client_error(client) : "");
	fflush(stdout);
	return r;
}

static int listener(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(7777) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	inet_pton(AF_INET, "10.9.0.1", &a.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 1) < 0) {
		perror("listen");
		exit(EXIT_FAILURE);
	}
	return fd;
}

int main(int argc, char *argv[])
{
	int wait_at_end = argc > 1 && strcmp(argv[1], "wait") == 0;
	struct zcrx_lease *lease;
	struct zcrx_queue *queue;
	const char *flow;

	if (zcrx_client_new(&client) < 0 || zcrx_lease_new(client, &lease) < 0 ||
	    say("connect", zcrx_client_connect(client, NULL)) < 0)
		return EXIT_FAILURE;
	if (say("acquire", zcrx_lease_acquire(lease)) >= 0 &&
	    zcrx_queue_new(lease, 0, &queue) >= 0) {
		zcrx_queue_set_area_size(queue, 65536);
		if (say("register", zcrx_queue_register(queue)) >= 0 &&
		    say("steer", zcrx_queue_steer_socket(queue, listener())) >= 0) {
			flow = zcrx_lease_get_flow_id(lease, 0);
			if (wait_at_end) {
				printf("waiting\n");
				fflush(stdout);
				pause();
			}
			say("unsteer", flow ? zcrx_lease_remove_flow(lease, flow) : -1);
		}
		say("release", zcrx_lease_release(lease));
	}
	return EXIT_SUCCESS;
}
