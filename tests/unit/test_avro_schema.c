/* Canonical form and fingerprints against the Avro project's own vectors; which writer's schemas
 * are accepted. */
#include "wire/avro.h"
#include "wire/avro_references.h"
#include "wire/schemas_embedded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
    (void)state;
    return 0;
}

/* From Avro's share/test/data/schema-tests.txt. */
static const struct {
    const char *schema, *canonical;
    int64_t fingerprint;
} vectors[] = {
    {"\"null\"", "\"null\"", 7195948357588979594},
    {"{\"type\":\"boolean\"}", "\"boolean\"", -6970731678124411036},
    {"\"int\"", "\"int\"", 8247732601305521295},
    {"\"long\"", "\"long\"", -3434872931120570953},
    {"\"float\"", "\"float\"", 5583340709985441680},
    {"\"double\"", "\"double\"", -8181574048448539266},
    {"\"bytes\"", "\"bytes\"", 5746618253357095269},
    {"{\"type\":\"string\"}", "\"string\"", -8142146995180207161},
    {"[ \"int\"  ]", "[\"int\"]", -5232228896498058493},
    {"[ \"int\" , {\"type\":\"boolean\"} ]", "[\"int\",\"boolean\"]", 5392556393470105090},
    {"{\"fields\":[], \"type\":\"record\", \"name\":\"foo\", \"namespace\":\"x.y\"}",
     "{\"name\":\"x.y.foo\",\"type\":\"record\",\"fields\":[]}", 5916914534497305771},
    {"{\"fields\":[], \"type\":\"record\", \"name\":\"a.b.foo\", \"namespace\":\"x.y\"}",
     "{\"name\":\"a.b.foo\",\"type\":\"record\",\"fields\":[]}", -4616218487480524110},
    {"{\"fields\":[], \"type\":\"record\", \"name\":\"foo\", \"doc\":\"f\", \"aliases\":[\"foo\"]}",
     "{\"name\":\"foo\",\"type\":\"record\",\"fields\":[]}", -4824392279771201922},
    {"{\"fields\":[{\"type\":\"boolean\",\"aliases\":[],\"name\":\"f1\",\"default\":\"true\"},"
     "{\"order\":\"descending\",\"name\":\"f2\",\"doc\":\"Hello\",\"type\":\"int\"}],"
     "\"type\":\"record\",\"name\":\"foo\"}",
     "{\"name\":\"foo\",\"type\":\"record\",\"fields\":[{\"name\":\"f1\",\"type\":\"boolean\"},"
     "{\"name\":\"f2\",\"type\":\"int\"}]}",
     -4860222112080293046},
    {"{\"namespace\":\"x.y.z\",\"type\":\"enum\",\"name\":\"foo\",\"doc\":\"foo bar\","
     "\"symbols\":[\"A1\",\"A2\"]}",
     "{\"name\":\"x.y.z.foo\",\"type\":\"enum\",\"symbols\":[\"A1\",\"A2\"]}",
     -4448647247586288245},
    {"{\"namespace\":\"x.y.z\",\"type\":\"fixed\",\"name\":\"foo\",\"doc\":\"foo "
     "bar\",\"size\":32}",
     "{\"name\":\"x.y.z.foo\",\"type\":\"fixed\",\"size\":32}", -3064184465700546786},
    {"{ \"items\":{\"type\":\"null\"}, \"type\":\"array\"}",
     "{\"type\":\"array\",\"items\":\"null\"}", -589620603366471059},
    {"{ \"values\":\"string\", \"type\":\"map\"}", "{\"type\":\"map\",\"values\":\"string\"}",
     -8732877298790414990},
    {"{\"name\":\"PigValue\",\"type\":\"record\","
     "\"fields\":[{\"name\":\"value\", \"type\":[\"null\", \"int\", \"long\", \"PigValue\"]}]}",
     "{\"name\":\"PigValue\",\"type\":\"record\",\"fields\":[{\"name\":\"value\","
     "\"type\":[\"null\",\"int\",\"long\",\"PigValue\"]}]}",
     -1759257747318642341},
};

static void canonical_form_and_fingerprint_are_those_of_the_avro_project(void **state)
{
    struct buffer canonical;

    (void)state;
    buffer_init(&canonical, 1 << 16);
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        uint64_t fingerprint = 0;

        buffer_clear(&canonical);
        assert_true(schema_canonical(text_from(vectors[i].schema), &canonical));
        if (!text_equal_z(buffer_text(&canonical), vectors[i].canonical))
            fail_msg("%s became %.*s", vectors[i].schema, TEXT_ARG(buffer_text(&canonical)));
        assert_true(schema_fingerprint(text_from(vectors[i].schema), &fingerprint));
        assert_int_equal(fingerprint, vectors[i].fingerprint);
    }
    buffer_close(&canonical);
}

