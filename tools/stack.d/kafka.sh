# shellcheck shell=bash
# Apache Kafka in KRaft mode: one node as broker and controller. Four listeners: plain, SASL over
# TLS, controller, and one whose clients are sent to the port kafka_proxy, where a test may put a
# proxy in front of it. librdkafka before 2.6.1 cannot do SCRAM with Kafka 4 (librdkafka #4895, a nonce
# sent twice): there use PLAIN; with Kafka 3.9 SCRAM works too. Its code is compiled by the quick compiler
# only: a server that lives for minutes never earns back what the other one costs.

KAFKA_SASL_USER=provd

kafka_data() { printf '%s/kafka-%s\n' "$STACK_DIR" "$KAFKA_VERSION"; }

kafka_java()
{
    local logging
    logging=$(kafka_logging "$KAFKA_VERSION")
    printf '%s\0' java -Xms512m -Xmx512m -XX:TieredStopAtLevel=1 \
        "-Dlog4j2.configurationFile=$PARTS/kafka-log4j2.properties" \
        "-Dlog4j.configuration=file:$PARTS/kafka-$logging.properties" \
        -cp "$(cache_dir)/kafka-$KAFKA_VERSION/*"
}

prepare_kafka()
{
    local dir
    local -a java
    dir=$(kafka_data)
    mkdir -p "$dir"
    kafka_settings >"$dir/server.properties"
    [ ! -f "$dir/log/meta.properties" ] || return 0
    mapfile -t -d '' java < <(kafka_java)
    "${java[@]}" kafka.tools.StorageTool format --ignore-formatted --config "$dir/server.properties" \
        --cluster-id "$(kafka_cluster_id)" \
        --add-scram "SCRAM-SHA-256=[name=$KAFKA_SASL_USER,password=$KAFKA_SASL_PASSWORD]" \
        --add-scram "SCRAM-SHA-512=[name=$KAFKA_SASL_USER,password=$KAFKA_SASL_PASSWORD]" \
        >"$STACK_DIR/kafka-format.log" 2>&1 || {
        tail -n "$LAST_LINES" "$STACK_DIR/kafka-format.log" >&2
        die "kafka: its storage could not be formatted"
    }
}

# 16 random bytes as base64url without padding, which is how Kafka writes a UUID; it may not begin
# with a dash.
kafka_cluster_id() { printf 'P%s\n' "$(openssl rand -base64 16 | tr '+/' 'AB' | cut -c 2-22)"; }

kafka_settings()
{
    kafka_network
    kafka_small_and_quick
    printf 'log.dirs=%s/log\n' "$(kafka_data)"
}

kafka_network()
{
    local controller plain sasl security=org.apache.kafka.common.security
    controller=127.0.0.1:$(port_of kafka_controller)
    plain=PLAINTEXT://127.0.0.1:$(port_of kafka)
    sasl=SASL://127.0.0.1:$(port_of kafka_sasl)
    cat <<SETTINGS
# Written by tools/stack at each start.
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@$controller
controller.listener.names=CONTROLLER
listeners=$plain,$sasl,PROXIED://127.0.0.1:$(port_of kafka_proxied),CONTROLLER://$controller
advertised.listeners=$plain,$sasl,PROXIED://127.0.0.1:$(port_of kafka_proxy)
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL:SASL_SSL,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl.plain.sasl.jaas.config=$security.plain.PlainLoginModule required user_$KAFKA_SASL_USER="$KAFKA_SASL_PASSWORD";
listener.name.sasl.scram-sha-256.sasl.jaas.config=$security.scram.ScramLoginModule required;
listener.name.sasl.scram-sha-512.sasl.jaas.config=$security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location=$STACK_DIR/tls/server.both.pem
ssl.truststore.type=PEM
ssl.truststore.location=$STACK_DIR/tls/ca.pem
SETTINGS
}

# Topics are created on purpose only; nothing expires by age under a test; a small node starts and
# forms groups quickly. A killed broker may register again only when its session has expired: 5 s
# instead of 9.
kafka_small_and_quick()
{
    cat <<'SETTINGS'
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.heartbeat.interval.ms=1000
broker.session.timeout.ms=5000
log.retention.ms=-1
log.index.size.max.bytes=1048576
log.cleaner.dedupe.buffer.size=16777216
log.segment.delete.delay.ms=1000
num.network.threads=2
num.io.threads=4
SETTINGS
}

start_kafka()
{
    local -a java
    mapfile -t -d '' java < <(kafka_java)
    server_spawn kafka "${java[@]}" kafka.Kafka "$(kafka_data)/server.properties"
}

# The broker prints this after the controller has let it in and its listeners are open.
ready_kafka() { grep -q 'Kafka Server started' "$(log_file kafka)"; }

wipe_kafka() { rm -rf "$STACK_DIR"/kafka-[0-9]*; }
