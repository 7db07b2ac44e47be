/* Reading stored results back, for what a DUPLICATE says of the first one. They are our own bytes,
 * perhaps written by an earlier version: read with the schema that their framing names, fields by
 * name. */
#include "wire/avro_outputs.h"

#include <stdlib.h>
#include <string.h>

enum { KNOWN_SCHEMAS_MAX = 32, RESULT_BYTES_MAX = 1 << 20 };

struct known_schema {
    struct framing framing;
    struct writer_schema
        *checker; /* avro-c's generic reader leaks on broken bytes: not let near them */
    avro_schema_t schema;
    avro_value_iface_t *class;
    avro_value_t value;
};

struct known_results {
    struct known_schema items[KNOWN_SCHEMAS_MAX];
    size_t count;
    avro_reader_t reader;
};

struct known_results *known_results_new(void)
{
    struct known_results *known = calloc(1, sizeof *known);

    if (known != NULL)
        known->reader = avro_reader_memory("", 0);
    return known;
}

static bool is_framed(struct text framed, const struct framing *framing)
{
    return framed.len >= framing->prefix_len && framed.data != NULL &&
           memcmp(framed.data, framing->prefix, framing->prefix_len) == 0;
}

static void known_schema_close(struct known_schema *item)
{
    if (item->value.iface != NULL)
        avro_value_decref(&item->value);
    if (item->class != NULL)
        avro_value_iface_decref(item->class);
    if (item->schema != NULL)
        avro_schema_decref(item->schema);
    writer_schema_close(item->checker);
    *item = (struct known_schema){.schema = NULL};
}

void known_results_close(struct known_results *known)
{
    if (known == NULL)
        return;
    for (size_t i = 0; i < known->count; i++)
        known_schema_close(&known->items[i]);
    avro_reader_free(known->reader);
    free(known);
}

static enum status known_schema_open(struct known_schema *item, const char *schema_json,
                                     struct error *err)
{
    item->checker = checking_schema_compile(text_from(schema_json), err);
    if (item->checker == NULL)
        return STATUS_FATAL;
    if (avro_schema_from_json_length(schema_json, strlen(schema_json), &item->schema) == 0 &&
        (item->class = avro_generic_class_from_schema(item->schema)) != NULL &&
        avro_generic_value_new(item->class, &item->value) == 0)
        return STATUS_OK;
    known_schema_close(item);
    return error_set(err, STATUS_FATAL, NULL, "avro: a schema of results cannot be used: %s",
                     avro_strerror());
}

enum status known_results_add(struct known_results *known, const struct framing *framing,
                              const char *schema_json, struct error *err)
{
    struct text prefix = {(const char *)framing->prefix, framing->prefix_len};
    enum status status;

    for (size_t i = 0; i < known->count; i++)
        if (known->items[i].framing.prefix_len == framing->prefix_len &&
            is_framed(prefix, &known->items[i].framing))
            return STATUS_OK;
    if (known->count == KNOWN_SCHEMAS_MAX)
        return error_set(err, STATUS_FATAL, NULL, "avro: more than %d schemas of results",
                         KNOWN_SCHEMAS_MAX);
    status = known_schema_open(&known->items[known->count], schema_json, err);
    if (status == STATUS_OK)
        known->items[known->count++].framing = *framing;
    return status;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The value of a field, out of its union; false when it is null or not in that version. */
static bool field_of(const avro_value_t *record, const char *name, avro_value_t *ret_value)
{
    avro_value_t field;

    if (avro_value_get_by_name(record, name, &field, NULL) != 0)
        return false;
    if (avro_value_get_type(&field) == AVRO_UNION &&
        avro_value_get_current_branch(&field, &field) != 0)
        return false;
    *ret_value = field;
    return avro_value_get_type(&field) != AVRO_NULL;
}

static struct text text_of(const avro_value_t *record, const char *name, struct arena *arena)
{
    avro_value_t field;
    const char *z;
    size_t size;

    if (!field_of(record, name, &field) || avro_value_get_string(&field, &z, &size) != 0)
        return TEXT_NULL;
    return text_copy(arena, (struct text){z, size - 1});
}

static int64_t long_of(const avro_value_t *record, const char *name)
{
    avro_value_t field;
    int64_t value;

    if (!field_of(record, name, &field) || avro_value_get_long(&field, &value) != 0)
        return INT_NULL;
    return value;
}

/* Symbols live as long as the schema, which is as long as the encoder. */
static struct text symbol_of(const avro_value_t *record, const char *name)
{
    avro_value_t field;
    avro_schema_t schema;
    int symbol;

    if (!field_of(record, name, &field) || avro_value_get_enum(&field, &symbol) != 0)
        return TEXT_NULL;
    schema = avro_value_get_schema(&field);
    if (symbol < 0 || symbol >= avro_schema_enum_number_of_symbols(schema))
        return TEXT_NULL;
    return text_from(avro_schema_enum_get(schema, symbol));
}

static void services_of(const avro_value_t *record, struct first_result *first)
{
    avro_value_t list, item;
    size_t count = 0;

    for (size_t i = 0; i < SERVICE_COUNT; i++)
        first->service_ids[i] = INT_NULL;
    if (!field_of(record, "services", &list) || avro_value_get_size(&list, &count) != 0)
        return;
    for (size_t i = 0; i < count && avro_value_get_by_index(&list, i, &item, NULL) == 0; i++) {
        struct text name = symbol_of(&item, "service");

        for (size_t service = 0; service < SERVICE_COUNT; service++)
            if (text_equal_z(name, service_names[service]))
                first->service_ids[service] = long_of(&item, "id");
    }
}

static struct first_result first_of(const avro_value_t *record, struct arena *arena)
{
    struct first_result first = {
        .status = symbol_of(record, "status"),
        .code = text_of(record, "code", arena),
        .account_id = long_of(record, "account_id"),
        .version_before = long_of(record, "version_before"),
        .version_after = long_of(record, "version_after"),
        .applied_at = long_of(record, "applied_at"),
        .worker = text_of(record, "worker", arena),
    };

    if (!uuid_parse(text_of(record, "account_uuid", arena), &first.account_uuid))
        first.account_uuid = UUID_NIL;
    services_of(record, &first);
    return first;
}

static bool read_value(struct known_results *known, struct known_schema *item, struct text body,
                       struct arena *arena)
{
    static const struct decode_limits limits = {.string_bytes_max = RESULT_BYTES_MAX,
                                                .items_max = RESULT_BYTES_MAX};

    if (!is_well_formed(item->checker, body, &limits, arena))
        return false;
    avro_reader_memory_set_source(known->reader, body.data, (int64_t)body.len);
    return avro_value_read(known->reader, &item->value) == 0;
}

bool known_results_decode(struct known_results *known, struct text framed, struct arena *arena,
                          struct first_result *ret_first)
{
    for (size_t i = 0; i < known->count; i++) {
        struct known_schema *item = &known->items[i];

        if (!is_framed(framed, &item->framing))
            continue;
        if (!read_value(known, item, text_slice(framed, item->framing.prefix_len, framed.len),
                        arena))
            return false;
        *ret_first = first_of(&item->value, arena);
        return true;
    }
    return false;
}
