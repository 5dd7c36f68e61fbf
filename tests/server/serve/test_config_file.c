/*
 * test_config_file.c - the configuration file: what it may hold, and where an error says it is.
 */
#include "config_test.h"

#include <sys/mman.h>
#include <unistd.h>

static char path[32]; /* /proc/self/fd/N of a file in memory */

static void file_holds(const char *text, size_t size)
{
    int fd = memfd_create("config", 0);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, size), (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
}

static int read_file(const char *const *environment, const char *text)
{
    file_holds(text, strlen(text));
    return READ_BOTH(environment, "--config", path);
}

/* The error begins with FILE:LINE. */
static void is_at(unsigned line)
{
    char where[64];

    snprintf(where, sizeof where, "%s:%u: ", path, line);
    cr_assert_eq(strncmp(error, where, strlen(where)), 0, "it says: %s", error);
}

Test(config_file, lines_comments_and_blanks)
{
    cr_assert_eq(read_file(NO_ENV, "# a comment\n\n  \t\nWOK_WORKERS=3\r\n WOK_GRACE = 77 \n"
                                   "   # WOK_WORKERS=4\nWOK_IDLE_TIMEOUT=5"),
                 0, "%s", error);
    cr_assert_eq(config.workers, 3);
    cr_assert_eq(config.server.grace.ns, wok_ms(77).ns);
    cr_assert_eq(config.server.idle_timeout.ns, wok_ms(5).ns);
    cr_assert_eq(config.origins[WOK__OPTION_IDLE_TIMEOUT].source, WOK__FROM_FILE);
    cr_assert_eq(config.origins[WOK__OPTION_IDLE_TIMEOUT].line, 7);
    cr_assert_eq(read_file(NO_ENV, ""), 0);
}

Test(config_file, the_environment_and_flags_win_over_it_and_it_over_the_defaults)
{
    const char *text = "WOK_WORKERS=3\nWOK_GRACE=3\nWOK_DRAIN_DELAY=3\nWOK_DEMO=off\n";

    file_holds(text, strlen(text));
    cr_assert_eq(
        READ_BOTH(ENV("WOK_GRACE=2", "WOK_DRAIN_DELAY=2"), "--drain-delay", "1", "--config", path),
        0, "%s", error);
    cr_assert_eq(config.workers, 3);
    cr_assert_eq(config.server.grace.ns, wok_ms(2).ns);
    cr_assert_eq(config.server.drain_delay.ns, wok_ms(1).ns);
    cr_assert_eq(config.demo, false);
}

Test(config_file, listeners_may_be_repeated_and_port_is_the_last_resort)
{
    cr_assert_eq(read_file(NO_ENV, "PORT=1\nWOK_LISTEN=:2\nWOK_LISTEN=:3\n"), 0, "%s", error);
    cr_assert_eq(config.listener_count, 2);
    cr_assert_eq(config.listeners[1].port, 3);
    cr_assert_eq(read_file(NO_ENV, "PORT=1\n"), 0, "%s", error);
    cr_assert_eq(config.listener_count, 1);
    cr_assert_eq(config.listeners[0].port, 1);
    cr_assert_eq(read_file(ENV("PORT=9"), "WOK_LISTEN=:2\n"), 0, "%s", error);
    cr_assert_eq(config.listeners[0].port, 9);
}

Test(config_file, each_error_names_file_and_line_and_what_was_expected)
{
    cr_assert_eq(read_file(NO_ENV, "\n# x\nWOK_WORKERS=many\n"), 78);
    is_at(3);
    SAYS("WOK_WORKERS many: it is not a whole number from 1 to 56");
    cr_assert_eq(read_file(NO_ENV, "WOK_LISTN=:1"), 78);
    is_at(1);
    SAYS("did you mean WOK_LISTEN?");
    cr_assert_eq(read_file(NO_ENV, "HOME=/"), 78);
    SAYS("HOME: there is no such option; --help");
    cr_assert_eq(read_file(NO_ENV, "WOK_GRACE=1\nWOK_GRACE\n"), 78);
    is_at(2);
    SAYS("no '='");
    cr_assert_eq(read_file(NO_ENV, "WOK_GRACE=1\n\nWOK_GRACE=2\n"), 78);
    is_at(3);
    SAYS("line 1 has set it already");
    cr_assert_eq(read_file(NO_ENV, "WOK_CONFIG=other\n"), 78);
    SAYS("cannot name another");
    cr_assert_eq(read_file(NO_ENV, "WOK_GRACE=1\nPORT=http\n\n"), 78);
    is_at(2);
    cr_assert_eq(read_file(NO_ENV, "WOK_GRACE=\"1\"\n"), 78);
    is_at(1);
    cr_assert_eq(read_file(NO_ENV, "WOK_HEAD_BYTES_MAX=100\nWOK_TARGET_BYTES_MAX=200\n"), 78);
    is_at(2);
}

Test(config_file, what_other_editors_put_into_it_does_not_count)
{
    cr_assert_eq(read_file(NO_ENV, "\xef\xbb\xbfWOK_GRACE=7\r\n\r\n# x\r\nWOK_WORKERS=2\r\n"), 0,
                 "%s", error);
    cr_assert_eq(config.server.grace.ns, wok_ms(7).ns);
    cr_assert_eq(config.workers, 2);
    cr_assert_eq(read_file(NO_ENV, "\xef\xbb\xbf"), 0, "%s", error);
    cr_assert_eq(read_file(NO_ENV, "WOK_GRACE=7\n\xef\xbb\xbfWOK_WORKERS=2\n"), 78);
    file_holds("\xff\xfeW\0O\0", 6);
    cr_assert_eq(READ("--config", path), 78);
    SAYS(": it is UTF-16; save it as UTF-8");
    file_holds("\xfe\xff\0W\0O", 6);
    cr_assert_eq(READ("--config", path), 78);
    SAYS("UTF-16");
}

Test(config_file, what_is_no_text_or_too_large_or_not_there_is_refused)
{
    static char large[(64 << 10) + 1];

    file_holds("WOK_GRACE=1\nWOK_\0\n", 18);
    cr_assert_eq(READ("--config", path), 78);
    is_at(2);
    SAYS("zero byte");
    memset(large, '\n', sizeof large);
    file_holds(large, sizeof large - 1);
    cr_assert_eq(READ("--config", path), 0, "%s", error);
    file_holds(large, sizeof large);
    cr_assert_eq(READ("--config", path), 78);
    SAYS("more than 65536 bytes");
    cr_assert_eq(READ("--config", "/nowhere/wok.conf"), 78);
    SAYS("--config /nowhere/wok.conf: No such file");
    cr_assert_eq(READ_ENV("WOK_CONFIG=/"), 78);
    SAYS("WOK_CONFIG /: Is a directory");
}
