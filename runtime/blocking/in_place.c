/*
 * in_place.c - blocking the caller's own thread, after what its worker owns was given to others.
 *
 * Inside, the thread takes the shape of a plain thread that is still in its task: wok__here() says no
 * worker and no fiber, so that spawns go to the injection queue, waits block, and nothing is taken from
 * the worker's caches; but the task, its guard and what surrounds it are still there, so that a panic
 * finds its way.  The end puts worker and fiber back, on every way out: it is a cleanup.
 */
#include <wok/blocking.h>

#include "task/context.h"
#include "task/schedule.h"

enum kind {
    NOTHING, /* the thread may block anyway */
    BLOCKS,  /* the worker has stepped back */
    IN_TURN, /* workers run one at a time, and this one goes on */
};

wok_in_place wok_in_place_begin(void)
{
    struct wok__here *here = wok__here();
    wok_in_place place = {.active = true, .kind = NOTHING};

    if (here->worker == NULL || here->blocking != 0)
        return place;
    if (wok__runtime_has_turns(here->runtime)) {
        place.kind = IN_TURN;
        here->ambient.in_place++;
        here->ambient
            .shields++; /* waits park the task, and notice no abort, as those of a thread */
        return place;
    }
    place.kind = BLOCKS;
    place.worker = here->worker;
    place.fiber = here->fiber;
    place.runtime = here->runtime;
    place.budget = here->budget;
    wok__worker_block(here->worker);
    here->worker = NULL;
    here->fiber = NULL;
    here->budget = UINT32_MAX; /* nobody waits for this poll to end */
    here->blocking = 1;
    return place;
}

void wok_in_place_end(wok_in_place *place)
{
    struct wok__here *here = wok__here();

    if (!place->active)
        return;
    place->active = false;
    switch ((enum kind)place->kind) {
    case NOTHING:
        return;
    case IN_TURN:
        here->ambient.in_place--;
        here->ambient.shields--;
        return;
    case BLOCKS:
        here->worker = place->worker;
        here->fiber = place->fiber;
        here->runtime = place->runtime; /* somebody may have entered another one */
        here->budget = place->budget;
        here->blocking = 0;
        wok__worker_unblock(here->worker);
        return;
    }
}

int wok_block_in_place(int (*function)(void *argument), void *argument)
{
    WOK_CLEANUP(wok_in_place_end) wok_in_place place = wok_in_place_begin();

    return function(argument);
}
