/*
 * options.c - the table of wok-server's options, from which everything that names one is made: how flags,
 * environment and file are read, --help, the manual page, the completions, docs/server.md.
 *
 * To add an option is to add an entry here and its id in options.h.  What its value does lies in
 * struct wok__config, where `offset` points for a number; config_value.c reads the other kinds.
 */
#include "serve/options.h"

#include <string.h>

#include "conn/work.h"
#include "serve/config.h"

#define COUNT(member, least, most)                                                                 \
    .kind = WOK__KIND_COUNT, .form = WOK__VALUE_NEEDED, .low = (least), .high = (most),            \
    .offset = offsetof(struct wok__config, member)
/* From a millisecond, since for the server 0 is the default, to a day. */
#define TIME(member, least)                                                                        \
    .kind = WOK__KIND_TIME, .form = WOK__VALUE_NEEDED, .low = (least), .high = 86400000,           \
    .value = "MS", .offset = offsetof(struct wok__config, member)
#define CHOICE(member, words)                                                                      \
    .kind = WOK__KIND_CHOICE, .form = WOK__VALUE_NEEDED, .choices = (words),                       \
    .offset = offsetof(struct wok__config, member)
/* With the flag that says the opposite, which has to stand below it. */
#define SWITCH(member)                                                                             \
    .value = "SWITCH", .choices = "on off", .kind = WOK__KIND_SWITCH, .form = WOK__VALUE_OPTIONAL, \
    .offset = offsetof(struct wok__config, member)
#define OFF(member)                                                                                \
    .what = "the opposite", .kind = WOK__KIND_OFF, .offset = offsetof(struct wok__config, member)
#define ACTION(how) .kind = WOK__KIND_ACTION, .form = (how), .group = WOK__GROUP_OTHER
#define PATHS(member)                                                                              \
    .kind = WOK__KIND_FILES, .form = WOK__VALUE_NEEDED,                                            \
    .offset = offsetof(struct wok__config, member)
#define TLS .group = WOK__GROUP_TLS
#define LIMIT .group = WOK__GROUP_LIMITS
#define LOG .group = WOK__GROUP_LOG
#define DEADLINE .group = WOK__GROUP_DEADLINES

const char *const wok__option_groups[WOK__GROUPS] = {
    [WOK__GROUP_SERVING] = "serving",   [WOK__GROUP_TLS] = "TLS",

    [WOK__GROUP_LIMITS] = "limits",     [WOK__GROUP_DEADLINES] = "deadlines",
    [WOK__GROUP_STOPPING] = "stopping", [WOK__GROUP_LOG] = "log",
    [WOK__GROUP_OTHER] = "other",
};

