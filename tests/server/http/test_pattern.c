/* Tests of the paths of routes. */
#include "http/pattern.h"

#include "support/test.h"

static wok_slice parameter(const char *pattern, const char *path, const char *name)
{
    return wok__pattern_parameter(pattern, wok_slice_of(path), name);
}

Test(pattern, a_parameter_is_a_whole_segment_that_is_not_empty)
{
    static const struct {
        const char *pattern, *path;
        bool fits;
    } cases[] = {
        {"/tasks/{id}", "/tasks/17", true},
        {"/tasks/{id}", "/tasks/a%2Fb", true},
        {"/tasks/{id}", "/tasks/{id}", true},
        {"/tasks/{id}", "/tasks/", false},
        {"/tasks/{id}", "/tasks", false},
        {"/tasks/{id}", "/tasks/17/", false},
        {"/tasks/{id}", "/tasks/17/x", false},
        {"/tasks/{id}", "/tasks//17", false},
        {"/tasks/{id}", "/Tasks/17", false},
        {"/tasks/{id}", "*", false},
        {"/{a}/x/{b}", "/1/x/2", true},
        {"/{a}/x/{b}", "/1/y/2", false},
        {"/{a}/x/{b}", "//x/2", false},
        {"/", "/", true},
        {"/tasks", "/tasks", true},
        {"/tasks", "/tasks/", false},
        {"/tasks/{id}", "tasks/17", false},
        {"/a{id}", "/a17", false},
    };
    for (size_t i = 0; i < WOK_COUNT(cases); i++)
        cr_assert_eq(wok__pattern_fits(cases[i].pattern, wok_slice_of(cases[i].path)),
                     cases[i].fits, "%s, %s", cases[i].pattern, cases[i].path);
    cr_assert(wok__pattern_has_parameters("/tasks/{id}"));
    cr_assert_not(wok__pattern_has_parameters("/tasks"));
    cr_assert_not(wok__pattern_has_parameters("/tasks/{}"));
}

Test(pattern, gives_what_stands_where_the_name_does)
{
    cr_assert(wok_slice_equal(parameter("/tasks/{id}", "/tasks/17", "id"), WOK_SLICE("17")));
    cr_assert(wok_slice_equal(parameter("/{a}/x/{b}", "/1/x/2", "a"), WOK_SLICE("1")));
    cr_assert(wok_slice_equal(parameter("/{a}/x/{b}", "/1/x/2", "b"), WOK_SLICE("2")));
    cr_assert_null(parameter("/tasks/{id}", "/tasks/17", "i").data);
    cr_assert_null(parameter("/tasks/{id}", "/tasks/17/x", "id").data);
    cr_assert_null(parameter("/tasks", "/tasks", "id").data);
}
