/* Addresses and domain names: rulings.md 30. */
#include "domain/address.h"
#include "harness.h"
#include "wire/idna.h"

#define A10 "aaaaaaaaaa"
#define A60 A10 A10 A10 A10 A10 A10
#define LABEL_63 A60 "aaa"
#define LABEL_64 A60 "aaaa"

struct normal_case {
    const char *given;
    const char *normal; /* NULL: refused with `code` */
    enum code code;
};

static const struct normal_case addresses[] = {
    {"bob@example.org", "bob@example.org", 0},
    {"Bob@Example.ORG", "bob@example.org", 0},
    {"b@a.bc", "b@a.bc", 0},
    {"!#$%&'*+-=?^_{}~@example.org", "!#$%&'*+-=?^_{}~@example.org", 0},
    {"a.b.c@example.org", "a.b.c@example.org", 0},
    {LABEL_64 "@example.org", LABEL_64 "@example.org", 0},
    {"bob@" LABEL_63 ".org", "bob@" LABEL_63 ".org", 0},
    {"bob@b\xC3\xBC"
     "cher.example",
     "bob@xn--bcher-kva.example", 0},
    {"bob@B\xC3\x9C"
     "CHER.example",
     "bob@xn--bcher-kva.example", 0},
    {"bob@bu\xCC\x88"
     "cher.example",
     "bob@xn--bcher-kva.example", 0},
    {"bob@XN--Bcher-KVA.example", "bob@xn--bcher-kva.example", 0},
    {"bob@stra\xC3\x9F"
     "e.example",
     "bob@xn--strae-oqa.example", 0},                     /* non-transitional */
    {"bob@example\xE3\x80\x82org", "bob@example.org", 0}, /* U+3002 is a dot */
    {"bob@1.2.3.de", "bob@1.2.3.de", 0},
    {"", NULL, CODE_MISSING_FIELD},
    {"bob", NULL, CODE_INVALID_ADDRESS},
    {"@example.org", NULL, CODE_INVALID_ADDRESS},
    {"bob@", NULL, CODE_INVALID_ADDRESS},
    {"bob@example", NULL, CODE_INVALID_ADDRESS},
    {"bob@example.org.", NULL, CODE_INVALID_ADDRESS},
    {"bob@.example.org", NULL, CODE_INVALID_ADDRESS},
    {"bob@example..org", NULL, CODE_INVALID_ADDRESS},
    {"bob@exa_mple.org", NULL, CODE_INVALID_ADDRESS},
    {"bob@-example.org", NULL, CODE_INVALID_ADDRESS},
    {"bob@example-.org", NULL, CODE_INVALID_ADDRESS},
    {"bob@192.0.2.1", NULL, CODE_INVALID_ADDRESS},
    {"bob@[192.0.2.1]", NULL, CODE_INVALID_ADDRESS},
    {"bob@[IPv6:2001:db8::1]", NULL, CODE_INVALID_ADDRESS},
    {"bob@xn--a.example", NULL, CODE_INVALID_ADDRESS},        /* no valid A-label */
    {"bob@ab--cd.example", NULL, CODE_INVALID_ADDRESS},       /* reserved */
    {"bob@\xE2\x98\x83.example", NULL, CODE_INVALID_ADDRESS}, /* a symbol: not in IDNA2008 */
    {".bob@example.org", NULL, CODE_INVALID_ADDRESS},
    {"bob.@example.org", NULL, CODE_INVALID_ADDRESS},
    {"b..b@example.org", NULL, CODE_INVALID_ADDRESS},
    {"b/b@example.org", NULL, CODE_INVALID_ADDRESS},
    {"b|b@example.org", NULL, CODE_INVALID_ADDRESS},
    {"b`b@example.org", NULL, CODE_INVALID_ADDRESS},
    {"b@b@example.org", NULL, CODE_INVALID_ADDRESS},
    {"\"b\"@example.org", NULL, CODE_INVALID_ADDRESS},
    {"b\\b@example.org", NULL, CODE_INVALID_ADDRESS},
    {"b(x)@example.org", NULL, CODE_INVALID_ADDRESS},
    {"b,b@example.org", NULL, CODE_INVALID_ADDRESS},
    {"b:b@example.org", NULL, CODE_INVALID_ADDRESS},
    {"b;b@example.org", NULL, CODE_INVALID_ADDRESS},
    {"<bob@example.org>", NULL, CODE_INVALID_ADDRESS},
    {"b\xC3\xBC@example.org", NULL, CODE_INVALID_ADDRESS},
    {LABEL_64 "a@example.org", NULL, CODE_NAME_TOO_LONG},
    {"bob@" LABEL_64 ".org", NULL, CODE_NAME_TOO_LONG},
    {"b b@example.org", NULL, CODE_BAD_CHARACTER},
    {" bob@example.org", NULL, CODE_BAD_CHARACTER},
    {"bob@example.org ", NULL, CODE_BAD_CHARACTER},
    {"bob@example.org\n", NULL, CODE_BAD_CHARACTER},
    {"b\tb@example.org", NULL, CODE_BAD_CHARACTER},
    {"b\x7F@example.org", NULL, CODE_BAD_CHARACTER},
    {"b\xC2\x85@example.org", NULL, CODE_BAD_CHARACTER},       /* C1 */
    {"b\xC2\xA0@example.org", NULL, CODE_BAD_CHARACTER},       /* no-break space */
    {"bob@exa\xE2\x80\xAEmple.org", NULL, CODE_BAD_CHARACTER}, /* right-to-left override */
    {"bob@exa\xE2\x80\x8Fmple.org", NULL, CODE_BAD_CHARACTER}, /* right-to-left mark */
    {"bob@exa\xE2\x80\x8Bmple.org", NULL, CODE_BAD_CHARACTER}, /* zero-width space */
    {"bob@exa\xE2\x80\xAFmple.org", NULL, CODE_BAD_CHARACTER}, /* narrow no-break space */
    {"bob@exa\xE3\x80\x80mple.org", NULL, CODE_BAD_CHARACTER}, /* ideographic space */
    {"bob@exa\xD8\x9Cmple.org", NULL, CODE_BAD_CHARACTER},     /* Arabic letter mark */
    {"b\xFF@example.org", NULL, CODE_BAD_CHARACTER},           /* no UTF-8 */
    {"b\xC3@example.org", NULL, CODE_BAD_CHARACTER},           /* half of a character */
};

