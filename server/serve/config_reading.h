/*
 * config_reading.h - a configuration while it is read, as the files that read it see it.
 */
#ifndef WOK_SERVER_SERVE_CONFIG_READING_H
#define WOK_SERVER_SERVE_CONFIG_READING_H

#include "serve/config.h"

struct wok__reading {
    struct wok__config *config;
    char *error;
    size_t error_size;
    enum wok__source source; /* what is being read now */
    unsigned line;           /* of the file; 0: it has not come so far */
};

/* Writes the error, behind FILE:LINE while a file is read; gives the exit code that fits its source. */
__attribute__((format(printf, 2, 3))) int wok__reading_fail(struct wok__reading *reading,
                                                            const char *format, ...);

/* True: this source, or one that wins over it, has given the option already. */
bool wok__reading_has(const struct wok__reading *reading, const struct wok__option *option);

/* config_value.c: takes the value in; `name` is what gave it; `value` is NULL for a flag alone. */
int wok__reading_set(struct wok__reading *reading, const struct wok__option *option,
                     const char *name, const char *value);

/* config_value.c: a decimal number in [low, high], or false. */
bool wok__parse_number(const char *text, uint64_t low, uint64_t high, uint64_t *ret_number);

/* config_file.c: reads the file that config->file names. */
int wok__reading_file(struct wok__reading *reading);

#endif
