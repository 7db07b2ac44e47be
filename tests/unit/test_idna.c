/* Domain names to A-labels. */
#include "wire/idna.h"

#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void each_domain_becomes_its_a_labels(void **state)
{
    static const char *const cases[][2] = {
        {"example.org", "example.org"},
        {"EXAMPLE.Org", "example.org"},
        {"b\xc3\xbc"
         "cher.example",
         "xn--bcher-kva.example"},
        {"B\xc3\x9c"
         "CHER.example",
         "xn--bcher-kva.example"},
        {"bu\xcc\x88"
         "cher.example",
         "xn--bcher-kva.example"},          /* combining diaeresis */
        {"fa\xc3\x9f.de", "xn--fa-hia.de"}, /* not fass.de */
        {"\xce\xb2\xcf\x8c\xce\xbb\xce\xbf\xcf\x82.com", "xn--nxasmm1c.com"}, /* final sigma */
        {"xn--bcher-kva.example", "xn--bcher-kva.example"},
        {"XN--BCHER-KVA.example", "xn--bcher-kva.example"},
        {"\xe4\xbe\x8b\xe3\x81\x88\xe3\x80\x82\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88",
         "xn--r8jz45g.xn--zckzah"}, /* ideographic full stop */
    };
    struct arena arena;

    (void)state;
    arena_init(&arena, 1 << 20, 1 << 16);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text ascii = idna_to_ascii(&arena, text_from(cases[i][0]));

        if (!text_equal_z(ascii, cases[i][1]))
            fail_msg("%s became %.*s", cases[i][0], TEXT_ARG(ascii));
    }
    arena_close(&arena);
}

static void forbidden_domains_are_null(void **state)
{
    static const char *const cases[] = {
        "",
        "xn--zzzzzz.example", /* decodes to nothing */
        "xn--fa-.example",    /* punycode of plain ASCII */
        "a_b.example",        /* underscore */
        "a b.example",        /* space */
        "a_\xc3\xbc.example", /* underscore in a U-label */
        "a/b.example",
        "\xf0\x9f\x92\xa9.example", /* a symbol: not in IDNA2008 */
        "\xe2\x80\xae"
        "a.example",          /* bidi override */
        "-a\xc3\xbc.example", /* leading hyphen */
        "\xcc\x88"
        "a.example",        /* begins with a combining mark */
        "\xff\xfe.example", /* no UTF-8 */
        "\xd7\x90"
        "a.example", /* mixes directions */
    };
    struct arena arena;

    (void)state;
    arena_init(&arena, 1 << 20, 1 << 16);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text ascii = idna_to_ascii(&arena, text_from(cases[i]));

        if (!text_is_null(ascii))
            fail_msg("%s became %.*s", cases[i], TEXT_ARG(ascii));
    }
    assert_true(text_is_null(idna_to_ascii(&arena, TEXT_NULL)));
    arena_close(&arena);
}

static void a_label_of_more_than_63_octets_is_null(void **state)
{
    char label[80];
    struct arena arena;

    (void)state;
    memset(label, 'a', 64);
    strcpy(label + 64, ".example");
    arena_init(&arena, 1 << 20, 1 << 16);
    assert_true(text_is_null(idna_to_ascii(&arena, text_from(label))));
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_domain_becomes_its_a_labels),
        cmocka_unit_test(forbidden_domains_are_null),
        cmocka_unit_test(a_label_of_more_than_63_octets_is_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
