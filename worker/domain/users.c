#include "domain/users.h"

#include "base/arena.h"
#include "domain/account_events.h"
#include "domain/address.h"
#include "domain/plan.h"

enum { SHOWN_MAX = 80 };

/* A number above 0; INT_NULL for anything else. */
static int64_t parse_id(struct text text)
{
    int64_t id;
    return text_to_int64(text, &id) && id > 0 ? id : INT_NULL;
}

static enum code parse(struct text text, const struct policy *policy, struct arena *arena,
                       struct user *ret_user)
{
    *ret_user = (struct user){.id = INT_NULL};
    if (text_find(text, '@') != SIZE_MAX)
        return address_normalise(text, policy->to_ascii, arena, &ret_user->address);
    if (uuid_parse(text, &ret_user->uuid) && !uuid_is_nil(&ret_user->uuid))
        return CODE_NONE;
    ret_user->id = parse_id(text);
    return ret_user->id == INT_NULL ? CODE_INVALID_FIELD : CODE_NONE;
}

bool users_parse(struct event *event, const char *field, const struct texts *texts,
                 const struct policy *policy, struct arena *arena, struct users *ret_users)
{
    *ret_users = (struct users){ARENA_ARRAY(arena, struct user, texts->count), texts->count};
    event->users_listed += texts->count;
    for (size_t i = 0; i < texts->count; i++) {
        enum code code = parse(texts->items[i], policy, arena, &ret_users->items[i]);
        if (code == CODE_NONE)
            continue;
        struct text shown = text_quote(arena, texts->items[i], SHOWN_MAX);
        return fault_set(&event->fault, arena, code,
                         "%s names %.*s: give a user's address, uuid or id", field,
                         TEXT_ARG(shown));
    }
    return true;
}

static struct text user_key(const struct user *user)
{
    return user->address.data     ? user->address
           : user->id != INT_NULL ? number_key(&user->id)
                                  : uuid_key(&user->uuid);
}

bool users_differ(struct event *event, const struct users *adding, const struct users *removing,
                  struct arena *arena)
{
    struct map added;
    map_init(&added, arena, adding->count);
    for (size_t i = 0; i < adding->count; i++)
        map_put(&added, user_key(&adding->items[i]), &adding->items[i]);
    for (size_t i = 0; i < removing->count; i++) {
        if (map_get(&added, user_key(&removing->items[i])))
            return fault_set(&event->fault, arena, CODE_INVALID_FIELD,
                             "item %zu of remove is in add as well", i + 1);
    }
    return true;
}

void users_touch(const struct users *users, struct keys *keys)
{
    for (size_t i = 0; i < users->count; i++) {
        const struct user *user = &users->items[i];
        if (user->address.data)
            keys_user_address(keys, user->address);
        else if (user->id != INT_NULL)
            keys_user_id(keys, user->id);
        else
            keys_user_uuid(keys, &user->uuid);
    }
}

static struct account *find(struct plan *plan, const struct user *user)
{
    struct account *account = user->address.data     ? working_set_live(plan->set, user->address)
                              : user->id != INT_NULL ? working_set_account_id(plan->set, user->id)
                                                     : working_set_uuid(plan->set, &user->uuid);
    return account && account_is_live(account) ? account_in_context(plan, account) : NULL;
}

bool user_accounts_have(const struct user_accounts *accounts, const struct uuid *uuid)
{
    return map_get(&accounts->uuids, uuid_key(uuid)) != NULL;
}

bool users_require(struct plan *plan, const struct users *users, const struct texts *texts,
                   struct outcome *outcome, struct user_accounts *ret_accounts)
{
    *ret_accounts =
        (struct user_accounts){.items = ARENA_ARRAY(plan->arena, struct account *, users->count)};
    map_init(&ret_accounts->uuids, plan->arena, users->count);
    for (size_t i = 0; i < users->count; i++) {
        struct account *account = find(plan, &users->items[i]);
        if (!account) {
            struct text shown = text_quote(plan->arena, texts->items[i], SHOWN_MAX);
            plan_reject(plan, outcome, CODE_NO_SUCH_USER, "the context has no user %.*s",
                        TEXT_ARG(shown));
            return false;
        }
        if (!map_put(&ret_accounts->uuids, uuid_key(&account->uuid), account))
            ret_accounts->items[ret_accounts->count++] = account;
    }
    return true;
}
