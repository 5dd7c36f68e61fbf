/*
 * test_config.c - the configuration from flags, environment and defaults, and what refuses it.
 */
#include "config_test.h"

#include <errno.h>
#include <unistd.h>

#include "conn/server.h"
#include "support/wok_test.h"

Test(config, without_options_it_listens_on_loopback_with_demonstrations)
{
    cr_assert_eq(read_both(NO_ENV, 1, (char *[]){"wok-server", NULL}), 0);
    cr_assert_eq(config.listener_count, 1);
    cr_assert_str_eq(config.listeners[0].address, "127.0.0.1");
    cr_assert_eq(config.listeners[0].port, 8080);
    cr_assert_eq(config.demo, true);
    cr_assert_eq(config.workers, 0);
    cr_assert_eq(config.server.grace.ns, wok_ms(8000).ns);
    cr_assert_eq(config.server.drain_delay.ns, 0);
}

Test(config, a_flag_wins_over_the_environment)
{
    cr_assert_eq(READ_BOTH(ENV("WOK_LISTEN=0.0.0.0:1", "WOK_WORKERS=3", "WOK_GRACE=77"), "--listen",
                           "[::1]:9000", "--grace=5"),
                 0);
    cr_assert_eq(config.listener_count, 1);
    cr_assert_str_eq(config.listeners[0].address, "::1");
    cr_assert_eq(config.listeners[0].v6, true);
    cr_assert_eq(config.workers, 3);
    cr_assert_eq(config.server.grace.ns, wok_ms(5).ns);
    cr_assert_eq(config.origins[WOK__OPTION_GRACE].source, WOK__FROM_FLAG);
    cr_assert_eq(config.origins[WOK__OPTION_WORKERS].source, WOK__FROM_ENVIRONMENT);
    cr_assert_eq(config.origins[WOK__OPTION_DRAIN_DELAY].source, WOK__FROM_DEFAULT);
}

Test(config, a_listener_beyond_loopback_turns_the_demonstrations_off_unless_asked)
{
    cr_assert_eq(READ("--listen", "0.0.0.0:80"), 0);
    cr_assert_eq(config.demo, false);
    cr_assert_eq(READ("--listen", "127.0.0.1:80", "--listen", "10.0.0.1:80"), 0);
    cr_assert_eq(config.demo, false);
    cr_assert_eq(READ_BOTH(ENV("WOK_DEMO=on"), "--listen", "0.0.0.0:80"), 0);
    cr_assert_eq(config.demo, true);
    cr_assert_eq(READ_BOTH(ENV("WOK_DEMO=on"), "--listen", "0.0.0.0:80", "--no-demo"), 0);
    cr_assert_eq(config.demo, false);
    cr_assert_eq(READ_ENV("PORT=9001"), 0);
    cr_assert_str_eq(config.listeners[0].address, "0.0.0.0");
    cr_assert_eq(config.listeners[0].port, 9001);
    cr_assert_eq(config.demo, false);
}

Test(config, listeners_add_up_within_a_source_and_port_is_the_last_resort)
{
    cr_assert_eq(READ_ENV("PORT=1", "WOK_LISTEN=127.0.0.1:2,[::1]:3"), 0);
    cr_assert_eq(config.listener_count, 2);
    cr_assert_eq(config.listeners[0].port, 2);
    cr_assert_eq(config.listeners[1].port, 3);
    cr_assert_eq(READ_BOTH(ENV("WOK_LISTEN=127.0.0.1:2"), "--listen", ":4", "--listen", ":5"), 0);
    cr_assert_eq(config.listener_count, 2);
    cr_assert_eq(config.listeners[1].port, 5);
    cr_assert_eq(READ_ENV("WOK_LISTEN=:1,:2,:3,:4,:5,:6,:7,:8"), 0);
    cr_assert_eq(READ_ENV("WOK_LISTEN=:1,:2,:3,:4,:5,:6,:7,:8,:9"), 78);
    SAYS("8 listeners already");
    cr_assert_eq(READ_ENV("WOK_LISTEN=:1,"), 78);
}

