/* What the encoder is made of: one file for each kind of record. Only for wire/avro_*.c. */
#ifndef PROVD_WIRE_AVRO_OUTPUTS_H
#define PROVD_WIRE_AVRO_OUTPUTS_H

#include "wire/avro_source.h"

/* The coordinates of a record, as results and change records have them. */
struct coordinates_row {
    struct text topic;
    int64_t partition, offset;
};
extern const struct slot coordinates_slots[];
struct coordinates_row coordinates_of(const struct source *source);

/* avro_result.c */
enum status result_writer_open(struct record_writer **ret_writer, struct error *err);
void result_write(struct record_writer *writer, const struct result_facts *facts,
                  struct arena *arena, struct buffer *out);

/* avro_change.c; the body ends before the last field. */
enum status change_writer_open(struct record_writer **ret_writer, struct error *err);
void change_body_write(struct record_writer *writer, const struct change_facts *facts,
                       struct arena *arena, struct buffer *out);

/* avro_first.c: what stored results were written with. */
struct known_results;
struct known_results *known_results_new(void);
void known_results_close(struct known_results *known);
enum status known_results_add(struct known_results *known, const struct framing *framing,
                              const char *schema_json, struct error *err);
bool known_results_decode(struct known_results *known, struct text framed, struct arena *arena,
                          struct first_result *ret_first);

#endif
