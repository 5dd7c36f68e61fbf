/* Tests of the hash that is computed in pieces. */
#include "hash.h"

#include <string.h>

#include <openssl/evp.h>

#include "support/test.h"

static void hash_at_once(uint32_t rounds, unsigned char digest[WOK__DIGEST_BYTES])
{
    cr_assert_eq(PKCS5_PBKDF2_HMAC(WOK__HASH_PASSWORD, (int)strlen(WOK__HASH_PASSWORD),
                                   (const unsigned char *)WOK__HASH_SALT,
                                   (int)strlen(WOK__HASH_SALT), (int)rounds, EVP_sha256(),
                                   WOK__DIGEST_BYTES, digest),
                 1);
}

Test(hash, in_pieces_is_what_openssl_gives_at_once)
{
    struct wok__hash hash;
    unsigned char expected[WOK__DIGEST_BYTES];

    cr_assert_eq(wok__hash_begin(&hash), 0);
    for (uint32_t piece = 0; piece < 40; piece++) {
        hash_at_once(hash.done, expected);
        cr_assert_eq(memcmp(hash.digest, expected, sizeof expected), 0, "%u rounds", hash.done);
        cr_assert_eq(wok__hash_continue(&hash, piece), 0);
    }
    cr_assert_eq(hash.done, 781);
    wok__hash_done(&hash);
    wok__hash_done(&hash);
}
