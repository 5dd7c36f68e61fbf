/*
 * config_file.c - the configuration file: lines of NAME=value, with the environment's names.
 *
 * The same file serves as EnvironmentFile= of systemd and as --env-file of a container engine, as far
 * as it goes: no quotes, no substitution, no comment behind a value.  It is read once, in one piece.  Editors
 * of other systems may have put a byte order mark before it, and a CR at the end of each line: both are
 * passed over.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <wok/base.h>

#include "serve/config_reading.h"

/* Far above what all options fill, and an end to what a wrong name such as /dev/zero gives. */
enum { FILE_BYTES_MAX = 64 << 10 };

static void close_file(FILE **file)
{
    if (*file != NULL)
        (void)fclose(*file);
}

static void free_text(char **text)
{
    free(*text);
}

/* Takes blanks away at both ends. */
static char *trim(char *text)
{
    size_t size;

    text += strspn(text, " \t\r");
    size = strlen(text);
    while (size > 0 && strchr(" \t\r", text[size - 1]) != NULL)
        text[--size] = '\0';
    return text;
}

static int unknown_name(struct wok__reading *reading, const char *name)
{
    const char *near = wok__option_near_name(name, strlen(name));

    if (near != NULL)
        return wok__reading_fail(reading, "%.120s: there is no such option; did you mean %s?", name,
                                 near);
    return wok__reading_fail(reading, "%.120s: there is no such option; --help lists their names",
                             name);
}

/* PORT counts only where nothing says WOK_LISTEN, so it is remembered until the end. */
struct port {
    const char *value;
    unsigned line;
};

static int read_line(struct wok__reading *reading, char *line, struct port *port)
{
    const struct wok__option *option;
    const struct wok__origin *origin;
    char *equals;

    line = trim(line);
    if (*line == '\0' || *line == '#')
        return 0;
    equals = strchr(line, '=');
    if (equals == NULL)
        return wok__reading_fail(reading, "%.120s: it has no '='; write NAME=value, or # before it",
                                 line);
    *equals = '\0';
    line = trim(line);
    option = wok__option_by_name(line, strlen(line));
    if (strcmp(line, "PORT") == 0) {
        *port = (struct port){trim(equals + 1), reading->line};
        return 0;
    }
    if (option == NULL)
        return unknown_name(reading, line);
    origin = &reading->config->origins[option - wok__options];
    if (origin->source == WOK__FROM_FILE && option->kind != WOK__KIND_LISTENERS &&
        option->kind != WOK__KIND_FILES)
        return wok__reading_fail(reading, "%s %.120s: line %u has set it already; leave one out",
                                 option->environment, trim(equals + 1), origin->line);
    if (wok__reading_has(reading, option) && option->kind != WOK__KIND_FILE)
        return 0;
    return wok__reading_set(reading, option, option->environment, trim(equals + 1));
}

static int read_lines(struct wok__reading *reading, char *text, size_t size)
{
    struct port port = {0};
    char *end = text + size;

    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3;
    for (char *line = text; line < end;) {
        char *line_end = memchr(line, '\n', (size_t)(end - line));
        int code;
        if (line_end == NULL)
            line_end = end;
        *line_end = '\0'; /* there is a byte more than `size` */
        reading->line++;
        if (strlen(line) != (size_t)(line_end - line))
            return wok__reading_fail(reading, "it holds a zero byte; write a text file");
        code = read_line(reading, line, &port);
        if (code != 0)
            return code;
        line = line_end + 1;
    }
    if (port.value == NULL || reading->config->origins[WOK__OPTION_LISTEN].source != 0)
        return 0;
    reading->line = port.line;
    return wok__reading_set(reading, &wok__options[WOK__OPTION_LISTEN], "PORT", port.value);
}

int wok__reading_file(struct wok__reading *reading)
{
    const char *path = reading->config->file;
    const char *name = reading->config->origins[WOK__OPTION_CONFIG].name;
    WOK_CLEANUP(close_file) FILE *file = NULL;
    WOK_CLEANUP(free_text) char *text = malloc(FILE_BYTES_MAX + 1);
    size_t size;
    int code;

    reading->source = WOK__FROM_FILE;
    if (text == NULL)
        return wok__reading_fail(reading, "%s %.120s: there is no memory to read it", name, path);
    file = fopen(path, "re");
    errno = file == NULL ? errno : 0;
    size = file == NULL ? 0 : fread(text, 1, FILE_BYTES_MAX + 1, file);
    if (errno != 0 || (file != NULL && ferror(file)))
        return wok__reading_fail(reading, "%s %.120s: %s; name a file that can be read", name, path,
                                 strerror(errno));
    if (size > FILE_BYTES_MAX)
        return wok__reading_fail(reading,
                                 "%s %.120s: it has more than %d bytes; name a smaller file", name,
                                 path, FILE_BYTES_MAX);
    if (size >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
        return wok__reading_fail(reading, "%s %.120s: it is UTF-16; save it as UTF-8", name, path);
    code = read_lines(reading, text, size);
    reading->line = 0;
    return code;
}
