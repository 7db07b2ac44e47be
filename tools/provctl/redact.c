#include "redact.h"

#include <stdbool.h>
#include <string.h>

/* Members that hold a secret, and the record they stand in (NULL: any). */
static const struct {
    const char *record, *member;
} secrets[] = {
    {"PasswordHash", "hash"},
    {NULL, "answer_hash"},
};

static bool is_secret(const char *record, const char *member)
{
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        if (strcmp(secrets[i].member, member) == 0 &&
            (!secrets[i].record || (record && strstr(record, secrets[i].record))))
            return true;
    }
    return false;
}

static void redact(json_t *value, const char *record)
{
    size_t index;
    const char *key;
    json_t *member;

    if (json_is_array(value)) {
        json_array_foreach(value, index, member) redact(member, record);
        return;
    }
    json_object_foreach(value, key, member)
    {
        if (json_is_string(member) && is_secret(record, key))
            json_string_set(member, "***");
        else
            redact(member, key);
    }
}

void redact_secrets(json_t *value)
{
    redact(value, NULL);
}
