/* Where provctl's settings come from: the options of the call on top of provd's own sources. */
#ifndef PROVCTL_CONFIGURATION_H
#define PROVCTL_CONFIGURATION_H

#include "base/status.h"
#include "config.h"

struct invocation;

#define CONFIGURATION_DEFAULT_FILE "/etc/provd/provd.yaml"

/* The file that --config or $PROVD_CONFIG names, else the default one if it is there; NULL: none.
 */
const char *configuration_file(const struct invocation *invocation);
/* Reads file, environment, --set and -X. The caller closes *ret_config. */
enum status configuration_load(const struct invocation *invocation, struct config **ret_config,
                               struct error *err);
/* Says which setting is missing: true when `value` is not "". */
bool configuration_needs(const char *value, const char *path);

/* What the Kafka files of wire/ want, with what provctl alone wants: no group, no transactional id.
 * The strings belong to `config`. */
struct kafka_options configuration_kafka(const struct config *config);

#endif
