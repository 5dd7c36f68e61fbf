/*
 * exposition.c - the text format 0.0.4 of Prometheus, line by line.
 */
#include "exposition.h"

void wok__family(wok_http_exchange *exchange, const char *name, const char *type, const char *help)
{
    (void)wok_http_response_printf(exchange, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
                                   type);
}

static void put(wok_http_exchange *exchange, const char *text, size_t size)
{
    (void)wok_http_response_append(exchange, (wok_slice){text, size});
}

/* A backslash, a quote and a line feed have a backslash in front. */
static void put_value(wok_http_exchange *exchange, const char *value)
{
    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '\n')
            put(exchange, "\\n", 2);
        else if (*at == '\\' || *at == '"')
            (void)wok_http_response_printf(exchange, "\\%c", *at);
        else
            put(exchange, at, 1);
    }
}

static void put_series(wok_http_exchange *exchange, const char *name,
                       const struct wok__label *labels)
{
    put(exchange, name, strlen(name));
    for (const struct wok__label *label = labels; label != NULL && label->name != NULL; label++) {
        (void)wok_http_response_printf(exchange, "%c%s=\"", label == labels ? '{' : ',',
                                       label->name);
        put_value(exchange, label->value);
        put(exchange, "\"", 1);
    }
    if (labels != NULL && labels->name != NULL)
        put(exchange, "}", 1);
}

void wok__sample(wok_http_exchange *exchange, const char *name, const struct wok__label *labels,
                 double value)
{
    put_series(exchange, name, labels);
    (void)wok_http_response_printf(exchange, " %.17g\n", value);
}

void wok__sample_count(wok_http_exchange *exchange, const char *name,
                       const struct wok__label *labels, uint64_t value)
{
    put_series(exchange, name, labels);
    (void)wok_http_response_printf(exchange, " %llu\n", (unsigned long long)value);
}

void wok__gauge(wok_http_exchange *exchange, const char *name, const char *help, uint64_t value)
{
    wok__family(exchange, name, "gauge", help);
    wok__sample_count(exchange, name, NULL, value);
}

void wok__counter(wok_http_exchange *exchange, const char *name, const char *help, uint64_t value)
{
    wok__family(exchange, name, "counter", help);
    wok__sample_count(exchange, name, NULL, value);
}
