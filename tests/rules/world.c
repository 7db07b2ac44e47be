#include "world.h"

#include "check.h"
#include "domain/account_events.h"
#include "domain/fanout.h"
#include "domain/kind.h"
#include "domain/usage.h"
#include "wire/idna.h"
#include "world_checks.h"

enum { WORLD_BYTES_MAX = 1 << 30 };

/* What the ledger knows of an event, by its id or by its coordinates. */
struct known_event {
    struct known_event *next;
    struct uuid event_id; /* nil: by coordinates */
    int64_t offset;
    struct memory memory;
};

void world_init(struct world *world)
{
    static const struct noun *const nouns[] = {&context_noun, &domain_noun,  &group_noun,
                                               &account_noun, &service_noun, &recovery_noun,
                                               &member_noun};
    *world = (struct world){.policy = policy_defaults, .cuts_at_verify = true};
    arena_init(&world->arena, WORLD_BYTES_MAX, 0);
    world->policy.to_ascii = idna_to_ascii;
    world->next_account_id = 100;
    world->next_service_id = 1000;
    for (int i = 0; i < WORLD_TABLES; i++)
        world->tables[i].noun = nouns[i];
}

void world_close(struct world *world)
{
    arena_close(&world->arena);
}

void world_forget(struct world *world)
{
    world->known = NULL;
}

/* --- rows ---------------------------------------------------------------------------------------
 */

/* As it would come out of the database: columns only, texts of its own. */
static void *copy_row(struct world *world, const struct noun *noun, const void *row)
{
    struct row *copy = arena_zalloc(&world->arena, 1, noun->size);
    copy->noun = noun;
    for (const struct column *c = noun->columns; c->name; c++) {
        union cell cell = column_get(c, row);
        if (c->flags & COLUMN_VIRTUAL)
            continue;
        if (c->type == COLUMN_TEXT)
            cell.text = text_copy(&world->arena, cell.text);
        column_set(c, copy, cell);
    }
    return copy;
}

static bool same_key(const struct noun *noun, const void *a, const void *b)
{
    for (const struct column *c = noun->columns; c->name; c++) {
        union cell x = column_get(c, a), y = column_get(c, b);
        if (c->flags & COLUMN_KEY && !cell_equal(c, &x, &y))
            return false;
    }
    return true;
}

static size_t find(const struct table *table, const void *row)
{
    for (size_t i = 0; i < table->rows.count; i++) {
        if (same_key(table->noun, table->rows.items[i], row))
            return i;
    }
    return SIZE_MAX;
}

/* --- load ---------------------------------------------------------------------------------------
 */

static bool wants_group(const struct keys *keys, const struct group *group)
{
    return key_set_has(&keys->groups, group_key(keys->arena, group->context, group->name)) ||
           key_set_has(&keys->groups_numbered,
                       group_number_key(keys->arena, group->context, group->number));
}

static bool wants_member(const struct keys *keys, const struct working_set *set,
                         const struct member *member)
{
    return key_set_has(&keys->groups_whole,
                       group_number_key(keys->arena, member->context, member->number)) ||
           (keys->memberships && working_set_uuid(set, &member->account_uuid));
}

static bool wants(const struct keys *keys, const struct working_set *set, int table,
                  const void *row)
{
    const struct account *account = row;
    switch (table) {
    case WORLD_CONTEXTS:
        return key_set_has(&keys->contexts, ((const struct context *)row)->name) ||
               key_set_has(&keys->contexts_locked, ((const struct context *)row)->name);
    case WORLD_DOMAINS:
        return key_set_has(&keys->domains, ((const struct domain *)row)->name) ||
               key_set_has(&keys->domains_locked, ((const struct domain *)row)->name);
    case WORLD_GROUPS:
        return wants_group(keys, row);
    case WORLD_ACCOUNTS:
        return key_set_has(&keys->addresses, account->address);
    case WORLD_MEMBERS:
        return wants_member(keys, set, row);
    default:
        return keys->belongings; /* working_set_add_* leaves out what has no account */
    }
}

