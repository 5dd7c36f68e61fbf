/*
 * report.c - what the runtime has to say about tasks, as lines of the log instead of its own.
 */
#include "serve/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/log.h"

void wok__log_task_panic(const wok_join_error *error, void *argument)
{
    static struct wok__log_site site = WOK__LOG_SITE(WOK__LOG_ERROR, "a task panicked");
    struct wok__log_line line;

    (void)argument;
    if (!wok__log_begin(&line, &site))
        return;
    wok__log_string(&line, "reason", error->message);
    wok__log_string(&line, "file", error->file != NULL ? error->file : "");
    wok__log_number(&line, "line", (uint64_t)error->line);
    wok__log_end(&line, &site);
}

void wok__log_shutdown(const wok_shutdown_report *report)
{
    static struct wok__log_site site = WOK__LOG_SITE_UNLIMITED(WOK__LOG_WARN, "");
    char *text = NULL, *rest = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);

    if (memory == NULL)
        return;
    wok_shutdown_report_print(report, memory);
    if (fclose(memory) == 0) {
        for (char *line = strtok_r(text, "\n", &rest); line != NULL;
             line = strtok_r(NULL, "\n", &rest))
            wok__log_printf(&site, "%s", line);
    }
    free(text);
}
