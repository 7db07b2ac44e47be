/* `provctl schema ...`: the subjects in the Schema Registry. */
#include "commands.h"

#include <string.h>
#include <sysexits.h>

#include "configuration.h"
#include "registrar.h"
#include "shelf.h"
#include "wire/schemas_history.h"

static int run_check(struct invocation *invocation);
static int run_register(struct invocation *invocation);

static const struct option_row register_options[] = {
    {"dry-run", 0, NULL, "only say what would be registered", false, false},
    {.name = NULL},
};

const struct command schema_commands[] = {
    {
        .group = "schema",
        .name = "check",
        .arguments = "",
        .summary = "are the schemas registered and compatible?",
        .help = "Asks the registry for each version of each schema that is built in: is it "
                "registered, is it compatible "
                "with what is, and has the subject the right compatibility level? Writes nothing. "
                "Exit code 65: something "
                "is missing or wrong.",
        .examples = "  provctl schema check\n"
                    "  provctl schema check --set registry.url=http://registry:8081 -o json\n",
        .run = run_check,
    },
    {
        .group = "schema",
        .name = "register",
        .arguments = "",
        .summary = "register the schemas under the topics' subjects",
        .help = "Registers what is missing under <topic>-value (TopicNameStrategy) and sets the "
                "compatibility levels: "
                "BACKWARD_TRANSITIVE for events, FULL_TRANSITIVE for results and changes. On an "
                "empty registry all earlier "
                "versions are registered in their order. A second call changes nothing. The worker "
                "itself never "
                "registers.",
        .examples = "  provctl schema register\n"
                    "  provctl schema register --dry-run\n",
        .options = register_options,
        .run = run_register,
    },
    {.group = NULL},
};

static const struct output_column columns[] = {
    {"subject", NULL, 0}, {"schema", NULL, 0},        {"version", NULL, OUTPUT_RIGHT},
    {"state", NULL, 0},   {"id", NULL, OUTPUT_RIGHT}, {"reason", NULL, 0},
    {.key = NULL},
};

struct subject {
    const char *schema; /* name of the record */
    const char *name;   /* <topic>-value */
    const char *level;
};

enum { SUBJECTS = RECORD_TYPE_COUNT };

struct registering {
    struct invocation *invocation;
    struct registrar *registrar;
    bool may_write;
    bool is_good;
};

static void put_row(struct registering *r, const struct subject *subject, int version,
                    const char *state, int64_t id, const char *reason)
{
    output_row(r->invocation->output,
               json_pack("{ss ss so ss so ss?}", "subject", subject->name, "schema",
                         subject->schema, "version", version ? json_integer(version) : json_null(),
                         "state", state, "id", id ? json_integer(id) : json_null(), "reason",
                         reason));
}

/* The level that the subject has, or gets. */
static enum status settle_level(struct registering *r, const struct subject *subject,
                                struct error *err)
{
    struct text level;
    enum status status =
        registrar_level(r->registrar, subject->name, r->invocation->arena, &level, err);

    if (status != STATUS_OK)
        return status;
    if (text_equal_z(level, subject->level)) {
        put_row(r, subject, 0, "ok", 0,
                text_format(r->invocation->arena, "level %s", subject->level).data);
        return STATUS_OK;
    }
    const char *change = text_format(r->invocation->arena, "level %s > %s",
                                     level.data ? level.data : "(the default)", subject->level)
                             .data;
    if (r->may_write) {
        status = registrar_set_level(r->registrar, subject->name, subject->level, err);
        put_row(r, subject, 0, status == STATUS_OK ? "set" : "failed", 0, change);
        return status;
    }
    r->is_good = false;
    put_row(r, subject, 0, "differs", 0, change);
    return STATUS_OK;
}

