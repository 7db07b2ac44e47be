# shellcheck shell=bash
# The servers that come as Maven artifacts: pinned by the two pom files beside this, kept outside of
# the build folder so that a new clone on the same machine need not fetch them again.

MAVEN_DEPENDENCY_PLUGIN=org.apache.maven.plugins:maven-dependency-plugin:3.6.1
FETCH_TRIES=3
FETCH_LIMIT_S=600
FETCH_PAUSE_S=5

cache_dir()
{
    local home=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}
    printf '%s\n' "${STACK_CACHE:-$home/provd-stack}"
}

# artifact_fetch NAME MAVEN-ARGUMENTS..: fills the cache's folder NAME unless it is there; it
# appears only when whole.
artifact_fetch()
{
    local name=$1 target part try
    shift
    target=$(cache_dir)/$name
    [ ! -d "$target" ] || return 0
    mkdir -p "$(cache_dir)"
    exec 8>"$(cache_dir)/lock"
    flock 8
    if [ ! -d "$target" ]; then
        part=$(mktemp -d "$target.XXXXXX")
        say "fetching $name into $(cache_dir)"
        for ((try = 1; ; try++)); do
            maven "$@" "-DoutputDirectory=$part" && break
            ((try < FETCH_TRIES)) || {
                rm -rf "$part"
                die "$name could not be fetched"
            }
            warn "trying again in $FETCH_PAUSE_S s"
            sleep "$FETCH_PAUSE_S"
        done
        chmod 755 "$part"
        mv "$part" "$target"
    fi
    exec 8>&-
}

maven()
{
    local log=$STACK_DIR/fetch.log
    timeout "$FETCH_LIMIT_S" mvn -B -q -Dstyle.color=never --strict-checksums "$@" >"$log" 2>&1 &&
        return
    warn "Maven failed ($log):"
    grep -m 1 ERROR "$log" | cut -c "1-$LAST_LINE_WIDTH" >&2
    return 1
}

kafka_logging() { case $1 in 3.*) echo reload4j ;; *) echo log4j2 ;; esac; }

kafka_fetch()
{
    artifact_fetch "kafka-$1" -f "$PARTS/kafka.pom.xml" -P "$(kafka_logging "$1")" \
        "-Dkafka.version=$1" "$MAVEN_DEPENDENCY_PLUGIN:copy-dependencies" -DincludeScope=runtime
}

registry_version()
{
    sed -n 's:.*<registry.version>\(.*\)</registry.version>.*:\1:p' "$PARTS/registry.pom.xml"
}

registry_fetch()
{
    artifact_fetch "registry-$(registry_version)" -f "$PARTS/registry.pom.xml" \
        "$MAVEN_DEPENDENCY_PLUGIN:unpack-dependencies" "-DmarkersDirectory=$STACK_DIR/fetch-markers"
}