/* clang-format off */
const struct wok__option wok__options[WOK__OPTIONS] = {
    [WOK__OPTION_LISTEN] = {"--listen", "WOK_LISTEN", "ADDR:PORT",
        .what = "where to listen, or unix:PATH; repeatable; :PORT: all IPv4; :0: any",
        .otherwise = "127.0.0.1:8080",
        .kind = WOK__KIND_LISTENERS, .form = WOK__VALUE_NEEDED},
    [WOK__OPTION_SOCKET_MODE] = {"--socket-mode", "WOK_SOCKET_MODE", "MODE",
        .what = "permissions of a Unix socket's file, in octal", .otherwise = "0660",
        .kind = WOK__KIND_MODE, .form = WOK__VALUE_NEEDED, .low = 0, .high = 0777,
        .offset = offsetof(struct wok__config, socket_mode)},
    [WOK__OPTION_WORKERS] = {"--workers", "WOK_WORKERS", "N",
        .what = "worker threads", .otherwise = "the usable cores",
        COUNT(workers, 1, 56)},
    [WOK__OPTION_USER] = {"--user", "WOK_USER", "NAME[:GROUP]",
        .what = "who to become once the listeners are open; names or numbers",
        .otherwise = "whoever started it", .kind = WOK__KIND_USER, .form = WOK__VALUE_NEEDED},
    [WOK__OPTION_SANDBOX] = {"--sandbox", "WOK_SANDBOX",
        .what = "refuse all system calls that serving does not need", .otherwise = "off", SWITCH(sandbox)},
    [WOK__OPTION_NO_SANDBOX] = {"--no-sandbox", OFF(sandbox)},
    [WOK__OPTION_DEMO] = {"--demo", "WOK_DEMO",
        .what = "serve the demonstration routes", .otherwise = "on if every listener is on loopback",
        SWITCH(demo)},
    [WOK__OPTION_NO_DEMO] = {"--no-demo", OFF(demo)},
    [WOK__OPTION_COMPRESSION] = {"--compression", "WOK_COMPRESSION",
        .what = "gzip for answers of text, for clients that take it", .otherwise = "on",
        SWITCH(compression)},
    [WOK__OPTION_NO_COMPRESSION] = {"--no-compression", OFF(compression)},
    [WOK__OPTION_COMPRESSION_BYTES_MIN] = {"--compression-bytes-min", "WOK_COMPRESSION_BYTES_MIN", "BYTES",
        .what = "smaller answers go as they are", .otherwise = "1400",
        COUNT(server.compress_bytes_min, 1, 1 << 30)},

    [WOK__OPTION_LISTEN_TLS] = {"--listen-tls", "WOK_LISTEN_TLS", "ADDR:PORT", TLS,
        .what = "where to listen for TLS, or fd:NAME, an inherited socket; repeatable",
        .otherwise = "none", .kind = WOK__KIND_LISTENERS, .form = WOK__VALUE_NEEDED},
    [WOK__OPTION_TLS_CERT] = {"--tls-cert", "WOK_TLS_CERT", "FILE", TLS,
        .what = "certificate, its chain behind it; repeatable: by the name asked for",
        .otherwise = "none", PATHS(tls.certificates)},
    [WOK__OPTION_TLS_KEY] = {"--tls-key", "WOK_TLS_KEY", "FILE", TLS,
        .what = "its private key; repeatable, in the same order", .otherwise = "none",
        PATHS(tls.keys)},
    [WOK__OPTION_TLS_CLIENT_CA] = {"--tls-client-ca", "WOK_TLS_CLIENT_CA", "FILE", TLS,
        .what = "serve only clients with a certificate of this authority; repeatable",
        .otherwise = "none", PATHS(tls.client_cas)},
    [WOK__OPTION_TLS_OCSP] = {"--tls-ocsp", "WOK_TLS_OCSP", "FILE", TLS,
        .what = "OCSP response about one of them, for clients that ask; repeatable",
        .otherwise = "none", PATHS(tls.ocsp)},
    [WOK__OPTION_TLS_HSTS] = {"--tls-hsts", "WOK_TLS_HSTS", "SECONDS", TLS,
        .what = "tell browsers to use only TLS for this host so long; 0: do not", .otherwise = "0",
        COUNT(server.hsts_seconds, 0, 315360000)},
    [WOK__OPTION_TLS_HANDSHAKES_MAX] = {"--tls-handshakes-max", "WOK_TLS_HANDSHAKES_MAX", "N", TLS,
        .what = "handshakes computed on at once; the next waits its turn", .otherwise = "half the workers",
        COUNT(server.handshakes_max, 1, 10000)},
    [WOK__OPTION_TLS_HANDSHAKE_TIMEOUT] = {"--tls-handshake-timeout", "WOK_TLS_HANDSHAKE_TIMEOUT", TLS,
        .what = "for a handshake, from the accept; then it is closed", .otherwise = "10000",
        TIME(server.handshake_timeout, 1)},

    [WOK__OPTION_CONNECTIONS_MAX] = {"--connections-max", "WOK_CONNECTIONS_MAX", "N", LIMIT,
        .what = "connections open at once; beyond it accepting pauses",
        .otherwise = "the descriptors less 64",
        COUNT(server.connections_max, 1, 10000000)},
    [WOK__OPTION_CONNECTIONS_PER_ADDRESS_MAX] = {"--connections-per-address-max",
        "WOK_CONNECTIONS_PER_ADDRESS_MAX", "N", LIMIT,
        .what = "connections of one address or IPv6 /64; the next is reset; 0: any",
        .otherwise = "0",
        COUNT(server.connections_per_address_max, 0, 10000000)},
    [WOK__OPTION_REQUESTS_PER_CONNECTION_MAX] = {"--requests-per-connection-max",
        "WOK_REQUESTS_PER_CONNECTION_MAX", "N", LIMIT,
        .what = "requests of one connection; the last one closes it; 0: any",
        .otherwise = "0",
        COUNT(server.requests_per_connection_max, 0, 1000000000)},
    [WOK__OPTION_REQUESTS_MAX] = {"--requests-max", "WOK_REQUESTS_MAX", "N", LIMIT,
        .what = "requests at once; beyond it 503, but for health checks and /runtime", .otherwise = "50000",
        COUNT(server.requests_max, 1, 10000000)},
    [WOK__OPTION_PIPELINED_MAX] = {"--pipelined-max", "WOK_PIPELINED_MAX", "N", LIMIT,
        .what = "requests of one connection running at once; the next waits", .otherwise = "16",
        COUNT(server.pipelined_max, 1, WOK__PIPELINE_MAX)},
    [WOK__OPTION_OUTPUT_BYTES_MAX] = {"--output-bytes-max", "WOK_OUTPUT_BYTES_MAX", "BYTES", LIMIT,
        .what = "cost of a client that reads nothing; at a quarter it waits", .otherwise = "65536",
        COUNT(server.output_max, 1, 1 << 30)},
    [WOK__OPTION_TARGET_BYTES_MAX] = {"--target-bytes-max", "WOK_TARGET_BYTES_MAX", "BYTES", LIMIT,
        .what = "a request's target; beyond it 414", .otherwise = "8192",
        COUNT(server.target_bytes_max, 16, 1 << 20)},
    [WOK__OPTION_HEAD_BYTES_MAX] = {"--head-bytes-max", "WOK_HEAD_BYTES_MAX", "BYTES", LIMIT,
        .what = "request line and headers; beyond it 431", .otherwise = "32768",
        COUNT(server.head_bytes_max, 64, 16 << 20)},
    [WOK__OPTION_HEADERS_MAX] = {"--headers-max", "WOK_HEADERS_MAX", "N", LIMIT,
        .what = "headers of a request; beyond it 431", .otherwise = "100",
        COUNT(server.headers_max, 1, WOK_HTTP_HEADERS_MAX)},
    [WOK__OPTION_BODY_BYTES_MAX] = {"--body-bytes-max", "WOK_BODY_BYTES_MAX", "BYTES", LIMIT,
        .what = "a request's body, which is held in memory; beyond it 413; 0: none", .otherwise = "1048576",
        COUNT(server.body_bytes_max, 0, 1 << 30)},
    [WOK__OPTION_CHUNK_EXTENSION_BYTES_MAX] = {"--chunk-extension-bytes-max", "WOK_CHUNK_EXTENSION_BYTES_MAX",
        "BYTES", LIMIT,
        .what = "chunk extensions of a request; beyond it 400", .otherwise = "4096",
        COUNT(server.chunk_extension_bytes_max, 0, 1 << 30)},
    [WOK__OPTION_TRAILER_BYTES_MAX] = {"--trailer-bytes-max", "WOK_TRAILER_BYTES_MAX", "BYTES", LIMIT,
        .what = "trailers of a request; beyond it 400", .otherwise = "4096",
        COUNT(server.trailer_bytes_max, 0, 1 << 30)},
    [WOK__OPTION_REQUEST_MEMORY_MAX] = {"--request-memory-max", "WOK_REQUEST_MEMORY_MAX", "BYTES", LIMIT,
        .what = "body, JSON, fan-out and answer of a request; then 413, 422 or 500",
        .otherwise = "16777216",
        COUNT(server.request_memory_max, 4096, UINT64_C(1) << 40)},
    [WOK__OPTION_FAN_OUT_MAX] = {"--fan-out-max", "WOK_FAN_OUT_MAX", "N", LIMIT,
        .what = "sources that one request may ask; beyond it 422", .otherwise = "1000",
        COUNT(fan_out_max, 2, 100000)},
    [WOK__OPTION_TASKS_MAX] = {"--tasks-max", "WOK_TASKS_MAX", "N", LIMIT,
        .what = "detached tasks alive at once; beyond it 503", .otherwise = "10000",
        COUNT(tasks_max, 1, 100000)},

    [WOK__OPTION_HEAD_TIMEOUT] = {"--head-timeout", "WOK_HEAD_TIMEOUT", DEADLINE,
        .what = "for a request's head, from its first byte; then 408", .otherwise = "10000",
        TIME(server.head_timeout, 1)},
    [WOK__OPTION_BODY_PROGRESS_TIMEOUT] = {"--body-progress-timeout", "WOK_BODY_PROGRESS_TIMEOUT", DEADLINE,
        .what = "between two pieces of a body; then 408", .otherwise = "10000",
        TIME(server.body_progress_timeout, 1)},
    [WOK__OPTION_BODY_TIMEOUT] = {"--body-timeout", "WOK_BODY_TIMEOUT", DEADLINE,
        .what = "for a whole body; then 408", .otherwise = "60000",
        TIME(server.body_timeout, 1)},
    [WOK__OPTION_WRITE_TIMEOUT] = {"--write-timeout", "WOK_WRITE_TIMEOUT", DEADLINE,
        .what = "in which a client takes nothing of its answer; then it is reset", .otherwise = "30000",
        TIME(server.write_timeout, 1)},
    [WOK__OPTION_IDLE_TIMEOUT] = {"--idle-timeout", "WOK_IDLE_TIMEOUT", DEADLINE,
        .what = "of a kept connection between two requests; then it is closed", .otherwise = "75000",
        TIME(server.idle_timeout, 1)},
    [WOK__OPTION_REQUEST_TIMEOUT] = {"--request-timeout", "WOK_REQUEST_TIMEOUT", DEADLINE,
        .what = "for the work on a request; then 504", .otherwise = "90000",
        TIME(server.request_timeout, 1)},

    [WOK__OPTION_DRAIN_DELAY] = {"--drain-delay", "WOK_DRAIN_DELAY", .group = WOK__GROUP_STOPPING,
        .what = "how long a stop still accepts connections", .otherwise = "0",
        TIME(server.drain_delay, 0)},
    [WOK__OPTION_GRACE] = {"--grace", "WOK_GRACE", .group = WOK__GROUP_STOPPING,
        .what = "how long a stop waits for running requests and detached tasks", .otherwise = "8000",
        TIME(server.grace, 0)},

    [WOK__OPTION_LOG_FORMAT] = {"--log-format", "WOK_LOG_FORMAT", "FORMAT", LOG,
        .what = "lines for people or JSON for programs, on stderr",
        .otherwise = "text on a terminal, else json",
        CHOICE(log_format, "text json")},
    [WOK__OPTION_LOG_LEVEL] = {"--log-level", "WOK_LOG_LEVEL", "LEVEL", LOG,
        .what = "log this and what is worse", .otherwise = "info",
        CHOICE(log_level, "debug info warn error")},
    [WOK__OPTION_ACCESS_LOG] = {"--access-log", "WOK_ACCESS_LOG", LOG,
        .what = "log a line for each answer, at level info", .otherwise = "off",
        SWITCH(access_log)},
    [WOK__OPTION_NO_ACCESS_LOG] = {"--no-access-log", LOG, OFF(access_log)},

    [WOK__OPTION_CONFIG] = {"--config", "WOK_CONFIG", "FILE", .group = WOK__GROUP_OTHER,
        .what = "read lines of NAME=value, with the environment's names", .otherwise = "none",
        .kind = WOK__KIND_FILE, .form = WOK__VALUE_NEEDED},
    [WOK__OPTION_CHECK_CONFIG] = {"--check-config", ACTION(WOK__VALUE_NONE),
        .what = "check all of it, show each value and where it is from, and exit"},
    [WOK__OPTION_HEALTH_CHECK] = {"--health-check", .value = "URL", ACTION(WOK__VALUE_OPTIONAL),
        .what = "ask a running server's /healthz: exit 0 or 1"},
    [WOK__OPTION_COMPLETIONS] = {"--completions", .value = "SHELL", ACTION(WOK__VALUE_NEEDED),
        .choices = "bash zsh fish", .what = "print the completions for bash, zsh or fish"},
    [WOK__OPTION_HELP] = {"--help", .letter = "-h", .value = "FORM", ACTION(WOK__VALUE_ATTACHED),
        .choices = "man markdown", .what = "show this; FORM is man (the manual page) or markdown"},
    [WOK__OPTION_VERSION] = {"--version", .letter = "-V", ACTION(WOK__VALUE_NONE), .what = "show the version"},
};
/* clang-format on */

