/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_address.c - which addresses a webhook may be sent to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "address.h"

static int is_public(const char *text)
{
    struct sockaddr_in in4 = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

    if (inet_pton(AF_INET, text, &in4.sin_addr) == 1) {
        return push_address_public((struct sockaddr *)&in4, sizeof(in4));
    }
    assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
    return push_address_public((struct sockaddr *)&in6, sizeof(in6));
}

static void what_only_we_can_reach_is_not_public(void **state)
{
    static const char *const ours[] = { "0.0.0.0",
                                        "0.1.2.3",
                                        "10.0.0.1",
                                        "10.255.255.255",
                                        "100.64.0.1",
                                        "100.127.255.255",
                                        "127.0.0.1",
                                        "127.255.1.1",
                                        "169.254.169.254",
                                        "172.16.0.1",
                                        "172.31.255.255",
                                        "192.0.0.1",
                                        "192.168.0.1",
                                        "198.18.0.1",
                                        "198.19.255.255",
                                        "224.0.0.1",
                                        "240.0.0.1",
                                        "255.255.255.255",
                                        "::",
                                        "::1",
                                        "::127.0.0.1",
                                        "::ffff:10.0.0.1",
                                        "fc00::1",
                                        "fdff::1",
                                        "fe80::1",
                                        "fec0::1",
                                        "ff02::1",
                                        "64:ff9b::a00:1",
                                        "64:ff9b:1::1",
                                        "2002:7f00:1::",
                                        "2001::1",
                                        "2001:db8::1",
                                        "100::1",
                                        "192.0.2.1",
                                        "203.0.113.9",
                                        "198.51.100.1" };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        if (is_public(ours[i])) {
            fail_msg("%s is taken for public", ours[i]);
        }
    }
}

static void what_everybody_can_reach_is_public(void **state)
{
    static const char *const everybodys[] = {
        "1.1.1.1",          "9.255.255.255",  "11.0.0.0",
        "100.63.255.255",   "100.128.0.0",    "126.255.255.255",
        "128.0.0.1",        "169.253.0.1",    "172.15.255.255",
        "172.32.0.0",       "192.167.255.1",  "192.169.0.1",
        "198.17.0.1",       "198.20.0.1",     "223.255.255.255",
        "2606:4700::1111",  "2a00:1450::1",   "::ffff:1.1.1.1",
        "64:ff9b::101:101", "2002:101:101::1"
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(everybodys) / sizeof(everybodys[0]); i++) {
        if (!is_public(everybodys[i])) {
            fail_msg("%s is taken for private", everybodys[i]);
        }
    }
}

static void another_family_or_half_an_address_is_not_public(void **state)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

    (void)state;
    assert_false(push_address_public((struct sockaddr *)&un, sizeof(un)));
    inet_pton(AF_INET6, "2606:4700::1111", &in6.sin6_addr);
    assert_false(push_address_public((struct sockaddr *)&in6, 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_only_we_can_reach_is_not_public),
        cmocka_unit_test(what_everybody_can_reach_is_public),
        cmocka_unit_test(another_family_or_half_an_address_is_not_public),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
