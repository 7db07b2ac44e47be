/* What `provctl events send` and `decode` do: any JSON as an event, any bytes as an event. Bytes
 * that were made are an event that the worker reads and that comes back as the same bytes; an event
 * that was shown can be sent again. The first byte says which way. */
#include "base/arena.h"
#include "codec.h"
#include "fuzz.h"
#include "wire/avro.h"
#include "wire/crypto.h"
#include "wire/schemas_embedded.h"

#include <assert.h>
#include <stdlib.h>

enum { ARENA_BYTES_MAX = 64 << 20, EVENT_BYTES_MAX = 1 << 20 };

static struct codec *codec;
static struct writer_schema *schema;
static struct arena arena;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct error err;
    (void)argc, (void)argv;
    if (crypto_start(&err) != STATUS_OK)
        abort();
    arena_init(&arena, ARENA_BYTES_MAX, ARENA_BYTES_MAX);
    codec = codec_open(text_from(schema_provisioning_event), &err);
    schema = writer_schema_compile(text_from(schema_provisioning_event), &err);
    assert(codec && schema);
    return 0;
}

/* The worker finds in these bytes an event, however wrong it may be. */
static void expect_readable(struct text bytes)
{
    static const struct decode_limits limits = {.string_bytes_max = EVENT_BYTES_MAX,
                                                .items_max = EVENT_BYTES_MAX};
    struct unreadable unreadable;
    avro_decode_event(schema, bytes, &limits, &arena, ARENA_NEW(&arena, struct event), &unreadable);
    assert(unreadable.code == CODE_NONE);
}

/* Shown and sent again it is the same; *ret_bytes is what is sent. */
static void send(const json_t *event, struct buffer *bytes)
{
    struct error err = {.message = ""};
    buffer_init(bytes, EVENT_BYTES_MAX);
    if (!codec_encode(codec, event, bytes, &err))
        assert(*err.message);
    else
        expect_readable(buffer_text(bytes));
}

static void send_and_show(json_t *event)
{
    struct buffer first, second;
    struct error err = {.message = ""};
    send(event, &first);
    json_t *shown = first.len ? codec_decode(codec, buffer_text(&first), &err) : NULL;
    if (shown) {
        send(shown, &second);
        assert(text_equal(buffer_text(&first), buffer_text(&second)));
        buffer_close(&second);
    }
    json_decref(shown);
    buffer_close(&first);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct error err = {.message = ""};
    if (len == 0)
        return 0;
    arena_reset(&arena);
    struct text rest = {(const char *)bytes + 1, len - 1};
    json_t *event = bytes[0] == '{' ? json_from_text((struct text){(const char *)bytes, len},
                                                     EVENT_BYTES_MAX, &err)
                                    : codec_decode(codec, rest, &err);
    if (event)
        send_and_show(event);
    else
        assert(*err.message);
    json_decref(event);
    return 0;
}
