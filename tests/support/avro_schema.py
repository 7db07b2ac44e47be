"""Avro schemas, and values in their binary encoding.

Primitives are read and written by Debian's python3-avro. What that library leaves open is done here: it guesses the
branch of a union from the fields that a value has (RestoreAccount and UnlockRecovery look the same), and turns
timestamps into datetime objects, which cannot hold the times that hostile senders write.

Values are plain Python: a union of several records is {"RecordName": {...}}, any other union the value or None; an
absent field takes its default. Written timestamps may be microseconds since 1970, datetime objects or RFC 3339 texts,
written bytes may be bytes or base64; read ones are microseconds and bytes.
"""
import base64
import datetime
import functools
import io
import json
import pathlib

import avro.constants
import avro.io
import avro.schema

from support.stack import ROOT

SCHEMAS = ROOT / "schemas"
ITEMS_MAX = 1_000_000


class Schema:
    """A schema file: its text as it goes to a registry, and what is made of it."""

    def __init__(self, text):
        self.text = text
        self.json = json.loads(text)
        self.parsed = avro.schema.parse(text)

    @property
    def fullname(self):
        return self.parsed.fullname

    @functools.cached_property
    def canonical_form(self):
        return canonical_form(self.json)

    @functools.cached_property
    def fingerprint(self):
        """CRC-64-AVRO of the parsing canonical form, as a number."""
        return rabin(self.canonical_form.encode())

    def encode(self, value):
        out = io.BytesIO()
        _write(self.parsed, value, avro.io.BinaryEncoder(out), self.parsed.name)
        return out.getvalue()

    def decode(self, body):
        source = io.BytesIO(body)
        value = _read(self.parsed, avro.io.BinaryDecoder(source))
        left = len(body) - source.tell()
        assert left == 0, f"{self.fullname}: {left} bytes are left behind the value"
        return value


@functools.lru_cache(maxsize=None)
def load(path):
    """The schema in a file below schemas/, e.g. load("ProvisioningEvent.avsc")."""
    return Schema(pathlib.Path(SCHEMAS, path).read_text(encoding="utf-8"))


def versions(name):
    """All versions of a schema that are kept, the oldest first."""
    folder = SCHEMAS / "history" / name
    numbers = sorted(int(file.stem.removeprefix("v")) for file in folder.glob("v*.avsc"))
    return [load(f"history/{name}/v{number}.avsc") for number in numbers]


# --- parsing canonical form and fingerprint, by the Avro specification ------------------------------------------------

_KEPT = ("name", "type", "fields", "symbols", "items", "values", "size")
_NAMED = ("record", "enum", "fixed")
_RABIN_EMPTY = 0xC15D213AA4D7A795


def canonical_form(schema):
    return json.dumps(_canonical(schema, ""), separators=(",", ":"), ensure_ascii=False)


def _canonical(schema, namespace):
    if isinstance(schema, list):
        return [_canonical(branch, namespace) for branch in schema]
    if isinstance(schema, str):
        return schema if schema in avro.constants.PRIMITIVE_TYPES else _fullname(schema, namespace)
    if schema["type"] in _NAMED:
        fullname = _fullname(schema["name"], schema.get("namespace", namespace))
        namespace = fullname.rpartition(".")[0]
        schema = {**schema, "name": fullname}
    elif schema["type"] not in ("array", "map"):
        return _canonical(schema["type"], namespace)
    return {key: _canonical_part(key, schema[key], namespace) for key in _KEPT if key in schema}


def _canonical_part(key, part, namespace):
    if key == "fields":
        return [{"name": field["name"], "type": _canonical(field["type"], namespace)} for field in part]
    return _canonical(part, namespace) if key in ("items", "values") else part


def _fullname(name, namespace):
    return name if "." in name or not namespace else f"{namespace}.{name}"


def _rabin_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (_RABIN_EMPTY if byte & 1 else 0)
        table.append(byte)
    return table


_RABIN_TABLE = _rabin_table()


def rabin(data):
    fingerprint = _RABIN_EMPTY
    for byte in data:
        fingerprint = (fingerprint >> 8) ^ _RABIN_TABLE[(fingerprint ^ byte) & 0xFF]
    return fingerprint


# --- writing ----------------------------------------------------------------------------------------------------------


