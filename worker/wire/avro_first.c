/* Reading stored results back, for what a DUPLICATE says of the first one. They are our own bytes,
 * perhaps written by an earlier version: read with the schema that their framing names, fields by
 * name. Not by avro-c: it would build the whole value for a tenth of its fields, and leak on broken
 * bytes; a topic of duplicates took three times as long. */
#include "wire/avro_outputs.h"

#include <stdlib.h>
#include <string.h>

enum {
    KNOWN_SCHEMAS_MAX = 32,
    SCHEMA_MEMORY_MAX = 4 << 20,
};

/* What is kept of a place. */
enum pick {
    PICK_NOTHING,
    PICK_STATUS,
    PICK_CODE,
    PICK_ACCOUNT_UUID,
    PICK_ACCOUNT_ID,
    PICK_VERSION_BEFORE,
    PICK_VERSION_AFTER,
    PICK_APPLIED_AT,
    PICK_WORKER,
    PICK_SERVICE,
    PICK_SERVICE_ID,
};

static const struct {
    const char *record, *field;
    enum pick pick;
} picks[] = {
    {"ProvisioningResult", "status", PICK_STATUS},
    {"ProvisioningResult", "code", PICK_CODE},
    {"ProvisioningResult", "account_uuid", PICK_ACCOUNT_UUID},
    {"ProvisioningResult", "account_id", PICK_ACCOUNT_ID},
    {"ProvisioningResult", "version_before", PICK_VERSION_BEFORE},
    {"ProvisioningResult", "version_after", PICK_VERSION_AFTER},
    {"ProvisioningResult", "applied_at", PICK_APPLIED_AT},
    {"ProvisioningResult", "worker", PICK_WORKER},
    {"ServiceAccount", "service", PICK_SERVICE},
    {"ServiceAccount", "id", PICK_SERVICE_ID},
};

/* One place of a schema. */
struct place {
    avro_type_t type;
    enum pick pick;
    struct place **children; /* fields; branches; the item */
    size_t child_count;
    size_t size;          /* fixed */
    struct text *symbols; /* enum */
    size_t symbol_count;
};

struct known_schema {
    struct framing framing;
    struct place *root;
};

struct known_results {
    struct arena arena; /* of the places */
    struct known_schema items[KNOWN_SCHEMAS_MAX];
    size_t count;
};

struct known_results *known_results_new(void)
{
    struct known_results *known = calloc(1, sizeof *known);

    if (known != NULL)
        arena_init(&known->arena, SCHEMA_MEMORY_MAX, SCHEMA_MEMORY_MAX);
    return known;
}

void known_results_close(struct known_results *known)
{
    if (known == NULL)
        return;
    arena_close(&known->arena);
    free(known);
}

static bool is_framed(struct text framed, const struct framing *framing)
{
    return framed.len >= framing->prefix_len && framed.data != NULL &&
           memcmp(framed.data, framing->prefix, framing->prefix_len) == 0;
}

/* --- from schema to places ----------------------------------------------------------------------
 */

static struct place *compile(avro_schema_t schema, enum pick pick, struct arena *arena);

static enum pick pick_of(const char *record, const char *field)
{
    for (size_t i = 0; i < sizeof picks / sizeof *picks; i++)
        if (strcmp(picks[i].record, record) == 0 && strcmp(picks[i].field, field) == 0)
            return picks[i].pick;
    return PICK_NOTHING;
}

static void compile_record(struct place *place, avro_schema_t schema, struct arena *arena)
{
    place->child_count = avro_schema_record_size(schema);
    place->children = ARENA_ARRAY(arena, struct place *, place->child_count);
    for (size_t i = 0; i < place->child_count; i++) {
        const char *name = avro_schema_record_field_name(schema, (int)i);

        place->children[i] = compile(avro_schema_record_field_get_by_index(schema, (int)i),
                                     pick_of(avro_schema_name(schema), name), arena);
    }
}

static void compile_union(struct place *place, avro_schema_t schema, struct arena *arena)
{
    place->child_count = avro_schema_union_size(schema);
    place->children = ARENA_ARRAY(arena, struct place *, place->child_count);
    for (size_t i = 0; i < place->child_count; i++)
        place->children[i] = compile(avro_schema_union_branch(schema, (int)i), place->pick, arena);
}

