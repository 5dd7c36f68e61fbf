/*
 * pattern.c - the path of a route: text, and segments in braces that stand for any text.
 */
#include "http/pattern.h"

#include <string.h>

/* Cuts the first segment off, with the slash in front of it. */
static wok_slice cut_segment(wok_slice *rest)
{
    size_t size = rest->size > 0;

    while (size < rest->size && rest->data[size] != '/')
        size++;
    wok_slice segment = {rest->data, size};
    *rest = (wok_slice){rest->data + size, rest->size - size};
    return segment;
}

static bool is_parameter(wok_slice segment)
{
    return segment.size > 3 && segment.data[1] == '{' && segment.data[segment.size - 1] == '}';
}

bool wok__pattern_has_parameters(const char *pattern)
{
    wok_slice rest = wok_slice_of(pattern);

    while (rest.size > 0)
        if (is_parameter(cut_segment(&rest)))
            return true;
    return false;
}

/* Compares them segment by segment; `ret_value` gets what stands where `name` does. */
static bool fits(wok_slice pattern, wok_slice path, wok_slice name, wok_slice *ret_value)
{
    while (pattern.size > 0 && path.size > 0) {
        wok_slice wanted = cut_segment(&pattern), segment = cut_segment(&path);
        if (!is_parameter(wanted)) {
            if (!wok_slice_equal(wanted, segment))
                return false;
            continue;
        }
        if (segment.size < 2 || segment.data[0] != '/')
            return false;
        if (wok_slice_equal((wok_slice){wanted.data + 2, wanted.size - 3}, name))
            *ret_value = (wok_slice){segment.data + 1, segment.size - 1};
    }
    return pattern.size == 0 && path.size == 0;
}

bool wok__pattern_fits(const char *pattern, wok_slice path)
{
    wok_slice unused;

    return fits(wok_slice_of(pattern), path, (wok_slice){NULL, 0}, &unused);
}

wok_slice wok__pattern_parameter(const char *pattern, wok_slice path, const char *name)
{
    wok_slice value = {NULL, 0};

    return fits(wok_slice_of(pattern), path, wok_slice_of(name), &value) ? value
                                                                         : (wok_slice){NULL, 0};
}
