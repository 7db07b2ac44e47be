#include "plan_input.h"

#include "check.h"
#include "domain/account_events.h"
#include "domain/kind.h"
#include "event_json.h"
#include "world_checks.h"

enum {
    KEY_BYTES = 32,
    TEXTS_MAX = 4,
    DAYS_MAX = 70,
    DOMAINS = 3,
    ACCOUNTS_MAX = 6,
    IDS_APART = 1000
};

static const int64_t day_us = INT64_C(24) * 3600 * US_PER_S;

static const char *const domain_names[DOMAINS] = {"example.org", "a.org", "b.example.org"};

static struct text choose_text(struct choices *choices, struct arena *arena, const char *text)
{
    (void)choices;
    return text ? text_copy(arena, text_from(text)) : TEXT_NULL;
}

/* --- values of fields ---------------------------------------------------------------------------
 */

static const char *choose_address(struct choices *choices)
{
    return CHOOSE(choices, "bob@example.org", "eve@example.org", "bob@a.org", "Eve@Example.org",
                  "b@b.example.org", "no@nowhere.org", "bob@EXAMPLE.org ", "bob", "@example.org",
                  NULL, "");
}

static const char *choose_domain(struct choices *choices)
{
    return CHOOSE(choices, "example.org", "a.org", "b.example.org", "new.org", "Example.ORG", "org",
                  "b\xc3\xbc"
                  "cher.example",
                  NULL, "");
}

static const char *choose_word(struct choices *choices)
{
    return CHOOSE(choices, "x", "1", "2", "staff", "bob@example.org", "{SHA512-CRYPT}x",
                  "{SSHA256}a", "", "a\nb", "\xc3\xa9", "\x1b[2J", "10S,5C", "NOQUOTA", "1M", NULL);
}

/* Small numbers that meet, those at the edges of the field, any number at all, none. */
static int64_t choose_number(struct choices *choices, const struct field *field)
{
    static const int64_t met[] = {0, 1, 2, 3, 5, 7, 7, 10, 60, 100, 8192, 8193};
    switch (choose_below(choices, 8)) {
    case 0:
        return field->has_fallback ? field->fallback : INT_NULL;
    case 1:
        return field->min;
    case 2:
        return field->max;
    case 3: {
        int64_t number = choose_int64(choices);
        return number == INT_NULL ? INT_NULL + 1 : number;
    }
    default:
        return met[choose_below(choices, COUNT_OF(met))];
    }
}

static int64_t choose_time(struct choices *choices)
{
    if (choose_rarely(choices, 16)) {
        int64_t number = choose_int64(choices);
        return number == INT_NULL ? INT_NULL : number;
    }
    return EVENT_EPOCH_US + day_us * (int64_t)choose_below(choices, DAYS_MAX);
}

static size_t count_symbols(const struct field *field)
{
    size_t count = 0;
    while (field->symbols && field->symbols[count])
        count++;
    return count;
}

static int64_t choose_symbol(struct choices *choices, const struct field *field)
{
    size_t count = count_symbols(field), at = choose_below(choices, count + 2);
    if (at == count)
        return ENUM_UNKNOWN;
    if (at > count)
        return field->has_fallback ? field->fallback : INT_NULL;
    return (int64_t)at;
}

static int64_t choose_mask(struct choices *choices, const struct field *field)
{
    size_t count = count_symbols(field);
    if (choose_rarely(choices, 4))
        return INT_NULL;
    return choose_byte(choices) & ((INT64_C(1) << count) - 1);
}

/* Accounts are made by events of these numbers: see choose_envelope. */
static struct uuid choose_uuid(struct choices *choices)
{
    struct uuid id = {{0, 0, 0, 0, 0, 0, 0x70, 0, 0x80}};
    id.bytes[sizeof id.bytes - 1] = (uint8_t)(1 + choose_below(choices, 16));
    return object_uuid_of(&id);
}