static void compile_item(struct place *place, avro_schema_t item, struct arena *arena)
{
    place->child_count = 1;
    place->children = ARENA_ARRAY(arena, struct place *, 1);
    place->children[0] = compile(item, PICK_NOTHING, arena);
}

static void compile_enum(struct place *place, avro_schema_t schema, struct arena *arena)
{
    place->symbol_count = (size_t)avro_schema_enum_number_of_symbols(schema);
    place->symbols = ARENA_ARRAY(arena, struct text, place->symbol_count);
    for (size_t i = 0; i < place->symbol_count; i++)
        place->symbols[i] = text_copy(arena, text_from(avro_schema_enum_get(schema, (int)i)));
}

/* The schema has been checked: it ends somewhere, and its items take bytes. */
static struct place *compile(avro_schema_t schema, enum pick pick, struct arena *arena)
{
    struct place *place;

    if (is_avro_link(schema))
        return compile(avro_schema_link_target(schema), pick, arena);
    place = ARENA_NEW(arena, struct place);
    place->type = avro_typeof(schema);
    place->pick = pick;
    if (is_avro_record(schema))
        compile_record(place, schema, arena);
    else if (is_avro_union(schema))
        compile_union(place, schema, arena);
    else if (is_avro_array(schema))
        compile_item(place, avro_schema_array_items(schema), arena);
    else if (is_avro_map(schema))
        compile_item(place, avro_schema_map_values(schema), arena);
    else if (is_avro_enum(schema))
        compile_enum(place, schema, arena);
    else if (is_avro_fixed(schema))
        place->size = (size_t)avro_schema_fixed_size(schema);
    return place;
}

static enum status known_schema_open(struct known_schema *item, const char *schema_json,
                                     struct arena *arena, struct error *err)
{
    struct writer_schema *checked = checking_schema_compile(text_from(schema_json), err);
    avro_schema_t schema;

    if (checked == NULL)
        return STATUS_FATAL;
    writer_schema_close(checked);
    if (avro_schema_from_json_length(schema_json, strlen(schema_json), &schema) != 0)
        return error_set(err, STATUS_FATAL, NULL, "avro: a schema of results cannot be used: %s",
                         avro_strerror());
    item->root = compile(schema, PICK_NOTHING, arena);
    avro_schema_decref(schema);
    return STATUS_OK;
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
    status = known_schema_open(&known->items[known->count], schema_json, &known->arena, err);
    if (status == STATUS_OK)
        known->items[known->count++].framing = *framing;
    return status;
}

/* --- reading ---------------------------------------------------------------------------------- */

struct reading {
    const char *at, *end;
    bool is_broken;
    struct text service; /* of the item that is being read */
    struct first_result *first;
};

static void read_place(struct reading *r, const struct place *place);

static uint64_t broken(struct reading *r)
{
    r->is_broken = true;
    return 0;
}

static int64_t read_long(struct reading *r)
{
    int64_t value;

    if (varint_read(&r->at, r->end, &value) != VARINT_READ)
        return (int64_t)broken(r);
    return value;
}

static struct text read_bytes(struct reading *r, uint64_t len)
{
    struct text bytes = {r->at, len};

    if (len > (uint64_t)(r->end - r->at)) {
        broken(r);
        return TEXT("");
    }
    r->at += len;
    return bytes;
}

/* A number that counts something: below `limit`. */
static size_t read_below(struct reading *r, size_t limit)
{
    int64_t number = read_long(r);

    return number >= 0 && (uint64_t)number < limit ? (size_t)number : (size_t)broken(r);
}

static void take_text(struct reading *r, enum pick pick, struct text text)
{
    struct first_result *first = r->first;

    if (pick != PICK_NOTHING && !text_is_utf8(text))
        broken(r);
    else if (pick == PICK_STATUS)
        first->status = text;
    else if (pick == PICK_CODE)
        first->code = text;
    else if (pick == PICK_WORKER)
        first->worker = text;
    else if (pick == PICK_SERVICE)
        r->service = text;
    else if (pick == PICK_ACCOUNT_UUID && !uuid_parse(text, &first->account_uuid))
        first->account_uuid = UUID_NIL;
}

