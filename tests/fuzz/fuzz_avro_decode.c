/* Any bytes as the body of an event: nothing may be read behind them, leaked or believed. */
#include "base/arena.h"
#include "domain/event.h"
#include "wire/avro.h"
#include "wire/crypto.h"
#include "wire/schemas_embedded.h"

#include <assert.h>
#include <stdlib.h>

enum { ARENA_BYTES_MAX = 64 << 20 };

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static struct writer_schema *schema;
static struct arena arena;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct error err;

    (void)argc;
    (void)argv;
    if (crypto_start(&err) != STATUS_OK)
        abort();
    arena_init(&arena, ARENA_BYTES_MAX, ARENA_BYTES_MAX);
    schema = writer_schema_compile(text_from(schema_provisioning_event), &err);
    assert(schema != NULL);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const struct decode_limits limits = {.string_bytes_max = 1 << 16, .items_max = 10000};
    struct event *event;
    struct unreadable unreadable;

    arena_reset(&arena);
    event = ARENA_NEW(&arena, struct event);
    avro_decode_event(schema, (struct text){(const char *)bytes, len}, &limits, &arena, event,
                      &unreadable);
    assert((unreadable.code == CODE_NONE) == (unreadable.message.data == NULL));
    if (unreadable.code == CODE_NONE) {
        assert(text_is_null(event->source) || text_is_utf8(event->source));
        assert(event->event_id_text.len <= EVENT_ID_SHOWN_MAX);
        assert((event->kind != NULL) == (event->payload != NULL));
    }
    return 0;
}
