/*
 * server_options.c - a server's options: their defaults, and what cannot serve.
 *
 * A zero says zero, so that every value can be said; the defaults are values like others, and whoever
 * builds a server begins with them (docs/decisions/0052-limits.md).
 */
#include <errno.h>
#include <sys/resource.h>

#include "conn/server.h"
#include "conn/work.h"

/* Descriptors that connections leave alone: listeners, drivers, logs. */
enum { DESCRIPTOR_RESERVE = 64 };

void wok_http_server_options_init(wok_http_server_options *ret_options)
{
    *ret_options = (wok_http_server_options){
        .compress = true,
        .compress_bytes_min = 1400, /* less goes in one packet anyway */
        .requests_max = 50000,
        .pipelined_max = 16,
        .output_max = 65536,
        .target_bytes_max = 8192,
        .head_bytes_max = 32768,
        .headers_max = 100,
        .body_bytes_max = 1 << 20,
        .chunk_extension_bytes_max = 4096,
        .trailer_bytes_max = 4096,
        .request_memory_max = 16 << 20,
        .grace = wok_seconds(8),
        .handshake_timeout = wok_seconds(10),
        .head_timeout = wok_seconds(10),
        .body_progress_timeout = wok_seconds(10),
        .body_timeout = wok_seconds(60),
        .write_timeout = wok_seconds(30),
        .idle_timeout = wok_seconds(75),
        .request_timeout = wok_seconds(90),
    };
}

static size_t connections_that_fit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return 1 << 20;
    if (limit.rlim_cur <= 2 * DESCRIPTOR_RESERVE)
        return (size_t)limit.rlim_cur / 2 + 1;
    return (size_t)limit.rlim_cur - DESCRIPTOR_RESERVE;
}

int wok__server_options_settle(wok_http_server_options *options)
{
    /* With one of these no request could ever be served: it is a struct that nobody initialised. */
    if (options->routes == NULL || options->requests_max == 0 || options->pipelined_max == 0 ||
        options->output_max == 0 || options->target_bytes_max == 0 ||
        options->head_bytes_max == 0 || options->headers_max == 0 ||
        options->request_memory_max == 0 || options->head_timeout.ns == 0 ||
        options->handshake_timeout.ns == 0 || options->write_timeout.ns == 0 ||
        options->request_timeout.ns == 0)
        return -EINVAL;
    if (options->connections_max == 0)
        options->connections_max = connections_that_fit();
    /* A worker that computes on handshakes looks for events every 61 polls, each of which may be a signature:
     * half of them are left to others (docs/decisions/0047-handshakes.md). */
    if (options->handshakes_max == 0)
        options->handshakes_max = (wok_runtime_workers(wok_runtime_current()) + 1) / 2;
    if (options->pipelined_max > WOK__PIPELINE_MAX)
        options->pipelined_max = WOK__PIPELINE_MAX;
    return 0;
}

static uint32_t at_most_32_bits(size_t size)
{
    return size < UINT32_MAX / 2 ? (uint32_t)size : UINT32_MAX / 2;
}

struct wok__h1_limits wok__server_options_limits(const wok_http_server_options *options)
{
    struct wok__h1_limits limits = WOK__H1_LIMITS_DEFAULT;

    limits.target_bytes_max = at_most_32_bits(options->target_bytes_max);
    limits.head_bytes_max = at_most_32_bits(options->head_bytes_max);
    limits.header_count_max = at_most_32_bits(options->headers_max);
    limits.chunk_extension_bytes_max = at_most_32_bits(options->chunk_extension_bytes_max);
    limits.trailer_bytes_max = at_most_32_bits(options->trailer_bytes_max);
    limits.body_bytes_max = options->body_bytes_max;
    return limits;
}