Test(config, a_unix_socket_is_a_path_or_an_abstract_name_and_not_loopback)
{
    char longest[120] = "unix:/";

    cr_assert_eq(READ("--listen", "unix:/run/wok.sock,unix:@name,127.0.0.1:1"), 0);
    cr_assert_eq(config.listener_count, 3);
    cr_assert(config.listeners[0].local);
    cr_assert_str_eq(config.listeners[0].address, "/run/wok.sock");
    cr_assert(config.listeners[1].local);
    cr_assert_str_eq(config.listeners[1].address, "@name");
    cr_assert_not(config.listeners[2].local);
    cr_assert_not(config.demo);
    memset(longest + 6, 'x', 106);
    cr_assert_eq(READ("--listen", longest), 0);
    longest[112] = 'x';
    cr_assert_eq(READ("--listen", longest), 2);
    SAYS("107 bytes");
    cr_assert_eq(READ("--listen", "unix:relative"), 2);
    SAYS("unix:/PATH");
    cr_assert_eq(READ("--listen", "unix:@"), 2);
}

Test(config, the_mode_of_a_socket_is_octal)
{
    cr_assert_eq(READ("--listen", ":1"), 0);
    cr_assert_eq(config.socket_mode, 0660);
    cr_assert_eq(READ("--socket-mode", "0777"), 0);
    cr_assert_eq(config.socket_mode, 0777);
    cr_assert_eq(READ("--socket-mode=0"), 0);
    cr_assert_eq(config.socket_mode, 0);
    cr_assert_eq(READ_ENV("WOK_SOCKET_MODE=600"), 0);
    cr_assert_eq(config.socket_mode, 0600);
    cr_assert_eq(READ_ENV("WOK_SOCKET_MODE=1000"), 78);
    SAYS("0 to 777");
    cr_assert_eq(READ("--socket-mode", "0668"), 2);
    cr_assert_eq(READ("--socket-mode", "u=rw"), 2);
}

Test(config, sockets_that_are_inherited_replace_the_default_and_add_to_the_rest)
{
    char process[32];

    snprintf(process, sizeof process, "LISTEN_PID=%d", (int)getpid());
    cr_assert_eq(READ_ENV(process, "LISTEN_FDS=2"), 0, "%s", error);
    cr_assert_eq(config.inherited.count, 2);
    cr_assert_eq(config.listener_count, 0);
    cr_assert_not(config.demo, "the test has no sockets on loopback there");
    cr_assert_eq(READ_ENV(process, "LISTEN_FDS=1", "WOK_LISTEN=:1,:2,:3,:4,:5,:6,:7"), 0);
    cr_assert_eq(config.listener_count, 7);
    cr_assert_eq(READ_ENV(process, "LISTEN_FDS=2", "WOK_LISTEN=:1,:2,:3,:4,:5,:6,:7"), 78);
    SAYS("LISTEN_FDS 2");
    cr_assert_eq(READ_ENV(process, "LISTEN_FDS=9"), 78);
    SAYS("0 to 8");
    cr_assert_eq(READ_ENV("LISTEN_PID=1", "LISTEN_FDS=9"), 0);
    cr_assert_eq(config.listener_count, 1);
}

Test(config, each_error_names_the_value_and_the_cure)
{
    cr_assert_eq(READ("--listn", "x"), 2);
    SAYS("--listn");
    SAYS("did you mean --listen?");
    cr_assert_eq(READ("--listen"), 2);
    SAYS("--listen ADDR:PORT");
    cr_assert_eq(READ("--listen", "localhost:1"), 2);
    SAYS("localhost:1");
    SAYS("127.0.0.1:8080");
    cr_assert_eq(READ("--listen", "127.0.0.1:65536"), 2);
    SAYS("65535");
    cr_assert_eq(READ("--demo=yes"), 2);
    cr_assert_eq(READ("--completions", "csh"), 2);
    SAYS("bash zsh fish");
    cr_assert_eq(READ("--log-level", "loud"), 2);
    SAYS("--log-level loud: it is none that is known; give one of: debug info warn error");
    cr_assert_eq(READ("--help=html"), 2);
    SAYS("--help html: it is none that is known; give one of: man markdown");
    cr_assert_eq(READ("--version=3"), 2);
    SAYS("--version=3: --version takes no value; leave it out");
    cr_assert_eq(READ("--workers", "1", "--workers", "2"), 0, "%s", error);
    cr_assert_eq(config.workers, 2, "the last one of a flag counts");
    cr_assert_eq(READ_ENV("WOK_WORKERS=many"), 78);
    SAYS("WOK_WORKERS many");
    cr_assert_eq(READ_ENV("WOK_DEMO=maybe"), 78);
    SAYS("neither on nor off");
    cr_assert_eq(READ("--workers", "1\n2"), 2);
    cr_assert_null(strchr(error, '\n'));
}