static void what_is_no_schema_has_no_fingerprint(void **state)
{
    static const char *const broken[] = {
        "",
        "{",
        "\"nosuch\"",
        "7",
        "{}",
        "{\"type\":\"record\",\"name\":\"a\"}",
        "{\"type\":\"record\",\"name\":\"a b\",\"fields\":[]}",
        "{\"type\":\"record\",\"name\":\"a\",\"fields\":[{\"name\":\"x\"}]}",
        "{\"type\":\"enum\",\"name\":\"a\",\"symbols\":[\"1\"]}",
        "{\"type\":\"fixed\",\"name\":\"a\"}",
        "{\"type\":\"array\"}",
        "{\"type\":\"array\",\"type\":\"array\",\"items\":\"int\"}",
    };
    uint64_t fingerprint;

    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
        if (schema_fingerprint(text_from(broken[i]), &fingerprint))
            fail_msg("%s has a fingerprint", broken[i]);
    assert_false(schema_fingerprint(TEXT_NULL, &fingerprint));
}

/* --- which schemas are accepted --------------------------------------------------------------- */

#define EVENT(fields)                                                                              \
    "{\"type\":\"record\",\"name\":\"ProvisioningEvent\",\"namespace\":\"provd\",\"fields\":"      \
    "[" fields "]}"
#define ID "{\"name\":\"event_id\",\"type\":\"string\"}"
#define PAYLOAD                                                                                    \
    "{\"name\":\"payload\",\"type\":[{\"type\":\"record\",\"name\":\"DeleteContext\","             \
    "\"fields\":[{\"name\":\"name\",\"type\":\"string\"}]}]}"

static void accepts(const char *json)
{
    struct error err = {.message = ""};
    struct writer_schema *schema = writer_schema_compile(text_from(json), &err);

    if (schema == NULL)
        fail_msg("refused: %s: %s", err.message, json);
    writer_schema_close(schema);
}

static void refuses(const char *json, const char *where, const char *why)
{
    struct error err = {.message = ""};
    struct writer_schema *schema = writer_schema_compile(text_from(json), &err);

    if (schema != NULL)
        fail_msg("accepted: %s", json);
    if (strstr(err.message, where) == NULL || strstr(err.message, why) == NULL)
        fail_msg("says \"%s\", not \"%s\" and \"%s\"", err.message, where, why);
}

static void our_own_schema_and_strange_ones_are_accepted(void **state)
{
    (void)state;
    accepts(schema_provisioning_event);
    accepts(EVENT(ID "," PAYLOAD));
    /* fields that we do not know, of every type */
    accepts(EVENT(
        ID "," PAYLOAD
           ",{\"name\":\"x1\",\"type\":{\"type\":\"map\",\"values\":[\"null\",\"double\"]}}"
           ",{\"name\":\"x2\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":16}}"
           ",{\"name\":\"x3\",\"type\":{\"type\":\"array\",\"items\":\"F\"}}"
           ",{\"name\":\"x4\",\"type\":{\"type\":\"record\",\"name\":\"Empty\",\"fields\":[]}}"
           ",{\"name\":\"x5\",\"type\":{\"type\":{\"type\":\"long\"}}}"
           ",{\"name\":\"x6\",\"type\":{\"type\":\"enum\",\"name\":\"G\",\"symbols\":[\"A\"]}}"
           ",{\"name\":\"x7\",\"type\":[\"null\",\"G\",\"float\"]}"));
    /* milliseconds, a single command without a union */
    accepts(EVENT(ID
                  ",{\"name\":\"occurred_at\",\"type\":{\"type\":\"long\","
                  "\"logicalType\":\"timestamp-millis\"}},"
                  "{\"name\":\"payload\",\"type\":{\"type\":\"record\",\"name\":\"DeleteContext\","
                  "\"fields\":[]}}"));
}

static void schemas_that_bound_nothing_are_refused(void **state)
{
    (void)state;
    refuses(EVENT(ID "," PAYLOAD ",{\"name\":\"next\",\"type\":[\"null\",\"ProvisioningEvent\"]}"),
            "event.next", "contains itself");
    refuses(
        EVENT(ID "," PAYLOAD ",{\"name\":\"x\",\"type\":{\"type\":\"array\",\"items\":\"null\"}}"),
        "event.x", "take no bytes");
    refuses(EVENT(ID "," PAYLOAD ",{\"name\":\"x\",\"type\":{\"type\":\"array\",\"items\":"
                     "{\"type\":\"record\",\"name\":\"E\",\"fields\":[{\"name\":\"n\",\"type\":"
                     "\"null\"}]}}}"),
            "event.x", "take no bytes");
    refuses(EVENT(ID "," PAYLOAD
                     ",{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":0}}"),
            "event.x", "size");
    refuses(
        EVENT(ID
              "," PAYLOAD
              ",{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":999999999}}"),
        "event.x", "size");
}