static void take(struct working_set *set, int table, void *row)
{
    struct service *service = row;
    struct recovery *recovery = row;
    struct account *account;
    switch (table) {
    case WORLD_CONTEXTS:
        working_set_add_context(set, row);
        break;
    case WORLD_DOMAINS:
        ((struct domain *)row)->live_accounts = INT_NULL;
        working_set_add_domain(set, row);
        break;
    case WORLD_GROUPS:
        ((struct group *)row)->members_added = ((struct group *)row)->members_removed = INT_NULL;
        working_set_add_group(set, row);
        break;
    case WORLD_ACCOUNTS:
        working_set_add_account(set, row);
        break;
    case WORLD_SERVICES:
        working_set_add_service(set, service);
        account = working_set_uuid(set, &service->account_uuid);
        if (account)
            account->provisioned |= service->service;
        break;
    case WORLD_MEMBERS:
        working_set_add_member(set, row);
        break;
    default:
        working_set_add_recovery(set, recovery);
        account = working_set_uuid(set, &recovery->account_uuid);
        if (account) {
            account->recovery_question = recovery->question;
            account->recovery_answer = recovery->answer;
        }
    }
}

static void load_domains_of_accounts(struct world *world, struct working_set *set)
{
    const struct rows *domains = &world->tables[WORLD_DOMAINS].rows;
    for (size_t a = 0; a < set->account_rows.count; a++) {
        struct text name = ((const struct account *)set->account_rows.items[a])->domain;
        for (size_t i = 0; i < domains->count && !working_set_domain(set, name); i++) {
            if (text_equal(((const struct domain *)domains->items[i])->name, name))
                take(set, WORLD_DOMAINS, copy_row(world, &domain_noun, domains->items[i]));
        }
    }
}

static void count_domain(const struct world *world, struct domain *domain)
{
    const struct usage_counts counts = world_count_usage(world, domain->name);
    domain->live_accounts = counts.live;
    domain->used_accounts = counts.used;
    domain->used_quota_bytes = counts.bytes;
    domain->used_messages = counts.messages;
    domain->overriding_quota_bytes = counts.overriding_bytes;
    domain->overriding_messages = counts.overriding_messages;
    domain->overriding_bytes_unlimited = counts.overriding_bytes_unlimited;
    domain->overriding_messages_unlimited = counts.overriding_messages_unlimited;
}

/* Domains that events change are counted afresh; those with limits bring their counts along. */
static void load_usage(const struct world *world, const struct keys *keys, struct working_set *set)
{
    for (size_t i = 0; i < set->domain_rows.count; i++) {
        struct domain *domain = (struct domain *)set->domain_rows.items[i];
        bool is_locked = key_set_has(&keys->domains_locked, domain->name);
        if (is_locked)
            count_domain(world, domain);
        domain->usage_known = is_locked || domain_is_limited(domain);
    }
}

/* An account that is named by uuid brings along all that share its address. */
static void add_addresses(const struct world *world, struct keys *keys)
{
    const struct rows *accounts = &world->tables[WORLD_ACCOUNTS].rows;
    for (size_t i = 0; i < accounts->count; i++) {
        const struct account *account = (const struct account *)accounts->items[i];
        if (key_set_has(&keys->uuids,
                        (struct text){(const char *)account->uuid.bytes, sizeof account->uuid}))
            keys_user_address(keys, account->address);
        if (key_set_has(&keys->account_ids, number_key(&account->account_id)))
            keys_user_address(keys, account->address);
    }
}

/* The address of an account stands beside its memberships. */
static void name_members(const struct world *world, struct working_set *set)
{
    const struct rows *accounts = &world->tables[WORLD_ACCOUNTS].rows;
    for (size_t m = 0; m < set->member_rows.count; m++) {
        struct member *member = (struct member *)set->member_rows.items[m];
        for (size_t i = 0; i < accounts->count; i++) {
            const struct account *account = (const struct account *)accounts->items[i];
            if (uuid_equal(&account->uuid, &member->account_uuid))
                member->address = account->address;
        }
    }
}

static void load(struct world *world, struct keys *keys, struct working_set *set)
{
    add_addresses(world, keys);
    for (int t = 0; t < WORLD_TABLES; t++) {
        const struct table *table = &world->tables[t];
        for (size_t i = 0; i < table->rows.count; i++) {
            if (wants(keys, set, t, table->rows.items[i]))
                take(set, t, copy_row(world, table->noun, table->rows.items[i]));
        }
    }
    working_set_number_accounts(set);
    name_members(world, set);
    load_domains_of_accounts(world, set);
    load_usage(world, keys, set);
}