static enum status check_missing(struct registering *r, const struct subject *subject, int version,
                                 const char *text, struct error *err)
{
    struct text reason;
    bool is_compatible;
    enum status status = registrar_is_compatible(
        r->registrar, subject->name, text, r->invocation->arena, &is_compatible, &reason, err);

    if (status != STATUS_OK)
        return status;
    r->is_good = false;
    put_row(r, subject, version, is_compatible ? "missing" : "incompatible", 0,
            is_compatible ? "compatible: `provctl schema register` registers it"
                          : text_to_z(r->invocation->arena, reason));
    return STATUS_OK;
}

/* An earlier version that the registry never had is only needed where nothing is yet: later ones
 * are there already. */
static enum status settle_version(struct registering *r, const struct subject *subject,
                                  const struct schema_version *version, bool is_newest,
                                  bool was_empty, struct error *err)
{
    int64_t number = 0;
    int64_t id = 0;
    enum status status =
        registrar_lookup(r->registrar, subject->name, version->text, &number, &id, err);

    if (status != STATUS_OK)
        return status;
    if (number > 0) {
        put_row(r, subject, version->version, "ok", id, NULL);
        return STATUS_OK;
    }
    if (!is_newest && !was_empty) {
        put_row(r, subject, version->version, "absent", 0,
                "an earlier version that this registry never had; not needed");
        return STATUS_OK;
    }
    if (!r->may_write)
        return check_missing(r, subject, version->version, version->text, err);
    status = registrar_register(r->registrar, subject->name, version->text, &id, err);
    put_row(r, subject, version->version, status == STATUS_OK ? "registered" : "failed", id,
            status == STATUS_OK ? NULL : err->message);
    return status;
}

static enum status settle_subject(struct registering *r, const struct subject *subject,
                                  struct error *err)
{
    json_t *versions = NULL;
    enum status status = registrar_versions(r->registrar, subject->name, &versions, err);
    bool was_empty = json_array_size(versions) == 0;

    json_decref(versions);
    /* The level first where there is a subject, so that what is registered is judged by it;
     * registries that know no level of a subject that is not there yet get it after the first
     * version. */
    if (status == STATUS_OK && !was_empty)
        status = settle_level(r, subject, err);
    for (const struct schema_version *version = schema_versions;
         status == STATUS_OK && version->name; version++) {
        bool is_newest = !version[1].name || strcmp(version[1].name, version->name) != 0;
        if (strcmp(version->name, subject->schema) != 0)
            continue;
        status = settle_version(r, subject, version, is_newest, was_empty, err);
        if (status == STATUS_OK && was_empty && version->version == 1)
            status = settle_level(r, subject, err);
    }
    return status;
}

static int run(struct invocation *invocation, bool may_write)
{
    const struct config_kafka *kafka = &invocation->config->kafka;
    const char *topics[SUBJECTS] = {kafka->topic_events, kafka->topic_results,
                                    kafka->topic_changes};
    static const char *const levels[SUBJECTS] = {"BACKWARD_TRANSITIVE", "FULL_TRANSITIVE",
                                                 "FULL_TRANSITIVE"};
    struct registering r = {.invocation = invocation, .may_write = may_write, .is_good = true};
    struct error err;
    enum status status = STATUS_OK;

    if (!configuration_needs(invocation->config->registry.url, "registry.url"))
        return EX_CONFIG;
    if (!(r.registrar = registrar_open(invocation->config, &err)))
        return complain_status(STATUS_FATAL, &err);
    output_begin(invocation->output, columns);
    for (int i = 0; status == STATUS_OK && i < SUBJECTS; i++) {
        struct subject subject = {record_type_names[i],
                                  text_format(invocation->arena, "%s-value", topics[i]).data,
                                  levels[i]};
        status = settle_subject(&r, &subject, &err);
    }
    output_end(invocation->output, NULL);
    registrar_close(r.registrar);
    if (status != STATUS_OK)
        return complain_status(status, &err);
    return r.is_good ? EX_OK : EX_DATAERR;
}

static int run_check(struct invocation *invocation)
{
    return run(invocation, false);
}

static int run_register(struct invocation *invocation)
{
    bool is_dry = option_given(invocation, "dry-run");
    int code = run(invocation, !is_dry);

    return is_dry && code == EX_DATAERR ? EX_OK : code;
}
