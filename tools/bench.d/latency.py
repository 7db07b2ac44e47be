"""From produce to the result being readable, at a steady rate."""
import threading
import time

from confluent_kafka import Consumer, Producer, TopicPartition

import traffic

WARM_UP_S = 2
LIMIT_S = 30.0


def measure_latency(scene, rate, seconds):
    """Milliseconds of each event; those of the first two seconds are left out."""
    events = list(traffic.creates(rate * (seconds + WARM_UP_S)))
    sent = {}
    writer = threading.Thread(target=_send, args=(scene, events, rate, sent))
    reader = _reader(scene)
    missing = {key for _, key, _ in events}
    received = {}
    writer.start()
    deadline = time.monotonic() + seconds + WARM_UP_S + LIMIT_S
    try:
        while missing and time.monotonic() < deadline:
            message = reader.poll(0.2)
            if message is not None and message.error() is None and message.key() in missing:
                received[message.key()] = time.monotonic()
                missing.discard(message.key())
    finally:
        reader.close()
        writer.join()
    measured = [key for _, key, _ in events[rate * WARM_UP_S :]]
    assert not missing, f"{len(missing)} events without a result"
    return [(received[key] - sent[key]) * 1000 for key in measured]


def _send(scene, events, rate, sent):
    producer = Producer({"bootstrap.servers": scene.brokers, "linger.ms": 0})
    began = time.monotonic()
    for index, (number, key, value) in enumerate(events):
        due = began + index / rate
        while (left := due - time.monotonic()) > 0:
            time.sleep(min(left, 0.001))
        sent[key] = time.monotonic()
        producer.produce(scene.topics.events, value, key, number % len(scene.ends))
        producer.poll(0)
    producer.flush()


def _reader(scene):
    """Reads new results only; those of the scene's context and domains have other keys."""
    reader = Consumer(
        {
            "bootstrap.servers": scene.brokers,
            "group.id": scene.topics.prefix + ".latency",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 5,
        }
    )
    reader.assign([TopicPartition(scene.topics.results, partition, 0) for partition in scene.ends])
    return reader
