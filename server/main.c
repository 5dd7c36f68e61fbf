/*
 * main.c - wok-server: the only file that sees every layer.
 *
 * The main thread reads the options, opens the sockets, builds the runtime and waits in the kernel; a first
 * task on the runtime accepts from them and waits for SIGTERM or SIGINT.  A second signal ends the process at
 * once, from the handler itself, since the workers may be what is stuck.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <wok/http/server.h>
#include <wok/wok.h>

#include <openssl/crypto.h>

#include "busy.h"
#include "detached.h"
#include "handlers.h"
#include "log/log.h"
#include "routes.h"
#include "serve/config.h"
#include "serve/health_check.h"
#include "serve/listen.h"
#include "serve/notify.h"
#include "serve/privileges.h"
#include "serve/reload.h"
#include "serve/report.h"
#include "serve/sandbox.h"
#include "serve/signals.h"
#include "serve/start_error.h"
#include "serve/task_dump.h"
#include "serve/watchdog.h"
#include "wok_commit.h"

struct program {
    struct wok__config config;
    struct wok_handlers_context handlers;
    wok_http_server *server;
    wok_http_tls *tls; /* until the server takes it */
    /* Of the listeners, then of those for TLS, then the inherited. */
    struct wok__socket sockets[3 * WOK__CONFIG_LISTENERS_MAX];
    unsigned socket_count;
    struct wok__notifier notifier;
    int exit_code;
};

/* ---- the log ---------------------------------------------------------------------------------------- */

/* A full pipe is waited for so long at the end; the exit code says more than the rest of the log. */
#define LOG_FLUSH wok_seconds(1)

static struct wok__log_site told = WOK__LOG_SITE_UNLIMITED(WOK__LOG_INFO, "");
static struct wok__log_site warned = WOK__LOG_SITE_UNLIMITED(WOK__LOG_WARN, "");
static struct wok__log_site failed = WOK__LOG_SITE_UNLIMITED(WOK__LOG_ERROR, "");

/* Where a standard descriptor is closed, the next file or connection would get its number, and the log
 * would be written into it. */
static void hold_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0)
            (void)open("/dev/null", O_RDWR); /* the lowest number that is free */
    }
}

static void start_log(const struct wok__config *config)
{
    struct wok__log_options options = {
        .format = (enum wok__log_format)config->log_format,
        .level = (enum wok__log_level)config->log_level,
        .fd = STDERR_FILENO,
    };
    int error;

    if (config->origins[WOK__OPTION_LOG_FORMAT].source == WOK__FROM_DEFAULT)
        options.format = isatty(STDERR_FILENO) ? WOK__LOG_TEXT : WOK__LOG_JSON;
    error = wok__log_start(&options);
    if (error < 0) /* slower, and no reason not to serve */
        wok__log_printf(&warned, "each line of the log is written where it is made: %s",
                        strerror(-error));
}

/* ---- start ---------------------------------------------------------------------------------------- */

