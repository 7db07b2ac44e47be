/* The tables that drive the worker: codes, kinds, columns. What they say is kept in expected/, so
 * that a change of a rule is a difference that somebody looks at. */
#include "domain/account.h"
#include "domain/domain.h"
#include "domain/kind.h"
#include "harness.h"

static void every_code_has_its_row(void **state)
{
    (void)state;
    assert_null(code_name(CODE_NONE));
    assert_int_equal(code_from_name("NO_SUCH_CODE"), CODE_NONE);
    for (int i = CODE_NONE + 1; i < CODE_COUNT; i++) {
        enum code code = (enum code)i;
        const char *name = code_name(code);
        if (!name)
            fail_msg("code %d has no row", i);
        assert_int_equal(code_from_name(name), code);
        assert_int_not_equal(code_family(code), FAMILY_NONE);
        assert_non_null(code_family_name(code_family(code)));
        assert_true(strlen(code_doc(code)) > 10);
        /* As a Prometheus label and an Avro string it is plain. */
        assert_int_equal(strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"), strlen(name));
    }
}

static void the_codes_are_as_expected(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 1 << 20);
    for (int i = CODE_NONE + 1; i < CODE_COUNT; i++)
        buffer_printf(&buffer, "%-26s %-12s%s\n", code_name((enum code)i),
                      code_family_name(code_family((enum code)i)),
                      code_is_retryable((enum code)i) ? " retryable" : "");
    expect_file("codes.txt", buffer_text(&buffer));
    buffer_close(&buffer);
}

static const char *const type_names[] = {"end",  "text",   "name", "note",   "address", "domain",
                                         "int",  "bool",   "time", "enum",   "uuid",    "texts",
                                         "mask", "secret", "ref",  "record", "inline"};

static void put_field(struct buffer *buffer, const struct field *field, int depth)
{
    buffer_printf(buffer, "%*s%s %s%s", 2 * depth, "", field->name, type_names[field->type],
                  field->flags & FIELD_REQUIRED ? " required" : "");
    if (field->min || field->max)
        buffer_printf(buffer, " %lld..%lld", (long long)field->min, (long long)field->max);
    if (field->has_fallback)
        buffer_printf(buffer, " default %lld", (long long)field->fallback);
    if (field->flags & FIELD_IS_SECRET)
        buffer_printf(buffer, " secret");
    if (field->flags & FIELD_NULLED_EMPTY)
        buffer_printf(buffer, " empty-is-null");
    for (size_t i = 0; field->symbols && field->symbols[i]; i++)
        buffer_printf(buffer, "%s%s", i ? "|" : " ", field->symbols[i]);
    buffer_put_char(buffer, '\n');
    for (const struct field *f = field->fields; f && f->type != FIELD_END; f++)
        put_field(buffer, f, depth + 1);
}

static void put_kind(struct buffer *buffer, const struct kind *kind)
{
    static const char *const rights[] = {"SYSTEM", "MAILBOX_ADMIN", "GROUP_ADMIN", "USER"};
    buffer_printf(buffer, "%s: %s\n  least actor %s%s%s%s%s\n ", kind->name, kind->doc,
                  rights[kind->right], kind->fans_out ? ", may fan out" : "",
                  kind->flags & KIND_UNCOUNTED ? ", no version" : "",
                  kind->flags & KIND_NO_VERSION ? ", no expected_version for a domain" : "",
                  kind->flags & KIND_OWN_CONTEXT ? ", names its context" : "");
    for (const enum code *code = kind->codes; *code; code++)
        buffer_printf(buffer, " %s", code_name(*code));
    buffer_put_char(buffer, '\n');
    for (const struct field *field = kind->fields; field->type != FIELD_END; field++)
        put_field(buffer, field, 2);
}

static void the_kinds_are_as_expected(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 1 << 20);
    for (const struct kind *kind = kinds; kind->name; kind++)
        put_kind(&buffer, kind);
    expect_file("kinds.txt", buffer_text(&buffer));
    buffer_close(&buffer);
}

static void every_kind_is_complete(void **state)
{
    (void)state;
    for (const struct kind *kind = kinds; kind->name; kind++) {
        assert_ptr_equal(kind_find(text_from(kind->name)), kind);
        assert_true(kind->doc && kind->fields && kind->touch && kind->rule && kind->codes);
        assert_true(kind->payload_size > 0);
        /* Whoever is refused hears it. */
        bool says_forbidden = false;
        for (const enum code *code = kind->codes; *code; code++)
            says_forbidden |= *code == CODE_FORBIDDEN;
        assert_true(says_forbidden);
        /* Rights of users and group admins are about an account. */
        assert_true(kind->right == RIGHT_SYSTEM || kind->target);
    }
    assert_null(kind_find(TEXT("createaccount")));
    assert_null(kind_find(TEXT("")));
    assert_null(kind_find(TEXT_NULL));
}

static void columns_are_where_their_nouns_say(void **state)
{
    (void)state;
    static const struct noun *const nouns[] = {&context_noun, &domain_noun,  &group_noun,
                                               &account_noun, &service_noun, &recovery_noun};
    for (size_t n = 0; n < COUNT_OF(nouns); n++) {
        const struct noun *noun = nouns[n];
        size_t count = 0, audited = 0;
        for (const struct column *c = noun->columns; c->name; c++, count++) {
            assert_true(c->offset >= sizeof(struct row) && c->offset < noun->size);
            assert_true((c->type == COLUMN_ENUM) == (c->names != NULL));
            assert_ptr_equal(noun_column(noun, c->name), c);
            audited += (c->flags & COLUMN_AUDITED) != 0;
            if (c->flags & COLUMN_VERSION)
                assert_int_equal(c->offset, noun->version_offset);
            if (c->flags & COLUMN_REVISION)
                assert_int_equal(c->offset, noun->revision_offset);
        }
        assert_int_equal(count, noun->column_count);
        assert_true(audited < 64); /* diff_columns in domain/plan.c */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_its_row),
        cmocka_unit_test(the_codes_are_as_expected),
        cmocka_unit_test(the_kinds_are_as_expected),
        cmocka_unit_test(every_kind_is_complete),
        cmocka_unit_test(columns_are_where_their_nouns_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
