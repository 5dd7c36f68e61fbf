/*
 * 13_echo_server.c - a TCP server: a task for each connection, and an orderly end.
 *
 *     13_echo_server [PORT]     without a port the kernel picks one
 *
 * Each connection has a stackful task of its own, whose code is as that of a thread: receive, send, and
 * again.  On SIGTERM or SIGINT the server takes no more connections and tells the others by a token;
 * each finishes what it has in hand.  Who does not come to an end within a second is aborted with the
 * runtime.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <wok/wok.h>

/* ---- one connection ------------------------------------------------------------------------------ */

struct connection {
    wok_stream *stream;
    wok_token *stop;
};

static void connection_drop(struct connection *connection)
{
    wok_stream_close(connection->stream);
    wok_token_drop(connection->stop);
}

WOK_TASK_WITH_DROP(echo, struct connection, uint64_t, connection_drop, NULL);

static int echo(struct connection *connection, uint64_t *bytes)
{
    static const char bye[] = "The server stops; goodbye.\n", late[] = "Too slow; goodbye.\n";
    wok_stream *stream = connection->stream;
    char buffer[4096];
    int code;

    for (*bytes = 0;;) {
        size_t size = 0;
        wok_op branches[] = {
            wok_stream_recv_op(stream, buffer, sizeof buffer, &size),
            wok_token_op(connection->stop),
            wok_sleep_op(wok_seconds(60)),
        };
        /* Biased: what has arrived is answered also when it is time to stop. */
        switch (wok_select(branches, WOK_COUNT(branches), WOK_SELECT_BIASED, &code)) {
        case 0:
            if (code < 0 || size == 0)
                return code; /* the peer has reset the connection, or it is at its end */
            code = wok_stream_send_all(stream, buffer, size);
            if (code < 0)
                return code;
            *bytes += size;
            break;
        case 1:
            return wok_stream_send_all(stream, bye, sizeof bye - 1);
        case 2:
            return wok_stream_send_all(stream, late, sizeof late - 1);
        default:
            return -ECANCELED;
        }
    }
}

/* ---- the server ---------------------------------------------------------------------------------- */

static uint16_t port;

struct server {
    wok_listener *listener;
    wok_signal term, interrupt;
    wok_token *stop;
    wok_task_tracker *connections; /* counts them; each ends by itself */
};

static void server_done(struct server *server)
{
    wok_listener_close(server->listener);
    wok_signal_done(&server->term);
    wok_signal_done(&server->interrupt);
    wok_token_drop(server->stop);
    wok_task_tracker_free(server->connections);
}

static int server_init(struct server *server)
{
    int error = wok_listen(&server->listener, &(wok_listen_options){.port = port});

    if (error == 0)
        error = wok_signal_init(&server->term, SIGTERM);
    if (error == 0)
        error = wok_signal_init(&server->interrupt, SIGINT);
    if (error == 0)
        error = wok_token_new(&server->stop);
    if (error == 0)
        error = wok_task_tracker_new(&server->connections);
    return error;
}

static void serve(struct server *server, wok_stream *stream)
{
    echo_join connection = wok_task_tracker_spawn(
        server->connections, echo, {.stream = stream, .stop = wok_token_ref(server->stop)});

    echo_join_drop(&connection); /* it goes on by itself */
}

/* Takes connections until a signal comes. */
static int accept_all(struct server *server)
{
    for (;;) {
        wok_stream *stream = NULL;
        int code;
        wok_op branches[] = {
            wok_signal_op(&server->term),
            wok_signal_op(&server->interrupt),
            wok_accept_op(server->listener, &stream),
        };
        int first = wok_select(branches, WOK_COUNT(branches), WOK_SELECT_BIASED, &code);
        if (first != 2)
            return first < 0 ? first : 0;
        if (code == 0)
            serve(server, stream);
        else if (code == -EBADF)
            return code;
        else
            code = wok_sleep(wok_ms(100)); /* out of descriptors or memory: some will come back */
        if (code < 0)
            return code;
    }
}

static int program(void)
{
    WOK_CLEANUP(server_done) struct server server = {0};

    int error = server_init(&server);
    if (error < 0)
        return error;
    printf("listening on 127.0.0.1:%u\n", (unsigned)wok_listener_port(server.listener));
    fflush(stdout);

    error = accept_all(&server);
    if (error < 0)
        return error;
    wok_listener_stop(server.listener);
    printf("%zu connections are told to stop\n", wok_task_tracker_size(server.connections));
    wok_token_cancel(server.stop);
    wok_task_tracker_close(server.connections);
    error = wok_task_tracker_wait_until(server.connections, wok_after(wok_seconds(1)));
    printf("%zu connections are left\n", wok_task_tracker_size(server.connections));
    return error == -ETIMEDOUT ? 0 : error;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        port = (uint16_t)atoi(argv[1]);
    return wok_main(program);
}
