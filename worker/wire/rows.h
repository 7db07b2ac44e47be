/* Moves rows of any noun between the database and the working set, by the noun's table of columns:
 * one piece of code for all of them. Statements take and give columns in the order of the table. */
#ifndef PROVD_WIRE_ROWS_H
#define PROVD_WIRE_ROWS_H

#include "base/status.h"
#include "domain/column.h"
#include "domain/working_set.h"

struct arena;
struct postgres;
struct result;

/* Called for each row read; the row and its texts are in the arena. */
typedef void rows_take(void *set, void *row);

/* Reads the next result as rows of `noun`. FATAL when its columns are not those of the noun. */
enum status rows_read(struct postgres *pg, const struct noun *noun, struct arena *arena,
                      rows_take *take, void *set, struct error *err);
/* The same from a result that the caller has and keeps. */
enum status rows_take_all(const struct result *result, const struct noun *noun, struct arena *arena,
                          rows_take *take, void *set, struct error *err);

/* What is to be done with a row, or nothing. */
enum row_write { ROW_NOTHING, ROW_INSERT, ROW_UPDATE, ROW_DELETE };
enum row_write row_write_of(const struct row *row);

/* COPYs the new rows. */
enum status rows_copy(struct postgres *pg, const struct noun *noun, const struct rows *rows,
                      struct arena *arena, struct error *err);
/* Sends the UPDATE and DELETE of the noun, where there is something to do; the number of requests
 * sent is added to *requests. `expected` gets the rows each must affect, request by request. */
enum { ROWS_ANY = -1 };
struct rows_requests {
    struct rows_request {
        const char *statement;
        int64_t expected_rows; /* ROWS_ANY: as many as there are */
    } items[16];
    int count;
};
enum status rows_send_update(struct postgres *pg, const char *statement, const struct noun *noun,
                             const struct rows *rows, struct arena *arena,
                             struct rows_requests *requests, struct error *err);
enum status rows_send_delete(struct postgres *pg, const char *statement, const struct noun *noun,
                             const struct rows *rows, struct arena *arena,
                             struct rows_requests *requests, struct error *err);
/* Reads the answers, in order. RETRY with code "LOST_RACE" when one wrote another number of rows.
 */
enum status rows_read_requests(struct postgres *pg, const struct rows_requests *requests,
                               struct error *err);
enum { ROWS_STATEMENT_MAX = 2048 };
extern const char rows_lost_race[]; /* "LOST_RACE" */

#endif