Test(config, a_switch_is_said_alone_or_with_its_value_or_by_its_opposite)
{
    static const struct {
        enum wok__option_id id;
        const char *on, *off;
        const bool *place;
    } switches[] = {
        {WOK__OPTION_SANDBOX, "--sandbox", "--no-sandbox", &config.sandbox},
        {WOK__OPTION_DEMO, "--demo", "--no-demo", &config.demo},
        {WOK__OPTION_COMPRESSION, "--compression", "--no-compression", &config.compression},
        {WOK__OPTION_ACCESS_LOG, "--access-log", "--no-access-log", &config.access_log},
    };

    for (size_t i = 0; i < WOK_COUNT(switches); i++) {
        const char *on = switches[i].on, *off = switches[i].off;
        char attached[2][40], flag[40];
        snprintf(attached[0], sizeof attached[0], "%s=on", on);
        snprintf(attached[1], sizeof attached[1], "%s=off", on);
        snprintf(flag, sizeof flag, "%s", on);
        cr_assert_eq(READ("--no-demo", flag), 0, "%s", error);
        cr_assert(*switches[i].place, "%s", on);
        cr_assert_eq(READ((char *)off), 0, "%s", error);
        cr_assert_not(*switches[i].place, "%s", off);
        cr_assert_eq(config.origins[switches[i].id].source, WOK__FROM_FLAG);
        cr_assert_eq(READ(attached[0]), 0, "%s", error);
        cr_assert(*switches[i].place, "%s", attached[0]);
        cr_assert_eq(READ(attached[1]), 0, "%s", error);
        cr_assert_not(*switches[i].place, "%s", attached[1]);
        cr_assert_eq(READ(flag, "off", "--workers", "2"), 0, "%s", error);
        cr_assert_not(*switches[i].place, "%s off", on);
        cr_assert_eq(READ(flag, "--workers", "2"), 0, "%s", error);
        cr_assert(*switches[i].place, "%s and another option", on);
        cr_assert_eq(READ(flag, "maybe"), 2);
        SAYS("neither on nor off");
    }
    cr_assert_eq(READ("--workers=1"), 0);
    cr_assert(config.compression, "the default");
    cr_assert_not(config.access_log, "the default");
}

/* It used to take the next option for the value, and then complain of that. */
Test(config, an_option_without_its_value_is_the_one_that_is_named)
{
    cr_assert_eq(READ("--requests-max", "--check-config"), 2);
    SAYS("--requests-max: its value is missing; write --requests-max N");
    cr_assert_eq(READ("--config", "-h"), 2);
    SAYS("--config: its value is missing; write --config FILE");
    cr_assert_eq(READ("--grace", "--workers=2"), 2);
    SAYS("--grace: its value is missing; write --grace MS");
    cr_assert_eq(READ("--tls-key", "--key"), 2);
    SAYS("--tls-key: its value is missing, unless it is --key; write --tls-key FILE, or "
         "--tls-key=--key");
    cr_assert_eq(READ("--log-level", "--log-format"), 2);
    SAYS("--log-level: its value is missing; give one of: debug info warn error");
    cr_assert_eq(READ("--workers", "-1"), 2);
    SAYS("--workers -1: ");
}

Test(config, an_unknown_name_in_the_environment_is_a_warning)
{
    cr_assert_eq(READ_ENV("WOK_LISTN=1", "WOKKEN=1", "HOME=/", "WOK_SERVER_PORT_80_TCP=tcp://1",
                          "WOK_TEST_SEED=1", "WOK_GRACE=5"),
                 0);
    cr_assert_str_eq(
        config.warning,
        "ignored in the environment, since there is no such option: WOK_LISTN (did you "
        "mean WOK_LISTEN?), WOK_SERVER_PORT_80_TCP");
    cr_assert_eq(READ_ENV("WOK_GRACE=5"), 0);
    cr_assert_str_eq(config.warning, "");
}

/* ---- numbers --------------------------------------------------------------------------------------- */

/* Of each number, where it has to arrive, said again by hand: the table may point elsewhere. */
struct number {
    enum wok__option_id id;
    const void *place;
};

#define SERVER(id, member)                                                                         \
    {                                                                                              \
        WOK__OPTION_##id, &config.server.member                                                    \
    }

