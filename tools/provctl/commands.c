#include "commands.h"

const struct command_group command_groups[] = {
    {"check", "Tries every connection and says what is wrong.", check_commands},
    {"topics", "The topics that provd reads and writes.", topics_commands},
    {"schema", "The Avro schemas in the registry.", schema_commands},
    {"config", "The settings.", config_commands},
    {"events", "Sending events, and reading what comes out.", events_commands},
    {"account", "Accounts.", account_commands},
    {"domain", "Domains.", domain_commands},
    {"group", "Groups of accounts.", group_commands},
    {"ledger", "What became of an event.", ledger_commands},
    {"fence", "Where the worker stands in each partition, and the way on after a halt.",
     fence_commands},
    {"audit", "The change log.", audit_commands},
    {"keygen", "Keys for sealed secrets.", keygen_commands},
    {"seal", "Seals a secret for the worker.", seal_commands},
    {.name = NULL},
};
