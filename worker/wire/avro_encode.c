/* The encoder: the writers of our two kinds of records, and the reader of stored results. */
#include "wire/avro_outputs.h"

#include <assert.h>
#include <stdlib.h>

struct encoder {
    struct record_writer *results, *changes;
    struct known_results *known;
};

const struct slot coordinates_slots[] = {
    SLOT(coordinates_row, topic, SLOT_TEXT),
    SLOT(coordinates_row, partition, SLOT_INT),
    SLOT(coordinates_row, offset, SLOT_INT),
    {.type = SLOT_END},
};

enum status encoder_open(struct encoder **ret_encoder, struct error *err)
{
    struct encoder *encoder = calloc(1, sizeof *encoder);
    enum status status;

    if (encoder == NULL || (encoder->known = known_results_new()) == NULL) {
        encoder_close(encoder);
        return error_set(err, STATUS_RETRY, NULL, "avro: out of memory");
    }
    status = result_writer_open(&encoder->results, err);
    if (status == STATUS_OK)
        status = change_writer_open(&encoder->changes, err);
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
    record_writer_close(encoder->results);
    record_writer_close(encoder->changes);
    known_results_close(encoder->known);
    free(encoder);
}

void encode_result(struct encoder *encoder, const struct framing *framing,
                   const struct result_facts *facts, struct arena *arena, struct buffer *out)
{
    buffer_put(out, framing->prefix, framing->prefix_len);
    result_write(encoder->results, facts, arena, out);
}

void encode_change_body(struct encoder *encoder, const struct change_facts *facts,
                        struct arena *arena, struct buffer *out)
{
    change_body_write(encoder->changes, facts, arena, out);
}

enum status encoder_know_results(struct encoder *encoder, const struct framing *framing,
                                 const char *schema_json, struct error *err)
{
    return known_results_add(encoder->known, framing, schema_json, err);
}

bool decode_first_result(struct encoder *encoder, struct text framed, struct arena *arena,
                         struct first_result *ret_first)
{
    return known_results_decode(encoder->known, framed, arena, ret_first);
}

struct coordinates_row coordinates_of(const struct source *source)
{
    return (struct coordinates_row){source->topic, source->partition, source->offset};
}
