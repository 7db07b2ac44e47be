/* The kinds of events as the schema has them, with what the worker's table of kinds knows of each.
 */
#include "events.h"

#include <string.h>
#include <sysexits.h>

#include "command.h"
#include "domain/kind.h"
#include "nearest.h"
#include "wire/schemas_embedded.h"

enum { SCHEMA_BYTES_MAX = 4 << 20, LIST_BYTES_MAX = 8192 };

static const struct output_column kind_columns[] = {{"kind", NULL, 0},
                                                    {"carried_out", "here", 0},
                                                    {"sender", NULL, 0},
                                                    {"doc", NULL, 0},
                                                    {.key = NULL}};
static const struct output_column field_columns[] = {{"field", NULL, 0},    {"type", NULL, 0},
                                                     {"required", NULL, 0}, {"limits", NULL, 0},
                                                     {"doc", NULL, 0},      {.key = NULL}};

/* The branches of the payload's union. */
static const json_t *branches_of(const json_t *schema)
{
    size_t index;
    json_t *field;

    json_array_foreach(json_object_get(schema, "fields"), index, field)
    {
        const char *name = json_member_z(field, "name");
        if (name && strcmp(name, "payload") == 0)
            return json_object_get(field, "type");
    }
    return NULL;
}

static const char *sender_of(const struct kind *kind)
{
    switch (kind->right) {
    case RIGHT_OWN:
        return "own user, group, mailbox admin, system";
    case RIGHT_GROUP:
        return "group, mailbox admin, system";
    case RIGHT_MAILBOX:
        return "mailbox admin, system";
    default:
        return "system";
    }
}

static void put_codes(struct buffer *out, const struct kind *kind)
{
    for (const enum code *code = kind->codes; code && *code != CODE_NONE; code++)
        buffer_printf(out, "%s%s", out->len ? ", " : "", code_name(*code));
}

static json_t *codes_of(const struct kind *kind)
{
    json_t *codes = json_array();

    for (const enum code *code = kind->codes; code && *code != CODE_NONE; code++)
        json_array_append_new(codes, json_pack("{ss ss ss}", "code", code_name(*code), "family",
                                               code_family_name(code_family(*code)), "doc",
                                               code_doc(*code)));
    return codes;
}

static int list_kinds(struct invocation *invocation, const json_t *branches)
{
    size_t index;
    json_t *branch;

    output_begin(invocation->output, kind_columns);
    json_array_foreach(branches, index, branch)
    {
        const char *name = json_member_z(branch, "name");
        const struct kind *kind = kind_find(text_from(name));
        output_row(invocation->output,
                   json_pack("{ss sb ss? sO?}", "kind", name, "carried_out", kind != NULL, "sender",
                             kind ? sender_of(kind) : NULL, "doc", json_object_get(branch, "doc")));
    }
    output_end(invocation->output, NULL);
    return EX_OK;
}

/* --- one kind -----------------------------------------------------------------------------------
 */

/* "string", "null or long", "list of string", "AccountRef". */
static void put_type(struct buffer *out, const json_t *type)
{
    size_t index;
    json_t *branch;

    if (json_is_array(type)) {
        json_array_foreach(type, index, branch)
        {
            buffer_printf(out, "%s", index ? " or " : "");
            put_type(out, branch);
        }
        return;
    }
    const char *name = json_is_string(type) ? json_string_value(type) : json_member_z(type, "name");
    const char *logical = json_member_z(type, "logicalType");
    if (json_object_get(type, "items")) {
        buffer_printf(out, "list of ");
        put_type(out, json_object_get(type, "items"));
        return;
    }
    buffer_printf(out, "%s", logical ? "time" : name ? name : json_member_z(type, "type"));
}

/* The row of the table of fields, also in tables that are part of it. */
static const struct field *find_field(const struct field *fields, const char *name)
{
    for (; fields && fields->type != FIELD_END; fields++) {
        if (fields->type != FIELD_INLINE && fields->name && strcmp(fields->name, name) == 0)
            return fields;
        const struct field *inner =
            fields->type == FIELD_INLINE ? find_field(fields->fields, name) : NULL;
        if (inner)
            return inner;
    }
    return NULL;
}

