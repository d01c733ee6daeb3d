/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_forwarded.c - addresses, networks, and whose connection it is.
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

#include "forwarded.h"

static const char *ip_as_text(const char *text)
{
    static char out[PUSH_IP_TEXT];
    push_ip_t ip;

    if (!push_ip_parse(&ip, text, strlen(text))) {
        return "none";
    }
    push_ip_text(&ip, out);
    return out;
}

static void an_address_is_read_with_and_without_brackets_and_port(void **state)
{
    (void)state;
    assert_string_equal(ip_as_text("192.0.2.7"), "192.0.2.7");
    assert_string_equal(ip_as_text("192.0.2.7:80"), "192.0.2.7");
    assert_string_equal(ip_as_text("2001:DB8::7"), "2001:db8::7");
    assert_string_equal(ip_as_text("[2001:db8::7]"), "2001:db8::7");
    assert_string_equal(ip_as_text("[2001:db8::7]:65535"), "2001:db8::7");
    assert_string_equal(ip_as_text("::ffff:192.0.2.7"), "192.0.2.7");
}

static void what_is_no_address_is_refused(void **state)
{
    static const char *const wrong[] = { "",
                                         " ",
                                         "unknown",
                                         "_hidden",
                                         "192.0.2",
                                         "192.0.2.256",
                                         "192.0.2.7:",
                                         "192.0.2.7:x",
                                         "192.0.2.7:123456",
                                         "192.0.2.7 ",
                                         "[192.0.2.7]",
                                         "[2001:db8::7",
                                         "[2001:db8::7]80",
                                         "[]",
                                         "fe80::1%eth0",
                                         "::",
                                         "1:2:3:4:5:6:7:8:9",
                                         "\"192.0.2.7\"" };
    push_ip_t ip;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_string_equal(ip_as_text(wrong[i]), "none");
    }
    assert_false(push_ip_parse(&ip, "192.0.2.7\0x", 11));
}

static int in(const char *net, const char *address)
{
    push_nets_t nets = { NULL, 1, 0 };
    push_net_t one;
    push_ip_t ip;

    assert_true(push_net_parse(&one, net, strlen(net)));
    assert_true(push_ip_parse(&ip, address, strlen(address)));
    nets.list = &one;
    return push_nets_have(&nets, &ip);
}