/* --- store --------------------------------------------------------------------------------------
 */

static struct rows *set_rows(struct working_set *set, int table)
{
    struct rows *const rows[] = {&set->context_rows, &set->domain_rows,  &set->group_rows,
                                 &set->account_rows, &set->service_rows, &set->recovery_rows,
                                 &set->member_rows};
    return rows[table];
}

static void draw_ids(struct world *world, struct working_set *set)
{
    for (size_t i = 0; i < set->account_rows.count; i++) {
        struct account *account = (struct account *)set->account_rows.items[i];
        if (account->row.is_new && !account->row.is_gone)
            account->account_id = world->next_account_id++;
        account->tombstone = account_is_live(account) ? 0 : account->account_id;
    }
    for (size_t i = 0; i < set->service_rows.count; i++) {
        struct service *service = (struct service *)set->service_rows.items[i];
        if (service->row.is_new && !service->row.is_gone)
            service->service_id = world->next_service_id++;
    }
}

/* An UPDATE does not write KEY and FIXED columns: a rule that changes one loses it. */
static void expect_fixed(const struct noun *noun, const void *stored, const void *row)
{
    for (const struct column *c = noun->columns; c->name; c++) {
        union cell a = column_get(c, stored), b = column_get(c, row);
        if (c->flags & (COLUMN_FIXED | COLUMN_KEY) && !cell_equal(c, &a, &b))
            fail_msg("%s.%s is fixed, but a rule changed it", noun->table, c->name);
    }
}

static int64_t *revision_of(const struct noun *noun, void *row)
{
    return (int64_t *)(void *)((char *)row + noun->revision_offset);
}

static void delete_row(struct world *world, struct table *table, const struct row *row)
{
    size_t at = find(table, row);
    assert_true(at != SIZE_MAX);
    table->rows.items[at] = table->rows.items[--table->rows.count];
    world->rows_written++;
}

/* With a context go its groups, whoever is in them. */
static void delete_groups(struct world *world, int t, struct text context)
{
    struct rows *rows = &world->tables[t].rows;
    for (size_t i = rows->count; i-- > 0;) {
        struct text of = t == WORLD_GROUPS ? ((const struct group *)rows->items[i])->context
                                           : ((const struct member *)rows->items[i])->context;
        if (text_equal(of, context))
            rows->items[i] = rows->items[--rows->count];
    }
}

static void delete_belongings(struct world *world, struct working_set *set)
{
    for (size_t i = 0; i < set->context_rows.count; i++) {
        const struct context *context = (const struct context *)set->context_rows.items[i];
        if (!context->row.is_gone || context->row.is_new)
            continue;
        delete_groups(world, WORLD_GROUPS, context->name);
        delete_groups(world, WORLD_MEMBERS, context->name);
    }
}

static void update_row(struct world *world, struct table *table, struct row *row)
{
    const struct noun *noun = table->noun;
    size_t at = find(table, row);
    assert_true(at != SIZE_MAX);
    expect_fixed(noun, table->rows.items[at], row);
    struct row *copy = copy_row(world, noun, row);
    if (noun->revision_offset != SIZE_MAX) {
        assert_int_equal(*revision_of(noun, table->rows.items[at]), *revision_of(noun, row));
        ++*revision_of(noun, copy);
    }
    table->rows.items[at] = copy;
    world->rows_written++;
}

static void insert_row(struct world *world, struct table *table, const struct row *row)
{
    if (find(table, row) != SIZE_MAX)
        fail_msg("a second row with the same key in %s", table->noun->table);
    rows_add(&table->rows, &world->arena, copy_row(world, table->noun, row));
    world->rows_written++;
}

static void store(struct world *world, struct working_set *set)
{
    world->rows_written = 0;
    draw_ids(world, set);
    for (int pass = 0; pass < 3; pass++) {
        if (pass == 1)
            delete_belongings(world, set);
        for (int t = 0; t < WORLD_TABLES; t++) {
            const struct rows *rows = set_rows(set, t);
            for (size_t i = 0; i < rows->count; i++) {
                struct row *row = rows->items[i];
                if (pass == 0 && row->is_gone && !row->is_new)
                    delete_row(world, &world->tables[t], row);
                if (pass == 1 && !row->is_gone && !row->is_new && row->is_dirty)
                    update_row(world, &world->tables[t], row);
                if (pass == 2 && !row->is_gone && row->is_new)
                    insert_row(world, &world->tables[t], row);
            }
        }
    }
}

