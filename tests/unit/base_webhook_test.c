/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signatures are those of Standard Webhooks, as its libraries make them. */
#include "config.h"

#include "bridge/base/webhook.h"
#include "tests/unit/unit.h"

START_TEST(signatures)
{
    g_autofree char *known =
        webhook_signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
                          1614265330, "{\"test\": 2432232314}");
    ck_assert_str_eq(known, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    g_autofree char *plain = webhook_signature("any text", "id", 1, "{}");
    g_autofree char *other = webhook_signature("any texts", "id", 1, "{}");
    ck_assert_str_ne(plain, other);
}
END_TEST

UNIT_MAIN("base/webhook", signatures)
