/* Values on their way to PostgreSQL and back: parameters, arrays, COPY, results. */
#include "postgres_server.h"

#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ARENA_BYTES_MAX = 16 * 1024 * 1024, MANY = 10000, COPY_ROWS = 100000 };

static const struct uuid some_uuid = {
    {0x01, 0x93, 0x2f, 0, 0, 0, 0x7a, 0xbc, 0x80, 1, 2, 3, 4, 5, 6, 7}};
static const int64_t some_time_us = INT64_C(1763715600123456);

static const struct statement statements[] = {
    {"echo", "SELECT $1::int8 AS i8, $2::int4 AS i4, $3::int2 AS i2, $4::bool AS b, $5::text AS t,"
             " $6::bytea AS y, $7::uuid AS u, $8::timestamptz AS z, $8::text AS shown"},
    {"unnest", "SELECT i8, i4, i2, b, t, y, u, z FROM unnest($1::int8[], $2::int4[], $3::int2[],"
               " $4::bool[], $5::text[], $6::bytea[], $7::uuid[], $8::timestamptz[])"
               " WITH ORDINALITY AS a(i8, i4, i2, b, t, y, u, z, n) ORDER BY n"},
    {"cardinality", "SELECT cardinality($1::text[]), array_ndims($1::text[])"},
    {"touch", "UPDATE target SET i4 = i4 WHERE i8 < $1"},
    {NULL, NULL},
};

static const char create_target[] =
    "CREATE TABLE IF NOT EXISTS target (i8 int8, i4 int4, i2 int2, b bool, t text, y bytea, u uuid,"
    " z timestamptz); TRUNCATE target";
static const char copy_target[] =
    "COPY target (i8, i4, i2, b, t, y, u, z) FROM STDIN WITH (FORMAT binary)";

static struct result *run(struct postgres *pg, const char *statement, const struct param *params,
                          int count)
{
    struct result *result = NULL;
    struct error err;

    assert_ok(postgres_send(pg, statement, params, count, &err), &err);
    assert_ok(postgres_sync(pg, &err), &err);
    assert_ok(postgres_result(pg, &result, &err), &err);
    assert_ok(postgres_drain(pg, &err), &err);
    return result;
}

static void each_type_comes_back_as_it_went(void **state)
{
    struct postgres *pg = test_open(statements);
    struct arena arena;

    (void)state;
    arena_init(&arena, ARENA_BYTES_MAX, 0);
    struct param params[] = {
        param_int8(&arena, INT64_MIN + 1),
        param_int4(&arena, INT32_MIN),
        param_int2(&arena, -2),
        param_bool(&arena, 1),
        param_text(TEXT("gr\xc3\xbc\xc3\x9f 'quoted' \\ \n")),
        param_bytes(TEXT("\0\xff\x01")),
        param_uuid(&some_uuid),
        param_time(&arena, some_time_us),
    };
    struct result *result = run(pg, "echo", params, 8);
    assert_int_equal(result_rows(result), 1);
    assert_int_equal(result_int(result, 0, result_column(result, "i8")), INT64_MIN + 1);
    assert_int_equal(result_int(result, 0, result_column(result, "i4")), INT32_MIN);
    assert_int_equal(result_int(result, 0, result_column(result, "i2")), -2);
    assert_int_equal(result_int(result, 0, result_column(result, "b")), 1);
    assert_true(text_equal(result_text(result, 0, result_column(result, "t")),
                           TEXT("gr\xc3\xbc\xc3\x9f 'quoted' \\ \n")));
    assert_true(text_equal(result_text(result, 0, result_column(result, "y")), TEXT("\0\xff\x01")));
    struct uuid uuid = result_uuid(result, 0, result_column(result, "u"));
    assert_true(uuid_equal(&uuid, &some_uuid));
    assert_int_equal(result_int(result, 0, result_column(result, "z")), some_time_us);
    assert_true(text_equal_z(result_text(result, 0, result_column(result, "shown")),
                             "2025-11-21 09:00:00.123456+00"));
    assert_int_equal(result_column(result, "none"), -1);
    result_close(result);
    arena_close(&arena);
    postgres_close(pg);
}

