"""Planted secrets, and the search for them in everything that was written.

A test plants a secret where secrets belong (a password, a hash, a login); it must turn up nowhere else, neither as it is
nor as hexadecimal digits nor as base64. `plant` remembers it for this run of the tests, `note` what our programs have printed.
"""
import base64
import io
import pathlib
import uuid

# Where the database keeps what it must: hashes of passwords, never a password.
HASH_COLUMNS = {("account", "password"), ("recovery", "answer")}
SHORTEST = 8  # anything shorter would be found by chance

_planted = set()
_noted = []


def plant(prefix=""):
    """A fresh secret. With a prefix, such as "{SSHA256}", it stands for a hash."""
    secret = f"hush{uuid.uuid4().hex}"
    _planted.add(secret)
    return prefix + secret


def note(what, *texts):
    """Something that a program of ours has printed; searched when the run ends."""
    _noted.append((what, b"\0".join(text if isinstance(text, bytes) else text.encode() for text in texts)))


def check_noted():
    """Of the whole run: nothing that was noted holds anything that was planted."""
    assert not (found := leaks(_planted, _noted)), f"planted secrets were printed: {found[:5]}"


def leaks(secrets, written):
    """(place, beginning of the secret) of each secret that stands somewhere; `written` yields (place, bytes)."""
    needles = [(secret, needle) for secret in secrets if len(secret) >= SHORTEST for needle in spellings(secret)]
    return [(place, secret[:12]) for place, text in written for secret, needle in needles if needle in text]


def spellings(secret):
    """The secret as programs write bytes. Base64 of it depends on where it begins; its first and last characters on what
    is beside it."""
    raw = secret.encode()
    yield raw
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    for shift in range(3):
        whole = base64.b64encode(bytes(shift) + raw)
        yield whole[4 if shift else 0 : -4]


# --- what a world has written -----------------------------------------------------------------------------------------


def check_world(world):
    """Everything that this world's workers have written, and everything that was written because of them. The topics are
    read anew, with what was aborted: anybody may read that."""
    hashes = getattr(world, "hashes", set())
    found = leaks(world.secrets, [*records(raw_messages(world), world.topics.dlq), *written_by(world)])
    found += leaks([secret for secret in world.secrets if secret not in hashes], hash_columns(world.database))
    assert not found, f"planted secrets were written: {found[:5]}"


def written_by(world):
    yield from tables(world.database)
    for worker in world.workers:
        yield from files(worker)
        yield from answers(worker)
        yield from processes(worker)


def raw_messages(world):
    for topic in (world.topics.results, world.topics.changes, world.topics.dlq):
        yield from world.kafka.read(topic, isolation="read_uncommitted")


def records(messages, dead_letters):
    """A dead letter's value and key are the sender's own."""
    for message in messages:
        parts = [] if message.topic() == dead_letters else [message.key() or b"", message.value() or b""]
        parts += [name.encode() + b"=" + (value or b"") for name, value in message.headers() or []]
        yield f"{message.topic()} {message.partition()}/{message.offset()}", b"\0".join(parts)


def columns(database):
    """table -> its columns."""
    return dict(database.rows(
        "SELECT relname, array_agg(attname::text ORDER BY attnum) FROM pg_class c JOIN pg_attribute ON attrelid = c.oid"
        " WHERE relnamespace = 'provd'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND attnum > 0"
        " AND NOT attisdropped GROUP BY 1"
    ))  # fmt: skip


def tables(database):
    """The whole database but the columns of hashes."""
    for table, names in columns(database).items():
        yield f"table {table}", dump(database, table, [name for name in names if (table, name) not in HASH_COLUMNS])


def hash_columns(database):
    for table, column in HASH_COLUMNS:
        yield f"{table}.{column}", dump(database, table, [column])


def dump(database, table, names):
    """The binary form holds bytes and texts as they are."""
    out = io.BytesIO()
    quoted = ", ".join(f'"{name}"' for name in names)
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.copy_expert(f"COPY (SELECT {quoted} FROM provd.{table}) TO STDOUT (FORMAT binary)", out)
    connection.close()
    return out.getvalue()


def files(worker):
    """What lies in its folder but the settings, where secrets may stand."""
    for path in pathlib.Path(worker.folder).rglob("*"):
        given = path == worker.config_file or "files" in path.relative_to(worker.folder).parts
        if path.is_file() and not given:
            yield f"file {path.name}", path.read_bytes()
    yield "log", worker.log_text().encode()


def answers(worker):
    """What it says to whoever asks."""
    if worker.is_running():
        for path in ("/metrics", "/readyz", "/livez", "/version"):
            yield path, worker.get(path).content


def processes(worker):
    """What any user of the machine sees of its processes, and what its own user does."""
    for pid in [worker.process.pid, *worker.lane_pids()] if worker.is_running() else []:
        for name in ("cmdline", "environ", "comm"):
            try:
                yield f"/proc/{pid}/{name}", pathlib.Path(f"/proc/{pid}/{name}").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                break  # a lane that has just ended
