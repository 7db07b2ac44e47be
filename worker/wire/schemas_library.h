/* Schemas by fingerprint: those of a directory, those embedded in the program, those seen at the
 * registry. Only for wire/schemas.c. */
#ifndef PROVD_WIRE_SCHEMAS_LIBRARY_H
#define PROVD_WIRE_SCHEMAS_LIBRARY_H

#include "base/status.h"
#include "base/text.h"

enum { LIBRARY_SCHEMAS_MAX = 1024 };

struct library_schema {
    uint64_t fingerprint;
    char *json; /* owned */
};

struct library {
    struct library_schema items[LIBRARY_SCHEMAS_MAX];
    size_t count;
};

/* Copies the text. What is no schema, known already or too much is left out. */
void library_add(struct library *library, struct text json);
/* Adds every *.avsc of a directory and of the folders below. FATAL when the directory cannot be
 * read. */
enum status library_scan(struct library *library, const char *directory, struct error *err);
/* Its text, or null. */
struct text library_find(const struct library *library, uint64_t fingerprint);
void library_close(struct library *library);

/* A whole file, malloc'ed and NUL-terminated, not larger than a schema may be; NULL with the
 * reason. */
char *schema_file_read(const char *path, struct error *err);

#endif