/* --- fan-outs -----------------------------------------------------------------------------------
 */

static bool audited_differs(const struct account *a, const struct account *b)
{
    for (const struct column *c = account_noun.columns; c->name; c++) {
        union cell x = column_get(c, a), y = column_get(c, b);
        if (c->flags & COLUMN_AUDITED && !cell_equal(c, &x, &y))
            return true;
    }
    return false;
}

/* As wire/fanout.c does it: the same edit for audit and statement. */
static void fan_out(struct world *world, struct outcome *outcome)
{
    const struct fanout *fanout = outcome->fanout;
    struct rows *rows = &world->tables[WORLD_ACCOUNTS].rows;
    for (size_t i = 0; i < rows->count; i++) {
        struct account *before = (struct account *)rows->items[i];
        if (!text_equal(before->domain, fanout->domain) || !account_is_live(before))
            continue;
        struct account *after = copy_row(world, &account_noun, before);
        fanout->edit(fanout, after);
        bool differs = audited_differs(before, after);
        outcome->items.total++;
        outcome->items.applied += differs;
        outcome->items.unchanged += !differs;
        if (!differs || fanout->is_dry_run)
            continue;
        after->version++;
        after->revision++;
        after->updated_at = fanout->occurred_at;
        after->tombstone = account_is_live(after) ? 0 : after->account_id;
        rows->items[i] = &after->row;
    }
    if (outcome->items.applied == 0 && outcome->change_count == 0)
        outcome->status = OUTCOME_NO_CHANGE;
}

/* --- the ledger ---------------------------------------------------------------------------------
 */

static const struct memory *recall(struct world *world, const struct event *event)
{
    for (struct known_event *k = world->known; k; k = k->next) {
        bool is_same = k->offset == event->position.offset;
        bool is_id = !uuid_is_nil(&k->event_id) && uuid_equal(&k->event_id, &event->event_id);
        if (uuid_is_nil(&k->event_id) ? !is_same : !is_id)
            continue;
        struct memory *memory = ARENA_NEW(&world->arena, struct memory);
        *memory = k->memory;
        memory->is_same_record = is_same;
        return memory;
    }
    return NULL;
}

static void remember(struct world *world, const struct event *event, const struct outcome *outcome)
{
    if (outcome->recalled || outcome->derived)
        return;
    struct known_event *known = ARENA_NEW(&world->arena, struct known_event);
    *known = (struct known_event){
        .next = world->known,
        .event_id = outcome_uses_id(outcome->status) ? event->event_id : UUID_NIL,
        .offset = event->position.offset,
        .memory = {.offset = event->position.offset, .status = outcome->status},
    };
    memcpy(known->memory.payload_hash, event->payload_hash, PAYLOAD_HASH_LEN);
    world->known = known;
}

/* --- prepare ------------------------------------------------------------------------------------
 */

/* A toy hash: whoever knows the secret knows the hash. */
static struct text hashed(struct world *world, const struct secret *secret)
{
    return text_format(&world->arena, "{SHA512-CRYPT}%.*s", TEXT_ARG(secret->ciphertext));
}

static const struct account *stored_live(const struct world *world, const struct ref *ref)
{
    const struct rows *rows = &world->tables[WORLD_ACCOUNTS].rows;
    for (size_t i = 0; i < rows->count; i++) {
        const struct account *account = (const struct account *)rows->items[i];
        if (account_is_live(account) &&
            (uuid_is_nil(&ref->uuid) ? text_equal(account->address, ref->address)
                                     : uuid_equal(&account->uuid, &ref->uuid)))
            return account;
    }
    return NULL;
}

static void compare_password(struct world *world, struct event *event)
{
    const struct verify_password *verify = event->payload;
    const struct account *account = stored_live(world, &verify->ref);
    event->prepared = (struct prepared){.verified = VERIFY_NO_ACCOUNT};
    if (!account)
        return;
    bool is_right = text_equal(account->password, hashed(world, &verify->secret));
    event->prepared.verified = is_right ? VERIFY_RIGHT : VERIFY_WRONG;
    event->prepared.verified_uuid = account->uuid;
    event->prepared.verified_hash = account->password;
}

