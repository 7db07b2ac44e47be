"""A database of the test's own on the stack's server, migrated as an operator would do it."""
import contextlib
import re
import subprocess
import uuid
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg2

from support.stack import ROOT

NAME_CHARS_MAX = 63
MIGRATE_LIMIT_S = 180


class Database:
    def __init__(self, url):
        self.url = url
        self.name = urlsplit(url).path.lstrip("/")

    def connect(self, role=None, **options):
        """A psycopg2 connection, as the superuser or as another role. The caller closes it."""
        return psycopg2.connect(self.url_as(role) if role else self.url, **options)

    def url_as(self, role):
        """The same database for another role (the stack trusts all roles but the superuser)."""
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(netloc=f"{quote(role)}@{parts.hostname}:{parts.port}"))

    def rows(self, statement, *parameters):
        """All rows of one statement, as tuples, in a transaction of its own."""
        with contextlib.closing(self.connect()) as connection:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement, parameters or None)
                if cursor.description:
                    return cursor.fetchall()
                # Rows without columns would look like no rows.
                assert not cursor.statusmessage.startswith("SELECT"), f"name a column: {statement}"
                return []

    def value(self, statement, *parameters):
        """The single value that the statement returns."""
        rows = self.rows(statement, *parameters)
        assert len(rows) == 1 and len(rows[0]) == 1, f"not one value: {rows!r}: {statement}"
        return rows[0][0]


@contextlib.contextmanager
def fresh_database(server_url, label, migrate=True):
    """Creates a database, migrated unless told otherwise, and drops it at the end."""
    name = _unique_name(label)
    server = Database(server_url)
    try:
        if migrate:
            run_migrate("fresh", server_url, name)
        else:
            _outside_transaction(server, f'CREATE DATABASE "{name}"')
        yield Database(urlunsplit(urlsplit(server_url)._replace(path="/" + name)))
    finally:
        _outside_transaction(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def run_migrate(*arguments):
    """tools/migrate; `fresh` also makes users: provd, provctl, reader, postfix, dovecot."""
    done = subprocess.run(
        [ROOT / "tools" / "migrate", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=MIGRATE_LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, f"tools/migrate {arguments[0]} failed:\n{done.stdout}"
    return done.stdout


def _unique_name(label):
    suffix = "_" + uuid.uuid4().hex[:10]
    stem = "test_" + re.sub(r"[^a-z0-9]+", "_", label.lower())
    return stem[: NAME_CHARS_MAX - len(suffix)] + suffix


def _outside_transaction(server, statement):
    with contextlib.closing(server.connect()) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
