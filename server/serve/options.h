/*
 * options.h - the table of wok-server's options, from which everything that names one is made.
 */
#ifndef WOK_SERVER_SERVE_OPTIONS_H
#define WOK_SERVER_SERVE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wok__option_id {
    WOK__OPTION_LISTEN,
    WOK__OPTION_SOCKET_MODE,
    WOK__OPTION_WORKERS,
    WOK__OPTION_USER,
    WOK__OPTION_SANDBOX,
    WOK__OPTION_NO_SANDBOX,
    WOK__OPTION_DEMO,
    WOK__OPTION_NO_DEMO,
    WOK__OPTION_COMPRESSION,
    WOK__OPTION_NO_COMPRESSION,
    WOK__OPTION_COMPRESSION_BYTES_MIN,
    WOK__OPTION_LISTEN_TLS,
    WOK__OPTION_TLS_CERT,
    WOK__OPTION_TLS_KEY,
    WOK__OPTION_TLS_CLIENT_CA,
    WOK__OPTION_TLS_OCSP,
    WOK__OPTION_TLS_HSTS,
    WOK__OPTION_TLS_HANDSHAKES_MAX,
    WOK__OPTION_TLS_HANDSHAKE_TIMEOUT,
    WOK__OPTION_CONNECTIONS_MAX,
    WOK__OPTION_CONNECTIONS_PER_ADDRESS_MAX,
    WOK__OPTION_REQUESTS_PER_CONNECTION_MAX,
    WOK__OPTION_REQUESTS_MAX,
    WOK__OPTION_PIPELINED_MAX,
    WOK__OPTION_OUTPUT_BYTES_MAX,
    WOK__OPTION_TARGET_BYTES_MAX,
    WOK__OPTION_HEAD_BYTES_MAX,
    WOK__OPTION_HEADERS_MAX,
    WOK__OPTION_BODY_BYTES_MAX,
    WOK__OPTION_CHUNK_EXTENSION_BYTES_MAX,
    WOK__OPTION_TRAILER_BYTES_MAX,
    WOK__OPTION_REQUEST_MEMORY_MAX,
    WOK__OPTION_FAN_OUT_MAX,
    WOK__OPTION_TASKS_MAX,
    WOK__OPTION_HEAD_TIMEOUT,
    WOK__OPTION_BODY_PROGRESS_TIMEOUT,
    WOK__OPTION_BODY_TIMEOUT,
    WOK__OPTION_WRITE_TIMEOUT,
    WOK__OPTION_IDLE_TIMEOUT,
    WOK__OPTION_REQUEST_TIMEOUT,
    WOK__OPTION_DRAIN_DELAY,
    WOK__OPTION_GRACE,
    WOK__OPTION_LOG_FORMAT,
    WOK__OPTION_LOG_LEVEL,
    WOK__OPTION_ACCESS_LOG,
    WOK__OPTION_NO_ACCESS_LOG,
    WOK__OPTION_CONFIG,
    WOK__OPTION_CHECK_CONFIG,
    WOK__OPTION_HEALTH_CHECK,
    WOK__OPTION_COMPLETIONS,
    WOK__OPTION_HELP,
    WOK__OPTION_VERSION,
    WOK__OPTIONS,
};

/* What its value is, and so how it is read, shown and completed. */
enum wok__option_kind {
    WOK__KIND_LISTENERS, /* addresses with ports, one more each time; commas between several */
    WOK__KIND_COUNT,     /* a size_t of the configuration, in [low, high] */
    WOK__KIND_TIME,      /* a wok_duration of the configuration, in milliseconds in [low, high] */
    WOK__KIND_MODE,      /* permissions, an octal size_t of the configuration */
    WOK__KIND_USER,      /* who the process becomes */
    WOK__KIND_SWITCH,    /* on or off, a bool of the configuration; the flag alone means on */
    WOK__KIND_OFF,       /* the flag that switches off what the one above it switches on */
    WOK__KIND_CHOICE, /* one of `choices`; a size_t of the configuration, the word's place in the list */
    WOK__KIND_FILE,
    WOK__KIND_FILES,  /* names of files, one more each time; commas between several */
    WOK__KIND_ACTION, /* what the program does instead of serving */
};

enum wok__value_form {
    WOK__VALUE_NONE,
    WOK__VALUE_NEEDED,   /* --flag VALUE or --flag=VALUE */
    WOK__VALUE_OPTIONAL, /* the same, or none; VALUE does not begin with a dash */
    WOK__VALUE_ATTACHED, /* --flag or --flag=VALUE */
};

enum wok__option_group {
    WOK__GROUP_SERVING,
    WOK__GROUP_TLS,
    WOK__GROUP_LIMITS,
    WOK__GROUP_DEADLINES,
    WOK__GROUP_STOPPING,
    WOK__GROUP_LOG,
    WOK__GROUP_OTHER,
    WOK__GROUPS,
};

struct wok__option {
    const char *flag;        /* with its dashes */
    const char *environment; /* in the environment and in the file; NULL: a flag only */
    const char *value;       /* what stands for the value; NULL: it takes none */
    const char *choices;   /* the words that the value may be, with blanks between; NULL: no list */
    const char *otherwise; /* the default, as one would write it, or in words; NULL: nothing */
    const char *what;      /* what it does, in one phrase */
    enum wok__option_group group;
    enum wok__option_kind kind;
    enum wok__value_form form;
    uint64_t low, high; /* of a number */
    size_t offset;      /* of a number, a choice or a switch, in struct wok__config */
    const char *letter; /* what it is in short, with its dash; NULL: nothing */
};

extern const struct wok__option wok__options[WOK__OPTIONS];

extern const char *const wok__option_groups[WOK__GROUPS]; /* their titles */

/* The place of a word among the choices of an option; -1: it is none of them. */
int wok__option_choice(const struct wok__option *option, const char *word);

/* True: a default in words, which the server finds out by itself. */
bool wok__option_default_in_words(const struct wok__option *option);

/* The option of this flag or of this name in the environment, of which `size` bytes count. */
const struct wok__option *wok__option_by_flag(const char *flag, size_t size);
const struct wok__option *wok__option_by_name(const char *name, size_t size);

/* The flag or the name that was perhaps meant; NULL: none is near. */
const char *wok__option_near_flag(const char *flag, size_t size);
const char *wok__option_near_name(const char *name, size_t size);

#endif
