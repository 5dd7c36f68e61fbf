/*
 * reload.c - SIGHUP: the certificates are read again, on a thread that may wait for files.
 *
 * Open connections keep what they have; when the files do not do, so does the server.
 */
#include "serve/reload.h"

#include <wok/blocking.h>
#include <wok/http/tls.h>

#include "log/log.h"

static struct wok__log_site told = WOK__LOG_SITE_UNLIMITED(WOK__LOG_INFO, "");
static struct wok__log_site warned = WOK__LOG_SITE_UNLIMITED(WOK__LOG_WARN, "");

/* What reading the certificates again came to. */
typedef struct reloaded {
    wok_http_tls *tls;
    int code;
    char why[512];
} reloaded;
typedef const struct wok__config *config_ref;
WOK_TASK(read_again, config_ref, reloaded);

static int read_again(config_ref *args, reloaded *result)
{
    result->code = wok__config_tls_read(*args, &result->tls, result->why, sizeof result->why);
    return 0;
}

void wok__reload(const struct wok__config *config, wok_http_server *server)
{
    reloaded result;
    wok_join_error why;

    if (config->tls.listener_count == 0) {
        wok__log_printf(&told, "SIGHUP: there are no certificates to read again");
        return;
    }
    read_again_join join = wok_spawn_blocking(read_again, {config});
    if (read_again_await(&join, &result, &why) < 0) {
        wok__log_printf(&warned, "kept the certificates: %s", why.message);
    } else if (result.code != 0) {
        wok__log_printf(&warned, "kept the certificates: %s", result.why);
    } else {
        wok_http_server_use_tls(server, result.tls);
        wok__log_printf(&told, "read %u certificates again", config->tls.certificates.count);
    }
    read_again_join_drop(&join);
}