int wok__option_choice(const struct wok__option *option, const char *word)
{
    size_t size = strlen(word);
    int place = 0;

    for (const char *at = option->choices; *at != '\0'; at += strspn(at, " "), place++) {
        size_t length = strcspn(at, " ");
        if (length == size && memcmp(at, word, size) == 0)
            return place;
        at += length;
    }
    return -1;
}

bool wok__option_default_in_words(const struct wok__option *option)
{
    if (option->kind == WOK__KIND_CHOICE || option->kind == WOK__KIND_SWITCH)
        return wok__option_choice(option, option->otherwise) < 0;
    return option->otherwise == NULL || strpbrk(option->otherwise, "0123456789") == NULL ||
           strchr(option->otherwise, ' ') != NULL;
}

/* ---- by name -------------------------------------------------------------------------------------- */

static const char *name_of(const struct wok__option *option, bool flag)
{
    return flag ? option->flag : option->environment;
}

static const struct wok__option *find(const char *text, size_t size, bool flag)
{
    for (size_t i = 0; i < WOK__OPTIONS; i++) {
        const char *name = name_of(&wok__options[i], flag);
        if (name != NULL && strlen(name) == size && memcmp(name, text, size) == 0)
            return &wok__options[i];
    }
    return NULL;
}

const struct wok__option *wok__option_by_flag(const char *flag, size_t size)
{
    for (size_t i = 0; i < WOK__OPTIONS; i++) {
        const char *letter = wok__options[i].letter;
        if (letter != NULL && size == strlen(letter) && memcmp(letter, flag, size) == 0)
            return &wok__options[i];
    }
    return find(flag, size, true);
}

