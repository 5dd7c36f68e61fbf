/*
 * test_options.c - the table of the options: what holds for each, and which one is near a slip.
 */
#include <stdio.h>
#include <string.h>

#include "support/test.h"

#include <wok/base.h>

#include "serve/options.h"

Test(options, each_name_in_the_environment_is_made_from_the_flag)
{
    for (size_t i = 0; i < WOK__OPTIONS; i++) {
        const struct wok__option *option = &wok__options[i];
        char name[64] = "WOK_";
        cr_assert_not_null(option->flag, "option %zu", i);
        cr_assert_not_null(option->what, "%s", option->flag);
        if (option->environment == NULL)
            continue;
        for (size_t at = 2; option->flag[at - 1] != '\0'; at++)
            name[at + 2] = option->flag[at] == '-'    ? '_'
                           : option->flag[at] == '\0' ? '\0'
                                                      : (char)(option->flag[at] - 'a' + 'A');
        cr_assert_str_eq(option->environment, name);
        cr_assert_not_null(option->otherwise, "%s: its default", option->flag);
        cr_assert_eq(wok__option_by_flag(option->flag, strlen(option->flag)), option);
        cr_assert_eq(wok__option_by_name(name, strlen(name)), option);
    }
}

/* config_value.c finds what a flag of the second kind switches off by its place. */
Test(options, what_switches_off_stands_below_what_it_switches_off)
{
    size_t switches = 0;

    for (size_t i = 1; i < WOK__OPTIONS; i++) {
        const struct wok__option *off = &wok__options[i], *on = off - 1;
        char flag[64];
        cr_assert_eq(off->kind == WOK__KIND_OFF, on->kind == WOK__KIND_SWITCH, "%s", off->flag);
        if (off->kind != WOK__KIND_OFF)
            continue;
        snprintf(flag, sizeof flag, "--no-%s", on->flag + 2);
        cr_assert_str_eq(off->flag, flag);
        cr_assert_eq(off->offset, on->offset);
        cr_assert_eq(off->group, on->group);
        switches++;
    }
    cr_assert_eq(switches, 4);
}

Test(options, a_letter_is_one_options_alone)
{
    cr_assert_eq(wok__option_by_flag("-h", 2), &wok__options[WOK__OPTION_HELP]);
    cr_assert_eq(wok__option_by_flag("-V", 2), &wok__options[WOK__OPTION_VERSION]);
    cr_assert_null(wok__option_by_flag("-v", 2));
    cr_assert_null(wok__option_by_flag("-", 1));
    cr_assert_null(wok__option_by_flag("-hV", 3));
}

/* Kubernetes sets WOK_PORT=tcp://... in every pod beside a service that is called wok. */
Test(options, none_has_a_name_that_kubernetes_makes_of_a_service)
{
    static const char *const endings[] = {"_PORT", "_SERVICE_HOST", "_SERVICE_PORT"};

    for (size_t i = 0; i < WOK__OPTIONS; i++) {
        const char *name = wok__options[i].environment;
        for (size_t at = 0; name != NULL && at < WOK_COUNT(endings); at++) {
            size_t size = strlen(name), ending = strlen(endings[at]);
            cr_assert(size < ending || strcmp(name + size - ending, endings[at]) != 0, "%s", name);
        }
    }
}

static void flag_means(const char *slip, const char *flag)
{
    const char *near = wok__option_near_flag(slip, strlen(slip));

    if (flag == NULL)
        cr_assert_null(near, "%s", slip);
    else
        cr_assert_str_eq(near != NULL ? near : "nothing", flag, "%s", slip);
}

Test(options, a_slip_is_near_what_was_meant)
{
    flag_means("--listn", "--listen");
    flag_means("--listne", "--listen");
    flag_means("--wrokesr", "--workers");
    flag_means("--liisten", "--listen");
    flag_means("--drain_delay", "--drain-delay");
    flag_means("--Workers", "--workers");
    flag_means("-workers", "--workers");
    flag_means("workers", "--workers");
    flag_means("--worker", "--workers");
    flag_means("--body-byte-max", "--body-bytes-max");
    flag_means("--body-progres-timout", "--body-progress-timeout");
    flag_means("--check-confg", "--check-config");
    flag_means("--frobnicate", NULL);
    flag_means("serve", NULL);
    flag_means("-h", NULL);
    flag_means("", NULL);
    flag_means("--a-name-that-is-longer-than-any-option-there-is-or-will-be", NULL);
    cr_assert_str_eq(wok__option_near_name("wok_listen", 10), "WOK_LISTEN");
    cr_assert_str_eq(wok__option_near_name("WOK_IDEL_TIMEOUT", 16), "WOK_IDLE_TIMEOUT");
    cr_assert_null(wok__option_near_name("WOK_SERVER_PORT", 15));
}
