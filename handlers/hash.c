/*
 * hash.c - work for a processor, in pieces: PBKDF2-HMAC-SHA256.
 *
 * OpenSSL's own PBKDF2 is one call that nothing can stop, for seconds if so many rounds are asked.  So the
 * chain of RFC 8018 section 5.2 is written out here over its HMAC: whoever runs it looks up between two
 * pieces.  tests/handlers/test_hash.c compares the digests with OpenSSL's.
 */
#include "hash.h"

#include <errno.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

/* last = HMAC(password, text) */
static int next(struct wok__hash *hash, const unsigned char *text, size_t size)
{
    size_t written;

    if (EVP_MAC_init(hash->mac, NULL, 0, NULL) != 1 || EVP_MAC_update(hash->mac, text, size) != 1 ||
        EVP_MAC_final(hash->mac, hash->last, &written, sizeof hash->last) != 1)
        return -ENOMEM;
    return 0;
}

/* HMAC-SHA256 with the password as its key. */
static int make_mac(struct wok__hash *hash)
{
    char sha256[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0),
                                 OSSL_PARAM_construct_end()};
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);

    if (hmac != NULL)
        hash->mac = EVP_MAC_CTX_new(hmac);
    EVP_MAC_free(hmac);
    if (hash->mac == NULL || EVP_MAC_init(hash->mac, (const unsigned char *)WOK__HASH_PASSWORD,
                                          sizeof WOK__HASH_PASSWORD - 1, params) != 1)
        return -ENOMEM;
    return 0;
}

int wok__hash_begin(struct wok__hash *hash)
{
    static const unsigned char first[] = WOK__HASH_SALT "\0\0\0\1"; /* the salt, and block 1 */
    int error;

    *hash = (struct wok__hash){.mac = NULL};
    error = make_mac(hash);
    if (error == 0)
        error = next(hash, first, sizeof first - 1);
    if (error == 0) {
        hash->done = 1;
        memcpy(hash->digest, hash->last, sizeof hash->digest);
    }
    return error;
}

int wok__hash_continue(struct wok__hash *hash, uint32_t rounds)
{
    for (uint32_t i = 0; i < rounds; i++) {
        int error = next(hash, hash->last, sizeof hash->last);
        if (error < 0)
            return error;
        for (size_t at = 0; at < sizeof hash->digest; at++)
            hash->digest[at] ^= hash->last[at];
    }
    hash->done += rounds;
    return 0;
}

void wok__hash_done(struct wok__hash *hash)
{
    EVP_MAC_CTX_free(hash->mac);
    hash->mac = NULL;
}