/* More connections than the shell's default of 1,024 descriptors allows. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int inherit_sockets(struct program *program)
{
    const struct wok__inherited *inherited = &program->config.inherited;

    for (unsigned i = 0; i < inherited->count; i++) {
        int fd = WOK__INHERITED_FIRST + (int)i;
        int error = wok__socket_inherit(&program->sockets[program->socket_count], fd);
        if (error < 0) {
            wok__log_printf(&failed,
                            "LISTEN_FDS: descriptor %d (%s): %s; pass a stream socket that listens "
                            "(ListenStream= and Accept=no of systemd)",
                            fd, inherited->names[i],
                            error == -EINVAL ? "It does not listen" : strerror(-error));
            return WOK__EXIT_UNAVAILABLE;
        }
        program->sockets[program->socket_count++].encrypted =
            wok__config_is_encrypted(&program->config, i);
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return 0;
}

static void close_sockets(struct program *program)
{
    while (program->socket_count > 0) {
        struct wok__socket *socket = &program->sockets[--program->socket_count];
        wok__socket_unlink(socket);
        if (socket->fd >= 0)
            close(socket->fd);
    }
}

static int open_some(struct program *program, const struct wok__config_listener *listeners,
                     unsigned count, bool encrypted)
{
    const struct wok__user *user = &program->config.user;
    bool given = user->wanted && geteuid() == 0; /* else it is the user's already */
    const struct wok__socket_file file = {(mode_t)program->config.socket_mode,
                                          given ? user->uid : (uid_t)-1,
                                          given ? user->gid : (gid_t)-1};

    for (unsigned i = 0; i < count; i++) {
        const struct wok__config_listener *listener = &listeners[i];
        struct wok__socket *socket = &program->sockets[program->socket_count];
        if (listener->inherited && wok__config_inherits(&program->config, listener))
            continue; /* inherit_sockets() sees to it */
        int error = listener->inherited ? -ENXIO
                    : listener->local
                        ? wok__socket_open_unix(socket, listener->address, &file)
                        : wok__socket_open_tcp(socket, listener->address, listener->port);
        if (error < 0) {
            char where[128];
            wok__config_format_listen(listener, where, sizeof where);
            return wok__cannot_listen(where, error);
        }
        socket->encrypted = encrypted;
        program->socket_count++;
    }
    return 0;
}

/* All that the configuration asks for, or none. */
static int open_sockets(struct program *program)
{
    const struct wok__config *config = &program->config;
    int code = open_some(program, config->listeners, config->listener_count, false);

    if (code == 0)
        code = open_some(program, config->tls.listeners, config->tls.listener_count, true);
    if (code == 0)
        code = inherit_sockets(program);
    if (code != 0)
        close_sockets(program);
    return code;
}

static int become_user(const struct program *program)
{
    int error = wok__become(&program->config.user);

    if (error == 0)
        return 0;
    wok__log_printf(&failed, "cannot become %s: %s; %s", program->config.user.name,
                    error == -ENOTRECOVERABLE ? "Something of who it was is left"
                                              : strerror(-error),
                    error == -ENOTRECOVERABLE ? "clear the securebits that keep capabilities"
                                              : "start it as root, or leave --user out");
    return WOK__EXIT_UNAVAILABLE;
}

static int enter_sandbox(const struct program *program)
{
    struct wok__sandbox_needs needs = {.unlink = false};
    int error;

    if (!program->config.sandbox)
        return 0;
    for (unsigned i = 0; i < program->socket_count; i++)
        needs.unlink = needs.unlink || program->sockets[i].file.sun_path[0] != '\0';
    error = wok__sandbox_enter(&needs);
    if (error == 0)
        return 0;
    wok__log_printf(&failed,
                    "cannot enter the sandbox: %s; leave --sandbox out where the kernel has "
                    "no seccomp filters",
                    strerror(-error));
    return WOK__EXIT_UNAVAILABLE;
}

/* What is done before there is a runtime. */
static int prepare(struct program *program)
{
    int error = wok__notifier_init(&program->notifier, environ, getpid());
    int code;

    if (error == -EINVAL) {
        wok__log_printf(&failed,
                        "NOTIFY_SOCKET or WATCHDOG_USEC is not as a service manager sets it: an "
                        "absolute path or @name, and microseconds; leave both to it");
        return WOK__EXIT_CONFIG;
    }
    if (error < 0)
        return wok__cannot("open a socket for NOTIFY_SOCKET", error);
    code = open_sockets(program);
    return code != 0 ? code : become_user(program);
}

