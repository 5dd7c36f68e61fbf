/*
 * config.h - the options of wok-server, from flags and the environment.
 */
#ifndef WOK_SERVER_SERVE_CONFIG_H
#define WOK_SERVER_SERVE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <wok/time.h>

/* The codes of sysexits.h that the program ends with. */
enum {
    WOK__EXIT_USAGE = 2,
    WOK__EXIT_UNAVAILABLE = 69,
    WOK__EXIT_INTERNAL = 70,
    WOK__EXIT_CONFIG = 78,
};

enum { WOK__CONFIG_LISTENERS_MAX = 8 };

struct wok__config_listener {
    char address[64]; /* numeric, without brackets */
    uint16_t port;
    bool loopback, v6;
};

enum wok__config_action {
    WOK__ACTION_SERVE,
    WOK__ACTION_HELP,
    WOK__ACTION_VERSION,
    WOK__ACTION_HEALTH_CHECK,
};

struct wok__config {
    enum wok__config_action action;
    struct wok__config_listener listeners[WOK__CONFIG_LISTENERS_MAX];
    unsigned listener_count;
    unsigned workers; /* 0: as many as there are cores */
    wok_duration grace, drain_delay;
    bool demo;
    const char *health_url; /* NULL: where the first listener says */
};

/*
 * Reads the flags, then the environment for what no flag gave, then the defaults.
 *
 * 0, or an exit code; `error` then holds one line: the value, the reason, the cure.
 */
int wok__config_read(struct wok__config *config, int argc, char **argv,
                     const char *(*environment)(const char *name), char *error, size_t error_size);

/* Prints what --help prints. */
void wok__config_help(FILE *file);

/* Reads "127.0.0.1:8080", "[::1]:8080", ":8080"; false: it is none, and `reason` says why. */
bool wok__config_parse_listen(const char *text, struct wok__config_listener *ret_listener,
                              const char **reason);

#endif
