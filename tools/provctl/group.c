/* `provctl group ...`: groups of accounts and who is in them. */
#include <sysexits.h>

#include "act.h"
#include "commands.h"
#include "configuration.h"
#include "database.h"

enum { MEMBERS_SHOWN_DEFAULT = 100, MEMBERS_SHOWN_MAX = 10000000 };

static int run_list(struct invocation *invocation);
static int run_show(struct invocation *invocation);
static int run_set(struct invocation *invocation);
static int run_add(struct invocation *invocation);
static int run_remove(struct invocation *invocation);

#define GROUP_ACT_OPTIONS                                                                          \
    {"context", 'C', "NAME", "context of the group; required", false, false},                      \
        {"reason", 0, "TEXT", "why; goes to the change log", false, false},                        \
        {"ticket", 0, "TEXT", "ticket or order; goes to the change log", false, false},            \
        {"wait", 0, "TIME", "patience for the result; default 30s", false, false},                 \
    {                                                                                              \
        "dry-run", 0, NULL, "only say what would be done", false, false                            \
    }

static const struct option_row list_options[] = {
    {"context", 'C', "NAME", "only the groups of this context", false, false},
    {.name = NULL},
};
static const struct option_row show_options[] = {
    {"context", 'C', "NAME", "context of the group; needed where several have such a group", false,
     false},
    {"members", 0, "N", "members that are listed at most; default 100", false, false},
    {.name = NULL},
};
static const struct option_row set_options[] = {
    {"name", 'n', "NAME",
     "name of the group; without it the name stays, of a new group it is its "
     "number",
     false, false},
    GROUP_ACT_OPTIONS,
    {.name = NULL},
};
static const struct option_row change_options[] = {GROUP_ACT_OPTIONS, {.name = NULL}};

#define MEMBERS_HELP                                                                               \
    " A member is an address, a uuid, or the id that results and `account show` tell; up to "      \
    "10,000 in one call."
#define EXIT_CODES " Exit codes: 0 done or so already, 65 refused, 75 no result yet."

const struct command group_commands[] = {
    {
        .group = "group",
        .name = "list",
        .arguments = "",
        .summary = "all groups, and how many accounts are in them",
        .help = "Lists number, name, members and version of groups. Deleted accounts do not "
                "count.",
        .examples = "  provctl group list --context acme\n  provctl group list -o csv\n",
        .options = list_options,
        .run = run_list,
    },
    {
        .group = "group",
        .name = "show",
        .arguments = "GROUP",
        .arguments_min = 1,
        .arguments_max = 1,
        .summary = "a group and its members",
        .help = "Shows the group of that number, or else of that name, and its first members by "
                "address. `own` tells whose own group it is: CreateAccount and UpdateAccount named "
                "it.",
        .examples = "  provctl group show 9\n"
                    "  provctl group show support-team --context acme --members 5000 -o json\n",
        .options = show_options,
        .run = run_show,
    },
    {
        .group = "group",
        .name = "set",
        .arguments = "NUMBER [MEMBER...]",
        .arguments_min = 1,
        .arguments_max = -1,
        .summary = "say who is in a group; make or rename it",
        .help = "Sends SetGroupMembers: those who are named are in the group, nobody else. A group "
                "that is not there is made." MEMBERS_HELP EXIT_CODES,
        .examples =
            "  provctl group set 9 bob@example.org 4711 --context acme --name support-team\n"
            "  provctl group set 9 --context acme --dry-run      # would empty it\n",
        .options = set_options,
        .run = run_set,
    },
    {
        .group = "group",
        .name = "add",
        .arguments = "NUMBER MEMBER...",
        .arguments_min = 2,
        .arguments_max = -1,
        .summary = "put accounts into a group",
        .help = "Sends ChangeGroupMembers; those who are in it stay." MEMBERS_HELP EXIT_CODES,
        .examples = "  provctl group add 9 bob@example.org eve@example.org --context acme\n",
        .options = change_options,
        .run = run_add,
    },
    {
        .group = "group",
        .name = "remove",
        .arguments = "NUMBER MEMBER...",
        .arguments_min = 2,
        .arguments_max = -1,
        .summary = "take accounts out of a group",
        .help = "Sends ChangeGroupMembers; the others stay." MEMBERS_HELP EXIT_CODES,
        .examples = "  provctl group remove 9 bob@example.org --context acme --ticket HD-4711\n",
        .options = change_options,
        .run = run_remove,
    },
    {.group = NULL},
};

/* --- showing ------------------------------------------------------------------------------------
 */

static const char sql_groups[] =
    "SELECT to_json(t)::text FROM ("
    "    SELECT g.context, g.number, g.name, ("
    "        SELECT count(*) FROM provd.group_members m"
    "        WHERE m.context = g.context AND m.number = g.number) AS members,"
    "        g.version, g.created_at, g.updated_at"
    "    FROM provd.mail_group g WHERE $1::text IS NULL OR g.context = $1"
    "    ORDER BY g.context, g.number) t";

/* A number is looked for before a name. */
static const char sql_group[] =
    "SELECT to_json(t)::text FROM ("
    "    SELECT context, number, name, version, created_at, updated_at FROM provd.mail_group"
    "    WHERE ($1::text IS NULL OR context = $1) AND (number::text = $2 OR name = $2)"
    "        AND (number::text = $2 OR NOT EXISTS ("
    "            SELECT FROM provd.mail_group WHERE ($1::text IS NULL OR context = $1)"
    "                AND number::text = $2))"
    "    ORDER BY context LIMIT 2) t";