static int listen_all(struct program *program)
{
    const struct wok__config *config = &program->config;

    if (config->tls.listener_count != 0)
        wok_http_server_use_tls(program->server, WOK_TAKE(program->tls));
    for (unsigned i = 0; i < program->socket_count; i++) {
        struct wok__socket *socket = &program->sockets[i];
        int error = wok__server_listen(program->server, socket);
        if (error < 0)
            return wok__cannot_listen(socket->where, error);
        bool local = strncmp(socket->where, "unix:", 5) == 0;
        wok__log_printf(&told, "wok-server listening on %s%s%s",
                        local               ? ""
                        : socket->encrypted ? "https://"
                                            : "http://",
                        socket->where, local && socket->encrypted ? " (TLS)" : "");
        socket->fd = -1; /* the server's, as its file */
        socket->file.sun_path[0] = '\0';
    }
    if (config->warning[0] != '\0')
        wok__log_printf(&warned, "%s", config->warning);
    wok__log_printf(&told, "%u workers, demonstrations %s, process %d",
                    wok_runtime_workers(wok_runtime_current()), config->demo ? "on" : "off",
                    (int)getpid());
    return 0;
}

/* ---- serving ---------------------------------------------------------------------------------------- */

static int wait_for_stop(struct program *program, struct wok__signals *signals)
{
    int code;

    for (;;) {
        wok_op branches[] = {wok_signal_op(&signals->term), wok_signal_op(&signals->interrupt),
                             wok_signal_op(&signals->hangup)};
        int which = wok_select(branches, WOK_COUNT(branches), WOK_SELECT_FAIR, &code);
        if (which != 2)
            return which;
        (void)wok__notify_reloading(&program->notifier);
        wok__reload(&program->config, program->server);
        (void)wok__notify_surely(&program->notifier, "READY=1\nSTATUS=Serving");
    }
}

typedef struct program *program_ref;

/* ---- the end of detached tasks ---------------------------------------------------------------------- */

static void log_task_given_up(const struct wok__view *view, void *argument)
{
    static struct wok__log_site site =
        WOK__LOG_SITE_OF(WOK__LOG_WARN, 100, "gave up a detached task, since the server stops");
    struct wok__log_line line;

    (void)argument;
    if (!wok__log_begin(&line, &site))
        return;
    wok__log_number(&line, "id", view->id);
    wok__log_string(&line, "kind", wok__detached_kinds[view->kind]);
    if (view->kind == WOK__DETACHED_FETCH)
        wok__log_slice(&line, "source", (wok_slice){view->source, view->source_size});
    wok__log_ms(&line, "ms", view->elapsed);
    wok__log_end(&line, &site);
}

typedef struct wok__detached_report detached_report;
WOK_TASK(end_tasks, program_ref, detached_report);

/* Beside the drain of the server, with the same grace. */
static int end_tasks(program_ref *args, detached_report *result)
{
    const struct program *program = *args;
    const wok_http_server_options *options = &program->config.server;
    wok_instant until = wok_instant_after(wok_after(options->drain_delay), options->grace);

    return wok__registry_drain(program->handlers.detached, until, log_task_given_up, NULL, result);
}

static void log_tasks(const detached_report *report)
{
    unsigned long long finished = report->finished, given_up = report->given_up + report->left;

    if (finished + given_up > 0)
        wok__log_printf(&told, "%llu detached tasks finished, %llu given up", finished, given_up);
}

static void drain(struct program *program)
{
    detached_report tasks;
    wok_http_drain_report report = {0};
    wok_http_server_metrics metrics;
    struct wok__registry_figures figures;
    int code;

    end_tasks_join ending = wok_spawn(end_tasks, program);
    wok_http_server_metrics_get(program->server, &metrics);
    (void)wok__notify(&program->notifier, "STOPPING=1\nSTATUS=Draining %llu requests",
                      (unsigned long long)metrics.requests_running);
    wok__registry_figures(program->handlers.detached, &figures);
    wok__log_printf(
        &told,
        "draining %llu requests on %llu connections, %llu detached tasks; again to stop at once",
        (unsigned long long)metrics.requests_running, (unsigned long long)metrics.connections_open,
        (unsigned long long)figures.alive);
    code = wok_http_server_drain(program->server, &report);
    if (end_tasks_await(&ending, &tasks, NULL) == 0)
        log_tasks(&tasks);
    end_tasks_join_drop(&ending);
    wok__log_printf(&told,
                    "stopped%s; %llu requests finished, %llu given up, %llu idle and %llu "
                    "half-read connections closed",
                    code == -ETIMEDOUT ? " with connections left" : "",
                    (unsigned long long)report.requests_finished,
                    (unsigned long long)report.requests_aborted,
                    (unsigned long long)report.connections_idle,
                    (unsigned long long)report.connections_half_read);
}

