"""The views: what a mail installation sees of each kind of account, and by which index it asks."""
import contextlib
import hashlib
import json
import uuid

import pytest

STATUSES = ("ACTIVE", "PENDING", "LOCKED", "MAINTENANCE", "CLOSED")
WITH_MAILBOX = {"ACTIVE", "LOCKED", "MAINTENANCE"}
MANY_ACCOUNTS = 200_000
MANY_DOMAINS = 1_000
LOOKUP_PAGES_MAX = 40
# As mail-views and migrations/README.md tell Dovecot to ask, for user and service.
PASSDB = (
    "SELECT password, nologin, reason FROM provd.dovecot_passdb WHERE \"user\" = %(user)s"
    " AND %(service)s = ANY (protocols) AND (nologin IS NULL OR %(service)s <> 'smtp')"
)


class Site:
    """Makes rows of one database; every name is new, so that tests do not meet."""

    def __init__(self, database):
        self.database = database
        self.rows("INSERT INTO provd.context (name, version, revision, created_at, updated_at)"
                  " VALUES ('main', 1, 1, now(), now())")

    def rows(self, statement, parameters=None):
        with contextlib.closing(self.database.connect()) as connection, connection:
            with connection.cursor() as cursor:
                cursor.execute(statement, parameters)
                return cursor.fetchall() if cursor.description else []

    def _insert(self, table, values):
        names = ", ".join(values)
        holes = ", ".join(f"%({name})s" for name in values)
        self.rows(f"INSERT INTO provd.{table} ({names}) VALUES ({holes})", values)

    def domain(self, **values):
        name = f"d{uuid.uuid4().hex[:12]}.test"
        self._insert("domain", {
            "name": name, "context": "main", "status": "ACTIVE", "version": 1, "revision": 1,
            "created_at": "2026-01-01", "updated_at": "2026-01-01", **values})
        return name

    def account(self, domain=None, local="ann", **values):
        domain = domain or self.domain()
        address = f"{local}@{domain}"
        identity = values.get("uuid") or str(uuid.uuid4())
        number = int(uuid.UUID(identity)) % 2**48 + 1
        self._insert("account", {
            "uuid": identity, "account_id": number, "address": address, "domain": domain,
            "context": "main", "status": "ACTIVE", "password": "{SSHA256}abc", "services": 7,
            "service_mode": "EAGER", "version": 1, "revision": 1, "created_at": "2026-01-01",
            "updated_at": "2026-01-02", **values})
        return address

    def column(self, view, column, key, value):
        found = self.rows(f'SELECT {column} FROM provd.{view} WHERE "{key}" = %s', (value,))
        return sorted(cell for (cell,) in found)

    def shown(self, view, key, value):
        return bool(self.rows(f'SELECT 1 FROM provd.{view} WHERE "{key}" = %s', (value,)))

    def login(self, user, service):
        """The row that Dovecot gets for a login: None, or (password, nologin, reason)."""
        found = self.rows(PASSDB, {"user": user, "service": service})
        assert len(found) <= 1
        return found[0] if found else None

    def protocols(self, user):
        return set(self.rows("SELECT protocols FROM provd.dovecot_passdb WHERE \"user\" = %s",
                             (user,))[0][0])

    def access(self, address):
        """What Postfix does with mail for the address: '' when nothing is said, else the code."""
        domain = address.split("@")[1]
        for key in (address, domain):
            found = self.column("postfix_recipient_access", "action", "address", key)
            if found:
                assert len(found) == 1
                return found[0][:3]
        return ""


@pytest.fixture(scope="module")
def site(database):
    return Site(database)


# --- status ---------------------------------------------------------------------------------------


def expected(status):
    """(passdb for imap, passdb for smtp, has a mailbox, access) as in the table of mail-views."""
    return {
        "ACTIVE": ("login", "login", True, ""),
        "LOCKED": ("nologin", None, True, ""),
        "MAINTENANCE": ("nologin", None, True, "450"),
        "PENDING": (None, None, False, "550"),
        "CLOSED": (None, None, False, "550"),
    }[status]