static const char sql_members[] =
    "SELECT to_json(t)::text FROM ("
    "    SELECT address, account_id AS id, is_own AS own, created_at AS since"
    "    FROM provd.group_members WHERE context = $1 AND number = $2::int8"
    "    ORDER BY address LIMIT $3::int8) t";

static const struct output_column list_columns[] = {
    {.key = "context"},
    {.key = "number", .flags = OUTPUT_RIGHT},
    {.key = "name"},
    {.key = "members", .flags = OUTPUT_RIGHT},
    {.key = "version", .flags = OUTPUT_RIGHT},
    {.key = "updated_at"},
    {.key = NULL},
};

static struct param context_param(const struct invocation *invocation)
{
    const char *context = option_value(invocation, "context");
    return param_text(context ? text_from(context) : TEXT_NULL);
}

/* An open database, or the exit code. */
static int open_database(struct invocation *invocation, struct postgres **ret_pg)
{
    struct error err;
    if (!configuration_needs(invocation->config->database.url, "database.url"))
        return EX_CONFIG;
    enum status status = database_open(ret_pg, invocation->config, &err);
    return status == STATUS_OK ? EX_OK : database_complain(status, &err);
}

static int run_list(struct invocation *invocation)
{
    struct param param = context_param(invocation);
    struct postgres *pg;
    struct error err;
    json_t *rows = NULL, *row;
    size_t i;
    int code = open_database(invocation, &pg);

    if (code != EX_OK)
        return code;
    enum status status = database_rows(pg, sql_groups, &param, 1, &rows, &err);
    postgres_close(pg);
    if (status != STATUS_OK)
        return database_complain(status, &err);
    output_begin(invocation->output, list_columns);
    json_array_foreach(rows, i, row)
    {
        output_row(invocation->output, json_incref(row));
    }
    output_end(invocation->output, "no groups");
    json_decref(rows);
    return EX_OK;
}

static int tell_members(struct invocation *invocation, struct postgres *pg, json_t *group,
                        int64_t shown)
{
    struct error err;
    json_t *members = NULL;
    int64_t number = 0;

    json_member_int64(group, "number", &number);
    struct param params[] = {param_text(text_from(json_member_z(group, "context"))),
                             param_int8(invocation->arena, number),
                             param_int8(invocation->arena, shown)};
    enum status status = database_rows(pg, sql_members, params, 3, &members, &err);
    if (status != STATUS_OK)
        return database_complain(status, &err);
    output_document(invocation->output, json_pack("{sO so}", "group", group, "members", members));
    return EX_OK;
}

static int tell(struct invocation *invocation, struct postgres *pg, int64_t shown)
{
    struct param params[] = {context_param(invocation),
                             param_text(text_from(invocation->arguments[0]))};
    struct error err;
    json_t *groups = NULL;
    enum status status = database_rows(pg, sql_group, params, 2, &groups, &err);
    int code = EX_DATAERR;

    if (status != STATUS_OK)
        code = database_complain(status, &err);
    else if (json_array_size(groups) == 0)
        complain("there is no group %s", invocation->arguments[0]);
    else if (json_array_size(groups) > 1)
        code = complain_usage(invocation, "several contexts have a group %s: give --context",
                              invocation->arguments[0]);
    else
        code = tell_members(invocation, pg, json_array_get(groups, 0), shown);
    json_decref(groups);
    return code;
}

static int run_show(struct invocation *invocation)
{
    int64_t shown = MEMBERS_SHOWN_DEFAULT;
    struct postgres *pg;

    if (!option_number(invocation, "members", 0, MEMBERS_SHOWN_MAX, &shown))
        return EX_USAGE;
    int code = open_database(invocation, &pg);
    if (code != EX_OK)
        return code;
    code = tell(invocation, pg, shown);
    postgres_close(pg);
    return code;
}

/* --- changing -----------------------------------------------------------------------------------
 */

/* {"group": NUMBER, `list`: the members}; NULL after saying what is wrong. */
static json_t *read_payload(struct invocation *invocation, const char *list)
{
    int64_t number;

    if (!option_given(invocation, "context")) {
        complain_usage(invocation, "--context is needed: whose group is it?");
        return NULL;
    }
    if (!text_to_int64(text_from(invocation->arguments[0]), &number) || number < 1 ||
        number > INT32_MAX) {
        complain_usage(invocation, "'%s' is no number of a group: 1 to %d (0 is everybody)",
                       invocation->arguments[0], INT32_MAX);
        return NULL;
    }
    json_t *members = json_array();
    for (int i = 1; i < invocation->argument_count; i++)
        json_array_append_new(members, json_string(invocation->arguments[i]));
    return json_pack("{sI so}", "group", (json_int_t)number, list, members);
}

static int run_set(struct invocation *invocation)
{
    const char *name = option_value(invocation, "name");
    json_t *payload = read_payload(invocation, "members");

    if (!payload)
        return EX_USAGE;
    if (name)
        json_object_set_new(payload, "name", json_string(name));
    return act_send(invocation, ACT_GROUP, invocation->arguments[0], "SetGroupMembers", payload,
                    NULL);
}

static int change(struct invocation *invocation, const char *list)
{
    json_t *payload = read_payload(invocation, list);

    return payload ? act_send(invocation, ACT_GROUP, invocation->arguments[0], "ChangeGroupMembers",
                              payload, NULL)
                   : EX_USAGE;
}

static int run_add(struct invocation *invocation)
{
    return change(invocation, "add");
}

static int run_remove(struct invocation *invocation)
{
    return change(invocation, "remove");
}