static void stop_watching(wok_join *busy)
{
    wok_join_abort(busy);
    (void)wok_join_await(busy, NULL, NULL);
    wok_join_drop(busy);
}

WOK_TASK(serve, program_ref, int);

static int serve(program_ref *args, int *result)
{
    struct program *program = *args;
    const struct wok__config *config = &program->config;
    wok_http_server_options options = config->server;
    WOK_CLEANUP(wok__signals_done) struct wok__signals signals = {0};
    wok_join watchdog, busy;
    int error;

    options.routes = wok_routes;
    options.context = &program->handlers;
    options.demo = config->demo;
    options.access_log = config->access_log;
    options.compress = config->compression;
    error = wok_http_server_new(&program->server, &options);
    if (error < 0) {
        *result = wok__cannot("build the server", error);
        return 0;
    }
    program->handlers.server = program->server;
    program->handlers.demo = config->demo;
    program->handlers.fan_out_max = config->fan_out_max;
    error = wok__registry_new(&program->handlers.detached, config->tasks_max);
    if (error < 0) {
        *result = wok__cannot("keep detached tasks", error);
        return 0;
    }
    error = wok__busy_start(&program->handlers.busy, &busy); /* requests look at it */
    if (error < 0) {
        *result = wok__cannot("watch the workers", error);
        return 0;
    }
    *result = enter_sandbox(program);
    if (*result == 0 && (error = wok__signals_init(&signals)) < 0)
        *result = wok__cannot("wait for signals", error);
    if (*result == 0)
        *result = listen_all(program);
    if (*result != 0) {
        (void)wok_http_server_drain(program->server, NULL);
        stop_watching(&busy);
        return 0;
    }
    watchdog = wok__watchdog_start(&program->notifier);
    error = wok__notify_surely(&program->notifier, "READY=1\nSTATUS=Serving");
    if (error < 0)
        wok__log_printf(&warned, "cannot tell NOTIFY_SOCKET: %s", strerror(-error));
    error = wait_for_stop(program, &signals);
    if (error < 0)
        *result = wok__cannot("wait for signals", error);
    drain(program);
    wok__watchdog_stop(&watchdog);
    stop_watching(&busy);
    return 0;
}

static int run(struct program *program)
{
    wok_runtime *runtime = NULL;
    wok_runtime_options options = {.workers = (unsigned)program->config.workers,
                                   .on_unjoined_panic = wok__log_task_panic};
    wok_shutdown_report report;
    wok_join_error why;
    int exit_code = WOK__EXIT_INTERNAL;
    int error = wok_runtime_new(&runtime, &options);

    if (error < 0)
        return wok__cannot("start the runtime", error);
    error = wok__task_dump_start(runtime);
    if (error < 0)
        wok__log_printf(&warned, "SIGQUIT will tell nothing of the tasks: %s", strerror(-error));
    if (wok_block_on(runtime, serve, program, &exit_code, &why) < 0) {
        if (why.outcome == WOK_NOT_STARTED)
            exit_code = wok__cannot("start the first task", -ENOMEM);
        else
            wok__log_printf(&failed, "%s", why.message);
    }
    if (wok_runtime_shutdown(runtime, wok_ms(100), &report) < 0) {
        wok__log_shutdown(&report);
        return exit_code; /* their threads still use what would be freed here */
    }
    wok__task_dump_stop();
    wok_http_server_free(program->server);
    wok_runtime_free(runtime);
    wok__registry_free(program->handlers.detached);
    wok__busy_free(program->handlers.busy);
    return exit_code;
}

