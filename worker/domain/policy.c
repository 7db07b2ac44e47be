#include "domain/policy.h"

#define SCHEME(name)                                                                               \
    {                                                                                              \
        (name), sizeof(name) - 1                                                                   \
    }

static struct text default_schemes[] = {
    SCHEME("ARGON2ID"),     SCHEME("ARGON2I"),       SCHEME("BLF-CRYPT"), SCHEME("SHA512-CRYPT"),
    SCHEME("SHA256-CRYPT"), SCHEME("CRYPT"),         SCHEME("SSHA512"),   SCHEME("SSHA256"),
    SCHEME("PBKDF2"),       SCHEME("SCRAM-SHA-256"),
};

const struct policy policy_defaults = {
    .default_services = SERVICES_ALL,
    .default_service_mode = SERVICE_EAGER,
    .grace_period_us = INT64_C(30) * 24 * 3600 * 1000000,
    .password_schemes = {default_schemes, sizeof default_schemes / sizeof *default_schemes},
    .allow_cleartext = false,
    .allow_weak_crypt = false,
    .system_sources = {0},
    .to_ascii = 0,
    .is_affordable = 0,
};
