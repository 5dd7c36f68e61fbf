/*
 * fuzz_framing.c - requests one behind the other: however the bytes are cut, the same events.
 *
 * Input: one byte that chooses the limits, one that seeds the cuts, then what a client sends.
 */
#include "fuzz.h"

#include "../server/http/h1_trace.h"

enum { CUTS_MAX = 16, EVERY_BYTE_UP_TO = 300, SIZE_MAX_TRIED = 8192 };

static struct h1_trace whole, cut;

static struct wok__h1_limits limits_of(unsigned choice)
{
    struct wok__h1_limits limits = WOK__H1_LIMITS_DEFAULT;

    if (choice & 1) { /* so low that an input of some hundred bytes meets each of them */
        limits.target_bytes_max = 24;
        limits.head_bytes_max = 160;
        limits.header_count_max = 5;
        limits.body_bytes_max = 40;
        limits.chunk_extension_bytes_max = 8;
        limits.trailer_bytes_max = 24;
        limits.chunk_count_max = 6;
        limits.blank_lines_max = 2;
    }
    return limits;
}

static int by_position(const void *a, const void *b)
{
    size_t first = *(const size_t *)a, second = *(const size_t *)b;

    return (first > second) - (first < second);
}

static void same(const char *what)
{
    FUZZ_CHECK(whole.size == cut.size && memcmp(whole.text, cut.text, whole.size) == 0,
               "%s\n---- whole\n%s---- cut\n%s", what, whole.text, cut.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static size_t cuts[EVERY_BYTE_UP_TO];
    struct fuzz_input input = {data, size};
    uint32_t seed;

    whole.limits = cut.limits = limits_of(fuzz_byte(&input));
    seed = fuzz_byte(&input) + 1;
    if (input.size > SIZE_MAX_TRIED)
        return 0;
    wok_slice bytes = {(const char *)input.data, input.size};
    h1_trace_run(&whole, bytes, NULL, 0);

    size_t count = 1 + seed % CUTS_MAX;
    for (size_t i = 0; i < count; i++)
        cuts[i] = fuzz_next(&seed) % (input.size + 1);
    qsort(cuts, count, sizeof *cuts, by_position);
    h1_trace_run(&cut, bytes, cuts, count);
    same("cut at some places");

    if (input.size <= EVERY_BYTE_UP_TO && fuzz_next(&seed) % 4 == 0) {
        for (size_t i = 0; i < input.size; i++)
            cuts[i] = i;
        h1_trace_run(&cut, bytes, cuts, input.size);
        same("cut at every byte");
    }
    return 0;
}
