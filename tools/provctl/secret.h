/* Secrets in the hands of provctl: read from a terminal or a pipe, sealed at once, wiped. */
#ifndef PROVCTL_SECRET_H
#define PROVCTL_SECRET_H

#include "command.h"

/* The worker's public key: `public_key` (base64), or that of the key file in the configured
 * directory when it is NULL. Exit code, after saying what is wrong. */
int secret_public_key(struct invocation *invocation, const char *key_id, const char *public_key,
                      struct text *ret_public_key);
/* Asks twice on a terminal, without echo; else reads one line from standard input. The caller wipes
 * it (crypto_wipe). Exit code, after saying what is wrong. */
int secret_read(struct arena *arena, const char *prompt, struct text *ret_plain);
/* {"SealedSecret": {key_id, ciphertext}}; NULL when the key is none. */
json_t *secret_seal(struct arena *arena, const char *key_id, struct text public_key,
                    struct text plain);

#endif
