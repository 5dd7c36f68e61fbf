/*
 * config_help.c - what --help prints, as text, as a manual page, and as the table of docs/server.md.
 */
#include <string.h>

#include <wok/base.h>

#include "serve/config.h"

static const char *const purpose =
    "An HTTP service that fans each request out into concurrent tasks.";

static const struct {
    const char *code, *what;
} exit_codes[] = {
    {"0", "orderly stop"},
    {"1", "a health check failed"},
    {"2", "wrong usage"},
    {"69", "a listener or another resource is unavailable"},
    {"70", "internal failure at start"},
    {"78", "wrong configuration, in the environment or in the file"},
    {"128+N", "a second signal N, SIGTERM or SIGINT, came during the stop"},
};

/* ---- one option's parts ---------------------------------------------------------------------------- */

/* What stands around a value, by its form. */
static const char *const before[] = {"", " ", " [", "[="}, *const after[] = {"", "", "]", "]"};

/* "--grace MS", "--health-check [URL]", "--help[=FORM], -h". */
static void format_flag(const struct wok__option *option, char *text, size_t size)
{
    snprintf(text, size, "%s%s%s%s%s%s", option->flag, before[option->form],
             option->value != NULL ? option->value : "", after[option->form],
             option->letter != NULL ? ", " : "", option->letter != NULL ? option->letter : "");
}

/* "1 to 56", "on, off", or nothing. */
static void format_range(const struct wok__option *option, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    if (option->kind == WOK__KIND_COUNT || option->kind == WOK__KIND_TIME)
        snprintf(text, size, "%llu to %llu", (unsigned long long)option->low,
                 (unsigned long long)option->high);
    if (option->kind == WOK__KIND_MODE)
        snprintf(text, size, "0 to %llo", (unsigned long long)option->high);
    for (const char *at = option->choices; at != NULL && *at != '\0' && used + 2 < size; at++) {
        if (*at == ' ')
            text[used++] = ',';
        text[used++] = *at;
        text[used] = '\0';
    }
}

/* "WOK_GRACE; 0 to 86400000; default: 8000", or nothing. */
static void format_details(const struct wok__option *option, char *text, size_t size)
{
    char range[64];

    text[0] = '\0';
    if (option->environment == NULL)
        return;
    format_range(option, range, sizeof range);
    snprintf(text, size, "%s; %s%sdefault: %s", option->environment, range,
             range[0] != '\0' ? "; " : "", option->otherwise);
}

/* ---- text ------------------------------------------------------------------------------------------ */

void wok__config_help(FILE *file)
{
    int group = -1;

    fprintf(file, "usage: wok-server [options]\n\n%s\n", purpose);
    for (size_t i = 0; i < WOK__OPTIONS; i++) {
        const struct wok__option *option = &wok__options[i];
        char flag[64], details[160];
        if ((int)option->group != group)
            fprintf(file, "\n%s:\n", wok__option_groups[option->group]);
        group = (int)option->group;
        format_flag(option, flag, sizeof flag);
        format_details(option, details, sizeof details);
        fprintf(file, "  %-28s %s\n", flag, option->what);
        if (details[0] != '\0')
            fprintf(file, "  %-28s %s\n", "", details);
    }
    fputs(
        "\nMS is milliseconds.  SWITCH is on or off; its flag alone means on.  A flag wins over the\n"
        "environment, that over the file, that over the default.  PORT=N in the environment means\n"
        "0.0.0.0:N where no WOK_LISTEN is.\n\nexamples:\n"
        "  wok-server --listen 127.0.0.1:9000 --workers 2\n"
        "  wok-server --config /etc/wok-server.conf --check-config\n"
        "  curl 'http://127.0.0.1:8080/aggregate'\n\nexit codes:\n",
        file);
    for (size_t i = 0; i < WOK_COUNT(exit_codes); i++)
        fprintf(file, "  %-6s %s\n", exit_codes[i].code, exit_codes[i].what);
}

/* ---- the manual page ------------------------------------------------------------------------------- */

/* In the language of man(7), with what means something to it escaped. */
static void put_roff(FILE *file, const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\\')
            fputs("\\e", file);
        else if (*at == '-')
            fputs("\\-", file);
        else if ((*at == '.' || *at == '\'') && (at == text || at[-1] == '\n'))
            fprintf(file, "\\&%c", *at);
        else
            fputc(*at, file);
    }
}