static struct secret choose_secret(struct choices *choices, struct arena *arena)
{
    static const char requester_key[KEY_BYTES];
    switch (choose_below(choices, 5)) {
    case 0:
        return (struct secret){.type = SECRET_HASH,
                               .hash = choose_text(choices, arena, choose_word(choices))};
    case 1:
    case 2:
        return (struct secret){.type = SECRET_SEALED,
                               .key_id = TEXT("worker"),
                               .ciphertext =
                                   choose_text(choices, arena, CHOOSE(choices, "one", "two"))};
    case 3:
        return (struct secret){.type = SECRET_GENERATED,
                               .public_key = {requester_key, sizeof requester_key},
                               .length = (int64_t)choose_below(choices, 20)};
    default:
        return (struct secret){.type = SECRET_NONE};
    }
}

static struct ref choose_ref(struct choices *choices, struct arena *arena)
{
    struct ref ref = {.address = TEXT_NULL};
    size_t way = choose_below(choices, 6);
    if (way != 0)
        ref.address = choose_text(choices, arena, choose_address(choices));
    if (way < 2)
        ref.uuid = choose_uuid(choices);
    return ref;
}

/* The names of fields of the same table: what a patch may name, and a few that it may not. */
static const char *choose_field_name(struct choices *choices, const struct field *fields)
{
    const char *names[64];
    size_t count = 0;
    for (const struct field *f = fields; f->type != FIELD_END; f++) {
        const struct field *inner = f->type == FIELD_INLINE ? f->fields : NULL;
        if (!inner && count < COUNT_OF(names))
            names[count++] = f->name;
        for (; inner && inner->type != FIELD_END && count < COUNT_OF(names); inner++)
            names[count++] = inner->name;
    }
    return names[choose_below(choices, count)];
}

/* By address, by the uuids and numbers of choose_account_row, or of nobody. */
static const char *choose_user(struct choices *choices)
{
    return choose_below(choices, 2)
               ? choose_address(choices)
               : CHOOSE(choices, "100", "101", "102", "ac000000-0000-0000-0000-000000000000",
                        "AC010000-0000-0000-0000-000000000000", "0", "77", "-1");
}

static struct texts choose_texts(struct choices *choices, const struct field *field,
                                 const struct field *fields, struct arena *arena)
{
    size_t count = choose_below(choices, TEXTS_MAX + 1);
    struct texts texts = {ARENA_ARRAY(arena, struct text, count), count};
    for (size_t i = 0; i < count; i++) {
        const char *name = strcmp(field->name, "fields") == 0 ? choose_field_name(choices, fields)
                                                              : choose_user(choices);
        texts.items[i] = choose_text(choices, arena, name);
    }
    return texts;
}

static void choose_fields(struct choices *choices, const struct field *fields, void *record,
                          struct arena *arena);

static void choose_record(struct choices *choices, const struct field *field, void *place,
                          struct arena *arena)
{
    void *record = NULL;
    if (choose_below(choices, 2) == 1) {
        record = arena_zalloc(arena, 1, field->size);
        choose_fields(choices, field->fields, record, arena);
    }
    memcpy(place, &record, sizeof record);
}

static void choose_field(struct choices *choices, const struct field *field,
                         const struct field *fields, void *place, struct arena *arena)
{
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_NAME:
    case FIELD_NOTE:
        *(struct text *)place = choose_text(choices, arena, choose_word(choices));
        break;
    case FIELD_ADDRESS:
        *(struct text *)place = choose_text(choices, arena, choose_address(choices));
        break;
    case FIELD_DOMAIN:
        *(struct text *)place = choose_text(choices, arena, choose_domain(choices));
        break;
    case FIELD_INT:
        *(int64_t *)place = choose_number(choices, field);
        break;
    case FIELD_BOOL:
        *(int64_t *)place = (int64_t)choose_below(choices, 2);
        break;
    case FIELD_TIME:
        *(int64_t *)place = choose_time(choices);
        break;
    case FIELD_ENUM:
        *(int64_t *)place = choose_symbol(choices, field);
        break;
    case FIELD_MASK:
        *(int64_t *)place = choose_mask(choices, field);
        break;
    case FIELD_UUID:
        *(struct uuid *)place = choose_uuid(choices);
        break;
    case FIELD_TEXTS:
        *(struct texts *)place = choose_texts(choices, field, fields, arena);
        break;
    case FIELD_SECRET:
        *(struct secret *)place = choose_secret(choices, arena);
        break;
    case FIELD_REF:
        *(struct ref *)place = choose_ref(choices, arena);
        break;
    case FIELD_RECORD:
        choose_record(choices, field, place, arena);
        break;
    case FIELD_INLINE:
        choose_fields(choices, field->fields, place, arena);
        break;
    case FIELD_END:
        break;
    }
}

