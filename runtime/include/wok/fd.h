/*
 * fd.h - waiting on any descriptor: pipes, eventfds, ptys, inotify, the socket of a C library.
 *
 *     for (;;) {
 *         ssize_t count = wok_fd_try(events, WOK_FD_READ, read_events, &batch);
 *         if (count != -EAGAIN)
 *             return count;
 *         int error = wok_fd_wait_readable(events);
 *         if (error < 0)
 *             return error;
 *     }
 *
 * Try first, wait on -EAGAIN.  The kernel tells of a descriptor at the moment when it becomes ready
 * (edge-triggered epoll), and a wok_fd remembers that until a wok_fd_try() finds nothing left.  A wait
 * that begins asks poll(2) whether what is remembered still holds.  So it is right also where the
 * system calls are made by others, a library for instance that reads as much as it likes: whoever
 * waits is told when the descriptor is ready, also if it has been for long, and is not told when it
 * was once.
 *
 * The descriptor should be non-blocking.  One that is not may be waited for and then be read or
 * written once, if nobody else does: another one may take what was there.
 */
#ifndef WOK_FD_H
#define WOK_FD_H

#include <sys/types.h>

#include <wok/base.h>
#include <wok/future.h>
#include <wok/time.h>

WOK_BEGIN_DECLS

/** A descriptor that tasks can wait on. */
typedef struct wok_fd wok_fd;

/** What a descriptor is ready for. */
typedef enum wok_fd_direction { WOK_FD_READ, WOK_FD_WRITE } wok_fd_direction;

/**
 * Makes a descriptor one that can be waited on, in the current runtime.
 *
 * Errors:     -EPERM for what is always ready: regular files and directories; -EBADF; -EEXIST where
 *             it is registered already (dup(2) gives another); -EINVAL if the caller has no runtime;
 *             -ENOTSUP in a runtime with a simulated network, whose clock and order know nothing of
 *             the kernel's descriptors; -ENOMEM, -ENOSPC.
 * Ownership:  borrows the descriptor until wok_fd_free(), and changes nothing of it; returns owned:
 *             wok_fd_free(), before the descriptor is closed and the runtime is freed.
 * Threads:    a task, or a plain thread that entered a runtime.
 * Cancel:     not a cancellation point.
 * Source:     epoll_ctl(2), EPOLLET in epoll(7).
 */
WOK_API
WOK_MUST_USE
int wok_fd_new(wok_fd **ret_fd, int descriptor);

/**
 * Ends the registration, and leaves the descriptor open; NULL is fine.
 *
 * Threads:    any, while nobody waits on it.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_fd_free(wok_fd *fd);

/**
 * wok_fd_free() for WOK_CLEANUP.
 *
 * Threads:    as wok_fd_free().
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_fd_freep(wok_fd **fd);

/**
 * The descriptor it was made of.
 *
 * Errors:     none.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
int wok_fd_descriptor(const wok_fd *fd);

/**
 * A system call on the descriptor: returns a count, or -1 and errno.
 *
 * Threads:    whoever called wok_fd_try().
 * Cancel:     not a cancellation point; it must not wait.
 */
typedef ssize_t (*wok_fd_call)(int descriptor, void *argument);

/**
 * Makes a system call if the descriptor may be ready: its count, or a negative errno.
 *
 * After -EAGAIN the descriptor counts as not ready until the kernel says otherwise, and the next
 * call is not even made before that.  A call that is interrupted is made again.
 *
 * Errors:     -EAGAIN: wait, and try again; else what the call says.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
ssize_t wok_fd_try(wok_fd *fd, wok_fd_direction direction, wok_fd_call call, void *argument);

/**
 * Waits until a read would not wait: there is something, the end, or an error to be read.
 *
 * Errors:     -ECANCELED if the caller is aborted; -ETIMEDOUT if a deadline that covers it passes;
 *             -EBADF if the descriptor was closed; -EDEADLK in a stackless task, which polls a
 *             wok_fd_readable_op().
 * Threads:    a stackful task parks, a plain thread blocks; any number of tasks, which are all told.
 * Cancel:     cancellation point; nothing is read.
 */
WOK_API
WOK_CP
int wok_fd_wait_readable(wok_fd *fd);

/**
 * As wok_fd_wait_readable(), for at most until `deadline`: -ETIMEDOUT.
 *
 * Errors:     as wok_fd_wait_readable().
 * Threads:    as wok_fd_wait_readable().
 * Cancel:     cancellation point; nothing is read.
 */
WOK_API
WOK_CP
int wok_fd_wait_readable_until(wok_fd *fd, wok_instant deadline);

/**
 * Waits until a write would not wait: there is room, or an error to be told.
 *
 * Errors:     as wok_fd_wait_readable().
 * Threads:    as wok_fd_wait_readable().
 * Cancel:     cancellation point; nothing is written.
 */
WOK_API
WOK_CP
int wok_fd_wait_writable(wok_fd *fd);

/**
 * As wok_fd_wait_writable(), for at most until `deadline`: -ETIMEDOUT.
 *
 * Errors:     as wok_fd_wait_readable().
 * Threads:    as wok_fd_wait_readable().
 * Cancel:     cancellation point; nothing is written.
 */
WOK_API
WOK_CP
int wok_fd_wait_writable_until(wok_fd *fd, wok_instant deadline);

/**
 * The operation of wok_fd_wait_readable(); ready with 0, or with -EBADF if the descriptor was closed.
 *
 * Ownership:  borrows `fd` until the operation is dropped.
 * Threads:    any; any number of tasks.
 * Cancel:     not a cancellation point; it has no effect in any case.
 */
WOK_API
wok_op wok_fd_readable_op(wok_fd *fd);

/**
 * The operation of wok_fd_wait_writable(); ready with 0, or with -EBADF if the descriptor was closed.
 *
 * Ownership:  borrows `fd` until the operation is dropped.
 * Threads:    any; any number of tasks.
 * Cancel:     not a cancellation point; it has no effect in any case.
 */
WOK_API
wok_op wok_fd_writable_op(wok_fd *fd);

WOK_END_DECLS

#endif
