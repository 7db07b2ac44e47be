#include "domain/event.h"

#include "base/arena.h"
#include "domain/kind.h"
#include "domain/policy.h"

#define FIELD(struct_, member, type_, ...)                                                         \
    {                                                                                              \
        .name = #member, .type = (type_), .offset = offsetof(struct struct_, member), __VA_ARGS__  \
    }

static const struct field actor_fields[] = {
    FIELD(actor, kind, FIELD_ENUM, .flags = FIELD_REQUIRED, .symbols = actor_kind_names),
    FIELD(actor, id, FIELD_NAME),
    FIELD(actor, ip, FIELD_NAME),
    FIELD(actor, reason, FIELD_NOTE),
    FIELD(actor, ticket, FIELD_NAME),
    {.type = FIELD_END},
};

const struct field event_fields[] = {
    {.name = "event_id", .type = FIELD_TEXT, .offset = offsetof(struct event, event_id_text)},
    FIELD(event, occurred_at, FIELD_TIME, .flags = FIELD_REQUIRED),
    FIELD(event, source, FIELD_NAME),
    FIELD(event, context, FIELD_NAME),
    FIELD(event, actor, FIELD_RECORD, .flags = FIELD_REQUIRED, .fields = actor_fields,
          .size = sizeof(struct actor)),
    FIELD(event, correlation_id, FIELD_NAME),
    FIELD(event, mode, FIELD_ENUM, .symbols = mode_names, .has_fallback = true,
          .fallback = MODE_APPLY),
    FIELD(event, expected_version, FIELD_INT, .max = INT64_MAX),
    FIELD(event, expires_at, FIELD_TIME),
    {.type = FIELD_END},
};

static bool check_id(struct event *event, struct arena *arena)
{
    if (event->event_id_text.len == 0)
        return fault_set(
            &event->fault, arena, CODE_MISSING_FIELD,
            "event_id is empty, and there is no ce_id header: one of them is required");
    if (uuid_parse(event->event_id_text, &event->event_id) && !uuid_is_nil(&event->event_id))
        return true;
    event->event_id = UUID_NIL;
    struct text shown = text_quote(arena, event->event_id_text, EVENT_ID_SHOWN_MAX);
    return fault_set(&event->fault, arena, CODE_INVALID_FIELD, "event_id %.*s is not a UUID",
                     TEXT_ARG(shown));
}

/* A clock that runs ahead must not put deletions or expiries into the far future. A record without
 * a timestamp cannot be compared with. */
static bool check_time(struct event *event, struct arena *arena)
{
    static const int64_t day_us = INT64_C(24) * 3600 * 1000000;
    if (event->position.timestamp_us == NO_TIMESTAMP_US ||
        event->occurred_at - day_us <= event->position.timestamp_us)
        return true;
    return fault_set(&event->fault, arena, CODE_INVALID_FIELD,
                     "occurred_at is more than a day after the record's timestamp");
}

static bool needs_context(const struct event *event)
{
    return !event->kind || !(event->kind->flags & KIND_OWN_CONTEXT);
}

static bool check_envelope(struct event *event, const struct policy *policy, struct arena *arena)
{
    /* The schema's default stands for "empty", so that headers can fill it. */
    if (event->occurred_at == 0 || event->occurred_at == INT_NULL)
        return fault_set(
            &event->fault, arena, CODE_MISSING_FIELD,
            "occurred_at is empty, and there is no ce_time header: one of them is required");
    if (!field_check(event_fields, event, policy, arena, &event->fault))
        return false;
    if (event->context.len == 0 && needs_context(event))
        return fault_set(&event->fault, arena, CODE_MISSING_FIELD,
                         "context is empty: it is required");
    if (event->kind && event->expected_version != INT_NULL && event->kind->fans_out &&
        event->kind->flags & KIND_NO_VERSION && event->kind->fans_out(event))
        return fault_set(&event->fault, arena, CODE_INVALID_FIELD,
                         "expected_version cannot be given for a whole domain");
    return check_time(event, arena);
}

void event_check(struct event *event, const struct policy *policy, struct arena *arena)
{
    static const struct actor nobody = {.kind = ACTOR_USER, .id = {"", 0}};
    bool is_well = check_id(event, arena) && check_envelope(event, policy, arena);
    if (!event->actor) {
        event->actor = ARENA_NEW(arena, struct actor);
        *event->actor = nobody;
    }
    const struct kind *kind = event->kind;
    if (!is_well || !kind || event->fault.code)
        return;
    if (field_check(kind->fields, event->payload, policy, arena, &event->fault) && kind->check)
        kind->check(event, policy, arena);
}
