/*
 * test_log_stuck.c - a log that nobody reads any more does not keep the process from its end.
 */
#include <unistd.h>

#include "support/test.h"

#include "log/log.h"

Test(log_stuck, a_stop_gives_up_at_its_limit_and_then_logging_does_nothing, .timeout = 30)
{
    static struct wok__log_site plain = WOK__LOG_SITE_UNLIMITED(WOK__LOG_INFO, "plain");
    struct wok__log_options options = {WOK__LOG_JSON, WOK__LOG_INFO, -1};
    struct wok__log_figures before, after;
    char waste[4096];
    int ends[2];

    cr_assert_eq(pipe(ends), 0);
    options.fd = ends[1];
    cr_assert_eq(wok__log_start(&options), 0);
    cr_assert(wok__log_start(&options) < 0);
    for (int i = 0; i < 10000; i++)
        wok__log_printf(&plain, "line %d of many, of which every one has its hundred bytes", i);
    wok_instant began = wok_now();
    cr_assert(!wok__log_stop(wok_ms(50)));
    cr_assert_geq(wok_elapsed(began).ns, wok_ms(50).ns);
    wok__log_figures_get(&before);
    wok__log_printf(&plain, "nobody hears it");
    wok__log_figures_get(&after);
    cr_assert_eq(after.lost, before.lost + 1);
    cr_assert(!wok__log_stop(wok_ms(50)));
    cr_assert(wok__log_start(&options) < 0);
    /* The thread still writes what it had: it is let go. */
    cr_assert_gt(read(ends[0], waste, sizeof waste), 0);
    close(ends[0]);
}