static void prepare(struct world *world, struct event *event)
{
    if (!event->kind || event->fault.code)
        return;
    if (event->kind->fields == verify_password_fields)
        compare_password(world, event);
    for (const struct field *f = event->kind->fields; f->type != FIELD_END; f++) {
        if (f->type != FIELD_SECRET || !(f->flags & FIELD_STORED_HASH))
            continue;
        const struct secret *secret = (const void *)((const char *)event->payload + f->offset);
        if (secret->type == SECRET_SEALED)
            event->prepared.password_hash = hashed(world, secret);
        if (secret->type == SECRET_GENERATED)
            event->prepared = (struct prepared){.password_hash = TEXT("{SHA512-CRYPT}made"),
                                                .sealed_password = TEXT("sealed")};
    }
}

/* --- the transaction ----------------------------------------------------------------------------
 */

struct transaction {
    struct world *world;
    struct plan plan;
    struct plan_input input;
    struct working_set set;
    struct outcome *outcomes;
};

/* The documentation of each kind is made from its list of codes. */
static void expect_listed(const struct event *event, const struct outcome *outcome)
{
    if (!event->kind || outcome->code == CODE_NONE || outcome->code == CODE_ID_REUSED)
        return;
    const enum code *code = event->kind->codes;
    while (*code && *code != outcome->code)
        code++;
    if (!*code)
        fail_msg("%s gives %s, which its row in kinds.c does not list", event->kind->name,
                 code_name(outcome->code));
}

static void run_segment(struct transaction *t, size_t from, size_t to)
{
    struct keys keys;
    keys_init(&keys, &t->world->arena, to - from);
    for (size_t i = from; i < to; i++) {
        const struct event *event = t->input.events[i];
        if (event->kind && !event->fault.code)
            event->kind->touch(event, &keys);
    }
    working_set_init(&t->set, &t->world->arena, to - from);
    load(t->world, &keys, &t->set);
    plan_run(&t->plan, &t->input, from, to, t->outcomes);
    store(t->world, &t->set);
    for (size_t i = from; i < to; i++) {
        if (t->outcomes[i].fanout)
            fan_out(t->world, &t->outcomes[i]);
        expect_listed(t->input.events[i], &t->outcomes[i]);
        remember(t->world, t->input.events[i], &t->outcomes[i]);
    }
    world_check(t->world);
}

static void transact(struct world *world, struct event *const *events, size_t count,
                     struct outcome *outcomes)
{
    struct transaction t = {.world = world, .outcomes = outcomes};
    const struct memory **memories = ARENA_ARRAY(&world->arena, const struct memory *, count);
    bool *is_reread = ARENA_ARRAY(&world->arena, bool, count);
    for (size_t i = 0; i < count; i++) {
        event_check(events[i], &world->policy, &world->arena);
        prepare(world, events[i]);
        memories[i] = recall(world, events[i]);
        is_reread[i] = events[i]->position.offset < world->next_offset;
    }
    t.input = (struct plan_input){events, memories, is_reread, count, &world->policy};
    plan_begin(&t.plan, &world->arena, &t.set, &world->policy, count);
    for (size_t from = 0, to; from < count; from = to) {
        to = plan_segment_end(&t.input, from);
        assert_true(to > from);
        run_segment(&t, from, to);
    }
    for (size_t i = 0; i < count; i++) {
        if (events[i]->position.offset >= world->next_offset)
            world->next_offset = events[i]->position.offset + 1;
    }
}

static bool verifies(const struct event *event)
{
    return event->kind && event->kind->fields == verify_password_fields;
}

struct outcome *world_apply(struct world *world, struct event *const *events, size_t count)
{
    struct outcome *outcomes = ARENA_ARRAY(&world->arena, struct outcome, count);
    for (size_t from = 0, to; from < count; from = to) {
        to = from + 1;
        while (to < count && !(world->cuts_at_verify && verifies(events[to])))
            to++;
        transact(world, events + from, to - from, outcomes + from);
    }
    return outcomes;
}
