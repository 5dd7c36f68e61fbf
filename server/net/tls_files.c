/*
 * tls_files.c - a certificate and its key, from files; and what is wrong with them, in one line.
 */
#include "net/tls.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

/* A chain of a dozen certificates has some 20 KiB. */
enum { FILE_BYTES_MAX = 1 << 20 };

static void free_bio(BIO **bio)
{
    BIO_free(*bio);
}

static void free_key(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

/* The file, the reason, the cure; one line, whatever the file's name holds. */
int wok__tls_fail(struct wok__tls_reading *reading, int error, const char *format, ...)
{
    size_t used = (size_t)snprintf(reading->why, reading->why_size, "%.200s: ", reading->file);
    va_list args;

    va_start(args, format);
    if (used < reading->why_size)
        vsnprintf(reading->why + used, reading->why_size - used, format, args);
    va_end(args);
    for (char *at = reading->why; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
    }
    return error;
}

const char *wok__tls_reason(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());

    return text != NULL ? text : "it cannot be used";
}

/* The whole file in memory, so that what follows can neither wait nor fail for another reason than its
 * content; NULL: the line says why, and `ret_error` what. */
BIO *wok__tls_slurp(struct wok__tls_reading *reading, const char *file, int *ret_error)
{
    BIO *bio = NULL;
    struct stat status;
    char chunk[4096];
    ssize_t got = 0;
    int fd;

    reading->file = file;
    fd = open(file,
              O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe without a writer does not hold us up */
    if (fd < 0 || fstat(fd, &status) < 0) {
        *ret_error = errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -errno : -EINVAL;
        wok__tls_fail(reading, 0, "%s; name a file that can be read", strerror(errno));
    } else if (!S_ISREG(status.st_mode) || status.st_size > FILE_BYTES_MAX) {
        *ret_error =
            wok__tls_fail(reading, -EINVAL, "it is %s; name the right one",
                          S_ISREG(status.st_mode) ? "larger than a megabyte" : "no plain file");
    } else if ((bio = BIO_new(BIO_s_mem())) == NULL) {
        *ret_error = wok__tls_fail(reading, -ENOMEM, "there is no memory for it; let it have more");
    } else {
        while ((got = read(fd, chunk, sizeof chunk)) > 0 &&
               BIO_write(bio, chunk, (int)got) == (int)got) {
        }
        if (got != 0) {
            *ret_error = wok__tls_fail(reading, -EINVAL, "%s; name a file that can be read",
                                       got < 0 ? strerror(errno) : "there is no memory for it");
            BIO_free(WOK_TAKE(bio));
        }
    }
    OPENSSL_cleanse(chunk, sizeof chunk); /* it may have been a key */
    if (fd >= 0)
        close(fd);
    return bio;
}

void wok__tls_format_time(const ASN1_TIME *time, char *text, int size)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int got = 0;

    if (bio != NULL && ASN1_TIME_print(bio, time))
        got = BIO_read(bio, text, size - 1);
    text[got > 0 ? got : 0] = '\0';
    BIO_free(bio);
}

static int check_dates(struct wok__tls_reading *reading, X509 *certificate)
{
    char when[64];

    if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
        wok__tls_format_time(X509_get0_notAfter(certificate), when, sizeof when);
        return wok__tls_fail(reading, -EINVAL, "it expired on %s; renew it", when);
    }
    if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
        wok__tls_format_time(X509_get0_notBefore(certificate), when, sizeof when);
        return wok__tls_fail(reading, -EINVAL,
                             "it is not valid before %s; wait, or set this machine's clock", when);
    }
    return 0;
}

/* The first certificate is the server's own, the others are its chain. */
static int read_certificate(struct wok__tls_reading *reading, SSL_CTX *context, BIO *bio)
{
    X509 *certificate = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
    int error;

    if (certificate == NULL)
        return wok__tls_fail(reading, -EINVAL,
                             "it holds no certificate in PEM form; name one that does");
    error = check_dates(reading, certificate);
    if (error == 0 && SSL_CTX_use_certificate(context, certificate) != 1)
        error = wok__tls_fail(
            reading, -EINVAL,
            "%s; use a certificate for RSA of 2,048 bits or more, or for an elliptic curve",
            wok__tls_reason());
    X509_free(certificate);
    while (error == 0 && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        if (SSL_CTX_add0_chain_cert(context, certificate) != 1) {
            X509_free(certificate);
            error = wok__tls_fail(reading, -EINVAL,
                                  "%s, in its chain; use one of stronger certificates",
                                  wok__tls_reason());
        }
    }
    if (error == 0 && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        error = wok__tls_fail(reading, -EINVAL,
                              "a certificate of its chain is damaged; take the file anew");
    return error;
}

int wok__tls_read_pair(SSL_CTX *context, const wok_http_tls_certificate *pair, char *why,
                       size_t why_size)
{
    struct wok__tls_reading reading = {NULL, why, why_size};
    WOK_CLEANUP(free_bio) BIO *certificate = NULL;
    WOK_CLEANUP(free_bio) BIO *text = NULL;
    WOK_CLEANUP(free_key) EVP_PKEY *key = NULL;
    int error = 0;

    certificate = wok__tls_slurp(&reading, pair->certificate_file, &error);
    if (certificate == NULL)
        return error;
    ERR_clear_error();
    error = read_certificate(&reading, context, certificate);
    if (error < 0)
        return error;
    text = wok__tls_slurp(&reading, pair->key_file, &error);
    if (text == NULL)
        return error;
    ERR_clear_error();
    key = PEM_read_bio_PrivateKey(text, NULL, SSL_CTX_get_default_passwd_cb(context), NULL);
    if (key == NULL)
        return wok__tls_fail(
            &reading, -EINVAL,
            "it holds no private key in PEM form that can be read without a passphrase; "
            "name one that does");
    if (X509_check_private_key(SSL_CTX_get0_certificate(context), key) != 1)
        return wok__tls_fail(&reading, -EINVAL,
                             "it is not the key of the certificate in %.200s; name the one that is",
                             pair->certificate_file);
    if (SSL_CTX_use_PrivateKey(context, key) != 1)
        return wok__tls_fail(&reading, -EINVAL, "%s; use another key", wok__tls_reason());
    return 0;
}

int wok__tls_read_client_ca(SSL_CTX *context, const char *file, char *why, size_t why_size)
{
    struct wok__tls_reading reading = {NULL, why, why_size};
    WOK_CLEANUP(free_bio) BIO *text = NULL;
    X509_STORE *store = SSL_CTX_get_cert_store(context);
    X509 *certificate;
    int error = 0, count = 0;

    text = wok__tls_slurp(&reading, file, &error);
    if (text == NULL)
        return error;
    ERR_clear_error();
    while (error == 0 && (certificate = PEM_read_bio_X509(text, NULL, NULL, NULL)) != NULL) {
        if (X509_STORE_add_cert(store, certificate) != 1 ||
            SSL_CTX_add_client_CA(context, certificate) != 1)
            error =
                wok__tls_fail(&reading, -EINVAL, "%s; use another certificate", wok__tls_reason());
        X509_free(certificate);
        count++;
    }
    if (error == 0 && (count == 0 || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE))
        error = wok__tls_fail(&reading, -EINVAL,
                              "it holds no certificates in PEM form only; name one that does");
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return error;
}
