#include "wire/certificate.h"

#include <openssl/x509_vfy.h>

#include <stddef.h>
#include <string.h>

#define OTHER_NAME                                                                                 \
    "the certificate is for another name: connect by the name that stands in it, or have one "     \
    "made for this name"
#define OTHER_AUTHORITY                                                                            \
    "it is signed by an authority that is not trusted here: name the right one in "                \
    "kafka.security.ca_file, registry.ca_file, or sslrootcert of database.url"

struct complaint {
    const char *words;
    const char *advice;
};

/* The first that occurs holds. libpq keeps OpenSSL's reason to itself. */
static const struct complaint complaints[] = {
    {"certificate has expired", "renew the certificate of the server, or of its authority"},
    {"certificate is not yet valid", "the certificate is not valid yet: check the clocks"},
    {"does not match host name", OTHER_NAME},
    {"does not match target host name", OTHER_NAME},
    {"no alternative certificate subject name", OTHER_NAME},
    {"hostname mismatch", OTHER_NAME},
    {"IP address mismatch", OTHER_NAME},
    {"issuer certificate", OTHER_AUTHORITY},
    {"self-signed certificate", OTHER_AUTHORITY},
    {"self signed certificate", OTHER_AUTHORITY},
    {"unable to verify the first certificate", OTHER_AUTHORITY},
    {"SSL error: certificate verify failed",
     "it has expired: renew the certificate; or it is signed by an authority that is not trusted "
     "here: name the right one in sslrootcert of database.url (`openssl s_client -starttls "
     "postgres -connect HOST:PORT -CAfile FILE` tells which)"},
};

const char *certificate_fault(int x509_error)
{
    return X509_verify_cert_error_string(x509_error);
}

const char *certificate_advice(const char *message)
{
    for (size_t i = 0; i < sizeof complaints / sizeof *complaints; i++) {
        if (strstr(message, complaints[i].words) != NULL)
            return complaints[i].advice;
    }
    return NULL;
}
