# shellcheck shell=bash
# PostgreSQL 15: a cluster of our own, on TCP only. It refuses to run as root, so root starts it as
# the package's user.

PG_BIN=/usr/lib/postgresql/15/bin
PG_USER=postgres

# pg_as COMMAND..: as the database's user, from a folder it may read.
pg_as()
{
    if [ "$(id -u)" = 0 ]; then
        (cd / && setpriv --reuid "$PG_USER" --regid "$PG_USER" --init-groups -- "$@")
    else
        "$@"
    fi
}

# Resolved, since the link that pg_folder may make lies where the database's user cannot go.
pg_data() { readlink -f "$STACK_DIR/postgresql"; }

prepare_postgresql()
{
    [ -x "$PG_BIN/postgres" ] || die "postgresql: $PG_BIN/postgres is not there: run tools/install"
    pg_folder
    [ -f "$(pg_data)/PG_VERSION" ] || pg_init
    pg_forget_zombie
    pg_configure
}

# The data belongs into the build folder, but that may lie where the database's user cannot go
# (/root, a private home).
pg_folder()
{
    local data
    data=$(pg_data)
    [ ! -d "$data" ] || return 0
    if [ "$(id -u)" != 0 ]; then
        mkdir -m 700 "$data"
    elif pg_as test -x "$STACK_DIR"; then
        install -d -m 700 -o "$PG_USER" -g "$PG_USER" "$data"
    else
        rm -f "$STACK_DIR/postgresql"
        data=$(pg_as mktemp -d /var/tmp/provd-stack-postgresql.XXXXXX)
        ln -s "$data" "$STACK_DIR/postgresql"
        say "postgresql: user $PG_USER cannot reach $STACK_DIR, the data are in $data"
    fi
}

pg_init()
{
    local password_file
    password_file=$(pg_as mktemp /tmp/provd-stack.XXXXXX)
    printf '%s\n' "$POSTGRESQL_PASSWORD" | pg_as tee "$password_file" >/dev/null
    pg_as "$PG_BIN/initdb" -D "$(pg_data)" -U postgres --encoding=UTF8 --locale=C.UTF-8 \
        --auth=scram-sha-256 --pwfile="$password_file" >"$STACK_DIR/initdb.log" 2>&1 || {
        tail -n "$LAST_LINES" "$STACK_DIR/initdb.log" >&2
        die "postgresql: initdb failed"
    }
    pg_as rm -f "$password_file"
}

# Where nobody collects orphans (a container without an init), a killed server stays as a zombie,
# and PostgreSQL takes it for a running one.
pg_forget_zombie()
{
    local file pid=''
    file=$(pg_data)/postmaster.pid
    [ -f "$file" ] || return 0
    read -r pid <"$file" || true
    [ "$(proc_field "$pid" 1)" != Z ] || rm -f "$file"
}

# pg_file NAME: standard input becomes that file of the data folder, readable by the database's user
# only.
pg_file()
{
    local path
    path=$(pg_data)/$1
    pg_as install -m 600 /dev/null "$path"
    pg_as tee "$path" >/dev/null
}

pg_configure()
{
    pg_settings | pg_file postgresql.conf
    pg_access | pg_file pg_hba.conf
    pg_file server.key <"$STACK_DIR/tls/server.key"
    pg_file server.pem <"$STACK_DIR/tls/server.pem"
    pg_file ca.pem <"$STACK_DIR/tls/ca.pem"
}

# As durable as a real server (fsync, synchronous_commit); the WAL is large enough that a benchmark
# does not measure checkpoints.
pg_settings()
{
    cat <<SETTINGS
# Written by tools/stack at each start.
listen_addresses = '127.0.0.1'
port = $(port_of postgresql)
unix_socket_directories = ''
max_connections = 100
shared_buffers = 256MB
max_wal_size = 4GB
min_wal_size = 512MB
checkpoint_timeout = 15min
fsync = on
synchronous_commit = on
shared_preload_libraries = '$(pg_preload)'
ssl = on
ssl_cert_file = 'server.pem'
ssl_key_file = 'server.key'
ssl_ca_file = 'ca.pem'
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %q%u@%d '
lc_messages = 'C.UTF-8'
log_lock_waits = on
SETTINGS
}

pg_preload()
{
    [ ! -f "$PG_BIN/../lib/pg_stat_statements.so" ] || echo pg_stat_statements
}

# The superuser can run programs on this machine: password. The roles that tests create own nothing
# but test data.
pg_access()
{
    cat <<'ACCESS'
# TYPE  DATABASE    USER      ADDRESS        METHOD
host    all         postgres  127.0.0.1/32   scram-sha-256
host    replication postgres  127.0.0.1/32   scram-sha-256
host    all         all       127.0.0.1/32   trust
ACCESS
}

start_postgresql()
{
    local -a as=()
    [ "$(id -u)" != 0 ] || as=(setpriv --reuid "$PG_USER" --regid "$PG_USER" --init-groups --)
    server_spawn postgresql env -C / "${as[@]}" "$PG_BIN/postgres" -D "$(pg_data)"
}

ready_postgresql()
{
    "$PG_BIN/pg_isready" -q -t 2 -h 127.0.0.1 -p "$(port_of postgresql)" -U postgres -d postgres
}

wipe_postgresql()
{
    rm -rf "$(pg_data)" "$STACK_DIR/postgresql"
}