static const struct number numbers[] = {
    {WOK__OPTION_WORKERS, &config.workers},
    SERVER(TLS_HSTS, hsts_seconds),
    SERVER(TLS_HANDSHAKES_MAX, handshakes_max),
    SERVER(TLS_HANDSHAKE_TIMEOUT, handshake_timeout),
    SERVER(COMPRESSION_BYTES_MIN, compress_bytes_min),
    SERVER(CONNECTIONS_MAX, connections_max),
    SERVER(CONNECTIONS_PER_ADDRESS_MAX, connections_per_address_max),
    SERVER(REQUESTS_PER_CONNECTION_MAX, requests_per_connection_max),
    SERVER(REQUESTS_MAX, requests_max),
    SERVER(PIPELINED_MAX, pipelined_max),
    SERVER(OUTPUT_BYTES_MAX, output_max),
    SERVER(TARGET_BYTES_MAX, target_bytes_max),
    SERVER(HEAD_BYTES_MAX, head_bytes_max),
    SERVER(HEADERS_MAX, headers_max),
    SERVER(BODY_BYTES_MAX, body_bytes_max),
    SERVER(CHUNK_EXTENSION_BYTES_MAX, chunk_extension_bytes_max),
    SERVER(TRAILER_BYTES_MAX, trailer_bytes_max),
    SERVER(REQUEST_MEMORY_MAX, request_memory_max),
    {WOK__OPTION_FAN_OUT_MAX, &config.fan_out_max},
    {WOK__OPTION_TASKS_MAX, &config.tasks_max},
    SERVER(HEAD_TIMEOUT, head_timeout),
    SERVER(BODY_PROGRESS_TIMEOUT, body_progress_timeout),
    SERVER(BODY_TIMEOUT, body_timeout),
    SERVER(WRITE_TIMEOUT, write_timeout),
    SERVER(IDLE_TIMEOUT, idle_timeout),
    SERVER(REQUEST_TIMEOUT, request_timeout),
    SERVER(DRAIN_DELAY, drain_delay),
    SERVER(GRACE, grace),
};

static int read_number(const struct wok__option *option, uint64_t number)
{
    char text[64];

    snprintf(text, sizeof text, "%s=%llu", option->flag, (unsigned long long)number);
    return read_both(
        NO_ENV, 5, /* some numbers are for TLS only */
        (char *[]){"wok-server", "--listen-tls=:1", "--tls-cert=c", "--tls-key=k", text, NULL});
}

static void arrives(const struct number *number, uint64_t given)
{
    const struct wok__option *option = &wok__options[number->id];
    uint64_t seen;

    cr_assert_eq(read_number(option, given), 0, "%s: %s", option->flag, error);
    memcpy(&seen, number->place, sizeof seen);
    if (option->kind == WOK__KIND_TIME)
        seen /= 1000000;
    cr_assert_eq(seen, given, "%s", option->flag);
}

Test(config, each_number_arrives_at_its_place_at_both_edges_of_its_range)
{
    size_t in_table = 0;

    for (size_t i = 0; i < WOK__OPTIONS; i++)
        in_table +=
            wok__options[i].kind == WOK__KIND_COUNT || wok__options[i].kind == WOK__KIND_TIME;
    cr_assert_eq(in_table, WOK_COUNT(numbers));
    for (size_t i = 0; i < WOK_COUNT(numbers); i++) {
        const struct wok__option *option = &wok__options[numbers[i].id];
        arrives(&numbers[i], option->low);
        if (numbers[i].id != WOK__OPTION_CONNECTIONS_MAX) /* the machine may allow fewer */
            arrives(&numbers[i], option->high);
    }
}

Test(config, a_number_beyond_its_range_is_refused_and_the_range_named)
{
    for (size_t i = 0; i < WOK_COUNT(numbers); i++) {
        const struct wok__option *option = &wok__options[numbers[i].id];
        char range[64];
        snprintf(range, sizeof range, "from %llu to %llu;", (unsigned long long)option->low,
                 (unsigned long long)option->high);
        cr_assert_eq(read_number(option, option->high + 1), 2, "%s", option->flag);
        SAYS(range);
        if (option->low == 0)
            continue;
        cr_assert_eq(read_number(option, option->low - 1), 2, "%s", option->flag);
        SAYS(range);
        SAYS(option->flag);
    }
}

