/*
 * pattern.h - the path of a route: text, and segments in braces that stand for any text.
 *
 * "/tasks/{id}" is the path of "/tasks/17", whose parameter `id` is "17".  A parameter is a whole
 * segment, at least one byte of it, and never a part of one or more than one: so of a path and a table
 * there is one answer, and looking for it needs no going back.
 */
#ifndef WOK_HTTP_PATTERN_PRIVATE_H
#define WOK_HTTP_PATTERN_PRIVATE_H

#include <wok/base.h>

/** True if there is a parameter in it. */
bool wok__pattern_has_parameters(const char *pattern);

/** True if `path`, of a request, is one of the pattern's. */
bool wok__pattern_fits(const char *pattern, wok_slice path);

/**
 * Gives the segment of `path` that stands where the pattern has {name}.
 *
 * Errors:     NULL data: the pattern does not fit, or has no such parameter.
 * Ownership:  the slice lies in `path`, whose escapes of other than unreserved characters are still there.
 */
wok_slice wok__pattern_parameter(const char *pattern, wok_slice path, const char *name);

#endif