static void null_and_empty_stay_apart(void **state)
{
    struct postgres *pg = test_open(statements);
    struct arena arena;
    struct uuid nil = UUID_NIL;

    (void)state;
    arena_init(&arena, ARENA_BYTES_MAX, 0);
    struct param params[] = {
        param_int8(&arena, INT_NULL),
        param_int4(&arena, INT_NULL),
        param_int2(&arena, INT_NULL),
        param_bool(&arena, INT_NULL),
        param_text(TEXT("")),
        param_bytes(TEXT_NULL),
        param_uuid(&nil),
        param_time(&arena, INT_NULL),
    };
    struct result *result = run(pg, "echo", params, 8);
    for (int column = 0; column < 4; column++) {
        assert_true(result_is_null(result, 0, column));
        assert_int_equal(result_int(result, 0, column), INT_NULL);
    }
    assert_false(result_is_null(result, 0, 4));
    assert_true(text_equal_z(result_text(result, 0, 4), ""));
    assert_true(text_is_null(result_text(result, 0, 5)));
    struct uuid uuid = result_uuid(result, 0, 6);
    assert_true(uuid_is_nil(&uuid));
    assert_int_equal(result_int(result, 0, 7), INT_NULL);
    result_close(result);
    arena_close(&arena);
    postgres_close(pg);
}

static void big_texts_pass_through_a_pipeline_in_both_directions(void **state)
{
    enum { BIG = 8 * 1024 * 1024, TIMES = 4 };
    struct postgres *pg = test_open(statements);
    struct arena arena;
    struct error err;
    char *big = malloc(BIG);

    (void)state;
    arena_init(&arena, ARENA_BYTES_MAX, 0);
    memset(big, 'x', BIG);
    struct param null = {NULL, 0};
    struct param params[] = {null, null, null, null, param_text((struct text){big, BIG}),
                             null, null, null};
    /* More each way than any socket buffer holds: only who reads while sending gets through. */
    for (int i = 0; i < TIMES; i++) {
        assert_ok(postgres_send(pg, "echo", params, 8, &err), &err);
    }
    assert_ok(postgres_sync(pg, &err), &err);
    for (int i = 0; i < TIMES; i++) {
        struct result *result = NULL;
        assert_ok(postgres_result(pg, &result, &err), &err);
        struct text text = result_text(result, 0, 4);
        assert_int_equal(text.len, BIG);
        assert_memory_equal(text.data, big, BIG);
        result_close(result);
    }
    assert_ok(postgres_drain(pg, &err), &err);
    free(big);
    arena_close(&arena);
    postgres_close(pg);
}

struct arrays {
    struct array i8, i4, i2, b, t, y, u, z;
};

static void begin_arrays(struct arrays *a)
{
    array_begin(&a->i8, ARRAY_INT8);
    array_begin(&a->i4, ARRAY_INT4);
    array_begin(&a->i2, ARRAY_INT2);
    array_begin(&a->b, ARRAY_BOOL);
    array_begin(&a->t, ARRAY_TEXT);
    array_begin(&a->y, ARRAY_BYTES);
    array_begin(&a->u, ARRAY_UUID);
    array_begin(&a->z, ARRAY_TIME);
}

/* Row i of what the bulk tests send; every seventh is NULL throughout. */
struct sample {
    int64_t i8, i4, i2, b, z;
    struct text t;
    struct uuid u;
    char text[32];
};

static void make_sample(struct sample *s, int i)
{
    *s = (struct sample){INT_NULL, INT_NULL, INT_NULL, INT_NULL, INT_NULL, TEXT_NULL, UUID_NIL, ""};
    if (i % 7 == 3) {
        return;
    }
    s->i8 = (int64_t)i << 33;
    s->i4 = -i;
    s->i2 = i % 30000;
    s->b = i & 1;
    s->z = some_time_us + i;
    s->u = some_uuid;
    memcpy(s->u.bytes + 12, &i, 4);
    snprintf(s->text, sizeof s->text, "user%d@example.org", i);
    s->t = text_from(s->text);
}

static void check_sample(const struct result *result, int row)
{
    struct sample s;

    make_sample(&s, row);
    assert_int_equal(result_int(result, row, 0), s.i8);
    assert_int_equal(result_int(result, row, 1), s.i4);
    assert_int_equal(result_int(result, row, 2), s.i2);
    assert_int_equal(result_int(result, row, 3), s.b);
    assert_true(text_equal(result_text(result, row, 4), s.t));
    assert_true(text_equal(result_text(result, row, 5), s.t));
    struct uuid uuid = result_uuid(result, row, 6);
    assert_true(uuid_equal(&uuid, &s.u));
    assert_int_equal(result_int(result, row, 7), s.z);
}

