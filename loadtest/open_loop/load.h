/*
 * load.h - what the files of the generator share: options, figures, clients.
 *
 * The runtime has one worker, so nothing in here is ever touched by two threads.
 */
#ifndef WOK_LOADTEST_LOAD_H
#define WOK_LOADTEST_LOAD_H

#include <sys/types.h>

#include <wok/wok.h>

#include "answer.h"
#include "figures.h"
#include "schedule.h"

struct options {
    const char *address, *path;
    uint16_t port;
    unsigned connections;
    struct phase phases[PHASES_MAX];
    int phase_count;
    bool even;
    uint64_t seed;
    uint64_t timeout_ns;
    pid_t server; /* whose processor time is told; 0: nobody's */
};

struct ticks {
    uint64_t own_ms, server_ms;
};

struct phase_result {
    struct figures figures;
    struct ticks ticks;
    double rate; /* as it came out; 0: closed */
    uint64_t begin_ns, end_ns;
};

enum client_state { CLIENT_AWAY, CLIENT_CONNECTING, CLIENT_FREE, CLIENT_BUSY };

struct client {
    wok_stream *stream;
    enum client_state state;
    bool give_up;    /* its time is over: the task connects anew */
    bool listed;     /* among the free ones, maybe no longer free */
    uint64_t due_ns; /* of the request that runs */
    wok_waker waker;
    wok_join join;
    struct answer answer;
};

struct load {
    struct options options;
    char request[4096];
    size_t request_size;
    struct client *clients;
    struct client **free; /* a ring: who has been free for longest is next */
    size_t free_first, free_count;
    unsigned connected, busy;
    struct figures *slices;
    size_t slice_count;
    struct phase_result phases[PHASES_MAX];
    int phase; /* the current one */
    uint64_t start_ns;
    bool over;
    wok_waker pacer;
    bool pacer_waits; /* closed phase: for a client that becomes free */
};

extern struct load load;

/* The figures of now. */
struct figures *load_slice(uint64_t now_ns);
struct figures *load_phase(void);

/* clients.c: connects, receives, connects anew. */
void client_start(struct client *client);
/* The next free one, or NULL. */
struct client *client_take(void);
void client_give_back(struct client *client);

/* report.c */
struct ticks ticks_now(pid_t server);
void report(void);

#endif