def seen(site, address):
    def kind(row):
        return row and ("nologin" if row[1] else "login")

    mailbox = site.shown("postfix_mailboxes", "address", address)
    assert site.shown("dovecot_userdb", "user", address) == mailbox
    assert site.shown("postfix_sender_login", "sender", address) == mailbox
    assert site.shown("postfix_aliases", "address", address) == mailbox
    imap, smtp = site.login(address, "imap"), site.login(address, "smtp")
    return kind(imap), kind(smtp), mailbox, site.access(address)


@pytest.mark.parametrize("status", STATUSES)
def test_account_of_each_status(site, status):
    assert seen(site, site.account(status=status)) == expected(status)


@pytest.mark.parametrize("status", STATUSES)
def test_active_account_in_a_domain_of_each_status(site, status):
    domain = site.domain(status=status)
    found = seen(site, site.account(domain))
    if status in WITH_MAILBOX:
        assert found == expected(status)
    else:
        # Postfix does not take the domain as its own at all: 5xx without a row here.
        assert found == (None, None, False, "")
    assert site.shown("postfix_domains", "name", domain) == (status in WITH_MAILBOX)


def test_the_stricter_status_of_account_and_domain_counts(site):
    locked = site.account(site.domain(status="LOCKED"), status="MAINTENANCE")
    assert seen(site, locked) == expected("MAINTENANCE")
    under_maintenance = site.account(site.domain(status="MAINTENANCE"), status="LOCKED")
    assert seen(site, under_maintenance) == expected("MAINTENANCE")
    closed = site.account(site.domain(status="LOCKED"), status="CLOSED")
    assert seen(site, closed) == expected("CLOSED")


def test_deleted_account_is_nowhere_and_its_successor_sees_none_of_its_mail(site):
    domain = site.domain()
    gone = str(uuid.uuid4())
    number = int(uuid.UUID(gone)) % 2**48 + 1
    address = site.account(domain, uuid=gone, tombstone=number, deleted_at="2026-01-03")
    assert seen(site, address) == (None, None, False, "")
    assert not site.shown("atmail_accounts", "username", address)
    site.account(domain)
    (home,) = site.column("postfix_mailboxes", "home_dir", "address", address)
    assert gone not in home and site.rows("SELECT provd.home_dir(%s)", (gone,))[0][0] != home


def test_nologin_says_why_and_is_null_otherwise(site):
    assert site.login(site.account(), "imap") == ("{SSHA256}abc", None, None)
    _, nologin, reason = site.login(site.account(status="LOCKED"), "imap")
    assert (nologin, "locked" in reason) == ("Y", True)
    _, nologin, reason = site.login(site.account(status="MAINTENANCE"), "pop3")
    assert (nologin, "maintenance" in reason) == ("Y", True)


def test_locked_account_is_refused_for_smtp_also_by_a_query_that_forgets_nologin(site):
    for status in ("LOCKED", "MAINTENANCE"):
        assert "smtp" not in site.protocols(site.account(status=status))


def test_account_without_the_mail_service_has_no_mailbox(site):
    address = site.account(services=6)
    assert seen(site, address) == (None, None, False, "550")
    assert site.shown("atmail_accounts", "username", address)


# --- protocols ------------------------------------------------------------------------------------

ALL = {"pop3", "imap", "smtp", "submission", "sieve", "webmail"}


@pytest.mark.parametrize(("flags", "missing"), [
    (0, set()),
    (0x02, {"pop3"}),
    (0x04, {"webmail"}),
    (0x08, {"imap"}),
    (0x800, {"smtp", "submission"}),
    (0x80E, {"pop3", "webmail", "imap", "smtp", "submission"}),
    (0x7FFFF & ~0x80E, set()),
])
def test_flags_take_protocols_out(site, flags, missing):
    address = site.account(flags=flags)
    assert site.protocols(address) == ALL - missing
    assert (site.login(address, "imap") is None) == ("imap" in missing)


