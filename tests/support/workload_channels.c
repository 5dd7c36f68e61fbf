/*
 * workload_channels.c - acts of the workload: channels of every kind, and cancellation tokens.
 *
 * What is sent are things: one that is lost or destroyed twice on any path is noticed at the end.
 */
#include <errno.h>

#include "support/workload.h"

/* A value of a sender, in the order of its sends. */
struct parcel {
    struct thing thing;
    unsigned sender, number;
};

static void parcel_drop(void *parcel)
{
    thing_drop(&((struct parcel *)parcel)->thing);
}

static struct parcel parcel_make(unsigned sender, unsigned number)
{
    return (struct parcel){thing_make(), sender, number};
}

/* ---- mpsc ------------------------------------------------------------------------------------------ */

struct sender_args {
    wok_mpsc_sender sender;
    struct actor actor;
    unsigned index, count;
};

static void sender_args_drop(struct sender_args *args)
{
    wok_mpsc_sender_drop(&args->sender);
}

WOK_TASK_WITH_DROP(send_parcels, struct sender_args, unsigned, sender_args_drop, NULL);

/* In one of the ways there are; 0 if it was moved in, else it is still the caller's. */
static int send_one(struct actor *actor, const wok_mpsc_sender *sender, struct parcel *parcel)
{
    wok_mpsc_permit permit = {0};
    int code;

    switch (roll(actor, 4)) {
    case 0:
        code = wok_mpsc_try_send(sender, parcel);
        return code == -EAGAIN ? wok_mpsc_send(sender, parcel) : code;
    case 1:
        code = wok_mpsc_reserve(sender, 1, &permit);
        if (code < 0)
            return code;
        code = roll(actor, 3) == 0 ? wok_sleep(roll_time(actor)) : 0;
        if (code == 0)
            code = wok_mpsc_permit_send(&permit, parcel);
        wok_mpsc_permit_drop(&permit);
        return code;
    case 2: {
        wok_op branches[] = {wok_mpsc_send_op(sender, parcel), wok_sleep_op(wok_us(200))};
        int winner = wok_select(branches, WOK_COUNT(branches), WOK_SELECT_FAIR, &code);
        return winner < 0 ? winner : winner == 1 ? -EBUSY : code;
    }
    default:
        return wok_mpsc_send(sender, parcel);
    }
}

static int send_parcels(struct sender_args *args, unsigned *result)
{
    for (*result = 0; *result < args->count; ++*result) {
        struct parcel parcel = parcel_make(args->index, *result);
        int code = send_one(&args->actor, &args->sender, &parcel);
        if (code < 0) {
            parcel_drop(&parcel);
            return code == -EPIPE || code == -EBUSY ? 0 : code;
        }
    }
    return 0;
}

/* Receives until nothing can come, or it has had enough; each sender's parcels come in their order. */
static int receive_all(struct actor *actor, wok_mpsc_receiver *receiver, unsigned *next)
{
    unsigned enough = roll(actor, 3) == 0 ? roll(actor, 6) : 1000;
    struct parcel parcel;
    int code = 0;

    while (enough-- > 0) {
        code = roll(actor, 3) == 0
                   ? wok_mpsc_recv_until(receiver, &parcel, wok_after(roll_time(actor)))
                   : wok_mpsc_recv(receiver, &parcel);
        if (code == -ETIMEDOUT && wok_deadline_now().ns > wok_now().ns) {
            code = 0;
            continue;
        }
        if (code < 0)
            break;
        CHECK(parcel.number == next[parcel.sender]++);
        parcel_drop(&parcel);
        if (roll(actor, 5) == 0 && (code = wok_sleep(roll_time(actor))) < 0)
            break;
    }
    return code == -EPIPE ? 0 : code;
}

static void close_receiver(wok_mpsc_receiver *receiver)
{
    wok_mpsc_receiver_drop(receiver);
}

