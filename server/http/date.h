/*
 * date.h - the Date header's format.
 */
#ifndef WOK_HTTP_DATE_PRIVATE_H
#define WOK_HTTP_DATE_PRIVATE_H

#include <time.h>

#include <wok/base.h>

/* The size of "Sun, 06 Nov 1994 08:49:37 GMT". */
#define WOK__DATE_SIZE 29

/**
 * Writes `time` as an IMF-fixdate, without a NUL.  The caller keeps the result for a second.
 *
 * Errors:     none; a time outside of the years 0 to 9999, which has no such form, is written as the
 *             nearest one that has.
 * Source:     RFC 9110 section 5.6.7.
 */
void wok__date_format(time_t time, char ret_date[WOK__DATE_SIZE]);

#endif
