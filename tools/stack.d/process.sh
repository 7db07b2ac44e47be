# shellcheck shell=bash
# Servers as processes: started in a session of their own so that they outlive the shell, found
# again by a file that holds pid and start time (a pid alone may by now belong to somebody else).

pid_file() { printf '%s/%s.pid\n' "$STACK_DIR" "$1"; }
log_file() { printf '%s/%s.log\n' "$STACK_DIR" "$1"; }

# Field N of /proc/PID/stat, counted after the command name, which may contain blanks: 1 is the
# state, 20 the start time.
proc_field()
{
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    read -ra stat <<<"${stat##*) }"
    printf '%s\n' "${stat[$2 - 1]}"
}

# server_pid SERVER: prints the pid and succeeds when that very process still runs.
server_pid()
{
    local pid='' started='' file
    file=$(pid_file "$1")
    [ -f "$file" ] || return 1
    read -r pid started <"$file" || return 1
    [ -n "$started" ] && [ "$(proc_field "$pid" 20)" = "$started" ] || return 1
    [ "$(proc_field "$pid" 1)" != Z ] || return 1
    printf '%s\n' "$pid"
}

# running, paused, stopped (nothing started, or ended by us) or dead (started and gone).
server_state()
{
    local pid
    if pid=$(server_pid "$1"); then
        [ "$(proc_field "$pid" 1)" = T ] && echo paused || echo running
    elif [ -f "$(pid_file "$1")" ]; then
        echo dead
    else
        echo stopped
    fi
}

# server_spawn SERVER COMMAND..: starts it detached, its output in its log; the log before is kept
# as .log.1.
server_spawn()
{
    local server=$1 log pid
    shift
    log=$(log_file "$server")
    [ ! -f "$log" ] || mv "$log" "$log.1"
    # setsid and setpriv replace themselves by the command, so that $! stays the server's pid. The
    # lock (9) must not be inherited.
    setsid "$@" </dev/null >"$log" 2>&1 9>&- &
    pid=$!
    printf '%s %s\n' "$pid" "$(proc_field "$pid" 20)" >"$(pid_file "$server")"
}

# server_wait_ready SERVER: until ready_SERVER succeeds; a server that ends or takes too long is
# shown with its last lines.
server_wait_ready()
{
    local server=$1 deadline=$((SECONDS + START_LIMIT_S))
    until "ready_$server"; do
        server_pid "$server" >/dev/null || fail_with_log "$server" "ended while starting"
        ((SECONDS < deadline)) || fail_with_log "$server" "not ready after $START_LIMIT_S s"
        sleep 0.1
    done
}

last_lines()
{
    tail -n "$LAST_LINES" "$(log_file "$1")" 2>/dev/null |
        cut -c "1-$LAST_LINE_WIDTH" | sed "s/^/  $1| /"
}

fail_with_log()
{
    warn "$1: $2; its last lines ($(log_file "$1")):"
    last_lines "$1" >&2
    exit 1
}

# A server and its children (PostgreSQL's backends leave the process group, so that a group signal
# would miss them).
server_tree()
{
    printf '%s\n' "$1"
    pgrep -P "$1" || true
}

# server_signal SERVER SIGNAL: to all of its processes.
server_signal()
{
    local pid
    local -a tree
    pid=$(server_pid "$1") || die "$1 does not run"
    mapfile -t tree < <(server_tree "$pid")
    kill -s "$2" "${tree[@]}" 2>/dev/null || true
}

# wait_gone PID.. within $STOP_LIMIT_S.
wait_gone()
{
    local deadline=$((SECONDS + STOP_LIMIT_S)) pid
    for pid in "$@"; do
        while [ -e "/proc/$pid" ] && [ "$(proc_field "$pid" 1)" != Z ]; do
            ((SECONDS < deadline)) || return 1
            sleep 0.05
        done
    done
}

server_stop()
{
    local server=$1 pid
    local -a tree
    if pid=$(server_pid "$server"); then
        mapfile -t tree < <(server_tree "$pid")
        kill -s "$(stop_signal "$server")" "$pid"
        kill -s CONT "${tree[@]}" 2>/dev/null || true
        if ! wait_gone "$pid"; then
            warn "$server: did not end within $STOP_LIMIT_S s, killing it"
            kill -s KILL "${tree[@]}" 2>/dev/null || true
            wait_gone "${tree[@]}" || die "$server: pid $pid cannot be killed"
        fi
        say "$server stopped"
    fi
    rm -f "$(pid_file "$server")"
}

# As a power cut would: every process at once, no farewell. The pid file stays, so that status says
# dead.
server_kill()
{
    local pid
    local -a tree
    pid=$(server_pid "$1") || die "$1 does not run"
    mapfile -t tree < <(server_tree "$pid")
    kill -s KILL "${tree[@]}" 2>/dev/null || true
    wait_gone "${tree[@]}" || die "$1: pid $pid cannot be killed"
    say "$1 killed"
}

server_pause() { server_signal "$1" STOP; say "$1 paused"; }
server_resume() { server_signal "$1" CONT; say "$1 resumed"; }

# PostgreSQL: fast shutdown, which does not wait for clients.
stop_signal() { [ "$1" = postgresql ] && echo INT || echo TERM; }
