/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs the tests of one unit; CK_FORK=no in the environment keeps them in one process. */
#pragma once

#include <check.h>
#include <stdlib.h>

/* For a main of one's own: runs SUITE, which is freed; what main returns. */
static inline int unit_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define UNIT_MAIN(name, ...)                                                                       \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const unit_tests[] = {__VA_ARGS__};                                           \
        Suite *suite = suite_create(name);                                                         \
        TCase *tcase = tcase_create(name);                                                         \
        tcase_set_timeout(tcase, 60);                                                              \
        for (size_t i = 0; i < sizeof unit_tests / sizeof unit_tests[0]; i++)                      \
            tcase_add_test(tcase, unit_tests[i]);                                                  \
        suite_add_tcase(suite, tcase);                                                             \
        return unit_run(suite);                                                                    \
    }
