#!/usr/bin/python3
"""Sends the story of the demo to a running provd, kills a lane in the middle, waits for all answers, shows the screen.

Called by tools/demo. The client, the Avro library and the checks are those of the tests, none of them the worker's.
"""
import argparse
import collections
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from confluent_kafka import KafkaException, Producer  # noqa: E402

import screen  # noqa: E402
import story  # noqa: E402
from support import events  # noqa: E402
from support.database import Database  # noqa: E402
from support.kafka import Kafka, Topics  # noqa: E402
from support.outputs import Outputs  # noqa: E402
from support.waiting import wait_until  # noqa: E402

PARTITIONS = 6
GROUP = "provd"
SECONDS_OF_TRAFFIC = 9.0
ANSWER_LIMIT_S = 120.0
FOUNDATION_LIMIT_S = 60.0
LINE_EVERY_S = 3.0
SUBJECT = "provisioning.events-value"


class DemoTopics(Topics):
    """The topics by their usual names."""

    group = GROUP


class Demo:
    """What the screen and the checks of tests/support/contract.py look at: a world without a test."""

    def __init__(self, folder, port):
        self.folder = folder
        self.port = port
        self.database = Database(os.environ["DEMO_DATABASE_URL"])
        self.kafka = Kafka(os.environ["KAFKA_BROKERS"])
        self.topics = DemoTopics("provisioning", PARTITIONS)
        self.outputs = Outputs(os.environ["KAFKA_BROKERS"], self.topics)
        self.secrets = []
        self.workers = []
        self.told = {}  # (partition, offset) -> kind of record
        self.kill = None
        self.processed_before = 0
        self._processed = 0

    def pid(self):
        return int((self.folder / "provd.pid").read_text(encoding="ascii").split()[0])

    def lanes(self):
        """Lane number -> process id."""
        parent = self.pid()
        found = pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()
        return {name_of(pid): int(pid) for pid in found}

    def provctl(self, *arguments, **more):
        return subprocess.run([self.folder / "provctl", *arguments], check=True, capture_output=True, text=True,
                              timeout=60, **more).stdout  # fmt: skip

    def processed(self):
        """Records that have got their answer, as provd counts them, or did when it last had the time to say so."""
        with contextlib.suppress(OSError):
            self._processed = int(self.metric("provd_events_total") + self.metric("provd_dead_letters_total"))
        return self._processed - self.processed_before

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((name + "{", name + " ")))


def name_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip()
    except (FileNotFoundError, ProcessLookupError):
        return f"pid {pid}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--began", type=int, default=0, help="seconds that the demo had taken before")
    arguments = parser.parse_args()
    began = time.monotonic() - arguments.began
    demo = Demo(arguments.folder, arguments.http_port)
    framing = events.confluent(schema_id())
    found(demo, framing)
    demo.processed_before = demo.processed()
    send(demo, story.traffic(arguments.events, framing, sealer(demo)))
    ask(demo, [story.fan_out()], framing)
    proof = screen.prove(demo)
    screen.show(demo, proof, time.monotonic() - began)


def schema_id():
    """The registry's number for the newest schema of events."""
    url = f"{os.environ['SCHEMA_REGISTRY_URL']}/subjects/{SUBJECT}/versions/latest"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)["id"]


def sealer(demo):
    """A function that seals a new password as a sender would: with the public key only."""
    key = json.loads((demo.folder / "key.json").read_text(encoding="utf-8"))
    key = key[0] if isinstance(key, list) else key

    def seal():
        secret = f"Demo-{os.urandom(9).hex()}"
        demo.secrets.append(secret)
        said = demo.provctl("seal", "--key-id", key["key_id"], "--public-key", key["public_key"], "-o", "json",
                            input=secret + "\n")  # fmt: skip
        sealed = json.loads(said)
        return sealed[0] if isinstance(sealed, list) else sealed

    return seal


def found(demo, framing):
    for event in story.foundation():
        ask(demo, [event], framing)
    print(f"        context {story.CONTEXT} with the domains {', '.join(story.DOMAINS)}: made", flush=True)