static void fill_arrays(struct arrays *a, int count)
{
    begin_arrays(a);
    for (int i = 0; i < count; i++) {
        struct sample s;
        make_sample(&s, i);
        array_add_int(&a->i8, s.i8);
        array_add_int(&a->i4, s.i4);
        array_add_int(&a->i2, s.i2);
        array_add_int(&a->b, s.b);
        array_add_text(&a->t, s.t);
        array_add_text(&a->y, s.t);
        array_add_uuid(&a->u, &s.u);
        array_add_int(&a->z, s.z);
    }
}

static void close_arrays(struct arrays *a)
{
    array_close(&a->i8);
    array_close(&a->i4);
    array_close(&a->i2);
    array_close(&a->b);
    array_close(&a->t);
    array_close(&a->y);
    array_close(&a->u);
    array_close(&a->z);
}

static void arrays_of_ten_thousand_unnest_to_their_rows(void **state)
{
    struct postgres *pg = test_open(statements);
    struct arrays a = {0};

    (void)state;
    for (int count = MANY; count > 0; count = count > 1 ? 1 : 0) { /* the memory is used again */
        fill_arrays(&a, count);
        struct param params[] = {array_param(&a.i8), array_param(&a.i4), array_param(&a.i2),
                                 array_param(&a.b),  array_param(&a.t),  array_param(&a.y),
                                 array_param(&a.u),  array_param(&a.z)};
        struct result *result = run(pg, "unnest", params, 8);
        assert_int_equal(result_rows(result), count);
        for (int row = 0; row < count; row++) {
            check_sample(result, row);
        }
        result_close(result);
    }
    close_arrays(&a);
    postgres_close(pg);
}

static void an_empty_array_is_empty_not_null(void **state)
{
    struct postgres *pg = test_open(statements);
    struct array array = {0};

    (void)state;
    array_begin(&array, ARRAY_TEXT);
    struct param param = array_param(&array);
    struct result *result = run(pg, "cardinality", &param, 1);
    assert_int_equal(result_int(result, 0, 0), 0);
    assert_int_equal(result_int(result, 0, 1), INT_NULL);
    result_close(result);
    array_close(&array);
    postgres_close(pg);
}

static void a_number_that_its_array_cannot_hold_is_refused_not_cut(void **state)
{
    struct postgres *pg = test_open(statements);
    struct array array = {0};
    struct error err;
    struct result *result;

    (void)state;
    array_begin(&array, ARRAY_INT4);
    array_add_int(&array, INT64_C(1) << 31);
    struct param param = array_param(&array);
    assert_int_equal(postgres_query(pg, "SELECT $1::int4[]", &param, 1, &result, &err),
                     STATUS_FATAL);
    assert_non_null(strstr(err.message, "parameter 1"));
    assert_true(postgres_usable(pg));
    array_close(&array);
    postgres_close(pg);
}

static void infinite_times_are_the_ends_of_the_range(void **state)
{
    struct postgres *pg = test_open(NULL);

    (void)state;
    assert_int_equal(test_number(pg, "SELECT 'infinity'::timestamptz"), INT64_MAX);
    assert_int_equal(test_number(pg, "SELECT '-infinity'::timestamptz"), INT64_MIN + 1);
    assert_int_equal(test_number(pg, "SELECT '1970-01-01'::timestamptz"), 0);
    postgres_close(pg);
}

static int64_t copy_samples(struct postgres *pg, int count)
{
    struct copy *copy = NULL;
    struct error err;
    int64_t rows = -1;

    assert_ok(postgres_copy_begin(pg, copy_target, &copy, &err), &err);
    for (int i = 0; i < count; i++) {
        struct sample s;
        make_sample(&s, i);
        copy_row(copy, 8);
        copy_int8(copy, s.i8);
        copy_int4(copy, s.i4);
        copy_int2(copy, s.i2);
        copy_bool(copy, s.b);
        copy_text(copy, s.t);
        copy_text(copy, s.t);
        copy_uuid(copy, &s.u);
        copy_time(copy, s.z);
        assert_ok(copy_flush(copy, &err), &err);
    }
    assert_ok(postgres_copy_end(copy, &rows, &err), &err);
    return rows;
}

