/*
 * test_fd.c - waiting on descriptors of any kind.
 *
 * One worker, so that the order of tasks is a fact; the descriptors are the kernel's.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/wok_test.h"

#include "io/driver.h"

/* Two ends of a pipe, non-blocking, with a wok_fd for each. */
struct ends {
    int descriptors[2];
    wok_fd *read, *write;
};

static struct ends ends_of_pipe(void)
{
    struct ends ends;

    cr_assert_eq(pipe2(ends.descriptors, O_NONBLOCK | O_CLOEXEC), 0);
    cr_assert_eq(wok_fd_new(&ends.read, ends.descriptors[0]), 0);
    cr_assert_eq(wok_fd_new(&ends.write, ends.descriptors[1]), 0);
    return ends;
}

static void close_ends(struct ends *ends)
{
    wok_fd_free(ends->read);
    wok_fd_free(ends->write);
    close(ends->descriptors[0]);
    close(ends->descriptors[1]);
}

static void put(int descriptor, const char *text)
{
    cr_assert_eq(write(descriptor, text, strlen(text)), (ssize_t)strlen(text));
}

/* As a system call for wok_fd_try: reads one byte. */
static unsigned calls; /* of tests with one worker */

static ssize_t read_byte(int descriptor, void *byte)
{
    calls++;
    return read(descriptor, byte, 1);
}

static ssize_t write_page(int descriptor, void *unused)
{
    static const char zeros[4096];

    (void)unused;
    calls++;
    return write(descriptor, zeros, sizeof zeros);
}

/* The code of a wait that must not take long. */
static int readable_within(wok_fd *fd, wok_duration duration)
{
    return wok_fd_wait_readable_until(fd, wok_after(duration));
}

#define FD_TEST(Name_)                                                                             \
    static void fd_##Name_##_body(void);                                                           \
    Test(fd, Name_, .timeout = 20)                                                                 \
    {                                                                                              \
        wok_runtime_options options = test_options();                                              \
        test_run(&options, fd_##Name_##_body);                                                     \
    }                                                                                              \
    static void fd_##Name_##_body(void)

WOK_TASK(put_later, int, int);
static int put_later(int *descriptor, int *result)
{
    *result = wok_sleep(wok_ms(5));
    put(*descriptor, "x");
    return *result;
}

/* ---- waiting ------------------------------------------------------------------------------- */

FD_TEST(a_wait_ends_when_something_can_be_read)
{
    struct ends ends = ends_of_pipe();
    wok_instant start = wok_now();
    char byte = 0;

    cr_assert_eq(readable_within(ends.read, wok_ms(1)), -ETIMEDOUT);
    put_later_join later = wok_spawn(put_later, ends.descriptors[1]);
    cr_assert_eq(wok_fd_wait_readable(ends.read), 0);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(6).ns);
    cr_assert_eq(read(ends.descriptors[0], &byte, 1), 1);
    cr_assert_eq(byte, 'x');
    cr_assert_eq(put_later_await(&later, NULL, NULL), 0);
    close_ends(&ends);
}

/* Whoever reads, and however much: a wait knows what is so now.  An edge that was used up used to end
 * the next wait, and one that was not read to its end was never told again. */
FD_TEST(a_wait_is_right_although_others_read)
{
    struct ends ends = ends_of_pipe();
    char buffer[16];

    for (int i = 0; i < 3; i++) {
        put(ends.descriptors[1], "abc");
        cr_assert_eq(readable_within(ends.read, wok_ms(1)), 0);
        cr_assert_eq(read(ends.descriptors[0], buffer, 2), 2);
        cr_assert_eq(readable_within(ends.read, wok_ms(1)), 0, "there is one left");
        cr_assert_eq(readable_within(ends.read, wok_ms(1)), 0, "there still is");
        cr_assert_eq(read(ends.descriptors[0], buffer, 2), 1);
        cr_assert_eq(readable_within(ends.read, wok_ms(1)), -ETIMEDOUT, "there is nothing");
    }
    close_ends(&ends);
}