static int act_mpsc(struct actor *actor)
{
    wok_mpsc_options options = {
        .capacity = roll(actor, 4) == 0 ? WOK_UNBOUNDED : 1 + roll(actor, 3),
        .value_size = sizeof(struct parcel),
        .value_drop = parcel_drop,
    };
    WOK_CLEANUP(close_receiver) wok_mpsc_receiver receiver = {0};
    wok_mpsc_sender first = {0};
    unsigned senders = 1 + roll(actor, 3), next[3] = {0};

    CHECK(wok_mpsc_new(&options, &first, &receiver) == 0);
    for (unsigned i = 0; i < senders; i++) {
        struct sender_args args = {wok_mpsc_sender_ref(&first), actor_child(actor), i,
                                   roll(actor, 7)};
        send_parcels_join join = wok_spawn(send_parcels, args);
        if (roll(actor, 8) == 0)
            wok_join_abort(&join.join);
        send_parcels_join_drop(&join);
    }
    wok_mpsc_sender_drop(&first);
    if (roll(actor, 4) == 0)
        wok_mpsc_close(&receiver);
    return receive_all(actor, &receiver, next);
}

/* ---- oneshot --------------------------------------------------------------------------------------- */

struct teller_args {
    wok_oneshot_sender sender;
    wok_duration delay;
    bool tells;
};

static void teller_args_drop(struct teller_args *args)
{
    wok_oneshot_sender_drop(&args->sender);
}

WOK_TASK_WITH_DROP(tell, struct teller_args, int, teller_args_drop, NULL);

static int tell(struct teller_args *args, int *result)
{
    struct thing thing;
    int code = wok_sleep(args->delay);

    *result = 0;
    if (code < 0 || !args->tells)
        return code;
    thing = thing_make();
    if (wok_oneshot_send(&args->sender, &thing) < 0)
        thing_drop(&thing);
    return 0;
}

static void drop_any_thing(void *thing)
{
    thing_drop(thing);
}

static int act_oneshot(struct actor *actor)
{
    wok_oneshot_options options = {.value_size = sizeof(struct thing),
                                   .value_drop = drop_any_thing};
    WOK_CLEANUP(wok_oneshot_receiver_drop) wok_oneshot_receiver receiver = {0};
    struct teller_args args = {.delay = roll_time(actor), .tells = roll(actor, 4) != 0};
    bool tells = args.tells, limited = roll(actor, 3) == 0;
    struct thing thing;
    int code;

    CHECK(wok_oneshot_new(&options, &args.sender, &receiver) == 0);
    tell_join join = wok_spawn(tell, args);
    tell_join_drop(&join);
    if (roll(actor, 6) == 0)
        return 0; /* the receiver goes, and the teller keeps what it has */
    code = limited ? wok_oneshot_recv_until(&receiver, &thing, wok_after(roll_time(actor)))
                   : wok_oneshot_recv(&receiver, &thing);
    if (code == 0) {
        CHECK(tells);
        thing_drop(&thing);
    }
    if (code == -EPIPE)
        CHECK(!tells);
    return code == -EPIPE || (code == -ETIMEDOUT && limited) ? 0 : code;
}

/* ---- broadcast ------------------------------------------------------------------------------------- */

static void copy_thing(void *ret_copy, const void *value)
{
    (void)value;
    *(struct thing *)ret_copy = thing_make();
}

struct listener_args {
    wok_broadcast_receiver receiver;
    struct actor actor;
};

static void listener_args_drop(struct listener_args *args)
{
    wok_broadcast_receiver_drop(&args->receiver);
}

WOK_TASK_WITH_DROP(listen_in, struct listener_args, uint64_t, listener_args_drop, NULL);

/* How many values there were, those that it missed included. */
static int listen_in(struct listener_args *args, uint64_t *result)
{
    for (*result = 0;;) {
        struct thing thing;
        uint64_t missed = 0;
        int code = wok_broadcast_recv(&args->receiver, &thing, &missed);
        if (code == 0) {
            thing_drop(&thing);
            ++*result;
            code = roll(&args->actor, 3) == 0 ? wok_sleep(roll_time(&args->actor)) : 0;
        } else if (code == -EOVERFLOW) {
            CHECK(missed > 0);
            *result += missed;
            code = 0;
        }
        if (code < 0)
            return code == -EPIPE ? 0 : code;
    }
}

