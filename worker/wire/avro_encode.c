#include "wire/avro_encode.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { RECORD_BYTES_FIRST = 1024 };

struct encoder {
    struct result_output *results;
    struct change_output *changes;
    struct known_results *known;
};

enum status encoder_open(struct encoder **ret_encoder, struct error *err)
{
    struct encoder *encoder = calloc(1, sizeof *encoder);
    enum status status;

    assert(avro_memory_is_started());
    avro_memory_end_scratch();
    if (encoder == NULL || (encoder->known = known_results_new()) == NULL) {
        encoder_close(encoder);
        return error_set(err, STATUS_FATAL, NULL, "avro: out of memory");
    }
    status = result_output_open(&encoder->results, err);
    if (status == STATUS_OK)
        status = change_output_open(&encoder->changes, err);
    if (status != STATUS_OK) {
        encoder_close(encoder);
        return status;
    }
    *ret_encoder = encoder;
    return STATUS_OK;
}

void encoder_close(struct encoder *encoder)
{
    if (encoder == NULL)
        return;
    avro_memory_end_scratch();
    result_output_close(encoder->results);
    change_output_close(encoder->changes);
    known_results_close(encoder->known);
    free(encoder);
}

void encode_result(struct encoder *encoder, const struct framing *framing,
                   const struct result_facts *facts, struct arena *arena, struct buffer *out)
{
    avro_memory_end_scratch();
    buffer_put(out, framing->prefix, framing->prefix_len);
    result_output_write(encoder->results, facts, arena, out);
}

void encode_change_body(struct encoder *encoder, const struct change_facts *facts,
                        struct arena *arena, struct buffer *out)
{
    avro_memory_end_scratch();
    change_output_write(encoder->changes, facts, arena, out);
}

enum status encoder_know_results(struct encoder *encoder, const struct framing *framing,
                                 const char *schema_json, struct error *err)
{
    avro_memory_end_scratch();
    return known_results_add(encoder->known, framing, schema_json, err);
}

bool decode_first_result(struct encoder *encoder, struct text framed, struct arena *arena,
                         struct first_result *ret_first)
{
    avro_memory_end_scratch();
    return known_results_decode(encoder->known, framed, arena, ret_first);
}

/* --- outputs ------------------------------------------------------------------------------------
 */

/* Our own schemas and values: a failure is a mistake of ours. */
static void must(int failed)
{
    assert(failed == 0);
    (void)failed;
}

enum status output_open(struct output *output, const char *name, const char *json,
                        struct error *err)
{
    if (avro_schema_from_json_length(json, strlen(json), &output->schema) != 0)
        return error_set(err, STATUS_FATAL, NULL, "avro: the embedded schema %s is broken: %s",
                         name, avro_strerror());
    output->class = avro_generic_class_from_schema(output->schema);
    must(avro_generic_value_new(output->class, &output->value));
    output->writer = avro_writer_memory("", 0);
    return STATUS_OK;
}

void output_close(struct output *output)
{
    if (output->class != NULL) {
        avro_writer_free(output->writer);
        avro_value_decref(&output->value);
        avro_value_iface_decref(output->class);
    }
    if (output->schema != NULL)
        avro_schema_decref(output->schema);
}

void output_write(struct output *output, struct buffer *out)
{
    size_t room = RECORD_BYTES_FIRST;
    char *place;
    int failed;

    while ((place = buffer_reserve(out, room)) != NULL) {
        avro_writer_memory_set_dest(output->writer, place, (int64_t)room);
        failed = avro_value_write(output->writer, &output->value);
        if (failed == 0) {
            out->len += (size_t)avro_writer_tell(output->writer);
            return;
        }
        assert(failed == ENOSPC);
        avro_set_error("%s", "");
        if (room >= out->len_max)
            break;
        room *= 2;
    }
    out->failed = true;
}

enum status output_fields(struct output *output, const char *const *names, size_t count,
                          avro_value_t *ret_fields, struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if (avro_value_get_by_name(&output->value, names[i], &ret_fields[i], NULL) != 0)
            return error_set(err, STATUS_FATAL, NULL, "avro: the embedded schema %s lacks %s",
                             avro_schema_name(output->schema), names[i]);
    return STATUS_OK;
}