static void schemas_whose_fields_mean_something_else_are_refused(void **state)
{
    (void)state;
    refuses(EVENT("{\"name\":\"event_id\",\"type\":\"long\"}," PAYLOAD), "event.event_id", "type");
    refuses(EVENT(ID "," PAYLOAD ",{\"name\":\"expected_version\",\"type\":[\"null\",\"string\"]}"),
            "event.expected_version", "type");
    refuses(EVENT(ID "," PAYLOAD ",{\"name\":\"occurred_at\",\"type\":{\"type\":\"long\","
                     "\"logicalType\":\"local-timestamp-micros\"}}"),
            "event.occurred_at", "type");
    refuses(EVENT(ID "," PAYLOAD
                     ",{\"name\":\"context\",\"type\":{\"type\":\"map\",\"values\":\"int\"}}"),
            "event.context", "map");
    refuses(EVENT(ID ",{\"name\":\"payload\",\"type\":[\"string\"]}"), "event.payload", "type");
    refuses(
        EVENT(ID ",{\"name\":\"payload\",\"type\":[{\"type\":\"record\",\"name\":\"DeleteContext\","
                 "\"fields\":[{\"name\":\"name\",\"type\":\"int\"}]}]}"),
        "event.payload.DeleteContext.name", "type");
}

static void what_is_no_event_is_refused(void **state)
{
    (void)state;
    refuses(EVENT(ID), "event", "payload");
    refuses(EVENT(PAYLOAD), "event", "event_id");
    refuses("\"string\"", "event", "");
    refuses("[\"null\"]", "event", "");
    refuses("{\"type\":\"record\"", "not valid JSON", "line 1");
    refuses(schema_provisioning_result, "event.source", "record");
}

static void broken_schemas_are_refused(void **state)
{
    (void)state;
    refuses(EVENT(ID "," PAYLOAD ",{\"name\":\"x\",\"type\":\"Nowhere\"}"), "event.x",
            "not defined");
    refuses(EVENT(ID "," PAYLOAD ",{\"name\":\"x\"}"), "event.x", "no type");
    refuses(EVENT(ID "," PAYLOAD ",{\"name\":\"x\",\"type\":[]}"), "event.x", "no branches");
    refuses(EVENT(ID "," PAYLOAD ",{\"name\":\"x\",\"type\":[\"null\",[\"int\"]]}"), "event.x",
            "union");
    refuses(EVENT(ID "," PAYLOAD ",{\"name\":\"x y\",\"type\":\"int\"}"), "event", "name");
    refuses(EVENT(ID
                  "," PAYLOAD
                  ",{\"name\":\"x\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[]}}"),
            "event.x", "symbols");
    refuses(EVENT(ID "," PAYLOAD ",{\"name\":\"x\",\"type\":{\"type\":\"record\","
                     "\"name\":\"DeleteContext\",\"fields\":[]}}"),
            "event.x", "twice");
}

static void deep_nesting_is_refused(void **state)
{
    char json[1 << 16] = EVENT(ID "," PAYLOAD);
    size_t len = strlen(json) - strlen("]}");

    (void)state;
    len += (size_t)sprintf(json + len, ",{\"name\":\"x\",\"type\":");
    for (int i = 0; i < 1000; i++)
        len += (size_t)sprintf(json + len, "{\"type\":\"array\",\"items\":");
    len += (size_t)sprintf(json + len, "\"int\"");
    for (int i = 0; i < 1000; i++)
        len += (size_t)sprintf(json + len, "}");
    strcpy(json + len, "}]}");
    refuses(json, "event.x", "too deeply");
}

/* Each type uses the one before ten times: 10^9 places in 2 kB of text. */
static void types_that_multiply_are_refused(void **state)
{
    char json[1 << 16] = EVENT(ID "," PAYLOAD);
    size_t len = strlen(json) - strlen("]}");

    (void)state;
    len += (size_t)sprintf(json + len, ",{\"name\":\"x\",\"type\":[\"int\"");
    for (int level = 0; level < 9; level++) {
        len += (size_t)sprintf(json + len, ",{\"type\":\"record\",\"name\":\"L%d\",\"fields\":[",
                               level);
        for (int i = 0; i < 10; i++)
            len += level == 0 ? (size_t)sprintf(json + len, "%s{\"name\":\"f%d\",\"type\":\"int\"}",
                                                i > 0 ? "," : "", i)
                              : (size_t)sprintf(json + len, "%s{\"name\":\"f%d\",\"type\":\"L%d\"}",
                                                i > 0 ? "," : "", i, level - 1);
        len += (size_t)sprintf(json + len, "]}");
    }
    strcpy(json + len, "]}]}");
    refuses(json, "event.x", "too large");
}

