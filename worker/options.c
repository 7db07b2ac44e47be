#include "options.h"

#include "base/text.h"
#include "version.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARENA_BYTES_MAX = 4 * 1024 * 1024 };

static const char help[] =
    "Usage: provd [OPTION ..]\n"
    "Applies provisioning events from Kafka to PostgreSQL, exactly once, and publishes results,\n"
    "change records and dead letters.\n"
    "\n"
    "  -c, --config FILE       settings in YAML; without it $PROVD_CONFIG, else\n"
    "                          " OPTIONS_DEFAULT_FILE " if it is there\n"
    "  -s, --set PATH=VALUE    one setting, e.g. batch.max_events=500; may be repeated\n"
    "  -n, --lanes N           how many lanes (processes) to run; the same as --set lanes=N\n"
    "  -X NAME=VALUE           a librdkafka property for all clients; may be repeated\n"
    "      --check-config      check the settings, without any network, and end\n"
    "  -V, --version           show the version and end\n"
    "  -h, --help              show this and end\n"
    "\n"
    "Later sources win: defaults, credentials, file, environment (PROVD_KAFKA_GROUP_ID for\n"
    "kafka.group_id), options. `provctl config defaults` shows all settings.\n"
    "\n"
    "Signals: SIGTERM and SIGINT finish the batch and stop, SIGHUP reads the settings again.\n"
    "Exit codes: 0 stopped as asked, 64 wrong option, 69 the HTTP address cannot be had,\n"
    "78 wrong settings.\n"
    "\n"
    "Examples:\n"
    "  provd --config /etc/provd/provd.yaml --check-config\n"
    "  provd --config provd.yaml --lanes 4\n"
    "  provd -s kafka.brokers=localhost:9092 -s database.url=postgresql://localhost/mail \\\n"
    "        -s schemas.directory=schemas -X debug=broker\n"
    "  curl http://127.0.0.1:9645/readyz\n"
    "\n"
    "See provd(8), provd.yaml(5), provctl(1).\n";

enum { CHECK_CONFIG = 256 };

static const struct option known[] = {
    {"config", required_argument, NULL, 'c'},
    {"set", required_argument, NULL, 's'},
    {"lanes", required_argument, NULL, 'n'},
    {"check-config", no_argument, NULL, CHECK_CONFIG},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static const char *default_file(void)
{
    const char *file = getenv("PROVD_CONFIG");
    if (file != NULL && *file != '\0')
        return file;
    return access(OPTIONS_DEFAULT_FILE, F_OK) == 0 ? OPTIONS_DEFAULT_FILE : NULL;
}

/* `prefix` goes before what was given: "lanes=" or "kafka.client.". */
static void add_set(struct options *options, const char *prefix, const char *given)
{
    options->sets[options->set_count++] = text_format(&options->arena, "%s%s", prefix, given).data;
}

static enum options_result complain(FILE *err, const char *what, const char *argument)
{
    fprintf(err, "provd: %s: %s\nTry 'provd --help'.\n", argument, what);
    return OPTIONS_WRONG;
}

/* getopt tells a long option by argv, a short one by optopt. */
static enum options_result complain_option(FILE *err, int found, char **argv)
{
    const char *what = found == ':' ? "needs a value" : "there is no such option";
    char letter[] = {'-', (char)optopt, '\0'};
    bool is_short = optopt > 0 && optopt < CHECK_CONFIG && strncmp(argv[optind - 1], "--", 2) != 0;
    return complain(err, what, is_short ? letter : argv[optind - 1]);
}

/* One option; RUN means to go on. */
static enum options_result take(struct options *options, int found, char **argv, FILE *out,
                                FILE *err)
{
    switch (found) {
    case 'c':
        options->file = optarg;
        return OPTIONS_RUN;
    case 's':
        add_set(options, "", optarg);
        return strchr(optarg, '=') != NULL
                   ? OPTIONS_RUN
                   : complain(err, "write --set PATH=VALUE, e.g. --set lanes=2", optarg);
    case 'n':
        add_set(options, "lanes=", optarg);
        return OPTIONS_RUN;
    case 'X':
        add_set(options, "kafka.client.", optarg);
        return strchr(optarg, '=') != NULL
                   ? OPTIONS_RUN
                   : complain(err, "write -X NAME=VALUE, e.g. -X debug=broker", optarg);
    case CHECK_CONFIG:
        options->only_check = true;
        return OPTIONS_RUN;
    case 'V':
        fprintf(out, "provd %s (%s)\n", PROVD_VERSION, provd_commit);
        return OPTIONS_ANSWERED;
    case 'h':
        fputs(help, out);
        return OPTIONS_ANSWERED;
    default:
        return complain_option(err, found, argv);
    }
}

enum options_result options_parse(struct options *ret_options, int argc, char **argv, FILE *out,
                                  FILE *err)
{
    struct options *options = ret_options;
    *options = (struct options){.file = NULL};
    arena_init(&options->arena, ARENA_BYTES_MAX, 0);
    options->sets = ARENA_ARRAY(&options->arena, const char *, (size_t)argc);
    options->file = default_file();
    optind = 0; /* glibc: begin anew, also after an earlier call */
    int found;
    while ((found = getopt_long(argc, argv, ":c:s:n:X:Vh", known, NULL)) != -1) {
        enum options_result result = take(options, found, argv, out, err);
        if (result != OPTIONS_RUN)
            return result;
    }
    if (optind < argc)
        return complain(err, "provd takes options only", argv[optind]);
    return OPTIONS_RUN;
}

void options_close(struct options *options)
{
    arena_close(&options->arena);
}