def _write(schema, value, out, place):
    try:
        _WRITERS[schema.type](schema, value, out, place)
    except (TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{place}: {value!r} is no {schema.type}: {error}") from error


def _write_record(schema, value, out, place):
    unknown = set(value) - {field.name for field in schema.fields}
    if unknown:
        raise ValueError(f"no such field: {', '.join(sorted(unknown))}")
    for field in schema.fields:
        if field.name not in value and not field.has_default:
            raise ValueError(f"field {field.name} is missing")
        _write(field.type, value.get(field.name, field.default), out, f"{place}.{field.name}")


def _write_union(schema, value, out, place):
    index, inner = _branch(schema, value)
    out.write_long(index)
    _write(schema.schemas[index], inner, out, place)


def _branch(schema, value):
    """The index of the branch that a value is for, and the value without the name of the branch."""
    names = [getattr(branch, "name", branch.type) for branch in schema.schemas]
    if value is None:
        return names.index("null"), None
    if not is_choice(schema):
        return next(index for index, name in enumerate(names) if name != "null"), value
    ((name, inner),) = value.items()
    return names.index(name.rpartition(".")[2]), inner


def is_choice(schema):
    """A union of more than null and one type: its values say by name which branch they are."""
    return sum(branch.type != "null" for branch in schema.schemas) > 1


def _write_array(schema, value, out, place):
    if value:
        out.write_long(len(value))
        for index, item in enumerate(value):
            _write(schema.items, item, out, f"{place}[{index}]")
    out.write_long(0)


def _write_long(schema, value, out, _place):
    out.write_long(microseconds(value) if _is_time(schema) else _checked(value, int))


def _write_fixed(schema, value, out, _place):
    if len(value) != schema.size:
        raise ValueError(f"{len(value)} bytes instead of {schema.size}")
    out.write(value)


def _checked(value, type_):
    if not isinstance(value, type_) or (isinstance(value, bool) and type_ is not bool):
        raise TypeError(f"not {type_.__name__}")
    return value


def _is_time(schema):
    return getattr(schema, "logical_type", None) == avro.constants.TIMESTAMP_MICROS


_WRITERS = {
    "record": _write_record,
    "union": _write_union,
    "array": _write_array,
    "enum": lambda schema, value, out, _: out.write_long(schema.symbols.index(value)),
    "fixed": _write_fixed,
    "null": lambda schema, value, out, _: _checked(value, type(None)),
    "boolean": lambda schema, value, out, _: out.write_boolean(_checked(value, bool)),
    "int": lambda schema, value, out, _: out.write_long(_checked(value, int)),
    "long": _write_long,
    "string": lambda schema, value, out, _: out.write_utf8(_checked(value, str)),
    "bytes": lambda schema, value, out, _: out.write_bytes(as_bytes(value)),
}


def microseconds(value):
    """Microseconds since 1970 of a number, a datetime object (with a time zone) or an RFC 3339 text."""
    if isinstance(value, str):
        value = datetime.datetime.fromisoformat(value)
    if isinstance(value, datetime.datetime):
        since = value - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        return since // datetime.timedelta(microseconds=1)
    return _checked(value, int)


def as_bytes(value):
    return base64.b64decode(value, validate=True) if isinstance(value, str) else bytes(value)


# --- reading ----------------------------------------------------------------------------------------------------------


def _read(schema, source):
    return _READERS[schema.type](schema, source)


def _read_union(schema, source):
    branch = _nth(schema.schemas, source.read_long(), "branch")
    value = _read(branch, source)
    return {branch.name: value} if is_choice(schema) and branch.type != "null" else value


def _read_array(schema, source):
    items = []
    while count := source.read_long():
        if count < 0:
            count = -count
            source.read_long()
        assert len(items) + count <= ITEMS_MAX, f"more than {ITEMS_MAX} items"
        items += [_read(schema.items, source) for _ in range(count)]
    return items


def _nth(choices, index, what):
    assert 0 <= index < len(choices), f"{what} {index} of {len(choices)}"
    return choices[index]


_READERS = {
    "record": lambda schema, source: {field.name: _read(field.type, source) for field in schema.fields},
    "union": _read_union,
    "array": _read_array,
    "enum": lambda schema, source: _nth(schema.symbols, source.read_long(), "symbol"),
    "fixed": lambda schema, source: source.read(schema.size),
    "null": lambda schema, source: None,
    "boolean": lambda schema, source: source.read_boolean(),
    "int": lambda schema, source: source.read_long(),
    "long": lambda schema, source: source.read_long(),
    "string": lambda schema, source: source.read_utf8(),
    "bytes": lambda schema, source: source.read_bytes(),
}
