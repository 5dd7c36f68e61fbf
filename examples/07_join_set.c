/*
 * 07_join_set.c - many tasks, awaited in the order in which they end.
 *
 * A join set holds the handles of tasks that own their arguments.  It gives them back as the tasks
 * end, so the first answer is worked on while the others are still on their way.  A set that is freed
 * aborts what is left in it.
 */
#include <stdio.h>

#include <wok/wok.h>

struct question {
    const char *whom;
    wok_duration thinks;
    bool faints;
};
typedef const char *answer;

WOK_TASK(ask, struct question, answer);

static int ask(struct question *question, answer *result)
{
    int error = wok_sleep(question->thinks);

    if (error < 0)
        return error;
    if (question->faints)
        wok_panic("%s has fainted", question->whom);
    *result = question->whom;
    return 0;
}

static int program(void)
{
    WOK_CLEANUP(wok_join_set_freep) wok_join_set *set = NULL;
    ask_join ended;
    wok_join_error why;
    answer who;

    if (wok_join_set_new(&set) < 0)
        return -1;
    (void)wok_join_set_spawn(set, ask, {.whom = "a professor", .thinks = wok_ms(60)});
    (void)wok_join_set_spawn(set, ask, {.whom = "a child", .thinks = wok_ms(20)});
    (void)wok_join_set_spawn(set, ask, {.whom = "a poet", .thinks = wok_ms(40), .faints = true});
    (void)wok_join_set_spawn(set, ask, {.whom = "a stone", .thinks = wok_seconds(3600)});

    for (int i = 0; i < 3 && wok_join_set_next(set, &ended.join) == 0; i++) {
        if (ask_await(&ended, &who, &why) == 0) /* it has ended: this does not wait */
            printf("%s knows\n", who);
        else
            printf("%s\n", strstr(why.message, "\"")); /* the panic's message */
    }
    printf("%zu left\n", wok_join_set_size(set));
    return 0; /* the set is freed, and the stone aborted */
}

int main(void)
{
    return wok_main(program);
}