/* Half of the fields are as if they were absent. */
static void choose_fields(struct choices *choices, const struct field *fields, void *record,
                          struct arena *arena)
{
    for (const struct field *field = fields; field->type != FIELD_END; field++) {
        void *place = (char *)record + field->offset;
        bool is_number = field->type == FIELD_INT || field->type == FIELD_BOOL ||
                         field->type == FIELD_TIME || field->type == FIELD_ENUM ||
                         field->type == FIELD_MASK;
        if (field->type == FIELD_INLINE || field->type == FIELD_REF ||
            field->flags & FIELD_REQUIRED || choose_below(choices, 2) == 1)
            choose_field(choices, field, fields, place, arena);
        else if (is_number)
            *(int64_t *)place = field->has_fallback ? field->fallback : INT_NULL;
    }
}

/* --- the envelope -------------------------------------------------------------------------------
 */

static void choose_actor(struct choices *choices, struct event *event, struct arena *arena)
{
    static const char *const who[] = {"signup-web", "bob@example.org", "eve@example.org"};
    event->actor = ARENA_NEW(arena, struct actor);
    *event->actor = (struct actor){.kind = ACTOR_SYSTEM, .id = TEXT("signup-web")};
    if (!choose_rarely(choices, 8))
        return;
    event->actor->kind = (int64_t)choose_below(choices, ACTOR_SYSTEM + 1);
    event->actor->id = text_from(who[choose_below(choices, COUNT_OF(who))]);
}

/* What is out of the ordinary, each now and then. */
static void choose_exceptions(struct choices *choices, struct event *event, struct arena *arena)
{
    uint8_t which = choose_byte(choices);
    if (which & 1)
        event->mode = MODE_DRY_RUN;
    if (which & 2)
        event->expected_version = (int64_t)choose_below(choices, 5);
    if (which & 4)
        event->expires_at = choose_time(choices);
    if (which & 8) /* an id of another event, perhaps with other content */
        event->event_id_text = text_format(arena, "00000000-0000-7000-8000-%012x",
                                           (unsigned)(1 + choose_below(choices, 16)));
    if (which & 16) { /* time leaps, also past the grace period, and goes back */
        event->occurred_at = choose_time(choices);
        event->position.timestamp_us = event->occurred_at;
    }
    if (which & 32)
        event->context = choose_text(choices, arena, CHOOSE(choices, "2", "1", "none", "", NULL));
    if (which & 64)
        event->position.timestamp_us = NO_TIMESTAMP_US;
    if (which & 128)
        event->event_id_text = choose_text(choices, arena, choose_word(choices));
}

static const struct kind *choose_kind(struct choices *choices)
{
    static size_t count;
    while (kinds[count].name)
        count++;
    size_t at = choose_below(choices, count + 1);
    return at == count ? NULL : &kinds[at];
}

struct event *choose_event(struct choices *choices, int64_t offset, struct arena *arena)
{
    struct event *event = ARENA_NEW(arena, struct event);
    int64_t now_us = EVENT_EPOCH_US + offset * US_PER_S;
    *event = (struct event){
        .kind = choose_kind(choices),
        .event_id_text =
            text_format(arena, "00000000-0000-7000-8000-%012llx", (unsigned long long)offset + 1),
        .occurred_at = now_us,
        .source = TEXT("test"),
        .context = TEXT("1"),
        .expected_version = INT_NULL,
        .expires_at = INT_NULL,
        .position = {0, offset, now_us},
    };
    choose_actor(choices, event, arena);
    if (choose_rarely(choices, 4))
        choose_exceptions(choices, event, arena);
    event->kind_name = event->kind ? text_from(event->kind->name) : TEXT("FromTheFuture");
    if (event->kind) {
        event->payload = arena_zalloc(arena, 1, event->kind->payload_size);
        choose_fields(choices, event->kind->fields, event->payload, arena);
    }
    event_hash(event);
    if (uuid_parse(event->event_id_text, &event->event_id))
        event->object_uuid = object_uuid_of(&event->event_id);
    return event;
}