@pytest.mark.parametrize(("mask", "missing"), [
    (1, {"pop3"}),
    (2, {"imap"}),
    (4, {"smtp", "submission"}),
    (8, {"sieve"}),
    (16, {"webmail"}),
    (31, ALL),
])
def test_disabled_protocols_of_the_domain_work_at_once(site, mask, missing):
    domain = site.domain()
    address = site.account(domain)
    assert site.protocols(address) == ALL
    site.rows("UPDATE provd.domain SET disabled_protocols = %s WHERE name = %s", (mask, domain))
    assert site.protocols(address) == ALL - missing


# --- where mail goes ------------------------------------------------------------------------------


def destinations(site, address):
    return site.column("postfix_aliases", "destination", "address", address)


def test_catch_all_takes_unknown_addresses_and_no_mailbox(site):
    domain = site.domain()
    ann, bob = site.account(domain), site.account(domain, "bob")
    site.rows("UPDATE provd.domain SET catch_all = %s WHERE name = %s", (ann, domain))
    assert destinations(site, f"@{domain}") == [ann]
    assert destinations(site, bob) == [bob], "its own row comes before the catch-all"


@pytest.mark.parametrize("status", ["PENDING", "CLOSED"])
def test_catch_all_without_a_mailbox_takes_nothing(site, status):
    """Else Postfix would accept mail for unknown addresses and send it back later."""
    domain = site.domain()
    ann = site.account(domain, status=status)
    site.rows("UPDATE provd.domain SET catch_all = %s WHERE name = %s", (ann, domain))
    assert destinations(site, f"@{domain}") == []


@pytest.mark.parametrize(("values", "code"), [
    ({"status": "CLOSED"}, "550"),
    ({"status": "PENDING"}, "550"),
    ({"services": 2}, "550"),
    ({"flags": 0x10}, "550"),
    ({"status": "MAINTENANCE"}, "450"),
])
def test_mail_that_must_not_be_delivered_does_not_end_in_the_catch_all(site, values, code):
    domain = site.domain()
    ann = site.account(domain)
    site.rows("UPDATE provd.domain SET catch_all = %s WHERE name = %s", (ann, domain))
    assert site.access(site.account(domain, "bob", **values)) == code


def test_domain_under_maintenance_defers_unknown_addresses_too(site):
    domain = site.domain(status="MAINTENANCE")
    assert site.access(f"nobody@{domain}") == "450"


def test_forward_keeps_a_copy(site):
    address = site.account(forward="ann@elsewhere.example")
    assert destinations(site, address) == sorted([address, "ann@elsewhere.example"])
    assert destinations(site, site.account(forward="")) != [""]


def test_everybody_sends_under_the_own_address(site):
    address = site.account()
    assert site.column("postfix_sender_login", "login", "sender", address) == [address]


# --- userdb ---------------------------------------------------------------------------------------


def userdb(site, address, *columns):
    return site.rows(f'SELECT {", ".join(columns)} FROM provd.dovecot_userdb WHERE "user" = %s',
                     (address,))[0]


@pytest.mark.parametrize(("values", "rule", "size", "count"), [
    ({}, "*:bytes=0:messages=0", "0B", 0),
    ({"quota_bytes": 0, "quota_messages": 0}, "*:bytes=0:messages=0", "0B", 0),
    ({"quota_bytes": 2**40 + 1, "quota_messages": 5}, "*:bytes=1099511627777:messages=5",
     "1099511627777B", 5),
])
def test_quota_is_said_to_both_versions_of_dovecot(site, values, rule, size, count):
    columns = ("quota_rule", "quota_storage_size", "quota_message_count")
    assert userdb(site, site.account(**values), *columns) == (rule, size, count)