static void copy_stores_each_row_as_it_was_put(void **state)
{
    struct postgres *pg = test_open(NULL);
    struct result *result = NULL;
    struct error err;

    (void)state;
    test_command(pg, create_target);
    assert_int_equal(copy_samples(pg, MANY), MANY);
    assert_ok(postgres_query(pg, "SELECT * FROM target", NULL, 0, &result, &err), &err);
    assert_int_equal(result_rows(result), MANY);
    for (int row = 0; row < MANY; row++) { /* a fresh heap is read in the order of insertion */
        check_sample(result, row);
    }
    result_close(result);
    postgres_close(pg);
}

static void copy_of_many_rows_and_of_none_works_between_pipelines(void **state)
{
    struct postgres *pg = test_open(statements);
    struct arena arena;

    (void)state;
    arena_init(&arena, ARENA_BYTES_MAX, 0);
    test_command(pg, create_target);
    struct param one = param_int8(&arena, 1);
    result_close(run(pg, "touch", &one, 1));
    assert_int_equal(copy_samples(pg, COPY_ROWS), COPY_ROWS);
    assert_int_equal(copy_samples(pg, 0), 0);
    struct result *result = run(pg, "touch", &one, 1);
    assert_int_equal(result_affected(result), 1);
    result_close(result);
    assert_int_equal(test_number(pg, "SELECT count(*) FROM target"), COPY_ROWS);
    arena_close(&arena);
    postgres_close(pg);
}

static void copy_takes_rows_far_larger_than_its_pieces(void **state)
{
    enum { BIG = 5 * 1024 * 1024 + 1, ROWS = 5 };
    struct postgres *pg = test_open(NULL);
    struct copy *copy = NULL;
    struct error err;
    int64_t rows = 0;
    char *big = malloc(BIG);

    (void)state;
    memset(big, 'y', BIG);
    test_command(pg, create_target);
    assert_ok(
        postgres_copy_begin(pg, "COPY target (t) FROM STDIN WITH (FORMAT binary)", &copy, &err),
        &err);
    for (int i = 0; i < ROWS; i++) {
        copy_row(copy, 1);
        copy_text(copy, (struct text){big, BIG});
        assert_ok(copy_flush(copy, &err), &err);
    }
    assert_ok(postgres_copy_end(copy, &rows, &err), &err);
    assert_int_equal(rows, ROWS);
    assert_int_equal(test_number(pg, "SELECT sum(length(t))::int8 FROM target"),
                     (int64_t)BIG * ROWS);
    free(big);
    postgres_close(pg);
}

static void a_row_beyond_the_limit_fails_the_copy_not_the_connection(void **state)
{
    struct postgres *pg = test_open(NULL);
    struct copy *copy = NULL;
    struct error err;
    int64_t rows = 0;
    size_t size = COPY_BUFFER_BYTES_MAX;
    char *big = calloc(1, size);

    (void)state;
    test_command(pg, create_target);
    assert_ok(
        postgres_copy_begin(pg, "COPY target (t) FROM STDIN WITH (FORMAT binary)", &copy, &err),
        &err);
    copy_row(copy, 1);
    copy_text(copy, (struct text){big, size});
    assert_int_equal(postgres_copy_end(copy, &rows, &err), STATUS_FATAL);
    assert_non_null(strstr(err.message, "larger than"));
    assert_ok(postgres_rollback(pg, &err), &err);
    assert_int_equal(test_number(pg, "SELECT count(*) FROM target"), 0);
    free(big);
    postgres_close(pg);
}

/* The table is there before the statements are prepared. */
static int create(void **state)
{
    int failed = test_database_create(state);

    if (!failed && getenv("DATABASE_URL")) {
        struct postgres *pg = test_open(NULL);
        test_command(pg, create_target);
        postgres_close(pg);
    }
    return failed;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_comes_back_as_it_went),
        cmocka_unit_test(null_and_empty_stay_apart),
        cmocka_unit_test(big_texts_pass_through_a_pipeline_in_both_directions),
        cmocka_unit_test(arrays_of_ten_thousand_unnest_to_their_rows),
        cmocka_unit_test(an_empty_array_is_empty_not_null),
        cmocka_unit_test(a_number_that_its_array_cannot_hold_is_refused_not_cut),
        cmocka_unit_test(infinite_times_are_the_ends_of_the_range),
        cmocka_unit_test(copy_stores_each_row_as_it_was_put),
        cmocka_unit_test(copy_takes_rows_far_larger_than_its_pieces),
        cmocka_unit_test(a_row_beyond_the_limit_fails_the_copy_not_the_connection),
        cmocka_unit_test(copy_of_many_rows_and_of_none_works_between_pipelines),
    };
    return cmocka_run_group_tests(tests, create, test_database_drop);
}
