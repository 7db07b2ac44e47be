/* A configuration file as a flat list of paths and values: the only owner of <yaml.h>.
 *
 * Files are small and written by people, but may come from a template gone wrong: size, depth and
 * number of values are bounded, anchors and aliases (which let a small file stand for a huge one),
 * tags and further documents are refused. */
#include "config/setting.h"

#include <yaml.h>

#include <string.h>

enum {
    FILE_BYTES_MAX = 1024 * 1024,
    EXPANDED_BYTES_MAX = 4 * FILE_BYTES_MAX, /* all values together */
    DEPTH_MAX = 8,
    VALUES_MAX = 5000,
    PATH_BYTES_MAX = 256,
};

struct reader {
    const char *file;
    const char *const *environment;
    struct arena *arena;
    struct error *err;
    yaml_parser_t parser;
    struct yaml_value *items;
    size_t count;
    size_t expanded_bytes;
};

/* An error at a place of the file: "provd.yaml:3:7: ...". */
#define FAIL_AT(reader, mark, ...)                                                                 \
    fail_at((reader), (mark), text_format((reader)->arena, __VA_ARGS__))

static enum status fail_at(struct reader *r, yaml_mark_t mark, struct text message)
{
    return error_set(r->err, STATUS_FATAL, "YAML", "%s:%zu:%zu: %.*s", r->file, mark.line + 1,
                     mark.column + 1, TEXT_ARG(message));
}

static enum status fail_parser(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    const char *problem = p->problem != NULL ? p->problem : "out of memory";
    if (p->error == YAML_READER_ERROR)
        return error_set(r->err, STATUS_FATAL, "YAML", "%s: byte %zu: %s", r->file,
                         p->problem_offset, problem);
    return FAIL_AT(r, p->problem_mark, "not YAML: %s%s%s", problem, p->context != NULL ? ", " : "",
                   p->context != NULL ? p->context : "");
}

/* The next event. The caller deletes it. */
static enum status next_event(struct reader *r, yaml_event_t *ret_event)
{
    return yaml_parser_parse(&r->parser, ret_event) ? STATUS_OK : fail_parser(r);
}

static enum status check_event(struct reader *r, const yaml_event_t *event)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (event->type == YAML_ALIAS_EVENT)
        return FAIL_AT(r, event->start_mark, "aliases are not allowed: write the value out");
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor != NULL || tag != NULL)
        return FAIL_AT(r, event->start_mark, "%s are not allowed",
                       anchor != NULL ? "anchors" : "tags");
    return STATUS_OK;
}

static enum status add(struct reader *r, enum yaml_kind kind, const char *path, const char *value,
                       yaml_mark_t mark)
{
    if (r->count == VALUES_MAX)
        return FAIL_AT(r, mark, "more than %d values", VALUES_MAX);
    for (size_t i = 0; i < r->count && kind != YAML_ITEM; i++) {
        if (r->items[i].kind != YAML_ITEM && strcmp(r->items[i].path, path) == 0)
            return FAIL_AT(r, mark, "%s is there twice, first in line %d", path, r->items[i].line);
    }
    r->items[r->count++] = (struct yaml_value){
        .kind = kind,
        .path = path,
        .value = value,
        .line = (int)mark.line + 1,
        .column = (int)mark.column + 1,
    };
    return STATUS_OK;
}

/* --- ${VAR} and ${VAR:default} -----------------------------------------------------------------
 */

static bool is_name(struct text t)
{
    for (size_t i = 0; i < t.len; i++) {
        char c = t.data[i];
        if (c != '_' && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') &&
            !(i > 0 && c >= '0' && c <= '9'))
            return false;
    }
    return t.len > 0;
}

/* `inside` is what stands between the braces. */
static enum status expand_one(struct reader *r, struct text inside, yaml_mark_t mark,
                              struct text *ret_value)
{
    size_t colon = text_find(inside, ':');
    struct text name = text_slice(inside, 0, colon);
    if (!is_name(name))
        return FAIL_AT(r, mark,
                       "${%.*s} is no variable: write ${NAME} or ${NAME:default}, or $${ for ${",
                       TEXT_ARG(name));
    const char *value = config_getenv(r->environment, name);
    if (value != NULL && (*value != '\0' || colon == SIZE_MAX))
        *ret_value = text_from(value);
    else if (colon != SIZE_MAX)
        *ret_value = text_slice(inside, colon + 1, SIZE_MAX);
    else
        return FAIL_AT(r, mark, "the variable %.*s is not set: set it, or write ${%.*s:default}",
                       TEXT_ARG(name), TEXT_ARG(name));
    return STATUS_OK;
}