Test(config, what_has_to_fit_together_is_checked)
{
    cr_assert_eq(READ("--target-bytes-max=1000", "--head-bytes-max=1000"), 2);
    SAYS("--target-bytes-max 1000");
    SAYS("--head-bytes-max");
    cr_assert_eq(READ("--target-bytes-max=999", "--head-bytes-max=1000"), 0);
    cr_assert_eq(READ("--head-bytes-max=1000"), 0, "the default of the target gives way: %s",
                 error);
    cr_assert_eq(READ_BOTH(ENV("WOK_BODY_PROGRESS_TIMEOUT=501"), "--body-timeout=500"), 78);
    SAYS("WOK_BODY_PROGRESS_TIMEOUT 501");
    cr_assert_eq(READ_BOTH(ENV("WOK_BODY_PROGRESS_TIMEOUT=500"), "--body-timeout=500"), 0);
}

/* The server has defaults of its own, for programs that embed it: they are the same. */
Test(config, the_table_has_the_servers_defaults)
{
    wok_http_server_options options;

    wok_http_server_options_init(&options);
    cr_assert_eq(read_both(NO_ENV, 1, (char *[]){"wok-server", NULL}), 0);
#define SAME(member) cr_assert_eq(config.server.member, options.member)
    SAME(connections_max);
    SAME(connections_per_address_max);
    SAME(requests_per_connection_max);
    SAME(requests_max);
    SAME(pipelined_max);
    SAME(output_max);
    SAME(target_bytes_max);
    SAME(head_bytes_max);
    SAME(headers_max);
    SAME(body_bytes_max);
    SAME(chunk_extension_bytes_max);
    SAME(trailer_bytes_max);
    SAME(request_memory_max);
    SAME(head_timeout.ns);
    SAME(body_progress_timeout.ns);
    SAME(body_timeout.ns);
    SAME(write_timeout.ns);
    SAME(idle_timeout.ns);
    SAME(request_timeout.ns);
    SAME(drain_delay.ns);
    SAME(grace.ns);
}

static const wok_route no_routes[] = {{0}};

WOK_TEST(config, a_server_of_zeros_is_refused_and_one_of_defaults_is_not)
{
    wok_http_server_options options = {.routes = no_routes};
    wok_http_server *server = NULL;

    cr_assert_eq(wok_http_server_new(&server, &options), -EINVAL);
    wok_http_server_options_init(&options);
    cr_assert_eq(wok_http_server_new(&server, &options), -EINVAL);
    options.routes = no_routes;
    cr_assert_eq(wok_http_server_new(&server, &options), 0);
    cr_assert_gt(server->options.connections_max, 0);
    wok_http_server_free(server);
}

/* ---- actions --------------------------------------------------------------------------------------- */

Test(config, actions_are_told_apart)
{
    cr_assert_eq(READ("--help"), 0);
    cr_assert_eq(config.action, WOK__ACTION_HELP);
    cr_assert_eq(READ("--help=man"), 0);
    cr_assert_eq(config.action, WOK__ACTION_HELP_MAN);
    cr_assert_eq(READ("--help", "man"), 2);
    cr_assert_eq(READ("-h"), 0);
    cr_assert_eq(config.action, WOK__ACTION_HELP);
    cr_assert_eq(READ("-h=man"), 0);
    cr_assert_eq(config.action, WOK__ACTION_HELP_MAN);
    cr_assert_eq(READ("-V"), 0);
    cr_assert_eq(config.action, WOK__ACTION_VERSION);
    cr_assert_eq(READ("-v"), 2);
    SAYS("-v: there is no such option; --help lists them");
    cr_assert_eq(READ("--version"), 0);
    cr_assert_eq(config.action, WOK__ACTION_VERSION);
    cr_assert_eq(READ("--check-config"), 0);
    cr_assert_eq(config.action, WOK__ACTION_CHECK);
    cr_assert_eq(READ("--completions", "zsh"), 0);
    cr_assert_eq(config.action, WOK__ACTION_COMPLETIONS);
    cr_assert_str_eq(config.shell, "zsh");
    cr_assert_eq(READ("--health-check"), 0);
    cr_assert_eq(config.action, WOK__ACTION_HEALTH_CHECK);
    cr_assert_null(config.health_url);
    cr_assert_eq(READ("--health-check", "http://127.0.0.1:1"), 0);
    cr_assert_str_eq(config.health_url, "http://127.0.0.1:1");
}

Test(config, a_wrong_environment_does_not_keep_the_help_away)
{
    cr_assert_eq(READ_BOTH(ENV("WOK_WORKERS=many", "WOK_CONFIG=/nowhere"), "--help"), 0);
    cr_assert_eq(READ_BOTH(ENV("WOK_WORKERS=many"), "--check-config"), 78);
}
