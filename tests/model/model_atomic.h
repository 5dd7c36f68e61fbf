/*
 * model_atomic.h - sends the atomics of runtime/platform/atomic.h to the model checker.
 *
 * atomic.h includes this under WOK_MODEL, so a shipped .c file is checked as it is: its text is not
 * changed, only these macros are.  Values travel as 64 bits; an atomic field is an integer, a bool
 * or a pointer.
 */
#ifndef WOK_MODEL_ATOMIC_H
#define WOK_MODEL_ATOMIC_H

#include "model.h"

enum model_rmw { MODEL_EXCHANGE, MODEL_ADD, MODEL_SUB, MODEL_OR, MODEL_AND };

uint64_t model__load(const void *address, size_t size, int order, const struct model_site *site);
void model__store(void *address, size_t size, uint64_t value, int order,
                  const struct model_site *site);
uint64_t model__rmw(void *address, size_t size, enum model_rmw op, uint64_t operand, int order,
                    const struct model_site *site);
bool model__cas(void *address, size_t size, void *expected, uint64_t desired, int order,
                int failure_order, const struct model_site *site);
void model__fence(int order, const struct model_site *site);

#define MODEL__TYPE(p) __typeof__((p)->value)
#define MODEL__BITS(p, v) ((uint64_t)(MODEL__TYPE(p))(v))
/* A statement expression, because a cast whose value is not used draws a warning. */
#define MODEL__RMW(p, v, op, order)                                                                \
    __extension__({                                                                                \
        MODEL__TYPE(p)                                                                             \
        model_before_ = (MODEL__TYPE(p))model__rmw(&(p)->value, sizeof((p)->value), op,            \
                                                   MODEL__BITS(p, v), order, MODEL_SITE(#p));      \
        model_before_;                                                                             \
    })

#define WOK__LOAD(p, order)                                                                        \
    ((MODEL__TYPE(p))model__load(&(p)->value, sizeof((p)->value), order, MODEL_SITE(#p)))
#define WOK__STORE(p, v, order)                                                                    \
    model__store(&(p)->value, sizeof((p)->value), MODEL__BITS(p, v), order, MODEL_SITE(#p))
#define WOK__CAS(p, expected, desired, order, failure)                                             \
    model__cas(&(p)->value, sizeof((p)->value), expected, MODEL__BITS(p, desired), order, failure, \
               MODEL_SITE(#p))
#define WOK__EXCHANGE(p, v, order) MODEL__RMW(p, v, MODEL_EXCHANGE, order)
#define WOK__FETCH_ADD(p, v, order) MODEL__RMW(p, v, MODEL_ADD, order)
#define WOK__FETCH_SUB(p, v, order) MODEL__RMW(p, v, MODEL_SUB, order)
#define WOK__FETCH_OR(p, v, order) MODEL__RMW(p, v, MODEL_OR, order)
#define WOK__FETCH_AND(p, v, order) MODEL__RMW(p, v, MODEL_AND, order)
#define WOK__FENCE(order) model__fence(order, MODEL_SITE("fence"))

#endif
