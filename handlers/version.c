/*
 * version.c - GET /version: what exactly is running here.
 *
 * Versions of shared libraries are asked of the library that was loaded, not of the header that was
 * compiled against, where the library can tell.
 */
#include "handlers.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <wok/metrics.h>
#include <wok/runtime.h>
#include <wok_commit.h>

#include "json.h"

/* The build reads it from the header of the parser, which handlers do not see. */
#ifndef WOK_LLHTTP_VERSION
#define WOK_LLHTTP_VERSION "unknown"
#endif

static wok_slice jansson_version_loaded(void)
{
#if JANSSON_VERSION_HEX >= 0x020d00 /* 2.13 brought the function */
    return wok_slice_of(jansson_version_str());
#else
    return WOK_SLICE(JANSSON_VERSION);
#endif
}

static void member(struct wok__json *json, const char *name, wok_slice value)
{
    wok__json_key_slice(json, wok_slice_of(name));
    wok__json_string(json, value);
}

void wok__handle_version(wok_http_exchange *exchange)
{
    wok_runtime_metrics metrics;
    wok_runtime_metrics_get(wok_runtime_current(), &metrics);

    wok_http_respond(exchange, 200, WOK__JSON_TYPE);
    struct wok__json json = wok__json_begin(exchange);
    wok__json_open(&json, '{');
    member(&json, "name", WOK_SLICE("wok-server"));
    member(&json, "version", WOK_SLICE(WOK_VERSION));
    member(&json, "commit", WOK_SLICE(WOK_COMMIT));
    member(&json, "compiler", WOK_SLICE(WOK__COMPILER));
    member(&json, "llhttp", WOK_SLICE(WOK_LLHTTP_VERSION));
    member(&json, "openssl", wok_slice_of(OpenSSL_version(OPENSSL_VERSION_STRING)));
    member(&json, "jansson", jansson_version_loaded());
    member(&json, "io", wok_slice_of(metrics.driver));
    wok__json_close(&json, '}');
    wok__json_end(&json);
}
