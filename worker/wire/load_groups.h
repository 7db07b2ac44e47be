/* Loads groups of accounts and who is in them: the part of load.h that is about these. */
#ifndef PROVD_WIRE_LOAD_GROUPS_H
#define PROVD_WIRE_LOAD_GROUPS_H

#include "base/status.h"
#include "domain/keys.h"
#include "domain/working_set.h"

struct postgres;

/* First the groups, behind their contexts. */
enum status load_groups_send(struct postgres *pg, const struct keys *keys, struct error *err);
enum status load_groups_read(struct postgres *pg, const struct keys *keys, struct working_set *set,
                             struct error *err);

/* Then the members, once groups and accounts are in the set. */
bool load_members_wanted(const struct keys *keys, const struct working_set *set);
enum status load_members_send(struct postgres *pg, const struct keys *keys,
                              const struct working_set *set, struct error *err);
enum status load_members_read(struct postgres *pg, const struct keys *keys, struct working_set *set,
                              struct error *err);

#endif
