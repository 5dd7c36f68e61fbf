/*
 * window.c - a client with a small window: preloaded into one, this gives each of its sockets a receive buffer of as many
 * bytes as WOK_TEST_WINDOW says before it connects, when it still counts for the window.
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int connect(int fd, const struct sockaddr *address, socklen_t size)
{
    const char *text = getenv("WOK_TEST_WINDOW");
    int bytes = text != NULL ? atoi(text) : 0;

    if (bytes <= 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes) < 0)
        abort();
    return (int)syscall(SYS_connect, fd, address, size);
}
