/*
 * fuzz_config.c - configuration files with flags before them: refused in one line, or shown, and what was
 * shown, read as a file, is the same configuration.
 *
 * Input: one byte that says how many flags (0 to 3), the flags with a line feed behind each, the file.
 */
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "serve/config.h"

enum { BYTES_MAX = 4096, FLAGS_MAX = 3, SHOWN_MAX = 1 << 16 };

static int file = -1;
static char file_flag[64];

static int read_config(struct wok__config *config, char **flags, int flag_count, const void *text,
                       size_t size, char *error, size_t error_size)
{
    static char *no_environment[] = {NULL};
    char *argv[FLAGS_MAX + 3] = {"wok-server", file_flag};
    int argc = 2;

    if (file < 0) {
        file = memfd_create("config", MFD_CLOEXEC);
        snprintf(file_flag, sizeof file_flag, "--config=/proc/self/fd/%d", file);
    }
    /* Cut off last, so that its page stays. */
    FUZZ_CHECK(pwrite(file, text, size, 0) == (ssize_t)size && ftruncate(file, (off_t)size) == 0,
               "the file");
    for (int i = 0; i < flag_count; i++)
        argv[argc++] = flags[i];
    return wok__config_read(config, argc, argv, no_environment, error, error_size);
}

/* What --check-config shows, without where each value is from: lines of NAME=value; in words and for the file
 * itself there is none.  Of what is `given` only: a default gives way where a given value would not. */
static size_t show(const struct wok__config *config, char *text, bool given)
{
    static char shown[SHOWN_MAX];
    FILE *stream = fmemopen(shown, sizeof shown, "w");
    size_t size = 0;

    wok__config_show(config, stream);
    fputc('\0', stream);
    fclose(stream);
    for (char *line = shown, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        size_t name = strcspn(line, " ");
        char *value = line + name + strspn(line + name, " "), *origin = NULL;
        static const char *const origins[] = {" default", " file /proc/self/fd/", " flag --"};
        for (size_t i = 0; i < 3; i++) { /* the last one: a path may look like any of them */
            for (char *at = value - 1; (at = strstr(at, origins[i])) != NULL; at++)
                origin = origin == NULL || at > origin ? at : origin;
        }
        FUZZ_CHECK(origin != NULL, "no origin: %s", line);
        if (given && strcmp(origin, " default") == 0)
            continue;
        while (origin > value && origin[-1] == ' ')
            origin--;
        if (*value == '(' || strncmp(line, "WOK_CONFIG ", 11) == 0)
            continue;
        size += (size_t)sprintf(text + size, "%.*s=%.*s\n", (int)name, line,
                                (int)(origin > value ? origin - value : 0), value);
    }
    return size;
}

static void check_taken(const struct wok__config *config)
{
    static char first[SHOWN_MAX], second[SHOWN_MAX], error[512];
    static struct wok__config again;
    size_t size = show(config, first, true);
    int code = read_config(&again, NULL, 0, first, size, error, sizeof error);

    FUZZ_CHECK(code == 0, "%d %s\n%s", code, error, first);
    size = show(config, first, false);
    size_t second_size = show(&again, second, false);
    FUZZ_CHECK(second_size == size && memcmp(first, second, size) == 0, "\n%s----\n%s", first,
               second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct wok__config config;
    static char text[BYTES_MAX + 1], error[512];
    struct fuzz_input input = {data, size};
    char *flags[FLAGS_MAX], *rest = text;
    int flag_count = 0, wanted = (int)(fuzz_byte(&input) % (FLAGS_MAX + 1));

    if (input.size > BYTES_MAX)
        return 0;
    memcpy(text, input.data, input.size);
    text[input.size] = '\0';
    for (char *end; flag_count < wanted && (end = strchr(rest, '\n')) != NULL; rest = end + 1) {
        *end = '\0';
        flags[flag_count++] = rest;
        if (strncmp(rest, "--config", 8) == 0)
            return 0; /* it would wait for a fifo, and read what no seed repeats */
    }
    error[0] = '\0';
    int code = read_config(&config, flags, flag_count, rest, input.size - (size_t)(rest - text),
                           error, sizeof error);
    if (code != 0) {
        FUZZ_CHECK(code == WOK__EXIT_USAGE || code == WOK__EXIT_CONFIG, "exit code %d", code);
        FUZZ_CHECK(strlen(error) > 10 && strpbrk(error, "\r\n") == NULL, "'%s'", error);
        return 0;
    }
    if (config.action == WOK__ACTION_SERVE || config.action == WOK__ACTION_CHECK)
        check_taken(&config);
    return 0;
}
