/*
 * addresses.c - how many connections each address has: a hash table with chains.
 *
 * An entry lives as long as its address has a connection, and is what a connection points to, so that
 * giving a place back needs no search by a peer that the kernel may have forgotten already.
 */
#include "conn/addresses.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS_FIRST = 64 };

/* ---- what counts as one address ----------------------------------------------------------------- */

struct wok__address_key wok__address_key_parse(const char *text)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    const char *end = text[0] == '[' ? strchr(text, ']') : strrchr(text, ':');
    struct wok__address_key key = {0};
    char host[INET6_ADDRSTRLEN];
    unsigned char bytes[16];
    size_t size;

    text += text[0] == '[';
    size = end != NULL ? (size_t)(end - text) : sizeof host;
    if (size >= sizeof host)
        return key;
    memcpy(host, text, size);
    host[size] = '\0';
    if (inet_pton(AF_INET, host, bytes) == 1) {
        key.kind = 4;
        memcpy(&key.bits, bytes, 4);
    } else if (inet_pton(AF_INET6, host, bytes) == 1) {
        bool is_mapped = memcmp(bytes, mapped, sizeof mapped) == 0;
        key.kind = is_mapped ? 4 : 6;
        memcpy(&key.bits, is_mapped ? bytes + sizeof mapped : bytes, is_mapped ? 4 : 8);
    }
    return key;
}

struct wok__address_key wok__address_key_of(const wok_stream *stream)
{
    char text[80];

    wok_stream_peer(stream, text, sizeof text);
    return wok__address_key_parse(text);
}

/* ---- the table ---------------------------------------------------------------------------------- */

static size_t bucket_of(const struct wok__addresses *addresses, struct wok__address_key key)
{
    /* Two rounds of the finalizer of splitmix64, with a secret in between. */
    uint64_t hash = key.bits + key.kind;

    for (int round = 0; round < 2; round++) {
        hash ^= hash >> 30;
        hash *= UINT64_C(0xbf58476d1ce4e5b9);
        hash ^= hash >> 27;
        hash *= UINT64_C(0x94d049bb133111eb);
        hash ^= hash >> 31 ^ addresses->seed;
    }
    return (size_t)hash & (addresses->bucket_count - 1);
}

static void grow(struct wok__addresses *addresses)
{
    size_t count = addresses->bucket_count != 0 ? 2 * addresses->bucket_count : BUCKETS_FIRST;
    struct wok__addresses grown = {calloc(count, sizeof *grown.buckets), count, addresses->used,
                                   addresses->seed};

    if (grown.buckets == NULL)
        return; /* longer chains are slower, and no more */
    for (size_t i = 0; i < addresses->bucket_count; i++) {
        struct wok__address_count *next;
        for (struct wok__address_count *one = addresses->buckets[i]; one != NULL; one = next) {
            struct wok__address_count **bucket = &grown.buckets[bucket_of(&grown, one->key)];
            next = one->next;
            one->next = *bucket;
            *bucket = one;
        }
    }
    free(addresses->buckets);
    *addresses = grown;
}

static bool is_same(struct wok__address_key a, struct wok__address_key b)
{
    return a.bits == b.bits && a.kind == b.kind;
}

bool wok__addresses_take(struct wok__addresses *addresses, struct wok__address_key key, size_t max,
                         struct wok__address_count **ret_count)
{
    struct wok__address_count *one;
    struct wok__address_count **bucket;

    *ret_count = NULL;
    if (key.kind == 0)
        return true;
    if (addresses->used >= addresses->bucket_count)
        grow(addresses);
    if (addresses->buckets == NULL)
        return false;
    bucket = &addresses->buckets[bucket_of(addresses, key)];
    for (one = *bucket; one != NULL && !is_same(one->key, key); one = one->next)
        ;
    if (one == NULL) {
        one = malloc(sizeof *one);
        if (one == NULL)
            return false;
        *one = (struct wok__address_count){*bucket, key, 0};
        *bucket = one;
        addresses->used++;
    } else if (one->count >= max) {
        return false;
    }
    one->count++;
    *ret_count = one;
    return true;
}

void wok__addresses_give(struct wok__addresses *addresses, struct wok__address_count *count)
{
    struct wok__address_count **link;

    if (count == NULL || --count->count != 0)
        return;
    for (link = &addresses->buckets[bucket_of(addresses, count->key)]; *link != count;
         link = &(*link)->next)
        ;
    *link = count->next;
    addresses->used--;
    free(count);
}

void wok__addresses_done(struct wok__addresses *addresses)
{
    for (size_t i = 0; i < addresses->bucket_count; i++) {
        while (addresses->buckets[i] != NULL) {
            struct wok__address_count *one = addresses->buckets[i];
            addresses->buckets[i] = one->next;
            free(one);
        }
    }
    free(addresses->buckets);
    *addresses = (struct wok__addresses){0};
}
