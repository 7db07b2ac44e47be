# shellcheck shell=bash
# What tools/stack tells about itself: status, logs, env.

readonly STATUS_NOT_RUNNING=3

server_address()
{
    local port tls
    port=$(port_of "$1")
    case $1 in
        postgresql) printf '127.0.0.1:%s\n' "$port" ;;
        kafka) tls=$(port_of kafka_sasl) && printf '127.0.0.1:%s (SASL_SSL :%s)\n' "$port" "$tls" ;;
        registry) tls=$(port_of registry_tls) && printf '127.0.0.1:%s (https :%s)\n' "$port" "$tls" ;;
    esac
}

server_version()
{
    case $1 in
        postgresql) "$PG_BIN/postgres" --version | sed 's/^[^0-9]*\([0-9.]*\).*/\1/' ;;
        kafka) echo "$KAFKA_VERSION" ;;
        registry) registry_version ;;
    esac
}

# As server_state, but a server that runs without answering (yet) is unready.
service_state()
{
    local state
    state=$(server_state "$1")
    [ "$state" != running ] || "ready_$1" || state=unready
    echo "$state"
}

status_row()
{
    local server=$1 state=$2 pid memory='-' age='-'
    if pid=$(server_pid "$server"); then
        memory=$(awk '/^VmRSS/ { printf "%d MB", $2 / 1024 }' "/proc/$pid/status")
        age=$(ps -o etime= -p "$pid" | tr -d ' ')
    else
        pid=-
    fi
    printf '%-11s %-8s %-12s %8s %10s %7s  %s\n' "$server" "$state" "$(server_version "$server")" \
        "$pid" "$age" "$memory" "$(server_address "$server")"
}

# Succeeds when all servers answer; a dead one is shown with its last lines.
command_status()
{
    local server state bad=0
    printf '%-11s %-8s %-12s %8s %10s %7s  %s\n' SERVER STATE VERSION PID UP MEMORY ADDRESS
    for server in $SERVERS; do
        state=$(service_state "$server")
        status_row "$server" "$state"
        [ "$state" = running ] || bad=$STATUS_NOT_RUNNING
    done
    for server in $SERVERS; do
        [ "$(server_state "$server")" = dead ] || continue
        warn "$server is dead; its last lines ($(log_file "$server")):"
        last_lines "$server" >&2
    done
    return "$bad"
}

command_logs()
{
    local server log
    [ $# = 0 ] || require_server "$1"
    for server in ${1:-$SERVERS}; do
        log=$(log_file "$server")
        if [ $# = 1 ]; then
            [ -f "$log" ] || die "$server has no log yet"
            cat "$log"
        else
            last_lines "$server"
        fi
    done
}

command_env()
{
    local url
    url=postgres:$POSTGRESQL_PASSWORD@127.0.0.1:$(port_of postgresql)/postgres
    env_line STACK_DIR "$STACK_DIR"
    env_line KAFKA_VERSION "$KAFKA_VERSION"
    env_line KAFKA_BROKERS "127.0.0.1:$(port_of kafka)"
    # A proxy that listens at the one and leads to the other is seen by its clients as the broker.
    env_line KAFKA_PROXY "127.0.0.1:$(port_of kafka_proxy)"
    env_line KAFKA_BEHIND_PROXY "127.0.0.1:$(port_of kafka_proxied)"
    env_line KAFKA_SASL_BROKERS "127.0.0.1:$(port_of kafka_sasl)"
    env_line KAFKA_SASL_USERNAME "$KAFKA_SASL_USER"
    env_line KAFKA_SASL_PASSWORD "$KAFKA_SASL_PASSWORD"
    env_line DATABASE_URL "postgresql://$url"
    env_line DATABASE_TLS_URL \
        "postgresql://$url?sslmode=verify-full&sslrootcert=$STACK_DIR/tls/ca.pem"
    # The server offers TLS and libpq would take it; a benchmark on the loopback should not measure
    # encryption.
    env_line PGSSLMODE disable
    env_line SCHEMA_REGISTRY_URL "http://127.0.0.1:$(port_of registry)/apis/ccompat/v7"
    env_line SCHEMA_REGISTRY_TLS_URL "https://127.0.0.1:$(port_of registry_tls)/apis/ccompat/v7"
    env_line STACK_CA "$STACK_DIR/tls/ca.pem"
}

env_line() { printf 'export %s=%s\n' "$1" "${2@Q}"; }
