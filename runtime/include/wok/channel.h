/*
 * channel.h - the channels, and typed families of them.
 *
 * mpsc      a queue of values from many senders to one receiver
 * oneshot   one value from one task to another
 * watch     one latest value, many receivers
 * broadcast every value to every receiver
 *
 * docs/channels.md says which to use when.
 */
#ifndef WOK_CHANNEL_H
#define WOK_CHANNEL_H

#include <wok/base.h>
#include <wok/broadcast.h>
#include <wok/future.h>
#include <wok/mpsc.h>
#include <wok/oneshot.h>
#include <wok/time.h>
#include <wok/watch.h>

WOK_BEGIN_DECLS

/* ---- typed families ----------------------------------------------------------------------- */

/* What each function of a typed family begins with. */
#define WOK_CHANNEL_FUNCTION_(Result_) __attribute__((unused)) static inline Result_
#define WOK_CHANNEL_RESULT_                                                                        \
    WOK_MUST_USE                                                                                   \
    WOK_CHANNEL_FUNCTION_(int)

/* The drop function of a family's values as one over bytes. */
#define WOK_CHANNEL_VALUE_(name_, Value_, value_drop_)                                             \
    WOK_PLAIN_(Value_);                                                                            \
    __attribute__((unused)) static void name_##_value_drop_(void *value_)                          \
    {                                                                                              \
        void (*drop_)(Value_ *) = value_drop_;                                                     \
        if (drop_ != NULL)                                                                         \
            drop_((Value_ *)value_);                                                               \
    }                                                                                              \
    __attribute__((unused)) static inline void (*name_##_value_drop_or_null_(void))(void *)        \
    {                                                                                              \
        void (*drop_)(Value_ *) = value_drop_;                                                     \
        return drop_ != NULL ? name_##_value_drop_ : NULL;                                         \
    }

/**
 * Declares the handles and functions of an mpsc channel of `Value_`, so that the compiler checks every
 * type: name_sender, name_receiver, name_new(capacity, &sender, &receiver), name_send(&sender, value),
 * name_recv(&receiver, &value), and so on: each function of wok/mpsc.h has its form here, under its
 * name and with its promises.  name_recv_many(&receiver, count_max, values, &count) and its _until write
 * their count after the values; name_recv_many_op(&receiver, &batch) has a name_batch, made by
 * name_batch_of(values, count_max), whose raw.count tells it.  There are a name_permit and a name_weak.
 * `value_drop_` is a function over `Value_ *`, or NULL.  The handles' one member `raw` leads back to the
 * untyped functions.
 */
#define WOK_CHANNEL(name_, Value_, value_drop_)                                                    \
    typedef Value_ name_##_value_;                                                                 \
    WOK_CHANNEL_VALUE_(name_, Value_, value_drop_)                                                 \
    typedef struct {                                                                               \
        wok_mpsc_sender raw;                                                                       \
    } name_##_sender;                                                                              \
    typedef struct {                                                                               \
        wok_mpsc_receiver raw;                                                                     \
    } name_##_receiver;                                                                            \
    typedef struct {                                                                               \
        wok_mpsc_permit raw;                                                                       \
    } name_##_permit;                                                                              \
    typedef struct {                                                                               \
        wok_mpsc_weak raw;                                                                         \
    } name_##_weak;                                                                                \
    typedef struct {                                                                               \
        wok_mpsc_batch raw;                                                                        \
    } name_##_batch;                                                                               \
    WOK_CHANNEL_RESULT_                                                                            \
    name_##_new(size_t capacity_, name_##_sender *ret_sender_, name_##_receiver *ret_receiver_)    \
    {                                                                                              \
        wok_mpsc_options options_ = {capacity_, sizeof(Value_), name_##_value_drop_or_null_()};    \
        return wok_mpsc_new(&options_, &ret_sender_->raw, &ret_receiver_->raw);                    \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(name_##_sender)                                                          \
    name_##_sender_ref(const name_##_sender *sender_)                                              \
    {                                                                                              \
        return WOK_TYPE_(name_##_sender){wok_mpsc_sender_ref(&sender_->raw)};                      \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(void) name_##_sender_drop(name_##_sender *sender_)                       \
    {                                                                                              \
        wok_mpsc_sender_drop(&sender_->raw);                                                       \
    }                                                                                              \
    WOK_CHANNEL_RESULT_ name_##_try_send(const name_##_sender *sender_, Value_ value_)             \
    {                                                                                              \
        return wok_mpsc_try_send(&sender_->raw, &value_);                                          \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(int) name_##_send(const name_##_sender *sender_, Value_ value_)          \
    {                                                                                              \
        return wok_mpsc_send(&sender_->raw, &value_);                                              \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(int)                                                                     \
    name_##_send_until(const name_##_sender *sender_, Value_ value_, wok_instant deadline_)        \
    {                                                                                              \
        return wok_mpsc_send_until(&sender_->raw, &value_, deadline_);                             \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(wok_op)                                                                  \
    name_##_send_op(const name_##_sender *sender_, const Value_ *value_moved_)                     \
    {                                                                                              \
        return wok_mpsc_send_op(&sender_->raw, value_moved_);                                      \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(bool) name_##_is_closed(const name_##_sender *sender_)                   \
    {                                                                                              \
        return wok_mpsc_is_closed(&sender_->raw);                                                  \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(int) name_##_closed(const name_##_sender *sender_)                       \
    {                                                                                              \
        return wok_mpsc_closed(&sender_->raw);                                                     \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(int)                                                                     \
    name_##_closed_until(const name_##_sender *sender_, wok_instant deadline_)                     \
    {                                                                                              \
        return wok_mpsc_closed_until(&sender_->raw, deadline_);                                    \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(wok_op) name_##_closed_op(const name_##_sender *sender_)                 \
    {                                                                                              \
        return wok_mpsc_closed_op(&sender_->raw);                                                  \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(size_t) name_##_capacity(const name_##_sender *sender_)                  \
    {                                                                                              \
        return wok_mpsc_capacity(&sender_->raw);                                                   \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(size_t) name_##_max_capacity(const name_##_sender *sender_)              \
    {                                                                                              \
        return wok_mpsc_max_capacity(&sender_->raw);                                               \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(name_##_weak) name_##_downgrade(const name_##_sender *sender_)           \
    {                                                                                              \
        return WOK_TYPE_(name_##_weak){wok_mpsc_downgrade(&sender_->raw)};                         \
    }                                                                                              \
    WOK_CHANNEL_RESULT_ name_##_upgrade(const name_##_weak *weak_, name_##_sender *ret_sender_)    \
    {                                                                                              \
        return wok_mpsc_upgrade(&weak_->raw, &ret_sender_->raw);                                   \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(void) name_##_weak_drop(name_##_weak *weak_)                             \
    {                                                                                              \
        wok_mpsc_weak_drop(&weak_->raw);                                                           \
    }                                                                                              \
    WOK_CHANNEL_RESULT_ name_##_try_reserve(const name_##_sender *sender_, size_t count_,          \
                                            name_##_permit *ret_permit_)                           \
    {                                                                                              \
        return wok_mpsc_try_reserve(&sender_->raw, count_, &ret_permit_->raw);                     \
    }                                                                                              \
    WOK_CHANNEL_RESULT_                                                                            \
    name_##_reserve(const name_##_sender *sender_, size_t count_, name_##_permit *ret_permit_)     \
    {                                                                                              \
        return wok_mpsc_reserve(&sender_->raw, count_, &ret_permit_->raw);                         \
    }                                                                                              \
    WOK_CHANNEL_RESULT_ name_##_reserve_until(const name_##_sender *sender_, size_t count_,        \
                                              name_##_permit *ret_permit_, wok_instant deadline_)  \
    {                                                                                              \
        return wok_mpsc_reserve_until(&sender_->raw, count_, &ret_permit_->raw, deadline_);        \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(wok_op)                                                                  \
    name_##_reserve_op(const name_##_sender *sender_, size_t count_, name_##_permit *ret_permit_)  \
    {                                                                                              \
        return wok_mpsc_reserve_op(&sender_->raw, count_, &ret_permit_->raw);                      \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(int) name_##_permit_send(name_##_permit *permit_, Value_ value_)         \
    {                                                                                              \
        return wok_mpsc_permit_send(&permit_->raw, &value_);                                       \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(void) name_##_permit_drop(name_##_permit *permit_)                       \
    {                                                                                              \
        wok_mpsc_permit_drop(&permit_->raw);                                                       \
    }                                                                                              \
    WOK_CHANNEL_RESULT_ name_##_try_recv(name_##_receiver *receiver_, Value_ *ret_value_)          \
    {                                                                                              \
        return wok_mpsc_try_recv(&receiver_->raw, ret_value_);                                     \
    }                                                                                              \
    WOK_CHANNEL_RESULT_ name_##_recv(name_##_receiver *receiver_, Value_ *ret_value_)              \
    {                                                                                              \
        return wok_mpsc_recv(&receiver_->raw, ret_value_);                                         \
    }                                                                                              \
    WOK_CHANNEL_RESULT_                                                                            \
    name_##_recv_until(name_##_receiver *receiver_, Value_ *ret_value_, wok_instant deadline_)     \
    {                                                                                              \
        return wok_mpsc_recv_until(&receiver_->raw, ret_value_, deadline_);                        \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(wok_op)                                                                  \
    name_##_recv_op(name_##_receiver *receiver_, Value_ *ret_value_)                               \
    {                                                                                              \
        return wok_mpsc_recv_op(&receiver_->raw, ret_value_);                                      \
    }                                                                                              \
    WOK_CHANNEL_RESULT_                                                                            \
    name_##_recv_many(name_##_receiver *receiver_, size_t count_max_, Value_ *ret_values_,         \
                      size_t *ret_count_)                                                          \
    {                                                                                              \
        wok_mpsc_batch batch_ = {ret_values_, count_max_, 0};                                      \
        int code_ = wok_mpsc_recv_many(&receiver_->raw, &batch_);                                  \
        *ret_count_ = batch_.count;                                                                \
        return code_;                                                                              \
    }                                                                                              \
    WOK_CHANNEL_RESULT_ name_##_recv_many_until(name_##_receiver *receiver_, size_t count_max_,    \
                                                Value_ *ret_values_, size_t *ret_count_,           \
                                                wok_instant deadline_)                             \
    {                                                                                              \
        wok_mpsc_batch batch_ = {ret_values_, count_max_, 0};                                      \
        int code_ = wok_mpsc_recv_many_until(&receiver_->raw, &batch_, deadline_);                 \
        *ret_count_ = batch_.count;                                                                \
        return code_;                                                                              \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(name_##_batch) name_##_batch_of(Value_ *values_, size_t count_max_)      \
    {                                                                                              \
        return WOK_TYPE_(name_##_batch){{values_, count_max_, 0}};                                 \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(wok_op)                                                                  \
    name_##_recv_many_op(name_##_receiver *receiver_, name_##_batch *batch_)                       \
    {                                                                                              \
        return wok_mpsc_recv_many_op(&receiver_->raw, &batch_->raw);                               \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(void) name_##_close(name_##_receiver *receiver_)                         \
    {                                                                                              \
        wok_mpsc_close(&receiver_->raw);                                                           \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(size_t) name_##_len(const name_##_receiver *receiver_)                   \
    {                                                                                              \
        return wok_mpsc_len(&receiver_->raw);                                                      \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(bool) name_##_is_empty(const name_##_receiver *receiver_)                \
    {                                                                                              \
        return wok_mpsc_is_empty(&receiver_->raw);                                                 \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(bool) name_##_receiver_is_closed(const name_##_receiver *receiver_)      \
    {                                                                                              \
        return wok_mpsc_receiver_is_closed(&receiver_->raw);                                       \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(void) name_##_receiver_drop(name_##_receiver *receiver_)                 \
    {                                                                                              \
        wok_mpsc_receiver_drop(&receiver_->raw);                                                   \
    }                                                                                              \
    enum { name_##_value_size_ = sizeof(Value_) }

/**
 * Declares the handles and functions of a oneshot channel of `Value_`: name_sender, name_receiver,
 * name_new(&sender, &receiver), name_send(&sender, value), name_recv(&receiver, &value), ...: each
 * function of wok/oneshot.h has its form here, under its name and with its promises.
 */
#define WOK_ONESHOT(name_, Value_, value_drop_)                                                    \
    typedef Value_ name_##_value_;                                                                 \
    WOK_CHANNEL_VALUE_(name_, Value_, value_drop_)                                                 \
    typedef struct {                                                                               \
        wok_oneshot_sender raw;                                                                    \
    } name_##_sender;                                                                              \
    typedef struct {                                                                               \
        wok_oneshot_receiver raw;                                                                  \
    } name_##_receiver;                                                                            \
    WOK_CHANNEL_RESULT_                                                                            \
    name_##_new(name_##_sender *ret_sender_, name_##_receiver *ret_receiver_)                      \
    {                                                                                              \
        wok_oneshot_options options_ = {sizeof(Value_), name_##_value_drop_or_null_()};            \
        return wok_oneshot_new(&options_, &ret_sender_->raw, &ret_receiver_->raw);                 \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(int) name_##_send(name_##_sender *sender_, Value_ value_)                \
    {                                                                                              \
        return wok_oneshot_send(&sender_->raw, &value_);                                           \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(void) name_##_sender_drop(name_##_sender *sender_)                       \
    {                                                                                              \
        wok_oneshot_sender_drop(&sender_->raw);                                                    \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(bool) name_##_is_closed(const name_##_sender *sender_)                   \
    {                                                                                              \
        return wok_oneshot_is_closed(&sender_->raw);                                               \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(int) name_##_closed(const name_##_sender *sender_)                       \
    {                                                                                              \
        return wok_oneshot_closed(&sender_->raw);                                                  \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(int)                                                                     \
    name_##_closed_until(const name_##_sender *sender_, wok_instant deadline_)                     \
    {                                                                                              \
        return wok_oneshot_closed_until(&sender_->raw, deadline_);                                 \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(wok_op) name_##_closed_op(const name_##_sender *sender_)                 \
    {                                                                                              \
        return wok_oneshot_closed_op(&sender_->raw);                                               \
    }                                                                                              \
    WOK_CHANNEL_RESULT_ name_##_try_recv(name_##_receiver *receiver_, Value_ *ret_value_)          \
    {                                                                                              \
        return wok_oneshot_try_recv(&receiver_->raw, ret_value_);                                  \
    }                                                                                              \
    WOK_CHANNEL_RESULT_ name_##_recv(name_##_receiver *receiver_, Value_ *ret_value_)              \
    {                                                                                              \
        return wok_oneshot_recv(&receiver_->raw, ret_value_);                                      \
    }                                                                                              \
    WOK_CHANNEL_RESULT_                                                                            \
    name_##_recv_until(name_##_receiver *receiver_, Value_ *ret_value_, wok_instant deadline_)     \
    {                                                                                              \
        return wok_oneshot_recv_until(&receiver_->raw, ret_value_, deadline_);                     \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(wok_op)                                                                  \
    name_##_recv_op(name_##_receiver *receiver_, Value_ *ret_value_)                               \
    {                                                                                              \
        return wok_oneshot_recv_op(&receiver_->raw, ret_value_);                                   \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(void) name_##_close(name_##_receiver *receiver_)                         \
    {                                                                                              \
        wok_oneshot_close(&receiver_->raw);                                                        \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(void) name_##_receiver_drop(name_##_receiver *receiver_)                 \
    {                                                                                              \
        wok_oneshot_receiver_drop(&receiver_->raw);                                                \
    }                                                                                              \
    enum { name_##_value_size_ = sizeof(Value_) }

/**
 * Declares the handles and functions of a watch channel of `Value_`: name_sender, name_receiver,
 * name_new(initial, &sender), name_subscribe(&sender, &receiver), name_send(&sender, value),
 * name_changed(&receiver), name_get(&receiver, &value), and with a wok_watch_ref `ref` for reading in
 * place `const Value_ *name_borrow(&receiver, &ref)`: each function of wok/watch.h has its form here,
 * under its name and with its promises.  Functions that are handed to it see `const Value_ *`.
 */
#define WOK_WATCH(name_, Value_, value_drop_)                                                      \
    typedef Value_ name_##_value_;                                                                 \
    WOK_CHANNEL_VALUE_(name_, Value_, value_drop_)                                                 \
    typedef struct {                                                                               \
        wok_watch_sender raw;                                                                      \
    } name_##_sender;                                                                              \
    typedef struct {                                                                               \
        wok_watch_receiver raw;                                                                    \
    } name_##_receiver;                                                                            \
    WOK_CHANNEL_RESULT_ name_##_new(Value_ initial_, name_##_sender *ret_sender_)                  \
    {                                                                                              \
        wok_watch_options options_ = {sizeof(Value_), name_##_value_drop_or_null_()};              \
        return wok_watch_new(&options_, &initial_, &ret_sender_->raw);                             \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(name_##_sender)                                                          \
    name_##_sender_ref(const name_##_sender *sender_)                                              \
    {                                                                                              \
        return WOK_TYPE_(name_##_sender){wok_watch_sender_ref(&sender_->raw)};                     \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(void) name_##_sender_drop(name_##_sender *sender_)                       \
    {                                                                                              \
        wok_watch_sender_drop(&sender_->raw);                                                      \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(int) name_##_send(const name_##_sender *sender_, Value_ value_)          \
    {                                                                                              \
        return wok_watch_send(&sender_->raw, &value_);                                             \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(int)                                                                     \
    name_##_send_replace(const name_##_sender *sender_, Value_ value_)                             \
    {                                                                                              \
        return wok_watch_send_replace(&sender_->raw, &value_);                                     \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(int)                                                                     \
    name_##_send_if_modified(const name_##_sender *sender_,                                        \
                             bool (*modify_)(const Value_ *, Value_ *, void *), void *argument_)   \
    {                                                                                              \
        return wok_watch_send_if_modified(                                                         \
            &sender_->raw, (bool (*)(const void *, void *, void *))(void (*)(void))modify_,        \
            argument_);                                                                            \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(const Value_ *)                                                          \
    name_##_sender_borrow(const name_##_sender *sender_, wok_watch_ref *ret_ref_)                  \
    {                                                                                              \
        return (const Value_ *)wok_watch_sender_borrow(&sender_->raw, ret_ref_);                   \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(size_t) name_##_receiver_count(const name_##_sender *sender_)            \
    {                                                                                              \
        return wok_watch_receiver_count(&sender_->raw);                                            \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(int) name_##_closed(const name_##_sender *sender_)                       \
    {                                                                                              \
        return wok_watch_closed(&sender_->raw);                                                    \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(int)                                                                     \
    name_##_closed_until(const name_##_sender *sender_, wok_instant deadline_)                     \
    {                                                                                              \
        return wok_watch_closed_until(&sender_->raw, deadline_);                                   \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(wok_op) name_##_closed_op(const name_##_sender *sender_)                 \
    {                                                                                              \
        return wok_watch_closed_op(&sender_->raw);                                                 \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(void)                                                                    \
    name_##_subscribe(const name_##_sender *sender_, name_##_receiver *ret_receiver_)              \
    {                                                                                              \
        wok_watch_subscribe(&sender_->raw, &ret_receiver_->raw);                                   \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(name_##_receiver)                                                        \
    name_##_receiver_ref(const name_##_receiver *receiver_)                                        \
    {                                                                                              \
        return WOK_TYPE_(name_##_receiver){wok_watch_receiver_ref(&receiver_->raw)};               \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(void) name_##_receiver_drop(name_##_receiver *receiver_)                 \
    {                                                                                              \
        wok_watch_receiver_drop(&receiver_->raw);                                                  \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(const Value_ *)                                                          \
    name_##_borrow(const name_##_receiver *receiver_, wok_watch_ref *ret_ref_)                     \
    {                                                                                              \
        return (const Value_ *)wok_watch_borrow(&receiver_->raw, ret_ref_);                        \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(const Value_ *)                                                          \
    name_##_borrow_and_update(name_##_receiver *receiver_, wok_watch_ref *ret_ref_)                \
    {                                                                                              \
        return (const Value_ *)wok_watch_borrow_and_update(&receiver_->raw, ret_ref_);             \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(void) name_##_ref_drop(wok_watch_ref *ref_)                              \
    {                                                                                              \
        wok_watch_ref_drop(ref_);                                                                  \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(void) name_##_get(name_##_receiver *receiver_, Value_ *ret_value_)       \
    {                                                                                              \
        wok_watch_get(&receiver_->raw, ret_value_);                                                \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(int) name_##_has_changed(const name_##_receiver *receiver_)              \
    {                                                                                              \
        return wok_watch_has_changed(&receiver_->raw);                                             \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(int) name_##_changed(name_##_receiver *receiver_)                        \
    {                                                                                              \
        return wok_watch_changed(&receiver_->raw);                                                 \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(int)                                                                     \
    name_##_changed_until(name_##_receiver *receiver_, wok_instant deadline_)                      \
    {                                                                                              \
        return wok_watch_changed_until(&receiver_->raw, deadline_);                                \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(wok_op) name_##_changed_op(name_##_receiver *receiver_)                  \
    {                                                                                              \
        return wok_watch_changed_op(&receiver_->raw);                                              \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(int)                                                                     \
    name_##_wait_for(name_##_receiver *receiver_, bool (*predicate_)(const Value_ *, void *),      \
                     void *argument_)                                                              \
    {                                                                                              \
        return wok_watch_wait_for(&receiver_->raw,                                                 \
                                  (bool (*)(const void *, void *))(void (*)(void))predicate_,      \
                                  argument_);                                                      \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(int)                                                                     \
    name_##_wait_for_until(name_##_receiver *receiver_,                                            \
                           bool (*predicate_)(const Value_ *, void *), void *argument_,            \
                           wok_instant deadline_)                                                  \
    {                                                                                              \
        return wok_watch_wait_for_until(                                                           \
            &receiver_->raw, (bool (*)(const void *, void *))(void (*)(void))predicate_,           \
            argument_, deadline_);                                                                 \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(wok_op)                                                                  \
    name_##_wait_for_op(name_##_receiver *receiver_, bool (*predicate_)(const Value_ *, void *),   \
                        void *argument_)                                                           \
    {                                                                                              \
        return wok_watch_wait_for_op(&receiver_->raw,                                              \
                                     (bool (*)(const void *, void *))(void (*)(void))predicate_,   \
                                     argument_);                                                   \
    }                                                                                              \
    enum { name_##_value_size_ = sizeof(Value_) }

/**
 * Declares the handles and functions of a broadcast channel of `Value_`: name_sender, name_receiver,
 * name_new(capacity, &sender), name_subscribe(&sender, &receiver), name_send(&sender, value),
 * name_recv(&receiver, &value, &missed), and so on: each function of wok/broadcast.h has its form
 * here, under its name and with its promises.  `value_copy_` is a function over `Value_ *` and
 * `const Value_ *`, or NULL.
 */
#define WOK_BROADCAST(name_, Value_, value_copy_, value_drop_)                                     \
    typedef Value_ name_##_value_;                                                                 \
    WOK_CHANNEL_VALUE_(name_, Value_, value_drop_)                                                 \
    typedef struct {                                                                               \
        wok_broadcast_sender raw;                                                                  \
    } name_##_sender;                                                                              \
    typedef struct {                                                                               \
        wok_broadcast_receiver raw;                                                                \
    } name_##_receiver;                                                                            \
    __attribute__((unused)) static void name_##_value_copy_(void *ret_copy_, const void *from_)    \
    {                                                                                              \
        void (*copy_)(Value_ *, const Value_ *) = value_copy_;                                     \
        if (copy_ != NULL)                                                                         \
            copy_((Value_ *)ret_copy_, (const Value_ *)from_);                                     \
    }                                                                                              \
    WOK_CHANNEL_RESULT_ name_##_new(size_t capacity_, name_##_sender *ret_sender_)                 \
    {                                                                                              \
        void (*copy_)(Value_ *, const Value_ *) = value_copy_;                                     \
        wok_broadcast_options options_ = {capacity_, sizeof(Value_), NULL,                         \
                                          name_##_value_drop_or_null_()};                          \
        if (copy_ != NULL)                                                                         \
            options_.value_copy = name_##_value_copy_;                                             \
        return wok_broadcast_new(&options_, &ret_sender_->raw);                                    \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(name_##_sender)                                                          \
    name_##_sender_ref(const name_##_sender *sender_)                                              \
    {                                                                                              \
        return WOK_TYPE_(name_##_sender){wok_broadcast_sender_ref(&sender_->raw)};                 \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(void) name_##_sender_drop(name_##_sender *sender_)                       \
    {                                                                                              \
        wok_broadcast_sender_drop(&sender_->raw);                                                  \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(int) name_##_send(const name_##_sender *sender_, Value_ value_)          \
    {                                                                                              \
        return wok_broadcast_send(&sender_->raw, &value_);                                         \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(size_t) name_##_receiver_count(const name_##_sender *sender_)            \
    {                                                                                              \
        return wok_broadcast_receiver_count(&sender_->raw);                                        \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(int) name_##_closed(const name_##_sender *sender_)                       \
    {                                                                                              \
        return wok_broadcast_closed(&sender_->raw);                                                \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(int)                                                                     \
    name_##_closed_until(const name_##_sender *sender_, wok_instant deadline_)                     \
    {                                                                                              \
        return wok_broadcast_closed_until(&sender_->raw, deadline_);                               \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(wok_op) name_##_closed_op(const name_##_sender *sender_)                 \
    {                                                                                              \
        return wok_broadcast_closed_op(&sender_->raw);                                             \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(void)                                                                    \
    name_##_subscribe(const name_##_sender *sender_, name_##_receiver *ret_receiver_)              \
    {                                                                                              \
        wok_broadcast_subscribe(&sender_->raw, &ret_receiver_->raw);                               \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(void)                                                                    \
    name_##_resubscribe(const name_##_receiver *receiver_, name_##_receiver *ret_receiver_)        \
    {                                                                                              \
        wok_broadcast_resubscribe(&receiver_->raw, &ret_receiver_->raw);                           \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(void) name_##_receiver_drop(name_##_receiver *receiver_)                 \
    {                                                                                              \
        wok_broadcast_receiver_drop(&receiver_->raw);                                              \
    }                                                                                              \
    WOK_CHANNEL_RESULT_                                                                            \
    name_##_try_recv(name_##_receiver *receiver_, Value_ *ret_value_, uint64_t *ret_missed_)       \
    {                                                                                              \
        return wok_broadcast_try_recv(&receiver_->raw, ret_value_, ret_missed_);                   \
    }                                                                                              \
    WOK_CHANNEL_RESULT_                                                                            \
    name_##_recv(name_##_receiver *receiver_, Value_ *ret_value_, uint64_t *ret_missed_)           \
    {                                                                                              \
        return wok_broadcast_recv(&receiver_->raw, ret_value_, ret_missed_);                       \
    }                                                                                              \
    WOK_CHANNEL_RESULT_                                                                            \
    name_##_recv_until(name_##_receiver *receiver_, Value_ *ret_value_, uint64_t *ret_missed_,     \
                       wok_instant deadline_)                                                      \
    {                                                                                              \
        return wok_broadcast_recv_until(&receiver_->raw, ret_value_, ret_missed_, deadline_);      \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(wok_op)                                                                  \
    name_##_recv_op(name_##_receiver *receiver_, Value_ *ret_value_, uint64_t *ret_missed_)        \
    {                                                                                              \
        return wok_broadcast_recv_op(&receiver_->raw, ret_value_, ret_missed_);                    \
    }                                                                                              \
    WOK_CHANNEL_FUNCTION_(size_t) name_##_len(const name_##_receiver *receiver_)                   \
    {                                                                                              \
        return wok_broadcast_len(&receiver_->raw);                                                 \
    }                                                                                              \
    enum { name_##_value_size_ = sizeof(Value_) }

WOK_END_DECLS

#endif
