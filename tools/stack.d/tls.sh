# shellcheck shell=bash
# A certificate authority of this stack's own and one certificate for its servers, so that TLS is
# tested for real.

TLS_DAYS=3650

tls_prepare()
{
    local dir=$STACK_DIR/tls part
    [ ! -d "$dir" ] || return 0
    part=$(mktemp -d "$STACK_DIR/tls.XXXXXX")
    (cd "$part" && tls_all) 2>"$STACK_DIR/tls.log" || {
        cat "$STACK_DIR/tls.log" >&2
        die "openssl could not make the stack's certificates"
    }
    chmod 755 "$part"
    chmod 644 "$part"/*.pem
    chmod 600 "$part"/*.key "$part"/*.both.pem
    mv "$part" "$dir"
}

tls_all() { tls_authority && tls_certificate server && tls_certificate client; }

tls_authority()
{
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "$TLS_DAYS" \
        -subj '/CN=provd development stack' -keyout ca.key -out ca.pem
}

# Kafka wants the key as PKCS#8, in one file with the certificate: NAME.both.pem.
tls_certificate()
{
    local name=$1
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" \
        -keyout "$name.key" -out "$name.csr" &&
        printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\n' >"$name.ext" &&
        openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca.key -CAcreateserial \
            -days "$TLS_DAYS" -extfile "$name.ext" -out "$name.pem" &&
        cat "$name.key" "$name.pem" >"$name.both.pem"
}
