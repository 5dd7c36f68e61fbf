/*
 * config_tls.c - what the configuration says of TLS: its listeners, certificates and keys.
 *
 * Certificates and keys are two lists, of which the first belongs to the first.  They are read when they
 * are given and again at each SIGHUP, so the paths are kept and not what was in the files.
 */
#include <errno.h>
#include <string.h>

#include "serve/config_reading.h"

const char *wok__config_path(const struct wok__config_paths *paths, unsigned at)
{
    const char *path = paths->text;

    for (; at > 0; at--)
        path += strlen(path) + 1;
    return path;
}

/* ---- values ---------------------------------------------------------------------------------------- */

/* "fd:https", as LISTEN_FDNAMES calls it, or "fd:3". */
static bool parse_inherited(const char *name, struct wok__config_listener *ret_listener,
                            const char **reason)
{
    size_t size = strlen(name);

    *reason = "the name of an inherited socket is missing, or longer than 63 bytes";
    if (size == 0 || size >= WOK__INHERITED_NAME_MAX)
        return false;
    *ret_listener = (struct wok__config_listener){.inherited = true};
    memcpy(ret_listener->address, name, size + 1);
    return true;
}

static int add_listener(struct wok__reading *reading, const char *name, const char *value)
{
    struct wok__config_tls *tls = &reading->config->tls;
    struct wok__config_listener *listener = &tls->listeners[tls->listener_count];
    const char *reason = "it has no port";

    if (tls->listener_count == WOK__CONFIG_LISTENERS_MAX)
        return wok__reading_fail(reading,
                                 "%s %.120s: there are %d listeners already, which is the most; "
                                 "leave one out",
                                 name, value, WOK__CONFIG_LISTENERS_MAX);
    *listener = (struct wok__config_listener){0};
    if (!(strncmp(value, "fd:", 3) == 0 ? parse_inherited(value + 3, listener, &reason)
                                        : wok__config_parse_listen(value, listener, &reason)))
        return wok__reading_fail(
            reading, "%s %.120s: %s; write it as 127.0.0.1:8443, [::1]:8443, unix:/PATH or fd:NAME",
            name, value, reason);
    tls->listener_count++;
    return 0;
}

static int add_path(struct wok__reading *reading, const struct wok__option *option,
                    const char *name, const char *value)
{
    struct wok__config_paths *paths =
        (struct wok__config_paths *)((char *)reading->config + option->offset);
    size_t size = strlen(value) + 1;

    if (size == 1)
        return wok__reading_fail(reading, "%s: the name of a file is missing; give one", name);
    if (paths->count == WOK_HTTP_TLS_CERTIFICATES_MAX || sizeof paths->text - paths->used < size)
        return wok__reading_fail(
            reading,
            "%s %.120s: there may be %d files, whose names have %zu bytes together; leave one out",
            name, value, WOK_HTTP_TLS_CERTIFICATES_MAX, sizeof paths->text);
    memcpy(paths->text + paths->used, value, size);
    paths->used += size;
    paths->count++;
    return 0;
}

int wok__reading_list(struct wok__reading *reading, const struct wok__option *option,
                      const char *name, const char *value)
{
    char one[1024];
    int code = 0;

    for (bool last = false; code == 0 && !last;) {
        size_t size = strcspn(value, ",");
        last = value[size] == '\0';
        if (size >= sizeof one)
            return wok__reading_fail(reading, "%s %.120s: it has more than %zu bytes; shorten it",
                                     name, value, sizeof one - 1);
        memcpy(one, value, size);
        one[size] = '\0';
        code = option->kind == WOK__KIND_FILES ? add_path(reading, option, name, one)
                                               : add_listener(reading, name, one);
        value += size + 1;
    }
    return code;
}

/* ---- what has to fit together ---------------------------------------------------------------------- */

/* Nothing is served over TLS: then nothing is given that only TLS uses. */
static int check_unused(struct wok__reading *reading)
{
    static const enum wok__option_id options[] = {WOK__OPTION_TLS_CERT, WOK__OPTION_TLS_CLIENT_CA,
                                                  WOK__OPTION_TLS_OCSP};

    for (size_t i = 0; i < WOK_COUNT(options); i++) {
        const struct wok__config_paths *paths =
            (const struct wok__config_paths *)((const char *)reading->config +
                                               wok__options[options[i]].offset);
        if (paths->count != 0)
            return wok__reading_fail(
                reading, "%s %.120s: no listener uses it; give --listen-tls ADDR:PORT",
                wok__reading_back_to(reading, options[i]), wok__config_path(paths, 0));
    }
    if (reading->config->server.hsts_seconds != 0)
        return wok__reading_fail(reading, "%s: no listener uses it; give --listen-tls ADDR:PORT",
                                 wok__reading_back_to(reading, WOK__OPTION_TLS_HSTS));
    return 0;
}