/* --- rows ---------------------------------------------------------------------------------------
 */

static void *new_row(struct world *world, int table)
{
    const struct noun *noun = world->tables[table].noun;
    struct row *row = arena_zalloc(&world->arena, 1, noun->size);
    for (const struct column *c = noun->columns; c->name; c++) {
        if (c->type != COLUMN_TEXT && c->type != COLUMN_UUID)
            column_set(c, row, (union cell){.number = INT_NULL});
        if (c->flags & COLUMN_NOT_NULL)
            column_set(c, row, c->fallback);
    }
    row->noun = noun;
    rows_add(&world->tables[table].rows, &world->arena, row);
    return row;
}

/* Null, small, or as large as the column holds. */
static int64_t choose_count(struct choices *choices)
{
    static const int64_t counts[] = {INT_NULL, 0, 1, 2, 5, 100, INT64_MAX - 1, INT64_MAX};
    return counts[choose_below(choices, COUNT_OF(counts))];
}

static struct limits choose_limits(struct choices *choices)
{
    struct limits limits = {INT_NULL, INT_NULL, INT_NULL, 0};
    uint8_t which = choose_byte(choices);
    if (which & 1)
        limits.max_accounts = choose_count(choices);
    if (which & 2)
        limits.quota_bytes = choose_count(choices);
    if (which & 4)
        limits.max_messages = choose_count(choices);
    return limits;
}

static void choose_context_row(struct choices *choices, struct world *world, const char *name)
{
    struct context *context = new_row(world, WORLD_CONTEXTS);
    context->name = text_from(name);
    context->domains_on_the_fly = (int64_t)choose_below(choices, 2);
    context->limits = choose_limits(choices);
    context->version = 1 + (int64_t)choose_below(choices, 3);
    context->revision = context->version;
    context->created_at = context->updated_at = EVENT_EPOCH_US;
    context->domain_count = 0;
}

static void choose_domain_row(struct choices *choices, struct world *world, const char *name)
{
    struct context *context = (struct context *)world->tables[WORLD_CONTEXTS].rows.items[0];
    struct domain *domain = new_row(world, WORLD_DOMAINS);
    context->domain_count++;
    domain->name = text_from(name);
    domain->context = context->name;
    domain->status = (int64_t)choose_below(choices, ACCOUNT_CLOSED + 1);
    domain->limits = choose_limits(choices);
    domain->default_quota_bytes = choose_count(choices);
    domain->default_quota_messages = choose_count(choices);
    domain->version = domain->revision = 1 + (int64_t)choose_below(choices, 3);
    domain->created_at = domain->updated_at = EVENT_EPOCH_US;
}

static void choose_services(struct choices *choices, struct world *world,
                            const struct account *account)
{
    size_t provisioned = choose_byte(choices) & (size_t)account->services;
    for (int bit = SERVICE_MAIL; bit <= SERVICE_CONTACTS; bit *= 2) {
        if (!(provisioned & (size_t)bit))
            continue;
        struct service *service = new_row(world, WORLD_SERVICES);
        service->account_uuid = account->uuid;
        service->service = bit;
        service->service_id = world->next_service_id++;
        service->active = 1;
        service->created_at = EVENT_EPOCH_US;
    }
}

