/*
 * exposition.h - the text format 0.0.4 of Prometheus, line by line.
 *
 * A family is written in one piece: its HELP and TYPE, then its samples.  Where there is no memory the exchange
 * has noted it.
 *
 * Source:     https://prometheus.io/docs/instrumenting/exposition_formats/
 */
#ifndef WOK_HANDLERS_EXPOSITION_H
#define WOK_HANDLERS_EXPOSITION_H

#include <wok/base.h>
#include <wok/http/handler.h>

/** A label; a list of them ends with a NULL name, and NULL is an empty one. */
struct wok__label {
    const char *name, *value;
};

/** The head of a family; `help` needs no escape. */
void wok__family(wok_http_exchange *exchange, const char *name, const char *type, const char *help);

/** A sample. */
void wok__sample(wok_http_exchange *exchange, const char *name, const struct wok__label *labels,
                 double value);
void wok__sample_count(wok_http_exchange *exchange, const char *name,
                       const struct wok__label *labels, uint64_t value);

/** A family of one sample without labels. */
void wok__gauge(wok_http_exchange *exchange, const char *name, const char *help, uint64_t value);
void wok__counter(wok_http_exchange *exchange, const char *name, const char *help, uint64_t value);

#endif
