/* Any bytes as a result that the ledger has kept: read to the end or refused. */
#include "base/arena.h"
#include "domain/outcome.h"
#include "fuzz.h"
#include "wire/avro.h"
#include "wire/crypto.h"
#include "wire/schemas_embedded.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES_MAX = 16 << 20, RESULT_BYTES_MAX = 1 << 16 };

static const struct framing framing = {.prefix = {0, 0, 0, 0, 9}, .prefix_len = 5};
static struct encoder *encoder;
static struct arena arena;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct error err;
    (void)argc, (void)argv;
    if (crypto_start(&err) != STATUS_OK)
        abort();
    arena_init(&arena, ARENA_BYTES_MAX, ARENA_BYTES_MAX);
    if (encoder_open(&encoder, &err) != STATUS_OK ||
        encoder_know_results(encoder, &framing, schema_provisioning_result, &err) != STATUS_OK)
        abort();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct first_result first;
    if (len > RESULT_BYTES_MAX)
        return 0;
    arena_reset(&arena);
    char *framed = arena_alloc(&arena, framing.prefix_len + len);
    memcpy(framed, framing.prefix, framing.prefix_len);
    memcpy(framed + framing.prefix_len, bytes, len);
    /* Without the framing nothing is believed. */
    assert(len == 0 || bytes[0] == 0 ||
           !decode_first_result(encoder, (struct text){framed + framing.prefix_len, len}, &arena,
                                &first));
    if (!decode_first_result(encoder, (struct text){framed, framing.prefix_len + len}, &arena,
                             &first))
        return 0;
    int known = 0;
    for (int i = 0; i < OUTCOME_STATUS_COUNT; i++)
        known += text_equal_z(first.status, outcome_status_names[i]);
    assert(known <= 1 && first.status.len > 0);
    return 0;
}
