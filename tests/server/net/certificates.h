/*
 * certificates.h - certificates made for a test, in files of their own.
 */
#ifndef WOK_TESTS_SERVER_NET_CERTIFICATES_H
#define WOK_TESTS_SERVER_NET_CERTIFICATES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/test.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static char folder[64];

/* "NAME" in the folder of this test; overwritten eight calls later. */
static inline const char *path_of(const char *name)
{
    static char paths[8][128];
    static unsigned next;
    char *path = paths[next++ % 8];

    if (folder[0] == '\0') {
        strcpy(folder, "/tmp/wok-tls-XXXXXX");
        cr_assert_not_null(mkdtemp(folder));
    }
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static inline void forget_files(void)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
    folder[0] = '\0';
}

static inline void write_text(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");

    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
}

static inline EVP_PKEY *make_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");

    cr_assert_not_null(key);
    return key;
}

static inline void write_key(const char *name, EVP_PKEY *key, const char *passphrase)
{
    FILE *file = fopen(path_of(name), "w");

    cr_assert_not_null(file);
    cr_assert_eq(PEM_write_PrivateKey(file, key, passphrase != NULL ? EVP_aes_128_cbc() : NULL,
                                      (const unsigned char *)passphrase,
                                      passphrase != NULL ? (int)strlen(passphrase) : 0, NULL, NULL),
                 1);
    cr_assert_eq(fclose(file), 0);
}

/* For these names ("DNS:a.example,DNS:*.b.example"), valid from and until so many days from now. */
static inline void write_certificate(const char *name, EVP_PKEY *key, const char *names, int from,
                                     int until)
{
    X509 *certificate = X509_new();
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    FILE *file = fopen(path_of(name), "w");

    cr_assert_not_null(file);
    cr_assert_not_null(extension);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_time_adj_ex(X509_getm_notBefore(certificate), from, -3600, NULL);
    X509_time_adj_ex(X509_getm_notAfter(certificate), until, 0, NULL);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    X509_set_pubkey(certificate, key);
    X509_add_ext(certificate, extension, -1);
    cr_assert_gt(X509_sign(certificate, key, EVP_sha256()), 0);
    cr_assert_eq(PEM_write_X509(file, certificate), 1);
    cr_assert_eq(fclose(file), 0);
    X509_EXTENSION_free(extension);
    X509_free(certificate);
}

/* "NAME.crt" and "NAME.key", valid now. */
static inline void write_pair(const char *name, const char *names)
{
    EVP_PKEY *key = make_key();
    char file[64];

    snprintf(file, sizeof file, "%s.crt", name);
    write_certificate(file, key, names, 0, 30);
    snprintf(file, sizeof file, "%s.key", name);
    write_key(file, key, NULL);
    EVP_PKEY_free(key);
}

#endif