static int act_broadcast(struct actor *actor)
{
    wok_broadcast_options options = {.capacity = 1u << roll(actor, 3),
                                     .value_size = sizeof(struct thing),
                                     .value_copy = copy_thing,
                                     .value_drop = drop_any_thing};
    WOK_CLEANUP(wok_broadcast_sender_drop) wok_broadcast_sender sender = {0};
    listen_in_join listeners[2];
    uint64_t sent = 0;
    int code = 0;

    CHECK(wok_broadcast_new(&options, &sender) == 0);
    for (size_t i = 0; i < WOK_COUNT(listeners); i++) {
        struct listener_args args = {.actor = actor_child(actor)};
        wok_broadcast_subscribe(&sender, &args.receiver);
        listeners[i] = wok_spawn(listen_in, args);
    }
    for (uint32_t i = roll(actor, 10); i > 0 && code == 0; i--, sent++) {
        struct thing thing = thing_make();
        if (wok_broadcast_send(&sender, &thing) < 0) {
            thing_drop(&thing);
            break; /* the runtime ends, and the listeners are gone */
        }
        code = roll(actor, 4) == 0 ? wok_sleep(roll_time(actor)) : 0;
    }
    wok_broadcast_sender_drop(&sender);
    for (size_t i = 0; i < WOK_COUNT(listeners); i++) {
        uint64_t heard = 0;
        int joined = code < 0 ? code : listen_in_await(&listeners[i], &heard, NULL);
        if (joined == 0)
            CHECK(heard == sent);
        if (joined == -ECANCELED || joined == -ETIMEDOUT)
            code = joined;
        listen_in_join_drop(&listeners[i]);
    }
    return code;
}

/* ---- tokens ---------------------------------------------------------------------------------------- */

struct watcher {
    wok_token *token;
    struct actor actor;
    bool saw;
};

static int watch_token(struct watcher *watcher)
{
    wok_sleep_future nap = wok_sleep_future_until(WOK_NEVER);
    int code;

    if (roll(&watcher->actor, 2) == 0) {
        code = wok_token_wait(watcher->token);
    } else {
        code = wok_run_until_cancelled(watcher->token, wok_sleep_future_as(&nap), NULL);
        wok_sleep_future_drop(&nap);
        code = code == -EINTR ? 0 : code;
    }
    watcher->saw = code == 0;
    if (code == 0)
        CHECK(wok_token_is_cancelled(watcher->token));
    return code;
}

/* A cancel reaches the children of a token, and never its parent. */
static int act_token(struct actor *actor)
{
    WOK_CLEANUP(wok_token_dropp) wok_token *root = NULL;
    WOK_CLEANUP(wok_token_dropp) wok_token *middle = NULL;
    WOK_CLEANUP(wok_token_dropp) wok_token *leaf = NULL;
    struct watcher watchers[4];
    int code;

    CHECK(wok_token_new(&root) == 0);
    CHECK(wok_token_child(root, &middle) == 0);
    CHECK(wok_token_child(middle, &leaf) == 0);
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    for (size_t i = 0; i < WOK_COUNT(watchers); i++) {
        watchers[i] = (struct watcher){i % 2 == 0 ? leaf : middle, actor_child(actor), false};
        wok_scope_spawn(&scope, watch_token, &watchers[i]);
    }
    code = wok_sleep(roll_time(actor));
    if (code < 0)
        return code;
    wok_token_cancel(roll(actor, 3) == 0 ? root : middle);
    CHECK(wok_token_is_cancelled(leaf));
    code = wok_scope_wait(&scope);
    if (code == 0)
        for (size_t i = 0; i < WOK_COUNT(watchers); i++)
            CHECK(watchers[i].saw);
    return code;
}

act *const channel_acts[] = {act_mpsc, act_mpsc, act_oneshot, act_broadcast, act_token};
const unsigned channel_act_count = WOK_COUNT(channel_acts);
