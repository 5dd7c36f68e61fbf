/*
 * 05_shutdown.c - telling long-running tasks to stop.
 *
 * A task that runs for ever needs a way to hear that it is time to go.  A watch channel holds one
 * latest value; every receiver can wait for it to change.  Each task here waits for two things at
 * once, its next piece of work and the end, and the end lets it finish what it has in hand:
 * nothing is aborted, nothing is half done.
 */
#include <stdio.h>

#include <wok/wok.h>

enum phase { RUN, STOP };

WOK_WATCH(phase, enum phase, NULL);

struct service {
    int number;
    phase_receiver stop; /* moved in: the task has a receiver of its own */
};

static void service_drop(struct service *service)
{
    phase_receiver_drop(&service->stop);
}

/* Its result is how many pieces of work it has done. */
WOK_TASK_WITH_DROP(serve, struct service, int, service_drop, NULL);

static int serve(struct service *service, int *done)
{
    *done = 0;
    for (;;) {
        wok_op branches[] = {
            phase_changed_op(&service->stop),
            wok_sleep_until_op(wok_after(wok_ms(10))),
        };
        int code = 0;

        /* Biased: if both are ready, the end comes first. */
        int first = wok_select(branches, 2, WOK_SELECT_BIASED, &code);
        if (first < 0)
            return first;
        if (first == 0)
            break; /* a new value, or -EPIPE because the sender is gone: stop either way */
        *done += 1;
    }
    printf("service %d: told to stop, puts things in order\n", service->number);
    return wok_sleep(wok_ms(20));
}

static int program(void)
{
    enum { SERVICES = 3 };
    serve_join services[SERVICES];
    phase_sender phase;

    int error = phase_new(RUN, &phase);
    if (error < 0)
        return error;

    for (int i = 0; i < SERVICES; i++) {
        struct service service = {.number = i + 1};
        phase_subscribe(&phase, &service.stop); /* here, so that no stop can come too early */
        services[i] = wok_spawn(serve, service);
    }

    printf("main: the services run\n");
    wok_sleep(wok_ms(200));

    printf("main: time to stop\n");
    (void)phase_send_replace(&phase, STOP);

    /* Awaiting the handles is what makes it graceful. */
    int worked = 0;
    for (int i = 0; i < SERVICES; i++) {
        int done;
        if (serve_await(&services[i], &done, NULL) == 0)
            worked += done > 0;
    }
    phase_sender_drop(&phase);
    printf("main: all %d have worked and stopped\n", worked);
    return 0;
}

int main(void)
{
    return wok_main(program);
}