static void print_version(void)
{
    printf("wok-server %s (commit %s, %s, OpenSSL %s)\n", WOK_VERSION, WOK_COMMIT, WOK__COMPILER,
           OpenSSL_version(OPENSSL_VERSION_STRING));
}

/* What was asked for instead of serving; on stdout, and whole, or it is an error. */
static int tell(const struct wok__config *config)
{
    errno = 0; /* what is longer than the buffer is written before the flush */
    switch (config->action) {
    case WOK__ACTION_HELP:
        wok__config_help(stdout);
        break;
    case WOK__ACTION_HELP_MAN:
        wok__config_help_man(stdout);
        break;
    case WOK__ACTION_HELP_MARKDOWN:
        wok__config_help_markdown(stdout);
        break;
    case WOK__ACTION_COMPLETIONS:
        wok__config_completions(config->shell, stdout);
        break;
    case WOK__ACTION_CHECK:
        wok__config_show(config, stdout);
        break;
    case WOK__ACTION_VERSION:
        print_version();
        break;
    case WOK__ACTION_SERVE:
    case WOK__ACTION_HEALTH_CHECK:
        break;
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)wok__cannot("write to stdout", errno != 0 ? -errno : -EIO);
        return WOK__EXIT_UNAVAILABLE;
    }
    if (config->warning[0] != '\0')
        fprintf(stderr, "wok-server: %s\n", config->warning);
    return 0;
}

/* What --check-config says of sockets that were not passed: to itself there may have been passed none. */
static int check_passed(const struct wok__config *config)
{
    const struct wok__config_listener *listener = wok__config_not_passed(config);
    char where[128];

    if (config->action != WOK__ACTION_CHECK || listener == NULL)
        return 0;
    wok__config_format_listen(listener, where, sizeof where);
    if (config->inherited.count != 0) {
        fprintf(stderr, "wok-server: --listen-tls %s: %s\n", where, wok__cure_for(-ENXIO));
        return WOK__EXIT_UNAVAILABLE;
    }
    fprintf(
        stderr,
        "wok-server: --listen-tls %s: no socket was passed to this check; a start will need it\n",
        where);
    return 0;
}

static bool needs_certificates(enum wok__config_action action)
{
    return action == WOK__ACTION_SERVE || action == WOK__ACTION_CHECK;
}

int main(int argc, char **argv)
{
    static struct program program;
    char error[512];
    int code;

    hold_standard_descriptors();
    code = wok__config_read(&program.config, argc, argv, environ, error, sizeof error);
    if (code == 0 && needs_certificates(program.config.action))
        code = wok__config_tls_read(&program.config, &program.tls, error, sizeof error);
    if (code != 0) {
        fprintf(stderr, "wok-server: %s\n", error);
        return code;
    }
    if (program.config.action == WOK__ACTION_HEALTH_CHECK)
        return wok__health_check(&program.config);
    if (program.config.action != WOK__ACTION_SERVE) {
        wok_http_tls_unref(program.tls);
        code = check_passed(&program.config);
        return code != 0 ? code : tell(&program.config);
    }
    signal(SIGPIPE, SIG_IGN);
    code = wok__forbid_new_privileges(); /* while there is one thread: the others inherit it */
    if (code < 0)
        return wok__cannot("forbid new privileges", code);
    start_log(&program.config);
    raise_descriptor_limit();
    code = prepare(&program);
    if (code == 0)
        code = run(&program);
    wok_http_tls_unref(program.tls);
    close_sockets(&program);
    wok__notifier_done(&program.notifier);
    (void)wok__log_stop(LOG_FLUSH);
    return code;
}
