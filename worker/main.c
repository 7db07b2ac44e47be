/* provd: reads its settings and runs the lanes. What follows is in this order:
 *
 *   options.h      the command line
 *   config.h       the settings
 *   supervisor.h   the parent: lanes, signals, HTTP, service manager
 *   lane.h         a lane: consume > decode > prepare > apply > publish */
#include "base/log.h"
#include "base/status.h"
#include "config.h"
#include "lane_process.h"
#include "options.h"
#include "process.h"
#include "supervisor.h"

#include <stdio.h>
#include <sysexits.h>

static int complain(int exit_code, const struct error *err)
{
    fprintf(stderr, "provd: %s\n", err->message);
    return exit_code;
}

static void warn_of_unknown_names(const struct config *config)
{
    const char *const *names;
    size_t count = config_warnings(config, &names);
    for (size_t i = 0; i < count; i++)
        log_event(LOG_WARNING, "environment variable is no setting", LOG_Z("name", names[i]));
}

static enum status load(struct config **ret_config, const struct options *options,
                        struct error *err)
{
    struct config_options sources = {
        .file = options->file, .sets = options->sets, .set_count = options->set_count};
    enum status status = config_load(ret_config, &sources, err);
    if (status == STATUS_OK)
        status = config_check(*ret_config, err);
    return status;
}

static int serve(struct config *config)
{
    struct supervisor *supervisor;
    struct error err;
    struct lane_patience patience = lane_patience_of(config);
    if (supervisor_open(&supervisor, config, &patience, &err) != STATUS_OK)
        return complain(EX_UNAVAILABLE, &err);
    int exit_code = supervisor_run(supervisor);
    supervisor_close(supervisor);
    return exit_code;
}

static int run(const struct options *options)
{
    struct config *config = NULL;
    struct error err;
    int exit_code = EX_OK;
    if (load(&config, options, &err) != STATUS_OK) {
        exit_code = complain(EX_CONFIG, &err);
    } else {
        log_configure((enum log_level)config->log_level, (enum log_format)config->log_format);
        warn_of_unknown_names(config);
        if (options->only_check)
            printf("provd: the settings are valid\n");
        else
            exit_code = serve(config);
    }
    config_close(config);
    return exit_code;
}

int main(int argc, char **argv)
{
    struct options options;
    process_keep_standard_fds();
    enum options_result result = options_parse(&options, argc, argv, stdout, stderr);
    int exit_code = result == OPTIONS_WRONG ? EX_USAGE : EX_OK;
    if (result == OPTIONS_RUN) {
        log_set_process("parent");
        process_protect();
        exit_code = run(&options);
    }
    options_close(&options);
    return exit_code;
}
