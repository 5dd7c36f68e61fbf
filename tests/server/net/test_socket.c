/*
 * test_socket.c - the files of Unix sockets: their mode, who replaces whom, and what is removed in the end.
 *
 * Each test has a folder of its own.  A socket of the test's thread listens or is closed, as that of another
 * process would be.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/test.h"

#include "net/socket.h"

static const struct wok__socket_file plain = {0660, (uid_t)-1, (gid_t)-1};
static char folder[64], path[80];

static void set_up(void)
{
    snprintf(folder, sizeof folder, "/tmp/wok-test-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/s", folder);
}

static void tear_down(void)
{
    unlink(path);
    rmdir(folder);
}

static bool exists(void)
{
    struct stat file;

    return lstat(path, &file) == 0;
}

static mode_t mode_of(void)
{
    struct stat file;

    cr_assert_eq(lstat(path, &file), 0);
    return file.st_mode & 07777;
}

static int dial(void)
{
    struct sockaddr_un address;
    socklen_t size = wok__socket_unix_address(path, &address);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int error = connect(fd, (struct sockaddr *)&address, size) < 0 ? -errno : 0;

    close(fd);
    return error;
}

Test(socket, has_its_mode_whatever_the_umask, .init = set_up, .fini = tear_down)
{
    static const mode_t modes[] = {0660, 0600, 0666, 0777};
    mode_t mask = umask(077);

    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        struct wok__socket opened;
        cr_assert_eq(wok__socket_open_unix(
                         &opened, path, &(struct wok__socket_file){modes[i], (uid_t)-1, (gid_t)-1}),
                     0);
        cr_assert_eq(mode_of(), modes[i], "%o", mode_of());
        cr_assert_eq(dial(), 0);
        wok__socket_unlink(&opened);
        cr_assert_not(exists());
        close(opened.fd);
    }
    cr_assert_eq(umask(mask), 077, "the umask is as it was");
}

Test(socket, says_where_as_the_option_takes_it, .init = set_up, .fini = tear_down)
{
    struct wok__socket opened;
    char expected[96];

    snprintf(expected, sizeof expected, "unix:%s", path);
    cr_assert_eq(wok__socket_open_unix(&opened, path, &plain), 0);
    cr_assert_str_eq(opened.where, expected);
    cr_assert_not(opened.shared);
    cr_assert_not(wok__socket_is_loopback(opened.fd));
    close(opened.fd);
}

Test(socket, replaces_what_a_dead_process_left, .init = set_up, .fini = tear_down)
{
    struct wok__socket dead, next;

    cr_assert_eq(wok__socket_open_unix(&dead, path, &plain), 0);
    close(dead.fd);
    cr_assert(exists());
    cr_assert_eq(dial(), -ECONNREFUSED);
    cr_assert_eq(wok__socket_open_unix(&next, path, &plain), 0);
    cr_assert_eq(dial(), 0);
    wok__socket_unlink(&next);
    cr_assert_not(exists());
    close(next.fd);
}

Test(socket, removes_its_own_file_only, .init = set_up, .fini = tear_down)
{
    struct wok__socket first, next;

    cr_assert_eq(wok__socket_open_unix(&first, path, &plain), 0);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(wok__socket_open_unix(&next, path, &plain), 0);
    wok__socket_unlink(&first);
    cr_assert(exists(), "the file is another's by now");
    close(first.fd);
    close(next.fd);
}

Test(socket, leaves_a_live_one_alone, .init = set_up, .fini = tear_down)
{
    struct wok__socket live, second = {.fd = -1};

    cr_assert_eq(wok__socket_open_unix(&live, path, &plain), 0);
    cr_assert_eq(wok__socket_open_unix(&second, path, &plain), -EADDRINUSE);
    cr_assert_eq(second.fd, -1, "untouched on failure");
    cr_assert_eq(dial(), 0, "the first one goes on");
    close(live.fd);
}

Test(socket, leaves_a_live_one_alone_whose_queue_is_full, .init = set_up, .fini = tear_down)
{
    struct wok__socket second;
    struct sockaddr_un address;
    socklen_t size = wok__socket_unix_address(path, &address);
    int live = socket(AF_UNIX, SOCK_STREAM, 0), clients[8], count = 0;

    cr_assert_eq(bind(live, (struct sockaddr *)&address, size), 0);
    cr_assert_eq(listen(live, 0), 0);
    do {
        cr_assert_lt(count, 8);
        clients[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    } while (connect(clients[count++], (struct sockaddr *)&address, size) == 0);
    cr_assert_eq(wok__socket_open_unix(&second, path, &plain), -EADDRINUSE);
    cr_assert(exists());
    while (count > 0)
        close(clients[--count]);
    close(live);
}

Test(socket, removes_nothing_that_is_no_socket, .init = set_up, .fini = tear_down)
{
    struct wok__socket opened;
    int fd = open(path, O_CREAT | O_WRONLY, 0600);

    cr_assert_eq(wok__socket_open_unix(&opened, path, &plain), -ENOTSOCK);
    cr_assert(exists());
    close(fd);
    unlink(path);
    cr_assert_eq(symlink("elsewhere", path), 0);
    cr_assert_eq(wok__socket_open_unix(&opened, path, &plain), -ENOTSOCK);
    cr_assert(exists());
}

Test(socket, is_refused_where_there_is_no_folder_or_no_room_for_the_path)
{
    struct wok__socket opened;
    char longest[120] = "/";

    cr_assert_eq(wok__socket_open_unix(&opened, "/nowhere/at/all", &plain), -ENOENT);
    memset(longest + 1, 'x', sizeof longest - 2);
    cr_assert_eq(wok__socket_open_unix(&opened, longest, &plain), -ENAMETOOLONG);
}

/* Who looks, removes and binds holds the folder's lock, so that two never replace each other. */
Test(socket, waits_for_the_lock_of_the_folder, .init = set_up, .fini = tear_down, .timeout = 20)
{
    struct wok__socket opened;
    int lock = open(folder, O_RDONLY | O_DIRECTORY);

    cr_assert_eq(flock(lock, LOCK_EX), 0);
    cr_assert_eq(wok__socket_open_unix(&opened, path, &plain), -EBUSY);
    cr_assert_not(exists());
    close(lock);
    cr_assert_eq(wok__socket_open_unix(&opened, path, &plain), 0);
    lock = open(folder, O_RDONLY | O_DIRECTORY);
    cr_assert_eq(flock(lock, LOCK_EX | LOCK_NB), 0, "it has given it back");
    close(lock);
    close(opened.fd);
}

