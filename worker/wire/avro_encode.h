/* Shared by the files that write our own records: filling avro-c's generic values, whose fields are
 * looked up once. Only for wire/avro_*.c. */
#ifndef PROVD_WIRE_AVRO_ENCODE_H
#define PROVD_WIRE_AVRO_ENCODE_H

#include "wire/avro_private.h"

/* One embedded schema, a value of it that is filled again and again, and a writer. */
struct output {
    avro_schema_t schema;
    avro_value_iface_t *class;
    avro_value_t value;
    avro_writer_t writer;
};

enum status output_open(struct output *output, const char *name, const char *json,
                        struct error *err);
void output_close(struct output *output);
/* Appends the value's bytes to `out`, which fails when they do not fit. */
void output_write(struct output *output, struct buffer *out);

/* The fields of a record value by name, once; FATAL names the one that the schema lacks. */
enum status output_fields(struct output *output, const char *const *names, size_t count,
                          avro_value_t *ret_fields, struct error *err);
/* Where the fields of another record of the schema stand. */
enum status record_indexes(avro_schema_t record, const char *const *names, size_t count,
                           size_t *ret_indexes, struct error *err);
/* The numbers of `words` (NULL-terminated) in an enum. */
enum status enum_indexes(avro_schema_t symbols, const char *const *words, int *ret_indexes,
                         struct error *err);
/* The schema of a field, looking through unions with null, links and arrays. */
avro_schema_t schema_below(avro_schema_t record, const char *field);

/* Filling. A field that is a union with null takes the null of our types as null; in another field
 * null is
 * "" or 0. Texts are not copied: they must live until output_write. */
void put_text(avro_value_t *field, struct text text);
void put_z(avro_value_t *field, const char *z);
void put_int(avro_value_t *field, int64_t value);
void put_bool(avro_value_t *field, bool value);
void put_uuid(avro_value_t *field, const struct uuid *uuid, struct arena *arena);
void put_bytes(avro_value_t *field, struct text bytes);
void put_fixed(avro_value_t *field, const uint8_t *bytes, size_t len);
void put_enum(avro_value_t *field, int symbol); /* below 0: null */
/* The record inside a union with null, or NULL (and null) when `is_there` is false. */
avro_value_t *put_record(avro_value_t *field, bool is_there, avro_value_t *branch);
/* A field of a record value. */
avro_value_t value_field(const avro_value_t *record, size_t index);
/* One more item of an array. */
avro_value_t value_append(avro_value_t *array);
void value_clear(avro_value_t *array);

/* --- the encoder and its two outputs ------------------------------------------------------------
 */

struct result_output;
struct change_output;
enum status result_output_open(struct result_output **ret_output, struct error *err);
void result_output_close(struct result_output *output);
void result_output_write(struct result_output *output, const struct result_facts *facts,
                         struct arena *arena, struct buffer *out);
enum status change_output_open(struct change_output **ret_output, struct error *err);
void change_output_close(struct change_output *output);
void change_output_write(struct change_output *output, const struct change_facts *facts,
                         struct arena *arena, struct buffer *out);

/* What a stored result was written with. */
struct known_results;
struct known_results *known_results_new(void);
void known_results_close(struct known_results *known);
enum status known_results_add(struct known_results *known, const struct framing *framing,
                              const char *schema_json, struct error *err);
bool known_results_decode(struct known_results *known, struct text framed, struct arena *arena,
                          struct first_result *ret_first);

#endif
