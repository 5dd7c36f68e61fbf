/*
 * epoll.h - waiting with epoll, shared by the back-ends whose worker sleeps there.
 *
 * The kernel's network (socket.c) and the simulated one (sim.c) differ in their operations only: a
 * worker of either sleeps in epoll_pwait2, is woken through the driver's eventfd, and sees signals
 * through another one.
 */
#ifndef WOK_IO_EPOLL_H
#define WOK_IO_EPOLL_H

#include "io/driver.h"

int wok__epoll_init(struct wok__driver *driver);
void wok__epoll_done(struct wok__driver *driver);
int wok__epoll_turn(struct wok__driver *driver, uint64_t timeout_ns, bool owner);
void wok__epoll_wake(struct wok__driver *driver);
uint64_t wok__epoll_wait_all(struct wok__driver *const *drivers, unsigned owned, unsigned count,
                             int poke_fd, uint64_t timeout_ns);
bool wok__epoll_is_woken(const struct wok__driver *driver);
int wok__epoll_attach(struct wok__driver *driver, int fd, wok__token token);
int wok__epoll_attach_listener(struct wok__driver *driver, int fd, wok__token token);
int wok__epoll_attach_kernel(struct wok__driver *driver, int fd, wok__token token);
void wok__epoll_detach(struct wok__driver *driver, int fd);

/* For tests: wait with epoll_wait, as on kernels before 5.11. */
void wok__epoll_use_milliseconds(void);

#endif