FD_TEST(a_wait_for_room_ends_when_there_is_some)
{
    static char buffer[1 << 16];
    struct ends ends = ends_of_pipe();

    cr_assert_eq(wok_fd_wait_writable(ends.write), 0);
    while (wok_fd_try(ends.write, WOK_FD_WRITE, write_page, NULL) > 0)
        continue;
    cr_assert_eq(wok_fd_wait_writable_until(ends.write, wok_after(wok_ms(1))), -ETIMEDOUT);
    cr_assert_gt(read(ends.descriptors[0], buffer, sizeof buffer), 0);
    cr_assert_eq(wok_fd_wait_writable_until(ends.write, wok_after(wok_ms(1))), 0);
    close_ends(&ends);
}

FD_TEST(the_end_and_an_error_can_be_read_and_written)
{
    struct ends first = ends_of_pipe(), second = ends_of_pipe();
    char byte;

    cr_assert_eq(readable_within(first.read, wok_ms(1)), -ETIMEDOUT);
    wok_fd_free(first.write);
    close(first.descriptors[1]);
    cr_assert_eq(readable_within(first.read, wok_ms(1)), 0);
    cr_assert_eq(wok_fd_try(first.read, WOK_FD_READ, read_byte, &byte), 0);
    wok_fd_free(first.read);
    close(first.descriptors[0]);

    while (wok_fd_try(second.write, WOK_FD_WRITE, write_page, NULL) > 0)
        continue;
    wok_fd_free(second.read);
    close(second.descriptors[0]);
    cr_assert_eq(wok_fd_wait_writable_until(second.write, wok_after(wok_ms(1))), 0);
    cr_assert_eq(wok_fd_try(second.write, WOK_FD_WRITE, write_page, NULL), -EPIPE);
    wok_fd_free(second.write);
    close(second.descriptors[1]);
}

/* ---- select -------------------------------------------------------------------------------- */

FD_TEST(a_branch_that_loses_has_read_nothing)
{
    struct ends ends = ends_of_pipe(), other = ends_of_pipe();
    char buffer[8];
    int code = -1;

    wok_op first[] = {wok_fd_readable_op(ends.read), wok_fd_readable_op(other.read),
                      wok_sleep_op(wok_ms(1))};
    cr_assert_eq(wok_select(first, 3, WOK_SELECT_FAIR, &code), 2);
    put(ends.descriptors[1], "ab");
    put(other.descriptors[1], "cd");
    wok_op second[] = {wok_fd_readable_op(ends.read), wok_fd_readable_op(other.read)};
    cr_assert_eq(wok_select(second, 2, WOK_SELECT_BIASED, &code), 0);
    cr_assert_eq(code, 0);
    cr_assert_eq(read(ends.descriptors[0], buffer, sizeof buffer), 2);
    cr_assert_eq(read(other.descriptors[0], buffer, sizeof buffer), 2);
    close_ends(&ends);
    close_ends(&other);
}

WOK_TASK(wait_readable, wok_fd *, int);
static int wait_readable(wok_fd **fd, int *result)
{
    *result = wok_fd_wait_readable(*fd);
    return *result;
}

FD_TEST(all_who_wait_are_told)
{
    struct ends ends = ends_of_pipe();
    wait_readable_join waiting[5], aborted;

    for (size_t i = 0; i < WOK_COUNT(waiting); i++)
        waiting[i] = wok_spawn(wait_readable, ends.read);
    aborted = wok_spawn(wait_readable, ends.read);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    wok_join_abort(&aborted.join);
    cr_assert_eq(wait_readable_await(&aborted, NULL, NULL), -WOK_EJOIN);
    put(ends.descriptors[1], "x");
    for (size_t i = 0; i < WOK_COUNT(waiting); i++)
        cr_assert_eq(wait_readable_await(&waiting[i], NULL, NULL), 0);
    close_ends(&ends);
}

