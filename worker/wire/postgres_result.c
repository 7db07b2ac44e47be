/* Reading results. */
#include "wire/postgres_handle.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* pg_type.oid */
enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_NAME = 19,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_OID = 26,
    OID_BPCHAR = 1042,
    OID_VARCHAR = 1043,
    OID_TIMESTAMPTZ = 1184,
    OID_UUID = 2950,
};

static const PGresult *unwrap(const struct result *result)
{
    return result->of_libpq;
}

struct result *postgres_wrap_result(struct postgres *pg, PGresult *of_libpq)
{
    size_t i = 0;

    if (!of_libpq) {
        return NULL;
    }
    while (i < RESULTS_OPEN_MAX && pg->results[i].of_libpq) {
        i++;
    }
    assert(i < RESULTS_OPEN_MAX); /* somebody closes none */
    pg->results[i].of_libpq = of_libpq;
    return &pg->results[i];
}

void result_close(struct result *result)
{
    if (result) {
        PQclear(result->of_libpq);
        result->of_libpq = NULL;
    }
}

int result_rows(const struct result *result)
{
    return PQntuples(unwrap(result));
}

int result_column(const struct result *result, const char *name)
{
    for (int column = 0; column < PQnfields(unwrap(result)); column++) {
        if (strcmp(PQfname(unwrap(result), column), name) == 0) {
            return column;
        }
    }
    return -1;
}

int64_t result_affected(struct result *result)
{
    return strtoll(PQcmdTuples(result->of_libpq), NULL, 10);
}

bool result_is_null(const struct result *result, int row, int column)
{
    return PQgetisnull(unwrap(result), row, column);
}

static int64_t get_int(const char *value, size_t width)
{
    uint64_t v = 0;

    memcpy((char *)&v + 8 - width, value, width);
    v = __builtin_bswap64(v);
    int unused_bits = 64 - 8 * (int)width;
    return (int64_t)(v << unused_bits) >> unused_bits; /* extends the sign */
}

/* The server's -infinity and infinity are the ends of its range; they stay the ends of ours. */
static int64_t unix_time(int64_t postgres_us)
{
    int64_t unix_us;

    if (postgres_us == INT64_MIN) {
        return INT64_MIN + 1; /* INT64_MIN is null */
    }
    if (__builtin_add_overflow(postgres_us, POSTGRES_EPOCH_UNIX_US, &unix_us)) {
        return INT64_MAX;
    }
    return unix_us;
}

int64_t result_int(const struct result *result, int row, int column)
{
    const PGresult *res = unwrap(result);

    if (PQgetisnull(res, row, column)) {
        return INT_NULL;
    }
    const char *value = PQgetvalue(res, row, column);
    switch (PQftype(res, column)) {
    case OID_INT8:
        return get_int(value, 8);
    case OID_INT4:
        return get_int(value, 4);
    case OID_INT2:
        return get_int(value, 2);
    case OID_BOOL:
        return *value != 0;
    case OID_OID:
        return (int64_t)(uint32_t)get_int(value, 4);
    case OID_TIMESTAMPTZ:
        return unix_time(get_int(value, 8));
    default:
        assert(!"a column of numbers, booleans or times");
        return INT_NULL;
    }
}

struct text result_text(const struct result *result, int row, int column)
{
    const PGresult *res = unwrap(result);

    switch (PQftype(res, column)) {
    case OID_TEXT:
    case OID_BYTEA:
    case OID_VARCHAR:
    case OID_NAME:
    case OID_BPCHAR:
        break;
    default:
        assert(!"a column of text or bytes");
    }
    if (PQgetisnull(res, row, column)) {
        return TEXT_NULL;
    }
    return (struct text){PQgetvalue(res, row, column), (size_t)PQgetlength(res, row, column)};
}

struct uuid result_uuid(const struct result *result, int row, int column)
{
    struct uuid uuid = UUID_NIL;

    assert(PQftype(unwrap(result), column) == OID_UUID);
    if (!PQgetisnull(unwrap(result), row, column)) {
        memcpy(uuid.bytes, PQgetvalue(unwrap(result), row, column), sizeof uuid.bytes);
    }
    return uuid;
}
