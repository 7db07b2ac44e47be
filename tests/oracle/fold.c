/* The fold as a program, for the oracle: JSON lines in, JSON lines out.
 *
 *     {"reset": true}                      a new, empty world
 *     {"from": 0, "events": [{..}, ..]}    a batch, from that offset > one line: a list of outcomes
 *     {"rows": true}                       > one line: all rows by table
 *
 * Events are as in tests/rules/event_json.h. */
#include "check.h"
#include "domain/account_events.h"
#include "event_json.h"
#include "world.h"

static json_t *json_of_text(struct text text)
{
    return text_is_null(text) ? json_null() : json_stringn(text.data, text.len);
}

static json_t *json_of_number(int64_t number)
{
    return number == INT_NULL ? json_null() : json_integer(number);
}

static json_t *json_of_uuid(const struct uuid *uuid)
{
    char z[UUID_TEXT_LEN + 1];
    uuid_format(uuid, z);
    return json_string(z);
}

static json_t *json_of_cell(const struct column *column, const void *row)
{
    const union cell cell = column_get(column, row);
    if (cell_is_null(column, &cell))
        return json_null();
    switch (column->type) {
    case COLUMN_TEXT:
        return json_of_text(cell.text);
    case COLUMN_UUID:
        return json_of_uuid(&cell.uuid);
    case COLUMN_BOOL:
        return json_boolean(cell.number);
    case COLUMN_ENUM:
        return json_string(column->names[cell.number]);
    default:
        return json_integer(cell.number);
    }
}

static json_t *json_of_changes(const struct outcome *outcome)
{
    json_t *list = json_array();
    for (size_t i = 0; i < outcome->change_count; i++) {
        const struct change *change = &outcome->changes[i];
        json_array_append_new(list,
                              json_pack("[sso]", change_action_names[change->action],
                                        change->object_type, json_of_text(change->object_id)));
    }
    return list;
}

static json_t *json_of_outcome(const struct outcome *outcome)
{
    int64_t services = 0;
    for (int i = 0; i < SERVICE_COUNT; i++)
        services |= outcome->services[i] ? 1 << i : 0;
    const char *code = code_name(outcome->code);
    return json_pack(
        "{ss so so so so sI so sI sI so}", "status", outcome_status_names[outcome->status], "code",
        code ? json_string(code) : json_null(), "before", json_of_number(outcome->version_before),
        "after", json_of_number(outcome->version_after), "account",
        outcome->account ? json_of_uuid(&outcome->account->uuid) : json_null(), "services",
        services, "message", json_of_text(outcome->message), "items", outcome->items.total,
        "applied", outcome->items.applied, "changes", json_of_changes(outcome));
}

static json_t *apply(struct world *world, const json_t *request)
{
    const json_t *list = json_object_get(request, "events");
    size_t count = json_array_size(list);
    int64_t from = json_integer_value(json_object_get(request, "from"));
    struct event **events = ARENA_ARRAY(&world->arena, struct event *, count);
    for (size_t i = 0; i < count; i++)
        events[i] = event_from_json(json_array_get(list, i), from + (int64_t)i, &world->arena);
    const struct outcome *outcomes = world_apply(world, events, count);
    json_t *answer = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(answer, json_of_outcome(&outcomes[i]));
    return answer;
}

static json_t *rows(const struct world *world)
{
    json_t *answer = json_object();
    for (int t = 0; t < WORLD_TABLES; t++) {
        const struct table *table = &world->tables[t];
        json_t *list = json_array();
        for (size_t i = 0; i < table->rows.count; i++) {
            json_t *row = json_object();
            for (const struct column *c = table->noun->columns; c->name; c++)
                json_object_set_new(row, c->name, json_of_cell(c, table->rows.items[i]));
            json_array_append_new(list, row);
        }
        json_object_set_new(answer, table->noun->table, list);
    }
    return answer;
}

static void answer_line(json_t *answer)
{
    json_dumpf(answer, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(answer);
}

int main(void)
{
    enum { LINE_BYTES_MAX = 64 << 20 };
    struct world world;
    char *line = NULL;
    size_t room = 0;
    world_init(&world);
    for (ssize_t len; (len = getline(&line, &room, stdin)) > 0;) {
        struct error err;
        json_t *request = json_from_text((struct text){line, (size_t)len}, LINE_BYTES_MAX, &err);
        if (!request) {
            fprintf(stderr, "fold: %s\n", err.message);
            return 65;
        }
        if (json_object_get(request, "reset")) {
            world_close(&world);
            world_init(&world);
        } else {
            answer_line(json_object_get(request, "rows") ? rows(&world) : apply(&world, request));
        }
        json_decref(request);
    }
    free(line);
    world_close(&world);
    return 0;
}