static void put_limits(struct buffer *out, const struct field *field)
{
    switch (field->type) {
    case FIELD_NAME:
        buffer_printf(out, "%lld characters, no control characters",
                      (long long)(field->max ? field->max : NAME_CHARACTERS_MAX));
        break;
    case FIELD_NOTE:
        buffer_printf(out, "%lld characters",
                      (long long)(field->max ? field->max : NOTE_CHARACTERS_MAX));
        break;
    case FIELD_TEXTS:
        buffer_printf(out, "%lld items", (long long)(field->max ? field->max : FIELDS_MAX));
        break;
    case FIELD_INT:
        if (field->min || field->max)
            buffer_printf(out, "%lld to %lld", (long long)field->min, (long long)field->max);
        break;
    case FIELD_ENUM:
    case FIELD_MASK:
        for (const char *const *symbol = field->symbols; symbol && *symbol; symbol++)
            buffer_printf(out, "%s%s", symbol == field->symbols ? "" : ", ", *symbol);
        break;
    default:
        break;
    }
}

static json_t *field_row(const struct kind *kind, const json_t *schema_field)
{
    const char *name = json_member_z(schema_field, "name");
    const struct field *field = kind ? find_field(kind->fields, name) : NULL;
    struct buffer type;
    struct buffer limits;
    json_t *row;

    buffer_init(&type, LIST_BYTES_MAX);
    buffer_init(&limits, LIST_BYTES_MAX);
    put_type(&type, json_object_get(schema_field, "type"));
    if (field)
        put_limits(&limits, field);
    row = json_pack("{ss ss% sb ss% sO?}", "field", name, "type", type.data, type.len, "required",
                    field ? (field->flags & FIELD_REQUIRED) != 0
                          : json_object_get(schema_field, "default") == NULL,
                    "limits", limits.data ? limits.data : "", limits.len, "doc",
                    json_object_get(schema_field, "doc"));
    buffer_close(&type);
    buffer_close(&limits);
    return row;
}

static json_t *fields_of(const struct kind *kind, const json_t *branch)
{
    json_t *rows = json_array();
    size_t index;
    json_t *field;

    json_array_foreach(json_object_get(branch, "fields"), index, field)
        json_array_append_new(rows, field_row(kind, field));
    return rows;
}

static void show_table(struct invocation *invocation, const struct kind *kind, const json_t *branch,
                       json_t *rows)
{
    struct buffer codes;
    size_t index;
    json_t *row;

    buffer_init(&codes, LIST_BYTES_MAX);
    if (kind)
        put_codes(&codes, kind);
    fprintf(invocation->output->file, "%s: %s\nsent by: %s\ncodes:   %.*s\n\n",
            json_member_z(branch, "name"), json_member_z(branch, "doc"),
            kind ? sender_of(kind) : "-", codes.len ? (int)codes.len : 1,
            codes.len ? codes.data : "-");
    buffer_close(&codes);
    output_begin(invocation->output, field_columns);
    json_array_foreach(rows, index, row) output_row(invocation->output, json_incref(row));
    output_end(invocation->output, NULL);
}

static int show_kind(struct invocation *invocation, const json_t *branches, const char *wanted)
{
    struct nearest nearest = nearest_begin(wanted);
    size_t index;
    json_t *branch;

    json_array_foreach(branches, index, branch)
    {
        const char *name = json_member_z(branch, "name");
        const struct kind *kind = kind_find(text_from(name));
        nearest_offer(&nearest, name);
        if (strcmp(name, wanted) != 0)
            continue;
        json_t *rows = fields_of(kind, branch);
        if (invocation->output->format == OUTPUT_TABLE ||
            invocation->output->format == OUTPUT_CSV) {
            show_table(invocation, kind, branch, rows);
            json_decref(rows);
        } else {
            output_document(invocation->output,
                            json_pack("{ss sO? sb ss? so so}", "kind", name, "doc",
                                      json_object_get(branch, "doc"), "carried_out", kind != NULL,
                                      "sender", kind ? sender_of(kind) : NULL, "fields", rows,
                                      "codes", kind ? codes_of(kind) : json_array()));
        }
        return EX_OK;
    }
    complain("there is no kind of event '%s'%s%s%s", wanted, nearest.best ? ": did you mean '" : "",
             nearest.best ? nearest.best : "", nearest.best ? "'?" : "");
    return EX_USAGE;
}

int events_kinds(struct invocation *invocation)
{
    struct error err;
    json_t *schema = json_from_text(text_from(schema_provisioning_event), SCHEMA_BYTES_MAX, &err);
    const json_t *branches = branches_of(schema);
    int code = invocation->argument_count
                   ? show_kind(invocation, branches, invocation->arguments[0])
                   : list_kinds(invocation, branches);

    json_decref(schema);
    return code;
}
