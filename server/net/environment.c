/*
 * environment.c - the variables of a service manager; see environment.h.
 *
 * Not getenv(3): the tables of tests are their own.
 */
#include "net/environment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *wok__environment_find(char *const *environment, const char *name)
{
    size_t size = strlen(name);

    for (; *environment != NULL; environment++) {
        if (strncmp(*environment, name, size) == 0 && (*environment)[size] == '=')
            return *environment + size + 1;
    }
    return NULL;
}

bool wok__environment_number(const char *text, unsigned long long *ret_number)
{
    char *end;

    errno = 0;
    *ret_number = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0;
}
