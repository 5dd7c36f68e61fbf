/*
 * main.c - a C program on an installed libwok: spawn, join, a panic, a scope.
 *
 * It prints the sum of what came out and ends with 1 if that is wrong.
 */
#include <stdio.h>

#include <wok/wok.h>

struct order {
    const char *dish;
    int minutes;
};

WOK_TASK(cook, struct order, int);
static int cook(struct order *order, int *minutes)
{
    int error = wok_sleep(wok_ms((uint64_t)order->minutes));

    *minutes = order->minutes;
    return error;
}

static int fires_put_out;

static void put_out(struct order **order)
{
    fires_put_out += (*order)->minutes;
}

static void flame(struct order *order)
{
    WOK_CLEANUP(put_out) struct order *burning = order;

    WOK_ASSERT(burning->minutes < 4);
}

WOK_TASK(burn, struct order, int);
static int burn(struct order *order, int *minutes)
{
    WOK_CLEANUP(put_out) struct order *burning = order;

    flame(burning);
    *minutes = 0;
    return 0;
}

static int serve(int *plates)
{
    int error = wok_yield();

    *plates += 10;
    return error;
}

static int evening(void)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    cook_join soup = wok_spawn(cook, {"soup", 1}), roast = wok_spawn(cook, {"roast", 2});
    burn_join steak = wok_spawn(burn, {"steak", 4});
    int minutes[3] = {0, 0, 0}, plates[2] = {0, 0};
    wok_join_error why;

    for (size_t i = 0; i < WOK_COUNT(plates); i++)
        wok_scope_spawn(&scope, serve, &plates[i]);
    if (cook_await(&soup, &minutes[0], &why) < 0 || cook_await(&roast, &minutes[1], &why) < 0 ||
        burn_await(&steak, &minutes[2], &why) != -WOK_EJOIN || why.outcome != WOK_PANICKED ||
        wok_scope_wait(&scope) < 0)
        return 1;

    int sum = minutes[0] + minutes[1] + plates[0] + plates[1] + fires_put_out;
    printf("1 + 2 + 10 + 10 + two handlers of 4 = %d\n", sum);
    return sum != 31;
}

int main(void)
{
    return wok_main(evening);
}