static void take_service_id(struct reading *r, int64_t id)
{
    for (size_t service = 0; service < SERVICE_COUNT; service++)
        if (text_equal_z(r->service, service_names[service]))
            r->first->service_ids[service] = id;
}

static void take_long(struct reading *r, enum pick pick, int64_t number)
{
    struct first_result *first = r->first;

    if (pick == PICK_ACCOUNT_ID)
        first->account_id = number;
    else if (pick == PICK_VERSION_BEFORE)
        first->version_before = number;
    else if (pick == PICK_VERSION_AFTER)
        first->version_after = number;
    else if (pick == PICK_APPLIED_AT)
        first->applied_at = number;
    else if (pick == PICK_SERVICE_ID)
        take_service_id(r, number);
}

static void read_enum(struct reading *r, const struct place *place)
{
    size_t symbol = read_below(r, place->symbol_count);

    if (!r->is_broken)
        take_text(r, place->pick, place->symbols[symbol]);
}

/* Blocks of items; a negative count is followed by the block's size. Each item takes bytes, so that
 * their end ends a wrong count too. */
static void read_blocks(struct reading *r, const struct place *place)
{
    for (int64_t count; (count = read_long(r)) != 0 && !r->is_broken;) {
        if (count < 0)
            read_long(r);
        uint64_t left = count < 0 ? 0 - (uint64_t)count : (uint64_t)count;
        for (; left > 0 && !r->is_broken; left--) {
            if (place->type == AVRO_MAP)
                read_bytes(r, (uint64_t)read_long(r));
            read_place(r, place->children[0]);
        }
    }
}

static void read_place(struct reading *r, const struct place *place)
{
    switch (place->type) {
    case AVRO_STRING:
    case AVRO_BYTES:
        take_text(r, place->pick, read_bytes(r, (uint64_t)read_long(r)));
        break;
    case AVRO_INT32:
    case AVRO_INT64:
        take_long(r, place->pick, read_long(r));
        break;
    case AVRO_BOOLEAN:
        read_bytes(r, 1);
        break;
    case AVRO_FLOAT:
        read_bytes(r, sizeof(float));
        break;
    case AVRO_DOUBLE:
        read_bytes(r, sizeof(double));
        break;
    case AVRO_FIXED:
        read_bytes(r, place->size);
        break;
    case AVRO_ENUM:
        read_enum(r, place);
        break;
    case AVRO_ARRAY:
    case AVRO_MAP:
        read_blocks(r, place);
        break;
    case AVRO_UNION:
        read_place(r, place->children[read_below(r, place->child_count)]);
        break;
    case AVRO_RECORD:
        for (size_t i = 0; i < place->child_count && !r->is_broken; i++)
            read_place(r, place->children[i]);
        break;
    default: /* null */
        break;
    }
}

static const struct first_result nothing = {
    .account_id = INT_NULL,
    .version_before = INT_NULL,
    .version_after = INT_NULL,
    .service_ids = {INT_NULL, INT_NULL, INT_NULL},
    .applied_at = INT_NULL,
};

/* Symbols live as long as the encoder; texts are copied. */
static bool read_first(const struct place *root, struct text body, struct arena *arena,
                       struct first_result *ret_first)
{
    struct first_result first = nothing;
    struct reading r = {.at = body.data, .end = body.data + body.len, .first = &first};

    read_place(&r, root);
    if (r.is_broken || r.at != r.end)
        return false;
    first.code = text_copy(arena, first.code);
    first.worker = text_copy(arena, first.worker);
    *ret_first = first;
    return true;
}

bool known_results_decode(struct known_results *known, struct text framed, struct arena *arena,
                          struct first_result *ret_first)
{
    for (size_t i = 0; i < known->count; i++) {
        const struct known_schema *item = &known->items[i];

        if (is_framed(framed, &item->framing))
            return read_first(item->root, text_slice(framed, item->framing.prefix_len, framed.len),
                              arena, ret_first);
    }
    return false;
}