int wok__reading_check_tls(struct wok__reading *reading)
{
    const struct wok__config *config = reading->config;
    const struct wok__config_tls *tls = &config->tls;
    char where[80];

    if (tls->certificates.count != tls->keys.count) {
        bool more = tls->certificates.count > tls->keys.count;
        const struct wok__config_paths *paths = more ? &tls->certificates : &tls->keys;
        return wok__reading_fail(
            reading,
            "%s %.120s: there are %u certificates and %u keys; give as many --tls-key as --tls-cert",
            wok__reading_back_to(reading, more ? WOK__OPTION_TLS_CERT : WOK__OPTION_TLS_KEY),
            wok__config_path(paths, paths->count - 1), tls->certificates.count, tls->keys.count);
    }
    if (tls->listener_count != 0 && tls->certificates.count == 0) {
        wok__config_format_listen(&tls->listeners[0], where, sizeof where);
        return wok__reading_fail(reading,
                                 "%s %s: it needs a certificate; give --tls-cert FILE and "
                                 "--tls-key FILE",
                                 wok__reading_back_to(reading, WOK__OPTION_LISTEN_TLS), where);
    }
    return tls->listener_count != 0 ? 0 : check_unused(reading);
}

int wok__config_tls_read(const struct wok__config *config, wok_http_tls **ret_tls, char *error,
                         size_t error_size)
{
    const struct wok__config_tls *tls = &config->tls;
    wok_http_tls_certificate pairs[WOK_HTTP_TLS_CERTIFICATES_MAX];
    const char *client_cas[WOK_HTTP_TLS_CERTIFICATES_MAX];
    const char *ocsp[WOK_HTTP_TLS_CERTIFICATES_MAX];
    int code;

    *ret_tls = NULL;
    if (tls->listener_count == 0)
        return 0;
    for (unsigned i = 0; i < tls->certificates.count; i++)
        pairs[i] = (wok_http_tls_certificate){wok__config_path(&tls->certificates, i),
                                              wok__config_path(&tls->keys, i)};
    for (unsigned i = 0; i < tls->client_cas.count; i++)
        client_cas[i] = wok__config_path(&tls->client_cas, i);
    for (unsigned i = 0; i < tls->ocsp.count; i++)
        ocsp[i] = wok__config_path(&tls->ocsp, i);
    code = wok_http_tls_new(ret_tls,
                            &(wok_http_tls_options){.certificates = pairs,
                                                    .certificate_count = tls->certificates.count,
                                                    .client_ca_files = client_cas,
                                                    .client_ca_count = tls->client_cas.count,
                                                    .ocsp_files = ocsp,
                                                    .ocsp_file_count = tls->ocsp.count},
                            error, error_size);
    return code == 0 ? 0 : code == -EINVAL ? WOK__EXIT_CONFIG : WOK__EXIT_UNAVAILABLE;
}

static bool means(const struct wok__config *config, const struct wok__config_listener *listener,
                  unsigned inherited)
{
    char number[16];

    snprintf(number, sizeof number, "%d", WOK__INHERITED_FIRST + (int)inherited);
    return listener->inherited &&
           (strcmp(listener->address, config->inherited.names[inherited]) == 0 ||
            strcmp(listener->address, number) == 0);
}

bool wok__config_is_encrypted(const struct wok__config *config, unsigned inherited)
{
    bool encrypted = false;

    for (unsigned i = 0; i < config->tls.listener_count; i++)
        encrypted = encrypted || means(config, &config->tls.listeners[i], inherited);
    return encrypted;
}

bool wok__config_inherits(const struct wok__config *config,
                          const struct wok__config_listener *listener)
{
    bool found = false;

    for (unsigned i = 0; i < config->inherited.count; i++)
        found = found || means(config, listener, i);
    return found;
}

/* ---- showing --------------------------------------------------------------------------------------- */

void wok__config_format_list(const struct wok__config *config, const struct wok__option *option,
                             char *text, size_t size)
{
    const struct wok__config_tls *tls = &config->tls;
    const struct wok__config_paths *paths =
        (const struct wok__config_paths *)((const char *)config + option->offset);
    unsigned count = option->kind == WOK__KIND_FILES ? paths->count : tls->listener_count;
    size_t used = 0;

    if (count == 0)
        snprintf(text, size, "(none)");
    for (unsigned i = 0; i < count && used < size; i++) {
        if (i > 0)
            text[used++] = ',';
        if (option->kind == WOK__KIND_FILES)
            used += (size_t)snprintf(text + used, size - used, "%s", wok__config_path(paths, i));
        else
            used += (size_t)wok__config_format_listen(&tls->listeners[i], text + used, size - used);
    }
}
