/* Takes secrets out of events before they are shown. */
#ifndef PROVCTL_REDACT_H
#define PROVCTL_REDACT_H

#include "wire/json.h"

/* Hashes of passwords and answers become "***", wherever they stand; sealed boxes stay: only the
 * worker can open them. In place. */
void redact_secrets(json_t *value);

#endif
