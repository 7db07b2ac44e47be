#include "envelope.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "domain/address.h"
#include "moment.h"
#include "wire/crypto.h"
#include "wire/idna.h"

enum { US_PER_MS = 1000 };

/* RFC 9562: 48 bits of milliseconds, version, variant, the rest random. */
static void new_event_id(char ret_text[UUID_TEXT_LEN + 1])
{
    struct uuid id;
    int64_t ms = clock_now_us() / US_PER_MS;

    crypto_random(id.bytes, sizeof id.bytes);
    for (int i = 0; i < 6; i++)
        id.bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    id.bytes[6] = (uint8_t)(0x70 | (id.bytes[6] & 0x0F));
    id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3F));
    uuid_format(&id, ret_text);
}

json_t *envelope_actor(void)
{
    const char *sudo = getenv("SUDO_USER");
    const struct passwd *entry = getpwuid(getuid());
    char id[300];

    snprintf(id, sizeof id, "provctl:%.256s", sudo && *sudo ? sudo : entry ? entry->pw_name : "?");
    return json_pack("{ss ss}", "kind", "SYSTEM", "id", id);
}

static void fill(json_t *event, const char *name, json_t *value)
{
    if (json_object_get(event, name))
        json_decref(value);
    else
        json_object_set_new(event, name, value);
}

static json_t *payload_of(const json_t *event)
{
    const json_t *payload = json_object_get(event, "payload");

    return json_object_iter_value(json_object_iter((json_t *)(uintptr_t)payload));
}

const char *envelope_kind(const json_t *event)
{
    const json_t *payload = json_object_get(event, "payload");
    const char *name = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)payload));
    const char *dot = name ? strrchr(name, '.') : NULL;

    return dot ? dot + 1 : name;
}

bool envelope_complete(json_t *event, const struct envelope *envelope, struct error *err)
{
    char id[UUID_TEXT_LEN + 1];
    char now[MOMENT_TEXT_MAX];

    if (!json_is_object(event)) {
        error_set(err, STATUS_FATAL, NULL,
                  "the document: an object is wanted: an event with its payload");
        return false;
    }
    if (!json_object_get(event, "payload")) {
        error_set(err, STATUS_FATAL, NULL,
                  "payload: missing: write {\"payload\": {\"CreateAccount\": {...}}}; `provctl "
                  "events kinds` lists the kinds");
        return false;
    }
    new_event_id(id);
    moment_format(clock_now_us(), now);
    fill(event, "event_id", json_string(id));
    fill(event, "occurred_at", json_string(now));
    fill(event, "source", json_string(envelope->source ? envelope->source : "provctl"));
    fill(event, "context", json_string(envelope->context ? envelope->context : ""));
    fill(event, "actor", envelope_actor());
    if (envelope->is_dry_run)
        json_object_set_new(event, "mode", json_string("DRY_RUN"));
    return true;
}

/* --- the key ------------------------------------------------------------------------------------
 */

static bool starts_with_any(const char *kind, const char *const *names)
{
    for (; *names; names++) {
        if (strcmp(kind, *names) == 0)
            return true;
    }
    return false;
}

/* In normal form, so that all spellings of an address lie in one partition; as it is when it has
 * none: the worker will refuse it. */
static struct text normal_address(const char *address, struct arena *arena)
{
    struct text normal;

    if (address_normalise(text_from(address), idna_to_ascii, arena, &normal) == CODE_NONE)
        return normal;
    return text_lower(arena, text_from(address));
}

static struct text normal_domain(const char *domain, struct arena *arena)
{
    struct text normal;

    if (domain_normalise(text_from(domain), idna_to_ascii, arena, &normal) == CODE_NONE)
        return normal;
    return text_lower(arena, text_from(domain));
}

struct text envelope_key(const json_t *event, struct arena *arena)
{
    static const char *const by_name[] = {"CreateContext", "UpdateContext", "DeleteContext", NULL};
    static const char *const by_context[] = {"CreateSecondaryAccount", "UpdateSecondaryAccount",
                                             "DeleteSecondaryAccount", "SetGroupMembers",
                                             "ChangeGroupMembers",     NULL};
    const json_t *payload = payload_of(event);
    const char *kind = envelope_kind(event);
    const json_t *ref = json_object_get(payload, "ref");
    const char *address = json_member_z(payload, "address");

    if (!ref)
        ref = json_object_get(payload, "account");
    if (!address)
        address = json_member_z(ref, "address");
    if (kind && starts_with_any(kind, by_name))
        return text_copy(arena, text_from(json_member_z(payload, "name")));
    if (kind && starts_with_any(kind, by_context))
        return text_copy(arena, text_from(json_member_z(event, "context")));
    if (address)
        return normal_address(address, arena);
    if (json_member_z(payload, "domain"))
        return normal_domain(json_member_z(payload, "domain"), arena);
    /* Named by a number alone: at least the same one is always in the same place. */
    const char *id = json_member_z(ref, "uuid");
    return text_copy(arena, text_from(id ? id : json_member_z(payload, "signup_id")));
}
