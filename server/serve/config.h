/*
 * config.h - the configuration of wok-server: from flags, the environment, a file, and the defaults.
 */
#ifndef WOK_SERVER_SERVE_CONFIG_H
#define WOK_SERVER_SERVE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <wok/http/tls.h>
#include <wok/time.h>

#include "net/inherited.h"
#include "serve/options.h"
#include "serve/privileges.h"

/* The codes of sysexits.h that the program ends with. */
enum {
    WOK__EXIT_USAGE = 2,
    WOK__EXIT_UNAVAILABLE = 69,
    WOK__EXIT_INTERNAL = 70,
    WOK__EXIT_CONFIG = 78,
};

enum { WOK__CONFIG_LISTENERS_MAX = 8 };

struct wok__config_listener {
    /* Numeric, without brackets; or a path, or '@' and an abstract name; or an inherited socket's name. */
    char address[108];
    uint16_t port;
    bool loopback, v6, local; /* local: a Unix socket */
    bool inherited; /* of --listen-tls: TLS is spoken on the sockets of this name or number */
};

/* Names of files, each with its zero byte. */
struct wok__config_paths {
    unsigned count;
    size_t used;
    char text[2048];
};

struct wok__config_tls {
    struct wok__config_listener listeners[WOK__CONFIG_LISTENERS_MAX];
    unsigned listener_count;
    struct wok__config_paths certificates, keys; /* as many of these as of those */
    struct wok__config_paths client_cas, ocsp;
};

enum wok__config_action {
    WOK__ACTION_SERVE,
    WOK__ACTION_HELP,
    WOK__ACTION_HELP_MAN,
    WOK__ACTION_HELP_MARKDOWN,
    WOK__ACTION_VERSION,
    WOK__ACTION_HEALTH_CHECK,
    WOK__ACTION_CHECK,
    WOK__ACTION_COMPLETIONS,
};

/* Where a value is from; the lowest that gives one wins. */
enum wok__source {
    WOK__FROM_FLAG = 1,
    WOK__FROM_ENVIRONMENT,
    WOK__FROM_FILE,
    WOK__FROM_DEFAULT,
};

struct wok__origin {
    enum wok__source source; /* 0: nothing gave one */
    const char *name;        /* what gave it: the flag, or the environment's name */
    unsigned line;           /* in the file */
};

struct wok__config {
    enum wok__config_action action;
    struct wok__config_listener listeners[WOK__CONFIG_LISTENERS_MAX];
    unsigned listener_count;
    struct wok__config_tls tls;
    struct wok__inherited inherited; /* served as well; without --listen these alone */
    size_t socket_mode;
    size_t workers; /* 0: as many as there are cores */
    struct wok__user user;
    bool demo, sandbox, access_log, compression;
    size_t log_format; /* enum wok__log_format; its default is for who knows where stderr goes */
    size_t log_level;  /* enum wok__log_level */
    /* Limits and deadlines, all filled in but connections_max, where 0 is the server's own choice, and the
     * rest of the members, which are the program's. */
    wok_http_server_options server;
    size_t fan_out_max; /* for the handlers, as the next one */
    size_t tasks_max;
    const char *file;       /* the configuration file; NULL: none */
    const char *health_url; /* NULL: where the first listener says */
    const char *shell;      /* whose completions are wanted */
    struct wok__origin origins[WOK__OPTIONS];
    char warning[512]; /* a line for the log; empty: nothing to say */
};

/*
 * Reads the flags, then for what no flag gave the environment (an array as `environ`), then the file,
 * then the defaults.  Strings are borrowed from the arguments and the environment.
 *
 * 0, or an exit code; `error` then holds one line: the value, the reason, the cure.
 */
int wok__config_read(struct wok__config *config, int argc, char **argv, char *const *environment,
                     char *error, size_t error_size);

/* Reads "127.0.0.1:8080", "[::1]:8080", ":8080", "unix:/run/wok.sock", "unix:@name"; false: it is none, and `reason` says why. */
bool wok__config_parse_listen(const char *text, struct wok__config_listener *ret_listener,
                              const char **reason);

/* Writes the listener as it is read, and returns its length. */
int wok__config_format_listen(const struct wok__config_listener *listener, char *text, size_t size);

/* ---- config_tls.c ---------------------------------------------------------------------------------- */

/* The name at this place of the list. */
const char *wok__config_path(const struct wok__config_paths *paths, unsigned at);

/* True: TLS is to be spoken on this one of the inherited sockets. */
bool wok__config_is_encrypted(const struct wok__config *config, unsigned inherited);

/* True: there is an inherited socket that this listener, an inherited one, means. */
bool wok__config_inherits(const struct wok__config *config,
                          const struct wok__config_listener *listener);

/* config_listeners.c: one for an inherited socket that was not passed; NULL: there is none. */
const struct wok__config_listener *wok__config_not_passed(const struct wok__config *config);

/* Reads the certificates and keys, if there are TLS listeners; 0, or an exit code and the line `error`. */
int wok__config_tls_read(const struct wok__config *config, wok_http_tls **ret_tls, char *error,
                         size_t error_size);

/* ---- config_help.c, completions.c, config_show.c: they print --------------------------------------- */

void wok__config_help(FILE *file);
void wok__config_help_man(FILE *file);
void wok__config_help_markdown(FILE *file);
void wok__config_completions(const char *shell, FILE *file);

/* Each effective value and where it is from. */
void wok__config_show(const struct wok__config *config, FILE *file);

#endif