enum status record_indexes(avro_schema_t record, const char *const *names, size_t count,
                           size_t *ret_indexes, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        int index = avro_schema_record_field_get_index(record, names[i]);

        if (index < 0)
            return error_set(err, STATUS_FATAL, NULL, "avro: the embedded schema's %s lacks %s",
                             avro_schema_name(record), names[i]);
        ret_indexes[i] = (size_t)index;
    }
    return STATUS_OK;
}

enum status enum_indexes(avro_schema_t symbols, const char *const *words, int *ret_indexes,
                         struct error *err)
{
    for (size_t i = 0; words[i] != NULL; i++) {
        ret_indexes[i] = avro_schema_enum_get_by_name(symbols, words[i]);
        if (ret_indexes[i] < 0)
            return error_set(err, STATUS_FATAL, NULL, "avro: the embedded schema's %s lacks %s",
                             avro_schema_name(symbols), words[i]);
    }
    return STATUS_OK;
}

/* Our schemas put null first (tests/schemas checks it). */
avro_schema_t schema_below(avro_schema_t record, const char *field)
{
    avro_schema_t schema = avro_schema_record_field_get(record, field);

    for (;;) {
        if (is_avro_union(schema))
            schema = avro_schema_union_branch(schema, 1);
        else if (is_avro_array(schema))
            schema = avro_schema_array_items(schema);
        else if (is_avro_link(schema))
            schema = avro_schema_link_target(schema);
        else
            return schema;
    }
}

/* --- filling ------------------------------------------------------------------------------------
 */

/* What to fill: the field, or the second branch of its union; NULL when it was made null. */
static avro_value_t *chosen(avro_value_t *field, bool is_null, avro_value_t *branch)
{
    if (avro_value_get_type(field) != AVRO_UNION)
        return field;
    must(avro_value_set_branch(field, is_null ? 0 : 1, branch));
    return is_null ? NULL : branch;
}

void put_text(avro_value_t *field, struct text text)
{
    avro_value_t branch, *target = chosen(field, text.data == NULL, &branch);
    /* avro-c counts a NUL behind the string, and never looks at it. */
    avro_wrapped_buffer_t string = {.buf = text.data != NULL ? text.data : "",
                                    .size = text.len + 1};

    if (target != NULL)
        must(avro_value_give_string_len(target, &string));
}

void put_z(avro_value_t *field, const char *z)
{
    put_text(field, text_from(z));
}

void put_int(avro_value_t *field, int64_t value)
{
    avro_value_t branch, *target = chosen(field, value == INT_NULL, &branch);

    if (target == NULL)
        return;
    if (value == INT_NULL)
        value = 0;
    if (avro_value_get_type(target) == AVRO_INT32)
        must(avro_value_set_int(target, (int32_t)value));
    else
        must(avro_value_set_long(target, value));
}

void put_bool(avro_value_t *field, bool value)
{
    must(avro_value_set_boolean(field, value));
}

void put_uuid(avro_value_t *field, const struct uuid *uuid, struct arena *arena)
{
    struct text text = TEXT_NULL;

    if (!uuid_is_nil(uuid)) {
        char *z = arena_alloc(arena, UUID_TEXT_LEN + 1);

        uuid_format(uuid, z);
        text = (struct text){z, UUID_TEXT_LEN};
    }
    put_text(field, text);
}

void put_bytes(avro_value_t *field, struct text bytes)
{
    avro_wrapped_buffer_t buffer = {.buf = bytes.data, .size = bytes.len};

    must(avro_value_give_bytes(field, &buffer));
}

void put_fixed(avro_value_t *field, const uint8_t *bytes, size_t len)
{
    must(avro_value_set_fixed(field, (void *)(uintptr_t)bytes, len));
}

void put_enum(avro_value_t *field, int symbol)
{
    avro_value_t branch, *target = chosen(field, symbol < 0, &branch);

    if (target != NULL)
        must(avro_value_set_enum(target, symbol));
}

avro_value_t *put_record(avro_value_t *field, bool is_there, avro_value_t *branch)
{
    return chosen(field, !is_there, branch);
}

avro_value_t value_field(const avro_value_t *record, size_t index)
{
    avro_value_t field;

    must(avro_value_get_by_index(record, index, &field, NULL));
    return field;
}

avro_value_t value_append(avro_value_t *array)
{
    avro_value_t item;

    must(avro_value_append(array, &item, NULL));
    return item;
}

void value_clear(avro_value_t *array)
{
    must(avro_value_reset(array));
}