static void choose_account_row(struct choices *choices, struct world *world, unsigned number)
{
    static const char *const names[] = {"bob", "eve", "b"};
    const struct rows *domains = &world->tables[WORLD_DOMAINS].rows;
    const struct domain *domain =
        (const struct domain *)domains->items[choose_below(choices, domains->count)];
    const struct rows *accounts = &world->tables[WORLD_ACCOUNTS].rows;
    size_t others = accounts->count;
    struct account *account = new_row(world, WORLD_ACCOUNTS);
    account->uuid = (struct uuid){{0xac, (uint8_t)number}};
    account->account_id = world->next_account_id++;
    account->address =
        text_format(&world->arena, "%s@%.*s", names[choose_below(choices, COUNT_OF(names))],
                    TEXT_ARG(domain->name));
    account->domain = domain->name;
    account->context = domain->context;
    account->status = (int64_t)choose_below(choices, ACCOUNT_CLOSED + 1);
    account->password = text_from(CHOOSE(choices, "{SHA512-CRYPT}one", "{SSHA256}a"));
    account->quota_bytes = choose_count(choices);
    account->quota_messages = choose_count(choices);
    account->services = (int64_t)choose_below(choices, SERVICES_ALL + 1);
    account->service_mode = (int64_t)choose_below(choices, 2);
    account->flags = choose_rarely(choices, 3) ? FLAGS_ALL : 0;
    account->version = account->revision = 1 + (int64_t)choose_below(choices, 3);
    account->created_at = account->updated_at = EVENT_EPOCH_US;
    bool is_deleted = choose_rarely(choices, 3);
    for (size_t i = 0; i < others; i++)
        is_deleted |=
            text_equal(((const struct account *)accounts->items[i])->address, account->address);
    account->tombstone = is_deleted ? account->account_id : 0;
    account->deleted_at = is_deleted ? EVENT_EPOCH_US : INT_NULL;
    account->purge_at =
        is_deleted ? EVENT_EPOCH_US + day_us * (int64_t)choose_below(choices, 40) : INT_NULL;
    choose_services(choices, world, account);
}

static void choose_group_row(struct world *world, const char *name, int64_t number)
{
    const struct rows *contexts = &world->tables[WORLD_CONTEXTS].rows;
    struct group *group = new_row(world, WORLD_GROUPS);
    group->context = ((const struct context *)contexts->items[0])->name;
    group->number = number;
    group->name = text_from(name);
    group->version = group->revision = 1;
    group->created_at = group->updated_at = EVENT_EPOCH_US;
}

static void choose_member_row(struct choices *choices, struct world *world, size_t account)
{
    if (choose_below(choices, 2) == 0)
        return;
    struct member *member = new_row(world, WORLD_MEMBERS);
    const struct group *group = (const struct group *)world->tables[WORLD_GROUPS].rows.items[0];
    const struct rows *accounts = &world->tables[WORLD_ACCOUNTS].rows;
    member->context = group->context;
    member->number = group->number;
    member->account_uuid = ((const struct account *)accounts->items[account])->uuid;
    member->is_own = (int64_t)choose_below(choices, 2);
    member->created_at = EVENT_EPOCH_US;
}

void choose_rows(struct choices *choices, struct world *world)
{
    size_t domains = choose_below(choices, DOMAINS + 1);
    size_t accounts = domains ? choose_below(choices, ACCOUNTS_MAX + 1) : 0;
    if (domains == 0 && choose_below(choices, 2) == 0)
        return;
    choose_context_row(choices, world, "1");
    for (size_t i = 0; i < domains; i++)
        choose_domain_row(choices, world, domain_names[i]);
    for (size_t i = 0; i < accounts; i++)
        choose_account_row(choices, world, (unsigned)i);
    choose_group_row(world, "staff", 7);
    for (size_t i = 0; i < accounts; i++)
        choose_member_row(choices, world, i);
    world->next_account_id += IDS_APART; /* nobody names an account by an id before it was told */
    for (size_t i = 0; i < domains; i++) {
        struct domain *domain = (struct domain *)world->tables[WORLD_DOMAINS].rows.items[i];
        const struct usage_counts counts = world_count_usage(world, domain->name);
        if (!domain_is_limited(domain))
            continue;
        domain->used_accounts = counts.used;
        domain->used_quota_bytes = counts.bytes;
        domain->used_messages = counts.messages;
    }
    world_check(world);
}
