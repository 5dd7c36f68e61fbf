/*
 * date.c - the Date header's format.
 *
 * Own arithmetic instead of gmtime_r and strftime: those take the C library's time zone lock and obey
 * the locale, and a day name in French is not a valid Date.
 */
#include "http/date.h"

#define DAY_SECONDS 86400

/* 0000-03-01 and 9999-12-31 in days from 1970-01-01. */
#define FIRST_DAY (-719468)
#define LAST_DAY 2932896

static const char day_names[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static void put_number(char *place, unsigned number, int digits)
{
    while (digits-- > 0) {
        place[digits] = (char)('0' + number % 10);
        number /= 10;
    }
}

/*
 * Years are counted from March, which puts the leap day at the end, in eras of 400 years, which all
 * have 146097 days; then month lengths follow one line, (153 m + 2) / 5.
 */
static void civil_from_days(unsigned days_from_year_0, unsigned *ret_year, unsigned *ret_month,
                            unsigned *ret_day)
{
    unsigned era = days_from_year_0 / 146097;
    unsigned day_of_era = days_from_year_0 % 146097;
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month_from_march = (5 * day_of_year + 2) / 153;

    *ret_day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    *ret_month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    *ret_year = era * 400 + year_of_era + (*ret_month <= 2);
}

void wok__date_format(time_t time, char ret_date[WOK__DATE_SIZE])
{
    int64_t days = time / DAY_SECONDS;
    int64_t second = time % DAY_SECONDS;
    unsigned year, month, day;

    if (second < 0) {
        second += DAY_SECONDS;
        days--;
    }
    if (days < FIRST_DAY) {
        days = FIRST_DAY;
        second = 0;
    } else if (days > LAST_DAY) {
        days = LAST_DAY;
        second = DAY_SECONDS - 1;
    }

    unsigned from_year_0 = (unsigned)(days - FIRST_DAY);
    civil_from_days(from_year_0, &year, &month, &day);

    memcpy(ret_date, "Www, 00 Mon 0000 00:00:00 GMT", WOK__DATE_SIZE);
    memcpy(ret_date, day_names[(from_year_0 + 3) % 7], 3); /* 0000-03-01 was a Wednesday */
    put_number(ret_date + 5, day, 2);
    memcpy(ret_date + 8, month_names[month - 1], 3);
    put_number(ret_date + 12, year, 4);
    put_number(ret_date + 17, (unsigned)second / 3600, 2);
    put_number(ret_date + 20, (unsigned)second / 60 % 60, 2);
    put_number(ret_date + 23, (unsigned)second % 60, 2);
}
