"""The last screen of the demo: what went in, what came out, what is in the database, and the proof that it agrees."""
import collections
import json
import os
import sys

import story
from support import contract
from support.waiting import wait_until

STATUSES = ("APPLIED", "NO_CHANGE", "DUPLICATE", "PLANNED", "REJECTED", "EXPIRED", "dead letter")
WIDTH = 100
LAST_CHANGES = 5
REASONS = 6


def paint(code, text):
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\033[{code}m{text}\033[0m"


def title(text):
    print("\n" + paint("1", f"-- {text} {'-' * (WIDTH - len(text) - 4)}"))


# --- the proof ----------------------------------------------------------------------------------------------------


def prove(demo):
    """(holds, text) of each statement that was checked."""
    demo_settled(demo)
    outputs = demo.outputs
    outputs.read_to_the_end()
    inputs = {(message.partition(), message.offset()) for message in demo.kafka.read(demo.topics.events)}
    letters, results, changes = len(outputs.letters), len(outputs.results), len(outputs.changes)
    database = demo.database
    ledger = database.value("SELECT count(*) FROM provd.event_ledger")
    live = database.value("SELECT count(*) FROM provd.account WHERE tombstone = 0")
    logged = database.value("SELECT count(*) FROM provd.change_log")
    checks = (
        (f"{len(inputs):,} records in, {results:,} results and {letters} dead letters out: one for each, by its"
         " (partition, offset)", lambda: contract.check_one_answer_each(inputs, outputs)),
        ("the answers lie in the order of the events, partition by partition", lambda: contract.check_order(outputs)),
        (f"no event id was applied twice; the ledger knows {ledger:,} ids", lambda: contract.check_event_ids(outputs)),
        ("every result that was published is byte for byte the one that the ledger keeps",
         lambda: contract.check_stored_results(database, outputs)),
        (f"{live:,} live accounts: their ids are those of the results, their services those that were wanted",
         lambda: contract.check_accounts(database, outputs)),
        (f"{changes:,} change records were published, of {logged:,} in the change log, byte for byte",
         lambda: contract.check_changes(database, outputs)),
        (f"provctl audit verify: {audit(demo)}", lambda: contract.check_chains(database)),
        ("the consumer group has committed what the database says it has done; the lag is 0",
         lambda: contract.check_fences(demo)),
        (f"none of the {len(demo.secrets)} passwords is in a result, a change record or a dead letter's error",
         lambda: contract.check_secrets(demo)),
    )  # fmt: skip
    return [(verdict(check), text) for text, check in checks]


def verdict(check):
    """None when it holds, otherwise what is wrong."""
    try:
        check()
    except AssertionError as error:
        return str(error) or "does not hold"
    return None


def demo_settled(demo):
    """Until the offsets are committed: the answers may be seen a moment earlier."""
    ends = demo.kafka.end_offsets(demo.topics.events)
    wait_until(lambda: demo.kafka.committed(demo.topics.group, demo.topics.events) == ends, 30, "lag is zero")


def audit(demo):
    """What provctl, which walks the chains itself, has to say."""
    chains = json.loads(demo.provctl("audit", "verify", "-o", "json"))
    verdicts = sorted({chain["verdict"] for chain in chains})
    return f"{len(chains)} hash chains with {sum(chain['records'] for chain in chains):,} records: {', '.join(verdicts)}"


# --- the screen ---------------------------------------------------------------------------------------------------


def show(demo, proof, seconds):
    show_answers(demo)
    show_reasons(demo)
    show_database(demo)
    show_changes(demo)
    show_letter(demo)
    show_kill(demo)
    show_proof(proof)
    show_next(demo)
    print(f"\nAll of it took {seconds:.0f} s. provd (process {demo.pid()}) and the servers still run.")
    if any(wrong for wrong, _ in proof):
        sys.exit("demo: the proof failed")


def show_answers(demo):
    title("events in, answers out")
    answers = {result.source: result.said["status"] for result in demo.outputs.results if result.said["final"]}
    answers.update({letter.source: "dead letter" for letter in demo.outputs.letters})
    table = collections.defaultdict(collections.Counter)
    for place, kind in demo.told.items():
        table[kind][answers[place]] += 1
    print(f"{'sent':26}{'events':>7}" + "".join(f"{status:>{len(status) + 1}}" for status in STATUSES))
    for kind in story.KINDS_OF_RECORDS:
        print(row(kind, table[kind]))
    print(paint("1", row("all", sum(table.values(), collections.Counter()))))


def row(name, counts):
    cells = [f"{f'{counts[status]:,}' if counts[status] else '.':>{len(status) + 1}}" for status in STATUSES]
    return f"{name:26}{sum(counts.values()):7,}" + "".join(cells)


def show_reasons(demo):
    title("why events were refused")
    refused = [result.said for result in demo.outputs.results if result.said["status"] == "REJECTED"]
    codes = collections.Counter(result["code"] for result in refused)
    example = {result["code"]: result["message"] for result in refused}
    for code, count in codes.most_common(REASONS):
        print(f"{count:5,}  {code:18}{cut(example[code], WIDTH - 25)}")


def cut(text, width):
    text = " ".join(str(text).split())
    return text if len(text) <= width else text[: width - 2] + ".."


def show_database(demo):
    title("what is in the database")
    ((live, deleted, locked, seen),) = demo.database.rows("""
        SELECT count(*) FILTER (WHERE tombstone = 0), count(*) FILTER (WHERE tombstone <> 0),
               count(*) FILTER (WHERE tombstone = 0 AND status = 'LOCKED'),
               count(*) FILTER (WHERE last_login_at IS NOT NULL) FROM provd.account""")
    services = dict(demo.database.rows("""
        SELECT service, count(*) FROM provd.service_account s JOIN provd.account a ON a.uuid = s.account_uuid
        WHERE s.active AND a.tombstone = 0 GROUP BY 1"""))
    domains = demo.database.rows(
        "SELECT domain, count(*) FROM provd.account WHERE tombstone = 0 GROUP BY 1 ORDER BY 2 DESC")  # fmt: skip
    print(f"accounts  {live:,} live, {locked:,} of them locked; {deleted:,} deleted, their addresses reserved;"
          f" {seen:,} have logged in")  # fmt: skip
    print(f"services  mail {services.get(1, 0):,}, calendar {services.get(2, 0):,}, contacts {services.get(4, 0):,}")
    print("domains   " + ", ".join(f"{name} {count:,}" for name, count in domains))


def show_changes(demo):
    title("the last change records: who did what, before and after")
    newest = sorted(demo.outputs.changes, key=lambda change: change.said["recorded_at"])[-LAST_CHANGES:]
    for said in (change.said for change in newest):
        print(f"{said['action']:8}{said['object_type']} {said['object_id']}, by {said['actor']['id']}")
        print(f"{'':8}{cut(fields(said), WIDTH - 8)}")


def fields(said):
    if said["objects"] is not None:
        return f"{said['objects']:,} objects by one event, each with a row of its own in the change log"
    before = {field["name"]: field["value"] for field in said["before"]}
    after = {field["name"]: field["value"] for field in said["after"]}
    if not before:
        return ", ".join(f"{name} {value}" for name, value in after.items() if value is not None)
    names = dict.fromkeys([*before, *after])
    return ", ".join(f"{name}: {before.get(name) or '-'} > {after.get(name) or '-'}" for name in names)


def show_letter(demo):
    title(f"one of {len(demo.outputs.letters)} dead letters")
    letter = next(letter for letter in demo.outputs.letters if letter.said.code and letter.said.value)
    said = letter.said
    topic, partition, offset = said.origin
    print(f"record    {topic}, partition {partition}, offset {offset}: {said.value[:24]!r} .. ({len(said.value)} bytes)")
    print(f"stage     {said.stage}, code {said.code}")
    print(f"reason    {cut(said.message, WIDTH - 10)}")


def show_kill(demo):
    title("the lane that was killed")
    kill = demo.kill
    print(f"{kill['lane']} (process {kill['pid']}) died by kill -9 after {kill['after']:,} events were sent; its parent"
          f" had process\n{kill['again']} in its place {kill['after_s'] * 1000:.0f} ms later. Kafka gives the partitions"
          " of a dead member away when it has missed\nit for kafka.session_timeout, 6 s here."
          f" {kill['answered_s']:.0f} s after the kill all events had their answer; nobody did anything.")  # fmt: skip
    again = stored_and_not_published(demo)
    if again:
        print(f"{again:,} events were stored and not yet published: they were read again, and the ledger knew them.")


def stored_and_not_published(demo):
    """How far the database was ahead of Kafka when partitions were assigned again, as provd logged it."""
    ahead = 0
    for line in (demo.folder / "provd.log").read_text(encoding="utf-8").splitlines():
        said = json.loads(line) if line.startswith("{") else {}
        if said.get("message") == "partition assigned" and isinstance(said.get("committed"), int):
            ahead += max(0, said["fence"] - max(0, said["committed"]))
    return ahead


def show_proof(proof):
    title("proof: each event applied once, each result published once")
    for wrong, text in proof:
        print(f"{paint('31', 'NO ') if wrong else paint('32', 'yes')}  {text}")
        if wrong:
            print(f"     {wrong[:2000]}")


def show_next(demo):
    title("what to type next")
    result = next(result.said for result in reversed(demo.outputs.results)
                  if result.said["status"] == "APPLIED" and result.said["kind"] == "UpdateAccount")  # fmt: skip
    address = demo.database.value("SELECT address FROM provd.account WHERE uuid = %s", result["account_uuid"])
    here = os.path.relpath(demo.folder / "provctl")
    for command, what in (
        (f"{here} account show {address}", "the whole story of an account"),
        (f"{here} ledger show {result['event_id']}", "what became of an event"),
        (f"{here} events tail dlq --from start -o table", "all dead letters"),
        (f"{here} events tail results --status REJECTED --from start", "what was refused, and why"),
        (f"{here} events send --wait schemas/examples/CreateAccount.json", "send an event, see its result"),
        (f"{here} fence show", "where provd stands in each partition"),
        (f"curl -s http://127.0.0.1:{demo.port}/metrics", "also /readyz /livez /version"),
        ("deploy/grafana/provd.json, deploy/alerts/provd.yml", "the dashboard and the alerts"),
        ("tools/demo --down", "stop everything, remove the data"),
    ):
        print(f"{what:38}{paint('1', command)}")
