#!/bin/sh
# The public headers follow the rules of tests/manual.sh, and each of its rules has to be seen failing:
# breaks one at a time in a header that is otherwise as it should be.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
. "$(dirname "$0")/verdict"

"$root/tests/manual.sh" >"$work/out"
verdict $? "the public headers follow the rules"

tree=$work/tree header=$work/tree/runtime/include/wok/cake.h
mkdir -p "$(dirname "$header")" "$tree/docs"
echo cakes >"$tree/docs/cakes.md"
cat >"$work/good.h" <<'C'
/*
 * cake.h - what wok_cake_eat() eats.
 */
#ifndef WOK_CAKE_H
#define WOK_CAKE_H

#include <wok/base.h>

WOK_BEGIN_DECLS

/** Cakes. */
typedef struct wok_cake wok_cake;

/** A kind of cake. */
typedef enum wok_cake_kind {
    WOK_CAKE_PLAIN,
} wok_cake_kind;

/** The most cakes. */
#define WOK_CAKES_MAX 3

/* Private. */
#define WOK_CAKE_(cake) (cake)

/** All there is to know. */
extern WOK_API
const wok_cake wok_cake_table, wok_cake_stand;

/** The kind that is `number`. */
static inline wok_cake_kind wok_cake_kind_of(int number)
{
    return (wok_cake_kind)number;
}

/**
 * Bakes: a cake.
 *
 * A second paragraph, and a list:
 * 1. flour
 *
 * Units:      grams.
 * Errors:     0; -ENOMEM.
 * Ownership:  returns owned: wok_cake_eat().
 * Threads:    any; what is said here goes on,
 *             and on.
 * Cancel:     not a cancellation point.
 * Source:     docs/cakes.md.
 */
WOK_API
WOK_MUST_USE
int wok_cake_new(wok_cake **ret_cake, const char *flour);

/**
 * Waits for a cake.
 *
 * Errors:     -ECANCELED if the caller is aborted.
 * Threads:    tasks.
 * Cancel:     cancellation point; the cake is kept.
 */
WOK_API
WOK_CP
int wok_cake_wait(const wok_cake *cake);

/**
 * As wok_cake_wait(), and longer.
 *
 * Errors:     as wok_cake_wait().
 * Threads:    tasks.
 * Cancel:     cancellation point.
 */
WOK_CP
static inline int wok_cake_wait_long(const wok_cake *cake)
{
    return wok_cake_wait(cake);
}

/* Private. */
WOK_API
int wok_cake_part_(void);

/**
 * Eats the cake.
 *
 * Ownership:  takes it.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_cake_eat(wok_cake *cake_moved, int (*chew)(void *cake));

/**
 * Bakes in place.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
#define wok_bake(cake)                                                                             \
    __extension__({                                                                                \
        wok_cake_eat(cake, NULL);                                                                  \
    })

/**
 * A block that smells of cake.
 *
 * Threads:    any.
 * Cancel:     cancellation point at its end.
 */
#define WOK_BAKERY(cake) for (; (cake) != NULL; (cake) = NULL)

/**
 * Another such block.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
#define WOK_BAKERIES(...) WOK_BAKERY(__VA_ARGS__)

WOK_END_DECLS

#endif
C

judge() { "$root/tests/manual.sh" "$tree" >"$work/out" 2>&1; }

cp "$work/good.h" "$header"
judge
verdict $? "a header as it should be passes"

printf '%s\n' wok_cake_table wok_cake_stand wok_cake_new wok_cake_wait wok_cake_part_ wok_cake_eat >"$work/names"
"$root/tests/manual.sh" --names "$tree" >"$work/out" 2>&1
cmp -s "$work/names" "$work/out"
verdict $? "the names that it declares are those"

# fails CLAIM SED...: the header, changed so, breaks exactly the rule whose claim contains CLAIM
fails() {
    claim=$1
    shift
    sed -E "$@" "$work/good.h" >"$header"
    judge
    code=$?
    ! cmp -s "$work/good.h" "$header" && [ "$code" -ne 0 ] &&
        [ "$(grep -c '^FAIL' "$work/out")" = 1 ] && grep -q "^FAIL.*$claim" "$work/out"
    verdict $? "seen failing: $claim, by $*"
}

fails 'has a page' '/Cakes\./d'
fails 'has a page' '/A kind of cake/d'
fails 'has a page' '/The most cakes/d'
fails 'has a page' '/All there is to know/d'
fails 'has a page' '/The kind that is/d'
fails 'has a page' 's|^(/\*\* The kind.*)|\1\n|'
fails 'has a page' 's|^(/\*\* The kind.*)|\1\n/* Something between. */|'
fails 'has a page' '/^\/\*\*$/{N;/Eats/s|/\*\*|/*|}'
fails 'begins with a sentence' 's/Waits for a cake\./waits for a cake./'
fails 'begins with a sentence' 's/Waits for a cake\./Waits for a cake/'
fails 'declared with WOK_API' '/Eats/,/wok_cake_eat/{/^WOK_API/d}'
fails 'in a line Threads' '/Waits for/,/\*\//{/Threads:/d}'
fails 'in a line Threads' '/and longer/,/\*\//{/Threads:/d}'
fails 'in a line Threads' '/in place/,/\*\//{/Threads:/d}'
fails 'in a line Threads' '/A block/,/\*\//{/Threads:/d}'
fails 'in a line Threads' '/Another such/,/\*\//{/Threads:/d}'
fails 'in a line Cancel' '/Waits for/,/\*\//{/Cancel:/d}'
fails 'in a line Cancel' '/in place/,/\*\//{/Cancel:/d}'
fails 'in a line Cancel' 's/(Cancel: +)cancellation point; /\1/'
fails 'WOK_CP stands where' '/^WOK_CP/d'
fails 'WOK_CP stands where' 's/cancellation point; the/not a &/'
fails 'has a line Errors' '/-ENOMEM/d'
fails 'has a line Errors' '/and longer/,/\*\//{/Errors:/d}'
fails 'has a line Errors' 's/-ECANCELED if/-EPIPE if/'
fails 'in a line Ownership' '/returns owned/d'
fails 'in a line Ownership' '/takes it/d'
fails 'in this order' 's/Units: /Unit:  /'
fails 'in this order' 's/^ \* Units:.*/ * Source:     a friend.\n&/'
fails 'in this order' 's/^ \* Units:.*/&\n&/'
fails 'in this order' 's|docs/cakes.md\.|.|'
fails 'in this order' 's/ \*             and on/ * and on/'
fails 'in this order' 's/Errors:     0/Errors: 0/'
fails 'that a comment names' 's/what wok_cake_eat/what wok_cakes_eat/'
fails 'that a comment names' 's|docs/cakes|docs/pies|'

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
