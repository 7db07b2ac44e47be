# shellcheck shell=bash
# Apicurio Registry, which speaks the Confluent registry's API under /apis/ccompat/v7. Its schemas
# are kept in a file, so that their ids are still the same after a crash, as with a real one.

prepare_registry() { mkdir -p "$STACK_DIR/registry"; }

# Serial collector and first compiler tier: it serves a few requests, and must start at once.
start_registry()
{
    local version
    version=$(registry_version)
    server_spawn registry java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
        -Dquarkus.http.host=127.0.0.1 "-Dquarkus.http.port=$(port_of registry)" \
        "-Dquarkus.http.ssl-port=$(port_of registry_tls)" \
        "-Dquarkus.http.ssl.certificate.files=$STACK_DIR/tls/server.pem" \
        "-Dquarkus.http.ssl.certificate.key-files=$STACK_DIR/tls/server.key" \
        "-Dquarkus.datasource.jdbc.url=jdbc:h2:file:$STACK_DIR/registry/schemas" \
        -Dquarkus.datasource.jdbc.initial-size=2 -Dquarkus.datasource.jdbc.min-size=2 \
        -jar "$(cache_dir)/registry-$version/apicurio-registry-app-$version-runner.jar"
}

ready_registry()
{
    local url
    url=http://127.0.0.1:$(port_of registry)/apis/ccompat/v7/subjects
    curl -fsS -m 2 -o /dev/null "$url" 2>/dev/null
}

wipe_registry() { rm -rf "$STACK_DIR/registry"; }