static void a_network_has_the_addresses_that_begin_like_it(void **state)
{
    (void)state;
    assert_true(in("10.0.0.0/8", "10.255.1.2"));
    assert_false(in("10.0.0.0/8", "11.0.0.0"));
    assert_true(in("192.0.2.64/26", "192.0.2.127"));
    assert_false(in("192.0.2.64/26", "192.0.2.128"));
    assert_true(in("192.0.2.7", "192.0.2.7"));
    assert_false(in("192.0.2.7", "192.0.2.6"));
    assert_true(in("0.0.0.0/0", "203.0.113.1"));
    assert_false(in("0.0.0.0/0", "2001:db8::1"));
    assert_true(in("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(in("2001:db8::/33", "2001:db8:8000::1"));
    assert_true(in("::1", "::1"));
    assert_true(in("10.0.0.0/8", "::ffff:10.1.1.1"));
}

static void what_is_no_network_is_refused(void **state)
{
    static const char *const wrong[] = { "",          "10.0.0.0/",
                                         "10.0.0.0/33", "10.0.0.0/-1",
                                         "10.0.0.0/8x", "2001:db8::/129",
                                         "10.0.0.0/0000", "[::1]/128",
                                         "localhost",   "/8" };
    push_net_t net;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(push_net_parse(&net, wrong[i], strlen(wrong[i])));
    }
}

/* Proxies on this host and in 10.0.0.0/8. */
static const push_nets_t *proxies(void)
{
    static push_net_t list[2];
    static push_nets_t nets = { list, 2, 1 };

    assert_true(push_net_parse(&list[0], "127.0.0.0/8", 11));
    assert_true(push_net_parse(&list[1], "10.0.0.0/8", 10));
    return &nets;
}

/* Whose request it is. @param lines  of X-Forwarded-For, NULL-terminated */
static const char *client_of(const char *peer, const char *const *lines)
{
    static char out[PUSH_IP_TEXT];
    static http_head_t head;
    push_ip_t ip;
    int i;

    memset(&head, 0, sizeof(head));
    memset(&ip, 0, sizeof(ip));
    head.headers[0].name = (http_span_t){ "Host", 4 };
    head.headers[0].value = (http_span_t){ "203.0.113.99", 12 };
    head.nheaders = 1;
    for (i = 0; lines[i] != NULL; i++) {
        head.headers[head.nheaders].name = (http_span_t){ "x-forwarded-FOR",
                                                          15 };
        head.headers[head.nheaders++].value = (http_span_t){ lines[i], strlen(
                                                                 lines[i]) };
    }
    if (peer != NULL) {
        assert_true(push_ip_parse(&ip, peer, strlen(peer)));
    }
    push_forwarded(&ip, &head, proxies());
    push_ip_text(&ip, out);
    return out;
}

#define CLIENT(peer, ...)                                                      \
    client_of(peer, (const char *const[]){ __VA_ARGS__, NULL })

static void a_stranger_is_its_own_client_whatever_it_says(void **state)
{
    (void)state;
    assert_string_equal(CLIENT("203.0.113.5", "192.0.2.1"), "203.0.113.5");
}

static void the_last_stranger_of_the_list_is_the_client(void **state)
{
    (void)state;
    assert_string_equal(CLIENT("127.0.0.1", "192.0.2.1"), "192.0.2.1");
    assert_string_equal(CLIENT(NULL, "192.0.2.1"), "192.0.2.1");
    /* What the client wrote before its own address counts for nothing. */
    assert_string_equal(CLIENT("127.0.0.1", "10.0.0.7, 6.6.6.6, 192.0.2.1"),
                        "192.0.2.1");
    assert_string_equal(CLIENT("127.0.0.1", "192.0.2.1,10.0.0.7 ,\t127.0.0.1"),
                        "192.0.2.1");
    assert_string_equal(CLIENT("127.0.0.1", "6.6.6.6", "[2001:db8::1]:99",
                               "10.0.0.7"),
                        "2001:db8::1");
    assert_string_equal(CLIENT("127.0.0.1", "192.0.2.1, ,"), "192.0.2.1");
}

static void without_a_stranger_the_first_proxy_is_the_client(void **state)
{
    (void)state;
    assert_string_equal(client_of("127.0.0.1", (const char *const[]){ NULL }),
                        "127.0.0.1");
    assert_string_equal(CLIENT("127.0.0.1", ""), "127.0.0.1");
    assert_string_equal(CLIENT("127.0.0.1", "10.0.0.1, 10.0.0.2"), "10.0.0.1");
    assert_string_equal(client_of(NULL, (const char *const[]){ NULL }), "");
}

/* Who wrote it is not trusted, or the trusted one behind it is strange. */
static void an_entry_that_is_no_address_ends_the_walk(void **state)
{
    (void)state;
    assert_string_equal(CLIENT("127.0.0.1", "192.0.2.1, unknown, 10.0.0.3"),
                        "10.0.0.3");
    assert_string_equal(CLIENT("127.0.0.1", "192.0.2.1", "unknown"),
                        "127.0.0.1");
}

static void a_household_of_ipv6_is_one_client(void **state)
{
    push_ip_t ip;

    (void)state;
    assert_true(push_ip_parse(&ip, "2001:db8:1:2:3::9", 17));
    assert_int_equal(push_ip_client(&ip), 8);
    assert_memory_equal(ip.at, "\x20\x01\x0d\xb8\x00\x01\x00\x02", 8);
    assert_true(push_ip_parse(&ip, "192.0.2.1", 9));
    assert_int_equal(push_ip_client(&ip), 16);
}

static void a_socket_address_is_read_by_its_family(void **state)
{
    struct sockaddr_in in4 = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    char text[PUSH_IP_TEXT];
    push_ip_t ip;

    (void)state;
    inet_pton(AF_INET, "192.0.2.1", &in4.sin_addr);
    push_ip_of(&ip, (struct sockaddr *)&in4);
    push_ip_text(&ip, text);
    assert_string_equal(text, "192.0.2.1");
    inet_pton(AF_INET6, "::ffff:192.0.2.1", &in6.sin6_addr);
    push_ip_of(&ip, (struct sockaddr *)&in6);
    push_ip_text(&ip, text);
    assert_string_equal(text, "192.0.2.1");
    push_ip_of(&ip, (struct sockaddr *)&un);
    assert_false(push_ip_known(&ip));
    push_ip_text(&ip, text);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_read_with_and_without_brackets_and_port),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(a_network_has_the_addresses_that_begin_like_it),
        cmocka_unit_test(what_is_no_network_is_refused),
        cmocka_unit_test(a_stranger_is_its_own_client_whatever_it_says),
        cmocka_unit_test(the_last_stranger_of_the_list_is_the_client),
        cmocka_unit_test(without_a_stranger_the_first_proxy_is_the_client),
        cmocka_unit_test(an_entry_that_is_no_address_ends_the_walk),
        cmocka_unit_test(a_household_of_ipv6_is_one_client),
        cmocka_unit_test(a_socket_address_is_read_by_its_family),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