const struct wok__option *wok__option_by_name(const char *name, size_t size)
{
    return find(name, size, false);
}

/* ---- near ones ------------------------------------------------------------------------------------ */

enum { NAME_SIZE_MAX = 40 };

/* As the names are written, since another case, or '_' for '-', is a slip that costs nothing. */
static char as_in_names(char letter, bool flag)
{
    if (flag)
        return letter == '_'                    ? '-'
               : letter >= 'A' && letter <= 'Z' ? (char)(letter | 0x20)
                                                : letter;
    return letter == '-' ? '_' : letter >= 'a' && letter <= 'z' ? (char)(letter & ~0x20) : letter;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* How many letters have to be put in, taken out, replaced, or swapped with their neighbour (Damerau 1964,
 * in the form that touches no letter twice); more than `limit` once it is known to be.  No row has less than
 * the least of the two above it, so two rows beyond the limit end it: most names do after a few letters. */
static unsigned distance(const char *a, size_t a_size, const char *b, size_t b_size, unsigned limit)
{
    unsigned rows[3][NAME_SIZE_MAX + 1], least_above = 0;

    if ((a_size > b_size ? a_size - b_size : b_size - a_size) > limit)
        return limit + 1;
    for (size_t j = 0; j <= b_size; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a_size; i++) {
        unsigned *row = rows[i % 3], least_here = (unsigned)i;
        const unsigned *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_size; j++) {
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], two_above[j - 2] + 1);
            least_here = least(least_here, row[j]);
        }
        if (least_here > limit && least_above > limit)
            return limit + 1;
        least_above = least_here;
    }
    return rows[a_size % 3][b_size];
}

static const char *nearest(const char *text, size_t size, bool flag)
{
    const char *best = NULL;
    char typed[NAME_SIZE_MAX];
    unsigned limit = 2 + (unsigned)size / 8; /* two slips; three in a long name */

    if (size > NAME_SIZE_MAX)
        return NULL;
    for (size_t i = 0; i < size; i++)
        typed[i] = as_in_names(text[i], flag);
    for (size_t i = 0; i < WOK__OPTIONS && (best == NULL || limit > 0); i++) {
        const char *name = name_of(&wok__options[i], flag);
        unsigned slips;
        if (name == NULL)
            continue;
        slips = distance(typed, size, name, strlen(name), limit - (best != NULL));
        if (slips < limit + (best == NULL)) {
            best = name;
            limit = slips;
        }
    }
    return best;
}

const char *wok__option_near_flag(const char *flag, size_t size)
{
    return nearest(flag, size, true);
}

const char *wok__option_near_name(const char *name, size_t size)
{
    return nearest(name, size, false);
}
