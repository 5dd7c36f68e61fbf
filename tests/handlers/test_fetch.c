/* Tests of GET /fetch: one fetch in the request's own task. */
#include "fetch.h"

#include "fake_exchange.h"
#include "handlers.h"
#include "support/wok_test.h"

static wok_http_exchange fake;

WOK_TEST(fetch, answers_one_element_of_the_results)
{
    static const struct {
        const char *target;
        int status;
        const char *body;
    } cases[] = {
        {"/fetch?source=API+Server&delay_ms=500", 200,
         "{\"source\": \"API Server\", \"status\": \"ok\", \"data\": \"Data from API Server\", "
         "\"delay_ms\": 500, \"elapsed_ms\": 500.000}\n"},
        {"/fetch?source=a", 200,
         "{\"source\": \"a\", \"status\": \"ok\", \"data\": \"Data from a\", \"delay_ms\": 0, "
         "\"elapsed_ms\": 0.000}\n"},
        {"/fetch?source=a&delay_ms=20&outcome=error", 502,
         "{\"source\": \"a\", \"status\": \"error\", \"error\": \"a answered with an error.\", "
         "\"delay_ms\": 20, \"elapsed_ms\": 20.000}\n"},
        {"/fetch?outcome=hang&source=a", 504,
         "{\"source\": \"a\", \"status\": \"timeout\", \"error\": \"a did not answer within 30000 "
         "ms.\", \"delay_ms\": 0, \"elapsed_ms\": 30000.000}\n"},
        {"/fetch?source=a&delay_ms=60000&timeout_ms=7", 504,
         "{\"source\": \"a\", \"status\": \"timeout\", \"error\": \"a did not answer within 7 "
         "ms.\", \"delay_ms\": 60000, \"elapsed_ms\": 7.000}\n"},
    };
    for (size_t i = 0; i < WOK_COUNT(cases); i++) {
        fake_get(&fake, cases[i].target);
        wok__handle_fetch(&fake);
        cr_assert_str_eq(fake.body, cases[i].body);
        cr_assert_eq(fake.status, cases[i].status);
        fake_done(&fake);
    }
}
