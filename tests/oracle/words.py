"""Events as they travel, in the words of the model, and back.

The model's words are short: {"kind", "payload", "event_id", "occurred_at", "timestamp" (of the record), ...}, times in
microseconds, a secret is its hash, {"sealed": clear text} or {"generated": length}, a ref is an address, a uuid or both.
"""
SECRETS = ("password", "secret")
ENVELOPE = ("event_id", "occurred_at", "source", "context", "mode", "expected_version", "expires_at")


def model_event(event, timestamp_us, unseal=None):
    """An event in the form of support.events.make_event, or as support.avro_schema decodes it.

    unseal(key_id, ciphertext) -> clear text, or None when no key opens it.
    """
    ((kind, payload),) = event["payload"].items()
    short = {name: event.get(name) for name in ENVELOPE}
    short["mode"] = short["mode"] or "APPLY"
    short["actor"] = {"kind": event["actor"]["kind"], "id": event["actor"]["id"]}
    for name in ("ip", "reason", "ticket"):
        if event["actor"].get(name) is not None:
            short["actor"][name] = event["actor"][name]
    short["timestamp"] = timestamp_us
    short["kind"] = kind
    short["payload"] = {
        name: _secret(value, unseal) if name in SECRETS else value for name, value in payload.items()
    }
    return short


def _secret(value, unseal):
    if value is None:
        return None
    branch, secret = next(iter(value.items())) if len(value) == 1 else ("SealedSecret", value)
    if branch == "PasswordHash":
        return secret["hash"]
    if branch == "GeneratedPassword":
        return {"generated": secret["length"]}
    if not secret["ciphertext"]:
        return {"sealed": ""}
    return {"sealed": unseal(secret["key_id"], secret["ciphertext"]) if unseal else None}


def travelling_event(short, seal, requester_key):
    """The other way round: what support.avro_schema writes. ValueError comes later, for what Avro cannot say.

    seal(clear text) -> a SealedSecret.
    """
    event = {name: short[name] for name in ("event_id", "occurred_at", "source", "context", "actor")}
    for name in ("mode", "expected_version", "expires_at"):
        if short.get(name) is not None:
            event[name] = short[name]
    payload = {}
    for name, value in short["payload"].items():
        if name == "ref" and isinstance(value, str):
            value = {"address": value} if "@" in value or not value else {"uuid": value}
        elif name in SECRETS and value is not None:
            value = _sealed(value, seal, requester_key, is_choice=name == "password")
        elif name == "autoreply" and value is not None:
            value = {"enabled": False, **value}
        payload[name] = value
    event["payload"] = {short["kind"]: payload}
    return event


def _sealed(secret, seal, requester_key, is_choice):
    if isinstance(secret, str):
        return {"PasswordHash": {"hash": secret}}
    if "generated" in secret:
        return {"GeneratedPassword": {"length": secret["generated"], "public_key": requester_key}}
    return {"SealedSecret": seal(secret["sealed"])} if is_choice else seal(secret["sealed"])
