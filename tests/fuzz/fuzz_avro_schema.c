/* Any text as a writer's schema, and what follows its first NUL as an event of that schema. */
#include "base/arena.h"
#include "domain/event.h"
#include "wire/avro.h"
#include "wire/crypto.h"

#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES_MAX = 64 << 20 };

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static struct arena arena;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct error err;

    (void)argc;
    (void)argv;
    if (crypto_start(&err) != STATUS_OK)
        abort();
    arena_init(&arena, ARENA_BYTES_MAX, ARENA_BYTES_MAX);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const struct decode_limits limits = {.string_bytes_max = 1 << 16, .items_max = 10000};
    struct text whole = {(const char *)bytes, len};
    size_t end = text_find(whole, '\0');
    struct text json = text_slice(whole, 0, end == SIZE_MAX ? len : end);
    struct text body = text_slice(whole, end == SIZE_MAX ? len : end + 1, len);
    struct error err;
    uint64_t fingerprint;
    struct writer_schema *schema;
    struct unreadable unreadable;

    schema_fingerprint(json, &fingerprint);
    schema = writer_schema_compile(json, &err);
    if (schema != NULL) {
        arena_reset(&arena);
        avro_decode_event(schema, body, &limits, &arena, ARENA_NEW(&arena, struct event),
                          &unreadable);
    }
    writer_schema_close(schema);
    return 0;
}
