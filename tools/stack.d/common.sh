# shellcheck shell=bash
# What all parts of tools/stack share: messages, remembered settings, free ports.

say() { printf 'stack: %s\n' "$*"; }
warn() { printf 'stack: %s\n' "$*" >&2; }
die() { warn "$*"; exit 1; }
usage_error() { warn "$*"; warn "tools/stack help tells more"; exit 64; }

# setting_get NAME: the remembered value, or nothing.
setting_get()
{
    [ -f "$STACK_DIR/settings" ] || return 0
    sed -n "s/^$1=//p" "$STACK_DIR/settings" | tail -n 1
}

setting_put()
{
    local name=$1 value=$2 old=$STACK_DIR/settings new
    new=$(mktemp "$STACK_DIR/settings.XXXXXX")
    { [ ! -f "$old" ] || grep -v "^$name=" "$old" || true; } >"$new"
    printf '%s=%s\n' "$name" "$value" >>"$new"
    mv "$new" "$old"
}

# setting_once NAME COMMAND..: what COMMAND prints, asked once and remembered.
setting_once()
{
    local name=$1 value
    shift
    value=$(setting_get "$name")
    if [ -z "$value" ]; then
        value=$("$@")
        setting_put "$name" "$value"
    fi
    printf '%s\n' "$value"
}

random_secret() { openssl rand -hex 16; }

port_is_used() { [ -n "$(ss -Hltn "sport = :$1")" ]; }

# Below the ephemeral range (32768 and up): while a server is down, no outgoing connection may take
# its port.
port_choose()
{
    local port tries
    for ((tries = 0; tries < 200; tries++)); do
        port=$((20000 + RANDOM % 10000))
        if ! port_is_used "$port" && ! grep -qs "=$port\$" "$STACK_DIR/settings"; then
            printf '%s\n' "$port"
            return
        fi
    done
    die "no free port between 20000 and 29999 in $tries tries"
}

port_of() { setting_once "port_$1" port_choose; }

# Something else took the port while the stack was down: its clients may have remembered it, so we
# do not move silently.
port_require_free()
{
    local server=$1 port
    port=$(port_of "$server")
    port_is_used "$port" || return 0
    die "$server: port $port is used by another program (ss -ltnp 'sport = :$port' names it);" \
        "stop that one, or 'tools/stack down --wipe' and 'up' to choose new ports"
}

# One command at a time changes a stack; a second one waits.
stack_lock()
{
    exec 9>"$STACK_DIR/lock"
    flock -n 9 && return
    warn "another tools/stack works on $STACK_DIR: waiting"
    flock -w "$LOCK_WAIT_S" 9 || die "still locked after $LOCK_WAIT_S s: $STACK_DIR/lock"
}