static bool turned;

WOK_TASK(take_a_turn, int, int);
static int take_a_turn(int *unused, int *result)
{
    (void)unused;
    *result = 0;
    turned = true;
    return 0;
}

FD_TEST(a_loop_over_a_ready_descriptor_lets_others_run)
{
    struct ends ends = ends_of_pipe();
    take_a_turn_join other = wok_spawn(take_a_turn, 0);
    unsigned rounds = 0;

    put(ends.descriptors[1], "x");
    for (; !turned && rounds < 10000; rounds++)
        cr_assert_eq(wok_fd_wait_readable(ends.read), 0);
    cr_assert(turned);
    cr_assert_eq(take_a_turn_await(&other, NULL, NULL), 0);
    close_ends(&ends);
}

/* ---- trying -------------------------------------------------------------------------------- */

FD_TEST(a_try_that_finds_nothing_is_not_repeated_before_there_is_something)
{
    struct ends ends = ends_of_pipe();
    char byte = 0;

    calls = 0;
    cr_assert_eq(wok_fd_try(ends.read, WOK_FD_READ, read_byte, &byte), -EAGAIN);
    cr_assert_eq(calls, 1);
    cr_assert_eq(wok_fd_try(ends.read, WOK_FD_READ, read_byte, &byte), -EAGAIN);
    cr_assert_eq(calls, 1, "it is known to find nothing");
    put(ends.descriptors[1], "ab");
    cr_assert_eq(wok_fd_wait_readable(ends.read), 0);
    cr_assert_eq(wok_fd_try(ends.read, WOK_FD_READ, read_byte, &byte), 1);
    cr_assert_eq(byte, 'a');
    cr_assert_eq(wok_fd_try(ends.read, WOK_FD_READ, read_byte, &byte), 1, "without a wait");
    cr_assert_eq(byte, 'b');
    cr_assert_eq(wok_fd_try(ends.read, WOK_FD_READ, read_byte, &byte), -EAGAIN);
    cr_assert_eq(calls, 4);
    close_ends(&ends);
}

static ssize_t fail_once(int descriptor, void *unused)
{
    (void)descriptor;
    (void)unused;
    errno = calls++ == 0 ? EINTR : EIO;
    return -1;
}

FD_TEST(a_try_that_fails_says_why_and_the_next_is_made)
{
    struct ends ends = ends_of_pipe();

    calls = 0;
    cr_assert_eq(wok_fd_try(ends.read, WOK_FD_READ, fail_once, NULL), -EIO);
    cr_assert_eq(calls, 2, "again after an interruption");
    cr_assert_eq(wok_fd_try(ends.read, WOK_FD_READ, fail_once, NULL), -EIO);
    close_ends(&ends);
}

/* ---- kinds of descriptors ------------------------------------------------------------------- */

FD_TEST(an_eventfd_counts)
{
    int descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    uint64_t count = 3;
    wok_fd *fd = NULL;

    cr_assert_eq(wok_fd_new(&fd, descriptor), 0);
    cr_assert_eq(wok_fd_descriptor(fd), descriptor);
    cr_assert_eq(readable_within(fd, wok_ms(1)), -ETIMEDOUT);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(write(descriptor, &count, sizeof count), sizeof count);
        cr_assert_eq(readable_within(fd, wok_ms(1)), 0);
    }
    cr_assert_eq(read(descriptor, &count, sizeof count), sizeof count);
    cr_assert_eq(count, 6);
    cr_assert_eq(readable_within(fd, wok_ms(1)), -ETIMEDOUT);
    wok_fd_free(fd);
    close(descriptor);
}

