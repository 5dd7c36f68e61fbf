/*
 * addresses.h - how many connections each address has.
 *
 * A table of the addresses that have one, guarded by the server's lock.  It is empty where no limit is set.
 */
#ifndef WOK_SERVER_CONN_ADDRESSES_H
#define WOK_SERVER_CONN_ADDRESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wok/net.h>

/* What counts as one address: an IPv4 address, also one that is mapped into IPv6, or the first 64 bits of
 * an IPv6 one, which is the least that one customer gets (RFC 6177).  Kind 0 is what has no address. */
struct wok__address_key {
    uint64_t bits;
    uint8_t kind; /* 0, 4 or 6 */
};

struct wok__address_count {
    struct wok__address_count *next; /* of its bucket */
    struct wok__address_key key;
    uint32_t count;
};

struct wok__addresses {
    struct wok__address_count **buckets; /* a power of two; NULL while empty */
    size_t bucket_count, used;
    uint64_t seed; /* so that nobody can choose addresses for one bucket; constant */
};

/* Reads "127.0.0.1:80", "[::1]:80". */
struct wok__address_key wok__address_key_parse(const char *text);
/* The peer's. */
struct wok__address_key wok__address_key_of(const wok_stream *stream);

/* Counts one more connection; false: `max` are there, or there is no memory to count it.  A peer without an
 * address has no limit, and `*ret_count` is NULL. */
bool wok__addresses_take(struct wok__addresses *addresses, struct wok__address_key key, size_t max,
                         struct wok__address_count **ret_count);
/* One less; NULL is fine. */
void wok__addresses_give(struct wok__addresses *addresses, struct wok__address_count *count);

void wok__addresses_done(struct wok__addresses *addresses);

#endif
