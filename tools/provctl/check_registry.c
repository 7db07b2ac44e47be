/* `provctl check`: the Schema Registry and the subjects. */
#include "check.h"

#include <inttypes.h>
#include <string.h>

#include "configuration.h"
#include "registrar.h"
#include "shelf.h"
#include "wire/schemas_embedded.h"

static bool check_subject(struct check *check, struct registrar *registrar, const char *topic,
                          const char *schema)
{
    const char *subject = text_format(check->invocation->arena, "%s-value", topic).data;
    const char *what = text_format(check->invocation->arena, "subject %s", subject).data;
    int64_t version = 0;
    int64_t id = 0;
    struct error err;

    if (registrar_lookup(registrar, subject, schema, &version, &id, &err) != STATUS_OK) {
        check_unreachable(
            check, what, &err,
            "check registry.url (with the path of its Confluent API), registry.ca_file and "
            "the credentials");
        return false; /* the others would say the same */
    }
    if (version > 0)
        check_found(check, what, VERDICT_OK, NULL, "version %" PRId64 ", id %" PRId64, version, id);
    else
        check_find(check, what, VERDICT_FAILED, "this version of the schema is not registered",
                   "register it with `provctl schema register`");
    return true;
}

void check_registry(struct check *check)
{
    const struct config *config = check->invocation->config;
    const char *topics[] = {config->kafka.topic_events, config->kafka.topic_results,
                            config->kafka.topic_changes};
    const char *schemas[] = {schema_provisioning_event, schema_provisioning_result,
                             schema_change_record};
    struct registrar *registrar;
    struct error err;

    if (!*config->registry.url) {
        check_find(check, "registry", VERDICT_OK, "none is configured: schemas come from files",
                   NULL);
        return;
    }
    if (!(registrar = registrar_open(config, &err))) {
        check_find(check, "registry", VERDICT_FAILED, err.message, NULL);
        return;
    }
    for (int i = 0; i < 3 && check_subject(check, registrar, topics[i], schemas[i]); i++)
        continue;
    registrar_close(registrar);
}
