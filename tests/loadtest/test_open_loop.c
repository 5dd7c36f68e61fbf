/*
 * test_open_loop.c - the parts of the generator that can be wrong in silence: its histogram, its schedule,
 * what it counts, and where an answer ends.
 */
#include "support/seed.h"
#include "support/test.h"

#include "open_loop/answer.h"
#include "open_loop/figures.h"
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

Test(histogram, has_a_bucket_for_each_value_that_fits_and_one_for_the_rest)
{
    struct wok__rand rand = test_rand();

    for (int i = 0; i < 100000; i++) {
        uint64_t value = wok__rand_next(&rand) >> wok__rand_below(&rand, 64);
        unsigned bucket = histogram_bucket(value);
        cr_assert_lt(bucket, HISTOGRAM_BUCKETS);
        if (value >> 30 != 0)
            cr_assert_eq(bucket, HISTOGRAM_BUCKETS - 1);
        else
            cr_assert(histogram_upper(bucket) >= value &&
                      histogram_upper(bucket) - value <= value / 32);
    }
}

static int compare(const void *a, const void *b)
{
    return *(const uint8_t *)a - *(const uint8_t *)b;
}

/* The least value that so many parts in a thousand do not exceed.  Small values have a bucket each, so that there
 * is nothing to be told about. */
Test(histogram, tells_the_percentiles_of_a_sorted_list)
{
    struct wok__rand rand = test_rand();

    for (int round = 0; round < 2000; round++) {
        static const unsigned permilles[] = {0, 1, 10, 250, 500, 501, 900, 990, 999, 1000};
        struct histogram histogram = {0};
        uint8_t list[300];
        size_t size = 1 + wok__rand_below(&rand, sizeof list);
        for (size_t i = 0; i < size; i++)
            histogram_add(&histogram, list[i] = (uint8_t)wok__rand_below(&rand, 64));
        qsort(list, size, 1, compare);
        cr_assert_eq(histogram.max, list[size - 1]);
        for (size_t i = 0; i < sizeof permilles / sizeof permilles[0]; i++) {
            size_t at = 0;
            while ((at + 1) * 1000 < size * permilles[i])
                at++;
            cr_assert_eq(histogram_permille(&histogram, permilles[i]), list[at], "%u of %zu",
                         permilles[i], size);
        }
    }
}