/* Values of variables are not expanded again. */
static enum status expand(struct reader *r, struct text raw, yaml_mark_t mark,
                          const char **ret_value)
{
    struct buffer out;
    enum status status = STATUS_OK;
    buffer_init(&out, EXPANDED_BYTES_MAX - r->expanded_bytes);
    while (raw.len > 0 && status == STATUS_OK) {
        size_t dollar = text_find(raw, '$');
        buffer_put_text(&out, text_slice(raw, 0, dollar));
        raw = dollar == SIZE_MAX ? TEXT("") : text_slice(raw, dollar, SIZE_MAX);
        if (text_starts_with(raw, "$${")) {
            buffer_put(&out, "${", 2);
            raw = text_slice(raw, 3, SIZE_MAX);
        } else if (text_starts_with(raw, "${")) {
            size_t end = text_find(raw, '}');
            struct text value = TEXT("");
            if (end == SIZE_MAX)
                status = FAIL_AT(r, mark, "${ without }: write $${ for ${");
            else
                status = expand_one(r, text_slice(raw, 2, end - 2), mark, &value);
            buffer_put_text(&out, value);
            raw = end == SIZE_MAX ? TEXT("") : text_slice(raw, end + 1, SIZE_MAX);
        } else if (raw.len > 0) {
            buffer_put_char(&out, '$');
            raw = text_slice(raw, 1, SIZE_MAX);
        }
    }
    if (status == STATUS_OK && out.failed)
        status =
            FAIL_AT(r, mark, "the values of the file are larger than %d bytes", EXPANDED_BYTES_MAX);
    r->expanded_bytes += out.len;
    if (status == STATUS_OK)
        *ret_value = text_to_z(r->arena, buffer_text(&out));
    buffer_close(&out);
    return status;
}

/* --- the tree ----------------------------------------------------------------------------------
 */

static enum status read_mapping(struct reader *r, const char *path, int depth);

static bool is_null(const yaml_event_t *scalar)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    const char *value = (const char *)scalar->data.scalar.value;
    if (scalar->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(value, words[i]) == 0)
            return true;
    }
    return false;
}

static enum status read_scalar(struct reader *r, enum yaml_kind kind, const char *path,
                               const yaml_event_t *event)
{
    struct text raw = {(const char *)event->data.scalar.value, event->data.scalar.length};
    const char *value;
    if (raw.len != strlen(raw.data))
        return FAIL_AT(r, event->start_mark, "the value of %s holds a NUL character", path);
    enum status status = expand(r, raw, event->start_mark, &value);
    if (status == STATUS_OK)
        status = add(r, kind, path, value, event->start_mark);
    if (status == STATUS_OK)
        r->items[r->count - 1].is_null = is_null(event);
    return status;
}

