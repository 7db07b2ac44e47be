/* What is wrong with a server's certificate, and what to do about it. The one place that includes
 * <openssl/x509_vfy.h>.
 *
 * Whether a certificate is trusted is decided by the libraries that make the connections; here is
 * only what to tell a person who has to mend it. */
#ifndef PROVD_WIRE_CERTIFICATE_H
#define PROVD_WIRE_CERTIFICATE_H

/* The fault that OpenSSL's check of a certificate has found, in its words; static. */
const char *certificate_fault(int x509_error);

/* What to do about the complaint of OpenSSL, libcurl or libpq that `message` holds; static, NULL
 * when it holds none. */
const char *certificate_advice(const char *message);

#endif