@pytest.mark.parametrize(("mailbox_type", "driver", "path"), [
    ("Maildir", "maildir", "~/Maildir"),
    ("MDBOX", "mdbox", "~/mdbox"),
    ("sdbox", "sdbox", "~/sdbox"),
    ("maildir:/etc", "maildir", "~/Maildir"),
    ("", "maildir", "~/Maildir"),
])
def test_mailbox_type_of_an_event_cannot_name_a_place(site, mailbox_type, driver, path):
    address = site.account(mailbox_type=mailbox_type)
    found = userdb(site, address, "mail", "mail_driver", "mail_path")
    assert found == (f"{driver}:{path}", driver, path)


def test_home_directory_is_made_from_the_uuid_and_spreads(site):
    identity = "0190aaaa-bbbb-7ccc-8ddd-eeeeffff0000"
    digest = hashlib.sha256(uuid.UUID(identity).bytes).hexdigest()
    home = f"/var/vmail/{digest[:2]}/{digest[2:4]}/{identity}"
    assert site.rows("SELECT provd.home_dir(%s)", (identity,)) == [(home,)]
    spread = site.rows("SELECT count(DISTINCT split_part(provd.home_dir(format("
                       "'0190aaaa-bbbb-7ccc-8ddd-%s', lpad(n::text, 12, '0'))::uuid), '/', 4))"
                       " FROM generate_series(1, 10000) AS n")
    assert spread == [(256,)], "ids of one moment do not crowd into one folder"


# --- atmail ---------------------------------------------------------------------------------------


def test_atmail_accounts_has_the_columns_of_the_seed_in_order(site):
    columns = site.rows("SELECT attname FROM pg_attribute WHERE attnum > 0 AND"
                        " attrelid = 'provd.atmail_accounts'::regclass ORDER BY attnum")
    assert [name for (name,) in columns] == (
        "accountId createdByUserId username password domainId dateModified dateCreate userStatus"
        " homeDir forward autoReply quota lastLogin autoReplyEnabled autoReplySubject"
        " autoReplyStart autoReplyEnd mboxServer mboxType groupId firstName lastName").split()


def test_atmail_accounts_shows_an_account_as_the_seed_does(site):
    site.rows("INSERT INTO provd.mail_group VALUES ('main', 'staff', 17, 1, 1, now(), now())")
    identity = str(uuid.uuid4())
    address = site.account(uuid=identity, quota_bytes=1024 * 2**20, created_by="1", storage_node="1")
    site.rows("INSERT INTO provd.group_member VALUES ('main', 17, %s, true, now())", (identity,))
    names = ('"createdByUserId"', "password", '"userStatus"', "forward", '"autoReply"', "quota",
             '"lastLogin"', '"autoReplyEnabled"', '"autoReplySubject"', '"mboxServer"',
             '"mboxType"', '"groupId"', '"firstName"', '"lastName"')
    found = site.rows(f"SELECT {', '.join(names)} FROM provd.atmail_accounts WHERE username = %s",
                      (address,))
    assert found == [("1", "{SSHA256}abc", 0, None, None, 1024, None, 0, "", "1", "Maildir", 17,
                      "", "")]
    (home,) = site.column("atmail_accounts", '"homeDir"', "username", address)
    assert home == userdb(site, address, "home")[0] + "/"