static void put_option(FILE *file, const struct wok__option *option)
{
    char details[160];

    format_details(option, details, sizeof details);
    fputs(".TP\n\\fB", file);
    put_roff(file, option->flag);
    fprintf(file, "\\fR%s", before[option->form]);
    if (option->form != WOK__VALUE_NONE)
        fprintf(file, "\\fI%s\\fR", option->value);
    fputs(after[option->form], file);
    if (option->letter != NULL) {
        fputs(", \\fB", file);
        put_roff(file, option->letter);
        fputs("\\fR", file);
    }
    fputc('\n', file);
    put_roff(file, option->what);
    fputc('\n', file);
    if (details[0] != '\0') {
        fputs(".br\n", file);
        put_roff(file, details);
        fputc('\n', file);
    }
}

void wok__config_help_man(FILE *file)
{
    int group = -1;

    fprintf(file,
            ".TH WOK\\-SERVER 1 \"\" \"wok %s\" \"User Commands\"\n.SH NAME\n"
            "wok\\-server \\- HTTP service of concurrent tasks\n.SH SYNOPSIS\n"
            ".B wok\\-server\n[\\fIoptions\\fR]\n.SH DESCRIPTION\n",
            WOK_VERSION);
    put_roff(file, purpose);
    fputs("\nIt stops in an orderly way at SIGTERM or SIGINT, and at once at a second one.\n"
          ".SH OPTIONS\nMS is milliseconds.  SWITCH is on or off; its flag alone means on.\n"
          "A flag\\(aqs value follows it, or is attached with \\(aq=\\(aq.\n",
          file);
    for (size_t i = 0; i < WOK__OPTIONS; i++) {
        if ((int)wok__options[i].group != group)
            fprintf(file, ".SS %s\n", wok__option_groups[wok__options[i].group]);
        group = (int)wok__options[i].group;
        put_option(file, &wok__options[i]);
    }
    fputs(
        ".SH ENVIRONMENT\nThe names beginning with WOK_ that stand with the options.  A flag wins over the\n"
        "environment, that over the file, that over the default.\n.TP\n.B PORT\n"
        "Listen on all IPv4 addresses at this port, where no WOK_LISTEN is.\n"
        ".TP\n.BR LISTEN_FDS , \" LISTEN_PID\" , \" LISTEN_FDNAMES\"\n"
        "Sockets to serve, as systemd passes them; see \\fB\\-\\-listen\\-tls\\fR.\n"
        ".TP\n.BR NOTIFY_SOCKET , \" WATCHDOG_USEC\" , \" WATCHDOG_PID\"\n"
        "Where to tell that it is ready, reloads, stops, and that every worker runs tasks.\n"
        ".SH SIGNALS\n.TP\n.BR SIGTERM , \" SIGINT\"\nStop: requests that were accepted are answered.  A second one ends it at once.\n"
        ".TP\n.B SIGHUP\nRead the certificates again.\n"
        ".TP\n.B SIGQUIT\nTell in the log what the tasks do, and go on.\n"
        ".TP\n.B SIGQUIT\nTell in the log what each kind of task does, and go on.\n"
        ".SH FILES\nThe file of \\fB\\-\\-config\\fR has lines of NAME=value with the environment\\(aqs names, blank\n"
        "lines, and lines that begin with #.  Blanks around the name and the value do not count; quotes\n"
        "are part of the value.\n.SH EXIT STATUS\n",
        file);
    for (size_t i = 0; i < WOK_COUNT(exit_codes); i++) {
        fputs(".TP\n.B ", file);
        put_roff(file, exit_codes[i].code);
        fputc('\n', file);
        put_roff(file, exit_codes[i].what);
        fputc('\n', file);
    }
    fputs(".SH EXAMPLES\n.nf\nwok\\-server \\-\\-listen 127.0.0.1:9000 \\-\\-workers 2\n"
          "wok\\-server \\-\\-config /etc/wok\\-server.conf \\-\\-check\\-config\n.fi\n",
          file);
}

/* ---- docs/server.md -------------------------------------------------------------------------------- */

void wok__config_help_markdown(FILE *file)
{
    fputs("| option | environment and file | values | default | meaning |\n"
          "| --- | --- | --- | --- | --- |\n",
          file);
    for (size_t i = 0; i < WOK__OPTIONS; i++) {
        const struct wok__option *option = &wok__options[i];
        const char *name = option->environment, *otherwise = option->otherwise;
        char flag[64], range[64];
        format_flag(option, flag, sizeof flag);
        format_range(option, range, sizeof range);
        fprintf(file, "| `%s` | %s%s%s | %s | %s | %s |\n", flag, name != NULL ? "`" : "",
                name != NULL ? name : "", name != NULL ? "`" : "", range,
                otherwise != NULL ? otherwise : "", option->what);
    }
}
