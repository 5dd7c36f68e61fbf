/*
 * address.c - numeric addresses, to and from text.
 *
 * Names are not resolved: a resolver blocks, and belongs on the blocking pool.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "io/net.h"

int wok__address_parse(const char *text, uint16_t port, struct wok__address *ret_address)
{
    struct wok__address address = {.size = 0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address.storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address.storage;

    if (text == NULL)
        text = "127.0.0.1";
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        address.size = sizeof *v4;
    } else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        address.size = sizeof *v6;
    } else {
        return -EINVAL;
    }
    *ret_address = address;
    return 0;
}

size_t wok__address_format(const struct wok__address *address, char *buffer, size_t size)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->storage;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->storage;
    char host[INET6_ADDRSTRLEN];
    int length;

    if (size == 0)
        return 0;
    if (address->storage.ss_family == AF_INET) {
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        length = snprintf(buffer, size, "%s:%u", host, ntohs(v4->sin_port));
    } else if (address->storage.ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        length = snprintf(buffer, size, "[%s]:%u", host, ntohs(v6->sin6_port));
    } else {
        length = snprintf(buffer, size, "%s",
                          address->storage.ss_family == AF_UNIX ? "unix" : "unknown");
    }
    return (size_t)length < size ? (size_t)length : size - 1;
}