static enum status read_sequence(struct reader *r, const char *path)
{
    for (bool more = true; more;) {
        yaml_event_t event;
        enum status status = next_event(r, &event);
        if (status != STATUS_OK)
            return status;
        status = check_event(r, &event);
        more = event.type != YAML_SEQUENCE_END_EVENT;
        if (status == STATUS_OK && more)
            status =
                event.type == YAML_SCALAR_EVENT
                    ? read_scalar(r, YAML_ITEM, path, &event)
                    : FAIL_AT(r, event.start_mark, "an item of %s is not a single value", path);
        yaml_event_delete(&event);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status read_value(struct reader *r, const char *path, const yaml_event_t *event,
                              int depth)
{
    enum status status = check_event(r, event);
    if (status != STATUS_OK)
        return status;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(r, YAML_SCALAR, path, event);
    case YAML_SEQUENCE_START_EVENT:
        status = add(r, YAML_LIST, path, NULL, event->start_mark);
        return status == STATUS_OK ? read_sequence(r, path) : status;
    case YAML_MAPPING_START_EVENT:
        if (depth == DEPTH_MAX)
            return FAIL_AT(r, event->start_mark, "nested deeper than %d levels", DEPTH_MAX);
        status = add(r, YAML_SECTION, path, NULL, event->start_mark);
        return status == STATUS_OK ? read_mapping(r, path, depth + 1) : status;
    default:
        return FAIL_AT(r, event->start_mark, "a value was expected");
    }
}

/* The path of a key below `parent`; NULL with an error when it cannot be one. */
static const char *read_key(struct reader *r, const char *parent, const yaml_event_t *event)
{
    if (check_event(r, event) != STATUS_OK)
        return NULL;
    if (event->type != YAML_SCALAR_EVENT) {
        FAIL_AT(r, event->start_mark, "a key must be a single word");
        return NULL;
    }
    struct text key = {(const char *)event->data.scalar.value, event->data.scalar.length};
    if (key.len == 0 || text_has_control(key, "") || strlen(parent) + key.len >= PATH_BYTES_MAX) {
        FAIL_AT(r, event->start_mark, "a key is empty, too long, or has control characters");
        return NULL;
    }
    return text_format(r->arena, "%s%s%.*s", parent, *parent == '\0' ? "" : ".", TEXT_ARG(key))
        .data;
}

static enum status read_pair(struct reader *r, const char *parent, const yaml_event_t *key,
                             int depth)
{
    yaml_event_t event;
    const char *path = read_key(r, parent, key);
    if (path == NULL)
        return STATUS_FATAL;
    enum status status = next_event(r, &event);
    if (status != STATUS_OK)
        return status;
    size_t first = r->count;
    status = read_value(r, path, &event, depth);
    if (status == STATUS_OK && first < r->count && r->items[first].kind != YAML_ITEM) {
        /* Messages about a key point to the key. */
        r->items[first].line = (int)key->start_mark.line + 1;
        r->items[first].column = (int)key->start_mark.column + 1;
    }
    yaml_event_delete(&event);
    return status;
}

/* Behind the start of a mapping, up to its end. */
static enum status read_mapping(struct reader *r, const char *path, int depth)
{
    for (bool more = true; more;) {
        yaml_event_t key;
        enum status status = next_event(r, &key);
        if (status != STATUS_OK)
            return status;
        more = key.type != YAML_MAPPING_END_EVENT;
        if (more)
            status = read_pair(r, path, &key, depth);
        yaml_event_delete(&key);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* One event of the frame around the only mapping; `*ret_done` at the end of the stream. */
static enum status read_frame(struct reader *r, int *documents, bool *ret_done)
{
    yaml_event_t event;
    enum status status = next_event(r, &event);
    if (status != STATUS_OK)
        return status;
    if (event.type == YAML_STREAM_END_EVENT)
        *ret_done = true;
    else if (event.type == YAML_DOCUMENT_START_EVENT && ++*documents > 1)
        status = FAIL_AT(r, event.start_mark, "a second document: one file is one document");
    else if (event.type == YAML_SCALAR_EVENT && is_null(&event))
        status = check_event(r, &event); /* a document of nothing */
    else if (event.type == YAML_MAPPING_START_EVENT) {
        status = check_event(r, &event);
        if (status == STATUS_OK)
            status = read_mapping(r, "", 1);
    } else if (event.type != YAML_STREAM_START_EVENT && event.type != YAML_DOCUMENT_START_EVENT &&
               event.type != YAML_DOCUMENT_END_EVENT)
        status = FAIL_AT(r, event.start_mark, "the file must be made of lines `key: value`");
    yaml_event_delete(&event);
    return status;
}

enum status yaml_read(const char *path, const char *const *environment, struct arena *arena,
                      struct yaml_values *ret_values, struct error *err)
{
    struct reader r = {.file = path, .environment = environment, .arena = arena, .err = err};
    struct text content;
    enum status status =
        config_read_file(path, "the configuration file", FILE_BYTES_MAX, arena, &content, err);
    if (status != STATUS_OK)
        return status;
    if (!yaml_parser_initialize(&r.parser))
        return error_set(err, STATUS_FATAL, "MEMORY", "%s: no memory for reading it", path);
    r.items = ARENA_ARRAY(arena, struct yaml_value, VALUES_MAX);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)content.data, content.len);
    int documents = 0;
    for (bool done = false; status == STATUS_OK && !done;)
        status = read_frame(&r, &documents, &done);
    yaml_parser_delete(&r.parser);
    if (status == STATUS_OK)
        *ret_values = (struct yaml_values){r.items, r.count};
    return status;
}
