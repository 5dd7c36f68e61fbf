/*
 * 06_scope.c - a block that cannot be left before its children have ended.
 *
 * Tasks that are merely spawned own what they work on, because nobody knows which of the two ends
 * first.  Here it is known: the children of a scope may borrow the locals of whoever opened it.  They
 * also share a fate, which the scope's policy decides: here the first failure stops the others, and
 * comes out at the end of the block.
 */
#include <errno.h>
#include <stdio.h>

#include <wok/wok.h>

/* One line of an order; it stays in the parent's frame, and the child writes into it. */
struct dish {
    const char *name;
    wok_duration takes;
    int code; /* what comes of it */
    const char *state;
};

static int cook(struct dish *dish)
{
    int error = wok_sleep(dish->takes);

    if (error == -ECANCELED)
        dish->state = "stopped";
    else if (error < 0)
        dish->state = "too late";
    else
        dish->state = dish->code == 0 ? "served" : "burnt";
    return error < 0 ? error : dish->code;
}

static void print(const char *what, int code, const struct dish *dishes, size_t count)
{
    printf("%s: %s\n", what, code == 0 ? "all well" : strerror(-code));
    for (size_t i = 0; i < count; i++)
        printf("  %s %s\n", dishes[i].name, dishes[i].state);
}

static int program(void)
{
    int code = 0;

    struct dish menu[] = {{.name = "soup", .takes = wok_ms(30)},
                          {.name = "fish", .takes = wok_ms(50)},
                          {.name = "rice", .takes = wok_ms(20)}};
    WOK_SCOPE(kitchen, .ret_code = &code)
    {
        for (size_t i = 0; i < WOK_COUNT(menu); i++)
            wok_scope_spawn(kitchen, cook, &menu[i]);
    } /* waits for all three: 50 ms, not 100 */
    print("everything is awaited", code, menu, WOK_COUNT(menu));

    struct dish accident[] = {{.name = "stew", .takes = wok_seconds(3600)},
                              {.name = "toast", .takes = wok_ms(20), .code = -EIO}};
    WOK_SCOPE(kitchen, .policy = WOK_SCOPE_FAIL_FAST, .ret_code = &code)
    {
        for (size_t i = 0; i < WOK_COUNT(accident); i++)
            wok_scope_spawn(kitchen, cook, &accident[i]);
    }
    print("the first failure stops the others", code, accident, WOK_COUNT(accident));

    struct dish race[] = {{.name = "oven", .takes = wok_seconds(3600)},
                          {.name = "microwave", .takes = wok_ms(10)}};
    WOK_SCOPE(kitchen, .policy = WOK_SCOPE_FIRST_OK, .ret_code = &code)
    {
        for (size_t i = 0; i < WOK_COUNT(race); i++)
            wok_scope_spawn(kitchen, cook, &race[i]);
    }
    print("the first success is enough", code, race, WOK_COUNT(race));

    /* Leaving early is allowed, and still waits: the child is stopped first. */
    struct dish left[] = {{.name = "roast", .takes = wok_seconds(3600)}};
    WOK_SCOPE(kitchen)
    {
        wok_scope_spawn(kitchen, cook, &left[0]);
        if (wok_sleep(wok_ms(10)) == 0)
            break;
    }
    print("a block that is left early", 0, left, WOK_COUNT(left));
    return 0;
}

int main(void)
{
    return wok_main(program);
}
