/*
 * socket.h - listening sockets of the kernel, before anybody accepts from them.
 *
 * They are opened by the main thread before there is a runtime, so that privileges can be dropped between the
 * two: no code that reads what clients send has ever had them.
 */
#ifndef WOK_SERVER_NET_SOCKET_H
#define WOK_SERVER_NET_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

struct wok__socket {
    int fd;                  /* owned; -1: none */
    bool encrypted;          /* TLS is spoken on it; whoever opens it says so */
    bool shared;             /* whoever gave it goes on listening: it is neither hushed nor shut */
    char where[128];         /* "127.0.0.1:8080", "[::1]:8080", "unix:/run/wok.sock" */
    struct sockaddr_un file; /* the file that was made for it; an empty path: none */
    dev_t device;            /* of that file, as the next */
    ino_t inode;
};

/* Whose the file of a Unix socket is, and who may connect. */
struct wok__socket_file {
    mode_t mode;
    uid_t owner; /* (uid_t)-1: it stays whose it is; as the next */
    gid_t group;
};

/* A numeric address; port 0 lets the kernel pick.  IPv6 sockets take IPv6 alone, so that both families can
 * be asked for with one port. */
int wok__socket_open_tcp(struct wok__socket *ret_socket, const char *address, uint16_t port);

/*
 * A Unix socket at a path, or by the abstract name behind a '@'.  A file that a dead process left there is
 * replaced; -EADDRINUSE if somebody listens, -ENOTSOCK if the file is something else, -EBUSY if another
 * process has locked the folder for two seconds.
 */
int wok__socket_open_unix(struct wok__socket *ret_socket, const char *path,
                          const struct wok__socket_file *file);

/* A socket that the process was started with: -EBADF, -ENOTSOCK, -EOPNOTSUPP for what is no stream socket,
 * -EINVAL for one that does not listen. */
int wok__socket_inherit(struct wok__socket *ret_socket, int fd);

/* True for a stream on a loopback address.  A Unix socket is none: what is behind it may be the world. */
bool wok__socket_is_loopback(int fd);

/* Removes the file that was made for it, if it is still that one; at most once.  The socket is still open, so
 * that its file's inode is no other file's. */
void wok__socket_unlink(struct wok__socket *socket);

/* Fills in the address of a Unix socket, and returns its size; 0: it does not fit. */
socklen_t wok__socket_unix_address(const char *path, struct sockaddr_un *ret_address);

#endif
