/*
 * 16_watch.c - the latest value, for whoever looks: a configuration that changes while the program runs.
 *
 * A watch channel holds one value.  A receiver waits until there is one that it has not seen, and then sees
 * the latest: what came and went in between does not matter to it, so it is never behind.  Values are read
 * in place; one that is being read stays as it is, and nobody waits for the reader.
 */
#include <stdio.h>
#include <stdlib.h>

#include <wok/wok.h>

struct config {
    int version;
    char *greeting;
};

static void config_drop(struct config *config)
{
    free(config->greeting);
}

WOK_WATCH(config, struct config, config_drop);

struct guest {
    config_receiver receiver;
    int looks, last_version;
};

/* Looks at each configuration that it gets to see, until the sender is gone. */
static int follow(struct guest *guest)
{
    do {
        wok_watch_ref ref;
        const struct config *config = config_borrow_and_update(&guest->receiver, &ref);
        guest->looks++;
        guest->last_version = config->version;
        wok_watch_ref_drop(&ref);
    } while (config_changed(&guest->receiver) == 0);
    return 0;
}

static int program(void)
{
    struct guest guests[2] = {{.looks = 0}};
    config_sender sender;
    config_receiver reader;
    wok_watch_ref ref;

    if (config_new((struct config){1, strdup("hello")}, &sender) < 0)
        return -1;
    config_subscribe(&sender, &reader);
    WOK_SCOPE(scope)
    {
        for (size_t i = 0; i < WOK_COUNT(guests); i++) {
            config_subscribe(&sender, &guests[i].receiver);
            wok_scope_spawn(scope, follow, &guests[i]);
        }

        const struct config *old = config_borrow(&reader, &ref);
        for (int version = 2; version <= 100; version++) /* never waits, however slow they are */
            (void)config_send(&sender, (struct config){version, strdup("good evening")});
        printf("still reading version %d: %s\n", old->version, old->greeting);
        wok_watch_ref_drop(&ref); /* and only now is it destroyed */
        config_sender_drop(&sender);
    }
    for (size_t i = 0; i < WOK_COUNT(guests); i++) {
        printf("a guest saw version %d last, after %s looks\n", guests[i].last_version,
               guests[i].looks <= 100 ? "at most 100" : "more");
        config_receiver_drop(&guests[i].receiver);
    }
    config_receiver_drop(&reader);
    return 0;
}

int main(void)
{
    return wok_main(program);
}