def ask(demo, wishes, framing):
    """Sends events and waits for their results, which must not be refusals."""
    places = demo.kafka.produce(demo.topics.events, [events.event_record(event, framing) for event in wishes])
    demo.told.update((place, story.VALID) for place in places)
    missing = demo.outputs.wait_for(places, FOUNDATION_LIMIT_S)
    if missing:
        sys.exit(f"demo: no answer to {sorted(missing)} within {FOUNDATION_LIMIT_S:g} s")
    for result in demo.outputs.results:
        if result.source in places and result.said["status"] not in ("APPLIED", "NO_CHANGE"):
            sys.exit(f"demo: refused: {result.said['code']}: {result.said['message']}")


# --- traffic --------------------------------------------------------------------------------------


class Progress:
    """One line that is written anew on a terminal, and now and then elsewhere."""

    def __init__(self, total):
        self.total = total
        self.is_terminal = sys.stdout.isatty()
        self.next_s = 0.0 if self.is_terminal else time.monotonic() + LINE_EVERY_S

    def show(self, sent, answered, final=False):
        now = time.monotonic()
        if not final and now < self.next_s:
            return
        self.next_s = now + (0.1 if self.is_terminal else LINE_EVERY_S)
        answered = min(answered, self.total)
        done = 30 * answered // self.total
        line = f"        [{'#' * done}{'.' * (30 - done)}] {sent:6,} sent  {answered:6,} answered"
        print(f"\r{line}\033[K" if self.is_terminal else line, end="\n" if final or not self.is_terminal else "",
              flush=True)  # fmt: skip

    def say(self, text):
        print(f"\r        {text}\033[K" if self.is_terminal else f"        {text}", flush=True)


def send(demo, records):
    """Spreads the records over some seconds, so that there is a middle, and kills a lane there."""
    producer = Producer({"bootstrap.servers": os.environ["KAFKA_BROKERS"], "enable.idempotence": True, "linger.ms": 5})
    progress = Progress(len(records))
    began = time.monotonic()
    for index, (kind, record) in enumerate(records):
        producer.produce(demo.topics.events, on_delivery=remember(demo, kind), **record)
        producer.poll(0)
        if index == len(records) // 2:
            kill_lane(demo, progress, index)
        while time.monotonic() - began < SECONDS_OF_TRAFFIC * index / len(records):
            progress.show(index + 1, demo.processed())
            time.sleep(0.01)
    if producer.flush(30):
        sys.exit("demo: Kafka did not acknowledge all events within 30 s")
    wait_for_answers(demo, progress)


def remember(demo, kind):
    def delivered(error, message):
        if error is not None:
            raise KafkaException(error)
        demo.told[message.partition(), message.offset()] = kind

    return delivered


def kill_lane(demo, progress, index):
    """SIGKILL for a lane, as the kernel's memory killer or a power cut would do it."""
    before = demo.lanes()
    name, pid = sorted(before.items())[-1]
    os.kill(pid, signal.SIGKILL)
    demo.kill = {"lane": name, "pid": pid, "after": index, "at": time.monotonic()}
    progress.say(f"kill -9 {pid}: {name} dies after {index:,} events were sent")
    new = wait_until(lambda: set(demo.lanes().values()) - set(before.values()), 30, "the lane is started again")
    demo.kill["again"] = new.pop()
    demo.kill["after_s"] = time.monotonic() - demo.kill["at"]
    progress.say(f"its parent has started it again as process {demo.kill['again']}")


def wait_for_answers(demo, progress):
    """Until a read_committed reader has seen an answer to each record."""
    began = time.monotonic()
    missing = set(demo.told)
    while missing:
        missing = demo.outputs.wait_for(missing, 0.2)
        progress.show(progress.total, demo.processed())
        if time.monotonic() - began > ANSWER_LIMIT_S:
            kinds = collections.Counter(demo.told[place] for place in missing)
            sys.exit(f"\ndemo: no answer within {ANSWER_LIMIT_S:g} s to {dict(kinds)}")
    demo.kill["answered_s"] = time.monotonic() - demo.kill["at"]
    progress.show(progress.total, progress.total, final=True)


if __name__ == "__main__":
    main()
