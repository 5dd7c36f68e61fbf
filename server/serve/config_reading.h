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

/* Makes an error that is found later speak of the option's own source; what gave it. */
const char *wok__reading_back_to(struct wok__reading *reading, enum wok__option_id id);

/* config_tls.c: takes in one or more listeners or files, with commas between them. */
int wok__reading_list(struct wok__reading *reading, const struct wok__option *option,
                      const char *name, const char *value);

/* config_tls.c: listeners, certificates and keys have to fit together. */
int wok__reading_check_tls(struct wok__reading *reading);

/* config_listeners.c: no two of them may be at one place. */
int wok__reading_check_listeners(struct wok__reading *reading);

/* config_tls.c: writes such a list as it is read. */
void wok__config_format_list(const struct wok__config *config, const struct wok__option *option,
                             char *text, size_t size);

/* config_value.c: a decimal number in [low, high], or false. */
bool wok__parse_number(const char *text, uint64_t low, uint64_t high, uint64_t *ret_number);

/* config_file.c: reads the file that config->file names. */
int wok__reading_file(struct wok__reading *reading);

#endif