def test_atmail_shows_the_own_group_else_the_first_one(site):
    identity = str(uuid.uuid4())
    address = site.account(uuid=identity)
    shown = lambda: site.column("atmail_accounts", '"groupId"', "username", address)  # noqa: E731
    assert shown() == [None]
    site.rows("INSERT INTO provd.mail_group SELECT 'main', 'g' || n, n, 1, 1, now(), now()"
              " FROM generate_series(31, 33) n")
    site.rows("INSERT INTO provd.group_member SELECT 'main', n, %s, n = 33, now()"
              " FROM generate_series(31, 33) n", (identity,))
    assert shown() == [33]
    members = site.rows("SELECT number, name, is_own FROM provd.group_members WHERE address = %s"
                        " ORDER BY number", (address,))
    assert members == [(31, "g31", False), (32, "g32", False), (33, "g33", True)]
    site.rows("DELETE FROM provd.group_member WHERE number = 33 AND account_uuid = %s", (identity,))
    assert shown() == [31]
    site.rows("UPDATE provd.account SET tombstone = account_id, deleted_at = now() WHERE uuid = %s",
              (identity,))
    assert not site.rows("SELECT 1 FROM provd.group_members WHERE address = %s", (address,))


def test_atmail_api_accounts_shows_the_service_ids_of_the_seed(site):
    identity = str(uuid.uuid4())
    address = site.account(uuid=identity)
    assert not site.shown("atmail_api_accounts", "Name", address), "not provisioned yet"
    site.rows("INSERT INTO provd.service_account (account_uuid, service, service_id, created_at)"
              " VALUES (%(id)s, 1, 8, now()), (%(id)s, 4, 9, now()), (%(id)s, 2, 10, now())",
              {"id": identity})
    names = '"IsPrimary", "Active", "idMailAccount", "idContactAccount", "idCalendarAccount"'
    ask = f'SELECT {names} FROM provd.atmail_api_accounts WHERE "Name" = %s'
    assert site.rows(ask, (address,)) == [(1, 1, 8, 9, 10)]
    site.rows("UPDATE provd.service_account SET active = false WHERE account_uuid = %s"
              " AND service = 2", (identity,))
    assert site.rows(ask, (address,)) == [(1, 1, 8, 9, None)]


# --- for people -----------------------------------------------------------------------------------


def test_ledger_readable_names_status_and_source(site):
    site.rows("INSERT INTO provd.fence (cluster_id, topic, partition, group_id, next_offset,"
              " updated_at) VALUES ('kraft', 'events', 3, 'g', 0, now())")
    event = str(uuid.uuid4())
    site.rows("INSERT INTO provd.event_ledger SELECT %s, fence_id, 42, 4,"
              " decode(repeat('ab', 16), 'hex'), '', NULL, 0, now() FROM provd.fence", (event,))
    site.rows("INSERT INTO provd.record_outcome (fence_id, kafka_offset, status, code, recorded_at)"
              " SELECT fence_id, 43, 100, 'TRUNCATED', now() FROM provd.fence")
    assert site.rows("SELECT status, topic, partition, kafka_offset, payload_hash"
                     " FROM provd.ledger_readable WHERE event_id = %s", (event,)) == [
        ("REJECTED", "events", 3, 42, "ab" * 16)]
    assert site.rows("SELECT status, topic, kafka_offset, code FROM provd.outcome_readable") == [
        ("DEAD_LETTER", "events", 43, "TRUNCATED")]


# --- one index each, on 200,000 accounts ----------------------------------------------------------


@pytest.fixture(scope="module")
def large(site):
    site.rows(
        "INSERT INTO provd.domain (name, context, status, catch_all, version, revision, created_at,"
        " updated_at) SELECT format('big%%s.test', n), 'main', 'ACTIVE',"
        " CASE WHEN n %% 2 = 0 THEN format('user%%s@big%%s.test', n - 1, n) END, 1, 1, now(), now()"
        " FROM generate_series(1, %(domains)s) AS n;"
        "INSERT INTO provd.account (uuid, account_id, address, domain, context, status, forward,"
        " services, service_mode, version, revision, created_at, updated_at)"
        " SELECT gen_random_uuid(), n, format('user%%s@big%%s.test', n, n %% %(domains)s + 1),"
        " format('big%%s.test', n %% %(domains)s + 1), 'main', 'ACTIVE',"
        " CASE WHEN n %% 10 = 0 THEN 'x@elsewhere.example' END, 7, 'EAGER', 1, 1, now(), now()"
        " FROM generate_series(1, %(accounts)s) AS n;"
        "INSERT INTO provd.service_account SELECT uuid, bit, account_id * 4 + bit, true, now()"
        " FROM provd.account, unnest(ARRAY[1, 2, 4]) AS bit WHERE domain LIKE 'big%%'",
        {"domains": MANY_DOMAINS, "accounts": MANY_ACCOUNTS},
    )
    with contextlib.closing(site.database.connect()) as connection:
        connection.autocommit = True
        connection.cursor().execute("VACUUM ANALYZE provd.account, provd.domain,"
                                    " provd.service_account")
    return site


