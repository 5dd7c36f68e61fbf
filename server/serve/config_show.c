/*
 * config_show.c - what --check-config prints: each effective value, and where it is from.
 */
#include <string.h>

#include "serve/config_reading.h"

static void format_listeners(const struct wok__config *config, char *text, size_t size)
{
    size_t used = 0;

    if (config->listener_count == 0)
        snprintf(text, size, config->inherited.count != 0 ? "(inherited)" : "(none)");
    for (unsigned i = 0; i < config->listener_count && used < size; i++) {
        if (i > 0)
            text[used++] = ',';
        used += (size_t)wok__config_format_listen(&config->listeners[i], text + used, size - used);
    }
}

/* The value as one would write it, or the default's words. */
static void format_value(const struct wok__config *config, const struct wok__option *option,
                         char *text, size_t size)
{
    const char *place = (const char *)config + option->offset;
    bool default_in_words = config->origins[option - wok__options].source == WOK__FROM_DEFAULT &&
                            wok__option_default_in_words(option);

    if (option->kind == WOK__KIND_FILES || option == &wok__options[WOK__OPTION_LISTEN_TLS]) {
        wok__config_format_list(config, option, text, size);
    } else if (option->kind == WOK__KIND_LISTENERS) {
        format_listeners(config, text, size);
    } else if (option->kind == WOK__KIND_SWITCH) {
        snprintf(text, size, "%s", *(const bool *)place ? "on" : "off");
    } else if (default_in_words) {
        snprintf(text, size, "(%s)", option->otherwise);
    } else if (option->kind == WOK__KIND_USER) {
        snprintf(text, size, "%s", config->user.name);
    } else if (option->kind == WOK__KIND_FILE) {
        snprintf(text, size, "%s", config->file);
    } else if (option->kind == WOK__KIND_CHOICE) {
        const char *word = option->choices;
        size_t choice;
        memcpy(&choice, place, sizeof choice);
        for (; choice > 0; choice--)
            word += strcspn(word, " ") + 1;
        snprintf(text, size, "%.*s", (int)strcspn(word, " "), word);
    } else if (option->kind == WOK__KIND_TIME) {
        wok_duration duration;
        memcpy(&duration, place, sizeof duration);
        snprintf(text, size, "%llu", (unsigned long long)(duration.ns / 1000000));
    } else if (option->kind == WOK__KIND_MODE) {
        size_t mode;
        memcpy(&mode, place, sizeof mode);
        snprintf(text, size, "%04zo", mode);
    } else {
        size_t count;
        memcpy(&count, place, sizeof count);
        snprintf(text, size, "%zu", count);
    }
}

static void format_origin(const struct wok__config *config, const struct wok__origin *origin,
                          char *text, size_t size)
{
    switch (origin->source) {
    case WOK__FROM_FLAG:
        snprintf(text, size, "flag %s", origin->name);
        break;
    case WOK__FROM_ENVIRONMENT:
        snprintf(text, size, "environment %s", origin->name);
        break;
    case WOK__FROM_FILE:
        snprintf(text, size, "file %s:%u", config->file, origin->line);
        break;
    case WOK__FROM_DEFAULT:
        snprintf(text, size, "default");
        break;
    }
}

void wok__config_show(const struct wok__config *config, FILE *file)
{
    for (size_t i = 0; i < WOK__OPTIONS; i++) {
        const struct wok__option *option = &wok__options[i];
        char value[2048 + WOK__CONFIG_LISTENERS_MAX * 120], origin[512];
        if (option->environment == NULL)
            continue;
        format_value(config, option, value, sizeof value);
        format_origin(config, &config->origins[i], origin, sizeof origin);
        fprintf(file, "%-26s %-32s %s\n", option->environment, value, origin);
    }
}