Test(socket, an_abstract_name_has_no_file_and_ends_with_its_socket)
{
    struct wok__socket opened, second;
    char name[64], where[80];

    snprintf(name, sizeof name, "@wok-test-%d", (int)getpid());
    snprintf(where, sizeof where, "unix:%s", name);
    snprintf(path, sizeof path, "%s", name);
    cr_assert_eq(wok__socket_open_unix(&opened, name, &plain), 0);
    cr_assert_str_eq(opened.where, where);
    cr_assert_str_eq(opened.file.sun_path, "");
    cr_assert_eq(dial(), 0);
    cr_assert_eq(wok__socket_open_unix(&second, name, &plain), -EADDRINUSE);
    wok__socket_unlink(&opened);
    close(opened.fd);
    cr_assert_eq(dial(), -ECONNREFUSED);
}

Test(socket, only_a_stream_socket_that_listens_is_inherited, .init = set_up, .fini = tear_down)
{
    struct wok__socket opened, inherited;
    int pair[2], datagram = socket(AF_UNIX, SOCK_DGRAM, 0), file = open("/dev/null", O_RDONLY);

    cr_assert_eq(wok__socket_open_unix(&opened, path, &plain), 0);
    cr_assert_eq(wok__socket_inherit(&inherited, opened.fd), 0);
    cr_assert(inherited.shared);
    cr_assert_str_eq(inherited.where, opened.where);
    wok__socket_unlink(&inherited);
    cr_assert(exists(), "its file is its maker's");
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    cr_assert_eq(wok__socket_inherit(&inherited, pair[0]), -EINVAL);
    cr_assert_eq(wok__socket_inherit(&inherited, datagram), -EOPNOTSUPP);
    cr_assert_eq(wok__socket_inherit(&inherited, file), -ENOTSOCK);
    close(file);
    cr_assert_eq(wok__socket_inherit(&inherited, file), -EBADF);
    close(pair[0]);
    close(pair[1]);
    close(datagram);
    close(opened.fd);
}
