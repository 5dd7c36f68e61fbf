/*
 * environment.h - the variables by which a service manager speaks: found in a table, read as numbers.
 */
#ifndef WOK_NET_ENVIRONMENT_H
#define WOK_NET_ENVIRONMENT_H

#include <stdbool.h>

/* The value of a variable, inside the table, which ends with NULL; NULL: it has none of that name. */
const char *wok__environment_find(char *const *environment, const char *name);

/* False: it is no decimal number, or too large; a sign and blanks are no part of one. */
bool wok__environment_number(const char *text, unsigned long long *ret_number);

#endif
