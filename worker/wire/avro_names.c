#include "wire/avro_names.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void names_open(struct names *names)
{
    names->items = memory_zalloc("schemas", AVRO_NAMED_TYPES_MAX, sizeof *names->items);
    names->count = 0;
}

void names_close(struct names *names)
{
    free(names->items);
    names->items = NULL;
}

static bool is_word(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

        if (!is_letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return len > 0;
}

bool names_is_word(const char *name)
{
    return is_word(name, strlen(name));
}

static bool is_dotted(const char *name)
{
    const char *dot;

    for (; (dot = strchr(name, '.')) != NULL; name = dot + 1)
        if (!is_word(name, (size_t)(dot - name)))
            return false;
    return names_is_word(name);
}

bool names_resolve(const char *name, const char *space, char ret_fullname[AVRO_FULLNAME_MAX + 1])
{
    bool is_short = strchr(name, '.') == NULL && space != NULL && space[0] != '\0';
    int len = is_short ? snprintf(ret_fullname, AVRO_FULLNAME_MAX + 1, "%s.%s", space, name)
                       : snprintf(ret_fullname, AVRO_FULLNAME_MAX + 1, "%s", name);

    return len > 0 && len <= AVRO_FULLNAME_MAX && is_dotted(ret_fullname);
}

bool names_of_definition(const json_t *definition, const char *space,
                         char ret_fullname[AVRO_FULLNAME_MAX + 1])
{
    const char *name = json_member_z(definition, "name");
    const char *own_space = json_member_z(definition, "namespace");

    return name != NULL && names_resolve(name, own_space != NULL ? own_space : space, ret_fullname);
}

struct named_type *names_find(const struct names *names, const char *fullname)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i].fullname, fullname) == 0)
            return &names->items[i];
    return NULL;
}

struct named_type *names_add(struct names *names, const char *fullname, const json_t *definition)
{
    struct named_type *type = names_find(names, fullname);

    if (type != NULL)
        return type->definition == definition ? type : NULL;
    if (names->count == AVRO_NAMED_TYPES_MAX)
        return NULL;
    type = &names->items[names->count++];
    snprintf(type->fullname, sizeof type->fullname, "%s", fullname);
    type->definition = definition;
    return type;
}

void names_space(const char *fullname, char ret_space[AVRO_FULLNAME_MAX + 1])
{
    const char *dot = strrchr(fullname, '.');
    size_t len = dot != NULL ? (size_t)(dot - fullname) : 0;

    memcpy(ret_space, fullname, len);
    ret_space[len] = '\0';
}

bool names_is_primitive(const char *name)
{
    static const char *const primitives[] = {
        "null", "boolean", "int", "long", "float", "double", "bytes", "string",
    };

    for (size_t i = 0; i < sizeof primitives / sizeof primitives[0]; i++)
        if (strcmp(name, primitives[i]) == 0)
            return true;
    return false;
}