static void a_schema_text_of_megabytes_is_refused(void **state)
{
    size_t len = 2 << 20;
    char *json = malloc(len + 1);
    struct error err = {.message = ""};

    (void)state;
    memset(json, ' ', len);
    memcpy(json, "\"int\"", 5);
    json[len] = '\0';
    assert_null(writer_schema_compile(text_from(json), &err));
    assert_non_null(strstr(err.message, "at most"));
    free(json);
}

/* --- references ------------------------------------------------------------------------------- */

static json_t *parsed(const char *json)
{
    json_t *document = json_from_text(text_from(json), 1 << 16, NULL);

    assert_non_null(document);
    return document;
}

static void references_stand_where_they_are_used_first(void **state)
{
    struct references references = {.count = 0};
    struct buffer whole, canonical;
    json_t *root = parsed("{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"n\",\"fields\":["
                          "{\"name\":\"a\",\"type\":[\"null\",\"m.Outer\"]},"
                          "{\"name\":\"b\",\"type\":\"m.Outer\"},"
                          "{\"name\":\"c\",\"type\":{\"type\":\"array\",\"items\":\"m.Inner\"}},"
                          "{\"name\":\"d\",\"type\":\"int\"}]}");

    (void)state;
    references_add(
        &references,
        parsed("{\"type\":\"fixed\",\"name\":\"Inner\",\"namespace\":\"m\",\"size\":4}"));
    references_add(&references, parsed("{\"type\":\"record\",\"name\":\"m.Outer\",\"fields\":["
                                       "{\"name\":\"i\",\"type\":\"Inner\"}]}"));
    references_add(&references,
                   parsed("{\"type\":\"enum\",\"name\":\"m.Unused\",\"symbols\":[\"A\"]}"));
    buffer_init(&whole, 1 << 16);
    buffer_init(&canonical, 1 << 16);
    assert_true(references_resolve(&references, root, &whole));
    assert_true(schema_canonical(buffer_text(&whole), &canonical));
    assert_true(text_equal_z(
        buffer_text(&canonical),
        "{\"name\":\"n.R\",\"type\":\"record\",\"fields\":["
        "{\"name\":\"a\",\"type\":[\"null\",{\"name\":\"m.Outer\",\"type\":\"record\",\"fields\":["
        "{\"name\":\"i\",\"type\":{\"name\":\"m.Inner\",\"type\":\"fixed\",\"size\":4}}]}]},"
        "{\"name\":\"b\",\"type\":\"m.Outer\"},"
        "{\"name\":\"c\",\"type\":{\"type\":\"array\",\"items\":\"m.Inner\"}},"
        "{\"name\":\"d\",\"type\":\"int\"}]}"));
    json_decref(root);
    references_release(&references);
    buffer_close(&whole);
    buffer_close(&canonical);
}

static void a_reference_without_a_namespace_keeps_none(void **state)
{
    struct references references = {.count = 0};
    struct buffer whole, canonical;
    json_t *root = parsed("{\"type\":\"record\",\"name\":\"R\",\"fields\":["
                          "{\"name\":\"a\",\"type\":{\"type\":\"map\",\"values\":\"Bare\"}}]}");

    (void)state;
    references_add(&references,
                   parsed("{\"type\":\"enum\",\"name\":\"Bare\",\"symbols\":[\"A\"]}"));
    buffer_init(&whole, 1 << 16);
    buffer_init(&canonical, 1 << 16);
    assert_true(references_resolve(&references, root, &whole));
    assert_true(schema_canonical(buffer_text(&whole), &canonical));
    buffer_put_char(&canonical, '\0');
    assert_non_null(strstr(canonical.data, "{\"name\":\"Bare\",\"type\":\"enum\""));
    json_decref(root);
    references_release(&references);
    buffer_close(&whole);
    buffer_close(&canonical);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_form_and_fingerprint_are_those_of_the_avro_project),
        cmocka_unit_test(what_is_no_schema_has_no_fingerprint),
        cmocka_unit_test(our_own_schema_and_strange_ones_are_accepted),
        cmocka_unit_test(schemas_that_bound_nothing_are_refused),
        cmocka_unit_test(schemas_whose_fields_mean_something_else_are_refused),
        cmocka_unit_test(what_is_no_event_is_refused),
        cmocka_unit_test(broken_schemas_are_refused),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(types_that_multiply_are_refused),
        cmocka_unit_test(a_schema_text_of_megabytes_is_refused),
        cmocka_unit_test(references_stand_where_they_are_used_first),
        cmocka_unit_test(a_reference_without_a_namespace_keeps_none),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