Test(histogram, counts_as_many_of_one_value_as_there_are)
{
    static struct histogram histogram;

    histogram_add(&histogram, 9);
    for (int i = 0; i < 100000; i++)
        histogram_add(&histogram, 2);
    cr_assert_eq(histogram_permille(&histogram, 999), 2);
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
    static const char *const texts[] = {
        "",        "max",   "max:",  "3x",    "x:1",   "-1:1",    "0:1",    "1:0",    "1:1,",
        "1:1;1:1", "nan:1", "1:nan", "1x1:1", "inf:1", "max@:1x", "1:0.09", "1:3601", "10000001:1"};
    struct phase phases[PHASES_MAX];

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        cr_assert_eq(phases_parse(texts[i], phases), -1, "%s", texts[i]);
    cr_assert_eq(phases_parse("10000000:0.1,1:3600", phases), 2);
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

/* One that begins where another has been is as if there had been none. */
Test(schedule, a_phase_begins_anew)
{
    for (int even = 0; even < 2; even++) {
        struct arrivals second = {.even = even, .random = 7}, fresh;
        arrivals_begin(&second, 0, 10);
        for (int i = 0; i < 100; i++)
            arrivals_advance(&second);
        fresh = (struct arrivals){.even = even, .random = second.random};
        arrivals_begin(&second, UINT64_C(60000000000), 1000);
        arrivals_begin(&fresh, UINT64_C(60000000000), 1000);
        cr_assert_gt(fresh.next_ns, UINT64_C(60000000000));
        for (int i = 0; i < 100; i++) {
            cr_assert_eq(second.next_ns, fresh.next_ns);
            arrivals_advance(&second);
            arrivals_advance(&fresh);
        }
    }
}

/* This seed is the one before a number of which the upper 53 bits are 0, whose logarithm is infinite. */
Test(schedule, no_arrival_is_infinitely_late)
{
    struct arrivals arrivals = {.random = UINT64_C(0x98d76a164d99a710)};

    arrivals_begin(&arrivals, 0, 1);
    cr_assert_lt(arrivals.next_ns, UINT64_C(40000000000));
    cr_assert_gt(arrivals.next_ns, UINT64_C(36000000000)); /* ln(2^53) seconds */
}

/* ---- figures -------------------------------------------------------------------------------------- */

Test(figures, count_what_was_due_and_what_of_it_was_not_sent)
{
    static struct figures figures;

    figures_due(&figures, true);
    figures_due(&figures, true);
    figures_due(&figures, false);
    cr_assert_eq(figures.offered, 3);
    cr_assert_eq(figures.not_sent, 1);
}

Test(figures, count_each_answer_once_and_time_the_good_ones_from_when_they_were_due)
{
    static struct figures figures;
    static const int statuses[] = {200, 200, 503, 503, 503, 500, 404, 204, 201};

    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        figures_answer(&figures, statuses[i], 5000000, i == 0 ? 5007999 : 5000000 + 20000 * i);
    figures_failure(&figures, true);
    figures_failure(&figures, true);
    figures_failure(&figures, false);
    cr_assert_eq(figures.ok, 2);
    cr_assert_eq(figures.shed, 3);
    cr_assert_eq(figures.other, 4);
    cr_assert_eq(figures.late, 2);
    cr_assert_eq(figures.broken, 1);
    cr_assert_eq(figures.offered, 0);
    cr_assert_eq(figures.latency.count, 2);
    cr_assert_eq(histogram_permille(&figures.latency, 500), 7);
    cr_assert_eq(figures.latency.max, 20);
    cr_assert(figures_rate(&figures, UINT64_C(1000000000), UINT64_C(1500000000)) == 4);
}

Test(figures, are_of_a_tenth_of_a_second_and_late_ones_of_the_last)
{
    uint64_t start = 12345, slice = SLICE_NS;

    cr_assert_eq(slice, 100000000);
    cr_assert_eq(figures_slice(start, start - 1, 3), 0);
    cr_assert_eq(figures_slice(start, start, 3), 0);
    cr_assert_eq(figures_slice(start, start + slice - 1, 3), 0);
    cr_assert_eq(figures_slice(start, start + slice, 3), 1);
    cr_assert_eq(figures_slice(start, start + 3 * slice - 1, 3), 2);
    cr_assert_eq(figures_slice(start, start + 3 * slice, 3), 2);
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

Test(answer, of_one_that_closes_says_nothing_of_the_next)
{
    static const char first[] = "HTTP/1.1 431 x\r\nConnection: close\r\nContent-Length: 12\r\n\r\n";
    static const char second[] = "HTTP/1.1 599 x\r\nContent-Length: 0\r\n\r\n";
    struct answer answer = {.status = 0};
    size_t taken;

    cr_assert_eq(answer_feed(&answer, first, sizeof first - 1, &taken), ANSWER_MORE);
    cr_assert_eq(answer_feed(&answer, "twelve bytes", 11, &taken), ANSWER_MORE);
    cr_assert_eq(answer_feed(&answer, "s and more", 10, &taken), ANSWER_DONE);
    cr_assert_eq(taken, 1);
    cr_assert_eq(answer.status, 431);
    cr_assert(answer.closes);
    answer_reset(&answer);
    cr_assert_eq(answer_feed(&answer, second, sizeof second - 1, &taken), ANSWER_DONE);
    cr_assert_eq(answer.status, 599);
    cr_assert_not(answer.closes);
}

Test(answer, is_bad_without_a_status_or_a_length)
{
    static const char *const texts[] = {"\r\n\r\n",
                                        "hello there\r\n",
                                        "HTTP/1.1 200 OK\r\n\r\n",
                                        "HTTP/1.1 abc\r\n",
                                        "HTTP/1.1 199 x\r\n",
                                        "HTTP/1.1 600 x\r\n",
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
