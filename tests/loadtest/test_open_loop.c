/*
 * test_open_loop.c - the parts of the generator that can be wrong in silence: its histogram, its schedule,
 * and where an answer ends.
 */
#include "support/test.h"

#include "open_loop/answer.h"
#include "open_loop/histogram.h"
#include "open_loop/schedule.h"

/* ---- histogram ------------------------------------------------------------------------------------ */

Test(histogram, puts_each_value_into_the_bucket_that_ends_at_or_above_it)
{
    for (uint64_t value = 0; value < 1 << 20; value++) {
        unsigned bucket = histogram_bucket(value);
        cr_assert(histogram_upper(bucket) >= value);
        cr_assert(bucket == 0 || histogram_upper(bucket - 1) < value);
        cr_assert(histogram_upper(bucket) - value <= value / 32);
    }
}

Test(histogram, counts_what_is_too_long_in_its_last_bucket)
{
    static struct histogram histogram;

    histogram_add(&histogram, UINT64_C(1) << 40);
    cr_assert_eq(histogram_bucket(UINT64_C(1) << 40), HISTOGRAM_BUCKETS - 1);
    cr_assert_eq(histogram_permille(&histogram, 500), UINT64_C(1) << 40);
}

Test(histogram, tells_percentiles_within_a_bucket_and_never_above_the_maximum)
{
    static struct histogram histogram;

    cr_assert_eq(histogram_permille(&histogram, 990), 0);
    for (uint64_t value = 1; value <= 1000; value++)
        histogram_add(&histogram, value);
    cr_assert_geq(histogram_permille(&histogram, 500), 500);
    cr_assert_leq(histogram_permille(&histogram, 500), 516);
    cr_assert_geq(histogram_permille(&histogram, 990), 990);
    cr_assert_leq(histogram_permille(&histogram, 990), 1000);
    cr_assert_eq(histogram_permille(&histogram, 1000), 1000);
    cr_assert_eq(histogram.max, 1000);
}

/* ---- schedule ------------------------------------------------------------------------------------- */

Test(schedule, reads_phases)
{
    struct phase phases[PHASES_MAX];

    cr_assert_eq(phases_parse("max@64:3,0.8x:2,max:1,500:1.5", phases), 4);
    cr_assert_eq(phases[0].kind, PHASE_CLOSED);
    cr_assert_eq(phases[0].connections, 64);
    cr_assert_eq(phases[0].duration_ns, UINT64_C(3000000000));
    cr_assert_eq(phases[1].kind, PHASE_FACTOR);
    cr_assert(phases[1].rate == 0.8);
    cr_assert_eq(phases[2].connections, 0);
    cr_assert_eq(phases[3].kind, PHASE_RATE);
    cr_assert(phases[3].rate == 500);
    cr_assert_eq(phases[3].duration_ns, UINT64_C(1500000000));
}

Test(schedule, refuses_what_is_no_phase)
{
    static const char *const texts[] = {"",      "max",   "max:",  "3x",    "x:1",
                                        "-1:1",  "0:1",   "1:0",   "1:1,",  "1:1;1:1",
                                        "nan:1", "1:nan", "1x1:1", "inf:1", "max@:1x"};
    struct phase phases[PHASES_MAX];

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        cr_assert_eq(phases_parse(texts[i], phases), -1, "%s", texts[i]);
}

Test(schedule, refuses_more_phases_than_it_has_room_for)
{
    struct phase phases[PHASES_MAX];
    char text[PHASES_MAX * 4 + 8] = "";

    for (int i = 0; i < PHASES_MAX; i++)
        strcat(text, i == 0 ? "1:1" : ",1:1");
    cr_assert_eq(phases_parse(text, phases), PHASES_MAX);
    strcat(text, ",1:1");
    cr_assert_eq(phases_parse(text, phases), -1);
}

Test(schedule, even_arrivals_do_not_drift)
{
    struct arrivals arrivals = {.even = true};

    arrivals_begin(&arrivals, 1000, 3);
    cr_assert_eq(arrivals.next_ns, 1000 + 333333333);
    for (int i = 0; i < 2999; i++)
        arrivals_advance(&arrivals);
    cr_assert_eq(arrivals.next_ns, 1000 + UINT64_C(1000000000000));
}

/* The mean and the variance of the times between arrivals are those of an exponential distribution. */
Test(schedule, poisson_arrivals_have_their_rate_and_their_spread)
{
    struct arrivals arrivals = {.random = 1};
    double sum = 0, squares = 0, last = 0;
    const int count = 100000;

    arrivals_begin(&arrivals, 0, 1000);
    for (int i = 0; i < count; i++) {
        double gap = ((double)arrivals.next_ns - last) / 1e6;
        last = (double)arrivals.next_ns;
        sum += gap;
        squares += gap * gap;
        arrivals_advance(&arrivals);
    }
    cr_assert(sum / count > 0.98 && sum / count < 1.02);
    cr_assert(squares / count > 1.9 && squares / count < 2.1);
}

Test(schedule, one_seed_gives_one_schedule)
{
    struct arrivals a = {.random = 7}, b = {.random = 7}, c = {.random = 8};

    arrivals_begin(&a, 0, 10);
    arrivals_begin(&b, 0, 10);
    arrivals_begin(&c, 0, 10);
    cr_assert_eq(a.next_ns, b.next_ns);
    cr_assert_neq(a.next_ns, c.next_ns);
}

/* ---- answers -------------------------------------------------------------------------------------- */

static const char two[] = "HTTP/1.1 200 OK\r\nDate: x\r\ncontent-length: 3\r\n\r\nok\n"
                          "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
                          "Connection: close\r\n\r\n";

Test(answer, ends_where_its_length_says_however_the_bytes_are_cut)
{
    size_t size = sizeof two - 1;

    for (size_t cut = 0; cut <= size; cut++) {
        struct answer answer = {.status = 0};
        int statuses[2] = {0, 0}, count = 0;
        size_t ends[2] = {cut, size}, at = 0;
        for (int piece = 0; piece < 2; piece++) {
            while (at < ends[piece]) {
                size_t taken;
                enum answer_state state = answer_feed(&answer, two + at, ends[piece] - at, &taken);
                cr_assert_neq(state, ANSWER_BAD);
                at += taken;
                if (state != ANSWER_DONE)
                    continue;
                statuses[count++] = answer.status;
                cr_assert_eq(answer.closes, count == 2);
                answer_reset(&answer);
            }
        }
        cr_assert_eq(count, 2);
        cr_assert_eq(statuses[0], 200);
        cr_assert_eq(statuses[1], 503);
    }
}

Test(answer, is_bad_without_a_status_or_a_length)
{
    static const char *const texts[] = {"\r\n\r\n", "hello there\r\n", "HTTP/1.1 200 OK\r\n\r\n",
                                        "HTTP/1.1 abc\r\n",
                                        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct answer answer = {.status = 0};
        size_t taken;
        cr_assert_eq(answer_feed(&answer, texts[i], strlen(texts[i]), &taken), ANSWER_BAD, "%s",
                     texts[i]);
    }
}

Test(answer, is_bad_with_a_line_that_is_too_long)
{
    struct answer answer = {.status = 0};
    char line[ANSWER_LINE_MAX + 1];
    size_t taken;

    memset(line, 'a', sizeof line);
    cr_assert_eq(answer_feed(&answer, line, ANSWER_LINE_MAX - 1, &taken), ANSWER_MORE);
    cr_assert_eq(answer_feed(&answer, line, 1, &taken), ANSWER_BAD);
}