static const struct normal_case domains[] = {
    {"Example.org", "example.org", 0},
    {"a-b.c-d.org", "a-b.c-d.org", 0},
    {"a--b.org", "a--b.org", 0},
    {"123.org", "123.org", 0},
    {"", NULL, CODE_MISSING_FIELD},
    {"org", NULL, CODE_INVALID_ADDRESS},
    {"example.123", NULL, CODE_INVALID_ADDRESS},
    {"bob@example.org", NULL, CODE_INVALID_ADDRESS},
    {"*.example.org", NULL, CODE_INVALID_ADDRESS},
    {"exam ple.org", NULL, CODE_BAD_CHARACTER},
};

typedef enum code normalise(struct text given, domain_to_ascii *to_ascii, struct arena *arena,
                            struct text *ret_normal);

static void try_all(const struct normal_case *cases, size_t count, normalise *normalise_)
{
    struct arena arena;
    arena_init(&arena, 1 << 20, 0);
    for (size_t i = 0; i < count; i++) {
        struct text normal = TEXT_NULL;
        enum code code = normalise_(text_from(cases[i].given), idna_to_ascii, &arena, &normal);
        bool is_right = code == cases[i].code &&
                        (cases[i].normal == NULL || text_equal_z(normal, cases[i].normal));
        if (!is_right)
            fail_msg("%s: %s %.*s", cases[i].given, code ? code_name(code) : "becomes",
                     TEXT_ARG(normal));
        if (code)
            continue;
        /* The normal form of a normal form is itself. */
        struct text again;
        assert_int_equal(normalise_(normal, idna_to_ascii, &arena, &again), CODE_NONE);
        assert_true(text_equal(normal, again));
    }
    arena_close(&arena);
}

static void addresses_have_one_normal_form(void **state)
{
    (void)state;
    try_all(addresses, COUNT_OF(addresses), address_normalise);
}

static void domains_have_one_normal_form(void **state)
{
    (void)state;
    try_all(domains, COUNT_OF(domains), domain_normalise);
}

/* 64 + @ + 189 is 254, 253 for the domain alone. */
static void the_whole_has_a_limit_too(void **state)
{
    (void)state;
    static const struct {
        size_t domain_len;
        enum code address, domain;
    } cases[] = {
        {189, CODE_NONE, CODE_NONE},
        {190, CODE_NAME_TOO_LONG, CODE_NONE},
        {253, CODE_NAME_TOO_LONG, CODE_NONE},
        {254, CODE_NAME_TOO_LONG, CODE_NAME_TOO_LONG},
        {5000, CODE_NAME_TOO_LONG, CODE_NAME_TOO_LONG},
    };
    struct arena arena;
    arena_init(&arena, 1 << 20, 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char address[8192] = LABEL_64 "@";
        char *domain = address + 65;
        for (size_t n = 0; n < cases[i].domain_len; n++)
            domain[n] = n % 50 == 49 && n + 1 < cases[i].domain_len ? '.' : 'a';
        struct text normal;
        assert_int_equal(address_normalise(text_from(address), NULL, &arena, &normal),
                         cases[i].address);
        assert_int_equal(domain_normalise(text_from(domain), NULL, &arena, &normal),
                         cases[i].domain);
    }
    arena_close(&arena);
}

static void without_idna_only_plain_domains_are_accepted(void **state)
{
    (void)state;
    struct arena arena;
    struct text normal;
    arena_init(&arena, 1 << 20, 0);
    assert_int_equal(domain_normalise(TEXT("Example.org"), NULL, &arena, &normal), CODE_NONE);
    assert_int_equal(domain_normalise(TEXT("xn--bcher-kva.example"), NULL, &arena, &normal),
                     CODE_INVALID_ADDRESS);
    assert_int_equal(domain_normalise(TEXT("b\xC3\xBC"
                                           "cher.example"),
                                      NULL, &arena, &normal),
                     CODE_INVALID_ADDRESS);
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_have_one_normal_form),
        cmocka_unit_test(domains_have_one_normal_form),
        cmocka_unit_test(the_whole_has_a_limit_too),
        cmocka_unit_test(without_idna_only_plain_domains_are_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
