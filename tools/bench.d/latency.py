"""From produce to the result being readable, at a steady rate.

The sender is a process of its own (this file as a program): in one with the reader they would wait for each other, for
as long as what is measured.
"""
import pickle
import subprocess
import sys
import time

from confluent_kafka import Producer, TopicPartition

WARM_UP_S = 2
LIMIT_S = 30.0


def measure_latency(scene, events, rate):
    """The rate that was really sent, and milliseconds of each of the events (number, key, value); those of the first two
    seconds are left out of both."""
    reader = scene.make_reader("read_committed", wait_ms=5)
    # New results only: those of the scene's context and domains have other keys.
    reader.assign([TopicPartition(scene.topics.results, partition, 0) for partition in scene.ends])
    received = {}
    missing = {key for _, key, _ in events}
    sender = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    deadline = time.monotonic() + len(events) / rate + LIMIT_S
    try:
        pickle.dump((scene.brokers, scene.topics.events, len(scene.ends), events, rate), sender.stdin)
        sender.stdin.close()
        while missing and time.monotonic() < deadline:
            message = reader.poll(0.2)
            if message is not None and message.error() is None and message.key() in missing:
                received[message.key()] = time.monotonic()
                missing.discard(message.key())
        assert not missing, f"{len(missing)} events without a result"
        sent = pickle.load(sender.stdout)
    finally:
        reader.unassign()
        sender.kill()
        sender.wait()
    keys = [key for _, key, _ in events[rate * WARM_UP_S :]]
    return sent_rate([sent[key] for key in keys]), [(received[key] - sent[key]) * 1000 for key in keys]


def sent_rate(times):
    """Events a second, of those sent at these times."""
    return (len(times) - 1) / (times[-1] - times[0])


def send(brokers, topic, partitions, events, rate):
    """When each key was sent, by the clock that all processes share."""
    producer = Producer({"bootstrap.servers": brokers, "linger.ms": 0})
    producer.list_topics(topic, LIMIT_S)
    sent = {}
    began = time.monotonic()
    for index, (number, key, value) in enumerate(events):
        due = began + index / rate
        while (left := due - time.monotonic()) > 0:
            time.sleep(min(left, 0.001))
        sent[key] = time.monotonic()
        producer.produce(topic, value, key, number % partitions)
        producer.poll(0)
    assert producer.flush(LIMIT_S) == 0, "not all events were sent"
    return sent


if __name__ == "__main__":
    pickle.dump(send(*pickle.load(sys.stdin.buffer)), sys.stdout.buffer)
