/* `provctl events ...`: the table of commands. */
#include "events.h"

#include "commands.h"

static const struct option_row send_options[] = {
    {"wait", 'w', "TIME", "wait for the results and print them; default 30s", true, false},
    {"context", 0, "NAME", "context of events that name none", false, false},
    {"source", 0, "NAME", "source of events that name none; default provctl", false, false},
    {"key", 'k', "KEY", "Kafka key; default: as the kind of event wants it", false, false},
    {"dry-run", 0, NULL, "send them as DRY_RUN: nothing is written, the result says what would be",
     false, false},
    {"check", 0, NULL, "only check them and print them as they would be sent; no network", false,
     false},
    {.name = NULL},
};
static const struct option_row decode_options[] = {
    {"as", 'a', "WHAT", "event (default), result or change", false, false},
    {.name = NULL},
};
static const struct option_row tail_options[] = {
    {"from", 0, "start|end|TIME", "where to begin: default end; a time, or how long ago as in 10m",
     false, true},
    {"follow", 'f', NULL, "go on for ever; the default from the end", false, false},
    {"count", 'n', "N", "stop after so many", false, false},
    {"for", 0, "TIME", "stop after this time", false, false},
    {"partition", 'p', "N", "only this partition", false, false},
    {"key", 'k', "KEY", "only this key", false, false},
    {"kind", 0, "KIND", "only this kind of event", false, false},
    {"status", 0, "STATUS", "only results with this status", false, false},
    {"code", 0, "CODE", "only results or dead letters with this code", false, false},
    {"event-id", 0, "ID", "only this event", false, false},
    {.name = NULL},
};

const struct command events_commands[] = {
    {
        .group = "events",
        .name = "send",
        .arguments = "[FILE...]",
        .arguments_max = -1,
        .summary = "send events from JSON",
        .help = "Reads events in JSON from the files, or from standard input: one or many, as JSON "
                "lines or one after the "
                "other. A union of null and one type is the plain value or null, a union of "
                "records says which one it is, "
                "as in {\"payload\": {\"CreateAccount\": {...}}}; times are RFC 3339, bytes "
                "base64. What is absent takes the "
                "schema's default; event_id, occurred_at, source and actor are made. All events "
                "are checked before the first "
                "one is sent. With --wait, exit code 65: some event was refused; 75: some has no "
                "result yet.",
        .examples = "  provctl events send --wait create-bob.json\n"
                    "  echo '{\"context\": \"acme\", \"payload\": {\"DeleteAccount\": {\"ref\": "
                    "{\"address\":\n"
                    "      \"bob@example.org\"}}}}' | provctl events send --wait=10s --dry-run\n"
                    "  provctl events send --check -o json events.jsonl\n",
        .options = send_options,
        .run = events_send,
    },
    {
        .group = "events",
        .name = "decode",
        .arguments = "[BYTES|TOPIC:PARTITION:OFFSET|FILE|-]",
        .arguments_max = 1,
        .summary = "show a record as JSON",
        .help = "Decodes one value: hexadecimal, base64, a file, standard input (-, also without "
                "an argument), or a record in "
                "Kafka. The schema is found by the framing: among the versions built in, in "
                "schemas.directory, or in the "
                "registry. Secrets in events are shown as ***.",
        .examples = "  provctl events decode provisioning.events:3:1204\n"
                    "  provctl events decode --as result provisioning.results:0:17\n"
                    "  kcat -C -t provisioning.events -p 0 -o 5 -c 1 | provctl events decode -\n",
        .options = decode_options,
        .run = events_decode,
    },
    {
        .group = "events",
        .name = "tail",
        .arguments = "[events|results|changes|dlq]",
        .arguments_max = 1,
        .summary = "follow a topic as JSON lines",
        .help = "Prints the records of a topic (results unless said otherwise) as JSON lines as "
                "they come, each with its "
                "place, time and key. Only committed records are shown. Dead letters are shown "
                "with the reason they "
                "have in their headers. Ends at the present end of the topic when --from is given, "
                "otherwise with Ctrl-C, "
                "--count or --for.",
        .examples = "  provctl events tail\n"
                    "  provctl events tail results --status REJECTED --from 1h\n"
                    "  provctl events tail dlq --from start -o table\n",
        .options = tail_options,
        .flags = COMMAND_STREAMS,
        .run = events_tail,
    },
    {
        .group = "events",
        .name = "kinds",
        .arguments = "[KIND]",
        .arguments_max = 1,
        .summary = "the kinds of events, their fields, limits and codes",
        .help = "Lists the kinds of events that the schema has, or the fields, limits and codes of "
                "one of them. Kinds that "
                "this version does not carry out are answered REJECTED / UNSUPPORTED.",
        .examples = "  provctl events kinds\n"
                    "  provctl events kinds CreateAccount\n",
        .flags = COMMAND_NO_CONFIG,
        .run = events_kinds,
    },
    {.group = NULL},
};