USER = "user4711@big712.test"
BY_ADDRESS = {"account_address_tombstone", "domain_pkey"}
LOOKUPS = {
    "dovecot_passdb": (PASSDB, {"user": USER, "service": "imap"}, BY_ADDRESS),
    "dovecot_userdb": (
        "SELECT home, mail, quota_rule FROM provd.dovecot_userdb WHERE \"user\" = %(user)s",
        {"user": USER}, BY_ADDRESS),
    "postfix_domains": (
        "SELECT 1 FROM provd.postfix_domains WHERE name = %(name)s",
        {"name": "big712.test"}, {"domain_pkey"}),
    "postfix_mailboxes": (
        "SELECT home_dir FROM provd.postfix_mailboxes WHERE address = %(address)s",
        {"address": USER}, BY_ADDRESS),
    "postfix_aliases": (
        "SELECT destination FROM provd.postfix_aliases WHERE address = %(address)s",
        {"address": USER}, BY_ADDRESS | {"domain_catch_all"}),
    "postfix_aliases, catch-all": (
        "SELECT destination FROM provd.postfix_aliases WHERE address = %(address)s",
        {"address": "@big712.test"}, BY_ADDRESS | {"domain_catch_all"}),
    "postfix_sender_login": (
        "SELECT login FROM provd.postfix_sender_login WHERE sender = %(address)s",
        {"address": USER}, BY_ADDRESS),
    "postfix_recipient_access": (
        "SELECT action FROM provd.postfix_recipient_access WHERE address = %(address)s",
        {"address": USER}, BY_ADDRESS),
    "atmail_accounts": (
        "SELECT * FROM provd.atmail_accounts WHERE username = %(address)s",
        {"address": USER}, {"account_address_tombstone", "group_member_account"}),
    "group_members, of a group": (
        "SELECT * FROM provd.group_members WHERE context = 'large' AND number = 1", {},
        {"mail_group_pkey", "group_member_pkey", "account_pkey"}),
    "atmail_api_accounts": (
        "SELECT * FROM provd.atmail_api_accounts WHERE \"Name\" = %(address)s",
        {"address": USER}, {"account_address_tombstone", "service_account_pkey"}),
}


def nodes(plan):
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


@pytest.mark.parametrize("name", LOOKUPS)
def test_lookup_reads_by_index_only_a_few_pages(large, name):
    statement, parameters, indexes = LOOKUPS[name]
    explained = large.rows("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement, parameters)
    plan = explained[0][0][0]["Plan"]
    used = {node["Index Name"] for node in nodes(plan) if "Index Name" in node}
    whole = [node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"]
    assert (whole, used) == ([], indexes), json.dumps(plan, indent=1)
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] <= LOOKUP_PAGES_MAX


def test_accounts_of_a_domain_are_found_by_index(large):
    """The fan-outs of a whole domain (quota, flags, cascade) ask so."""
    explained = large.rows("EXPLAIN (FORMAT JSON) SELECT uuid FROM provd.account"
                           " WHERE domain = %s AND tombstone = 0", ("big712.test",))
    used = {node.get("Index Name") for node in nodes(explained[0][0][0]["Plan"])}
    assert "account_domain_live" in used