FD_TEST(a_socket_is_waited_on_in_both_directions_at_once)
{
    int pair[2];
    wok_fd *fd = NULL;
    int code = -1;

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    cr_assert_eq(wok_fd_new(&fd, pair[0]), 0);
    wok_op branches[] = {wok_fd_readable_op(fd), wok_fd_writable_op(fd)};
    cr_assert_eq(wok_select(branches, 2, WOK_SELECT_FAIR, &code), 1);
    while (wok_fd_try(fd, WOK_FD_WRITE, write_page, NULL) > 0)
        continue;
    put(pair[1], "x");
    wok_op again[] = {wok_fd_writable_op(fd), wok_fd_readable_op(fd)};
    cr_assert_eq(wok_select(again, 2, WOK_SELECT_FAIR, &code), 1);
    cr_assert_eq(shutdown(pair[1], SHUT_WR), 0);
    wok_fd_free(fd);
    close(pair[0]);
    close(pair[1]);
}

static void make_directory(char *path)
{
    cr_assert_not_null(mkdtemp(path));
}

FD_TEST(inotify_tells_of_a_file)
{
    char path[] = "/tmp/wok-test-XXXXXX", name[64], buffer[512];
    int descriptor = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    wok_fd *fd = NULL;

    make_directory(path);
    snprintf(name, sizeof name, "%s/file", path);
    cr_assert_geq(inotify_add_watch(descriptor, path, IN_CREATE), 0);
    cr_assert_eq(wok_fd_new(&fd, descriptor), 0);
    cr_assert_eq(readable_within(fd, wok_ms(1)), -ETIMEDOUT);
    close(open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    cr_assert_eq(readable_within(fd, wok_ms(1)), 0);
    cr_assert_gt(read(descriptor, buffer, sizeof buffer), 0);
    wok_fd_free(fd);
    close(descriptor);
    unlink(name);
    rmdir(path);
}

/* A stream's end is for ever; a FIFO's is not. */
FD_TEST(a_fifo_that_was_hung_up_can_be_opened_again)
{
    char path[] = "/tmp/wok-test-XXXXXX", name[64], byte;
    wok_fd *fd = NULL;
    int reader, writer;

    make_directory(path);
    snprintf(name, sizeof name, "%s/fifo", path);
    cr_assert_eq(mkfifo(name, 0600), 0);
    reader = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    cr_assert_eq(wok_fd_new(&fd, reader), 0);
    for (int i = 0; i < 3; i++) {
        writer = open(name, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        cr_assert_eq(readable_within(fd, wok_ms(1)), -ETIMEDOUT, "no end any more");
        put(writer, "x");
        cr_assert_eq(readable_within(fd, wok_ms(1)), 0);
        cr_assert_eq(read(reader, &byte, 1), 1);
        close(writer);
        cr_assert_eq(readable_within(fd, wok_ms(1)), 0, "the end");
    }
    wok_fd_free(fd);
    close(reader);
    unlink(name);
    rmdir(path);
}

FD_TEST(a_terminal_that_was_hung_up_can_be_opened_again)
{
    int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    wok_fd *fd = NULL;
    char buffer[16];

    if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0)
        return; /* this machine has none to give */
    cr_assert_eq(wok_fd_new(&fd, terminal), 0);
    for (int i = 0; i < 2; i++) {
        int other = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
        cr_assert_geq(other, 0);
        cr_assert_eq(readable_within(fd, wok_ms(1)), -ETIMEDOUT);
        put(other, "x"); /* it arrives when the kernel finds the time */
        cr_assert_eq(wok_fd_wait_readable(fd), 0);
        cr_assert_eq(read(terminal, buffer, sizeof buffer), 1);
        close(other);
        cr_assert_eq(wok_fd_wait_readable(fd), 0, "hung up");
        cr_assert_eq(read(terminal, buffer, sizeof buffer), -1);
    }
    wok_fd_free(fd);
    close(terminal);
}

/* ---- what is refused ------------------------------------------------------------------------ */

FD_TEST(what_epoll_does_not_take_is_refused)
{
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    wok_fd *fd = (wok_fd *)&file;

    cr_assert_eq(wok_fd_new(&fd, file), -EPERM, "always ready");
    cr_assert_eq(wok_fd_new(&fd, -1), -EBADF);
    close(file);
    cr_assert_eq(wok_fd_new(&fd, file), -EBADF);
    cr_assert(fd == (wok_fd *)&file, "untouched");
}

FD_TEST(a_descriptor_is_registered_once_and_again_after_its_end)
{
    int descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    wok_fd *first = NULL, *second = NULL;

    cr_assert_eq(wok_fd_new(&first, descriptor), 0);
    cr_assert_eq(wok_fd_new(&second, descriptor), -EEXIST);
    wok_fd_free(first);
    cr_assert_eq(wok_fd_new(&second, descriptor), 0);
    cr_assert_eq(readable_within(second, wok_ms(1)), -ETIMEDOUT);
    wok_fd_free(second);
    cr_assert_neq(fcntl(descriptor, F_GETFD), -1, "it is still open");
    close(descriptor);
    wok_fd_free(NULL);
}

FD_TEST(a_descriptor_that_was_closed_ends_the_wait)
{
    int descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    wok_fd *fd = NULL;

    cr_assert_eq(wok_fd_new(&fd, descriptor), 0);
    close(descriptor);
    cr_assert_eq(wok_fd_wait_readable(fd), -EBADF);
    wok_fd_free(fd);
}

static void refused_in_simulation(void)
{
    int descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    wok_fd *fd = NULL;

    cr_assert_eq(wok_fd_new(&fd, descriptor), -ENOTSUP);
    cr_assert_null(fd);
    close(descriptor);
}

Test(fd, needs_the_kernels_network, .timeout = 20)
{
    wok_runtime_options options = test_options();

    options.simulated_network = true;
    test_run(&options, refused_in_simulation);
}

Test(fd, needs_a_runtime)
{
    wok_fd *fd = NULL;

    cr_assert_eq(wok_fd_new(&fd, 0), -EINVAL);
}

/* ---- several threads -------------------------------------------------------------------------- */

/* Tasks on two workers wait for one pipe that a thread fills, and each byte is read once. */
enum { BYTES = 20000, READERS = 4 };
static struct ends shared;
static unsigned read_by[READERS];

static ssize_t read_quietly(int descriptor, void *byte)
{
    return read(descriptor, byte, 1);
}

WOK_TASK(read_shared, int, int);
static int read_shared(int *index, int *result)
{
    char byte;

    for (;;) {
        ssize_t count = wok_fd_try(shared.read, WOK_FD_READ, read_quietly, &byte);
        *result = (int)count;
        if (count == 0)
            return 0;
        if (count == 1)
            read_by[*index]++;
        else if (count != -EAGAIN || (*result = wok_fd_wait_readable(shared.read)) < 0)
            return *result;
    }
}

static void *fill_shared(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < BYTES;) {
        if (write(shared.descriptors[1], "x", 1) == 1)
            i++;
        else
            sched_yield();
    }
    close(shared.descriptors[1]);
    return NULL;
}

WOK_TEST_ON(fd, every_byte_is_read_once_by_tasks_of_several_workers, 2)
{
    read_shared_join readers[READERS];
    pthread_t filler;
    unsigned sum = 0;

    shared = ends_of_pipe();
    wok_fd_free(shared.write);
    for (int i = 0; i < READERS; i++)
        readers[i] = wok_spawn(read_shared, i);
    cr_assert_eq(pthread_create(&filler, NULL, fill_shared, NULL), 0);
    for (int i = 0; i < READERS; i++) {
        cr_assert_eq(read_shared_await(&readers[i], NULL, NULL), 0);
        sum += read_by[i];
    }
    cr_assert_eq(sum, BYTES);
    pthread_join(filler, NULL);
    wok_fd_free(shared.read);
    close(shared.descriptors[0]);
}
