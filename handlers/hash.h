/*
 * hash.h - work for a processor, in pieces: PBKDF2-HMAC-SHA256 (RFC 8018) of fixed words.
 */
#ifndef WOK_HANDLERS_HASH_H
#define WOK_HANDLERS_HASH_H

#include <stddef.h>
#include <stdint.h>

#include <wok/base.h>

enum { WOK__DIGEST_BYTES = 32 };

/** What is hashed; the answers name it, so that anybody can compute the same. */
#define WOK__HASH_PASSWORD "wok"
#define WOK__HASH_SALT "wok-server"

struct evp_mac_ctx_st;

/** A hash under way; belongs to one thread at a time. */
struct wok__hash {
    struct evp_mac_ctx_st *mac;
    uint32_t done; /* rounds */
    unsigned char last[WOK__DIGEST_BYTES], digest[WOK__DIGEST_BYTES];
};

/**
 * Begins, with one round done.
 *
 * Errors:     0; -ENOMEM.
 * Ownership:  wok__hash_done() frees it, on either path.
 */
WOK_MUST_USE
int wok__hash_begin(struct wok__hash *hash);

/** Does `rounds` more; `digest` is then that of `done` rounds.  0 or -ENOMEM. */
WOK_MUST_USE
int wok__hash_continue(struct wok__hash *hash, uint32_t rounds);

/** Fit for WOK_CLEANUP. */
void wok__hash_done(struct wok__hash *hash);

#endif
