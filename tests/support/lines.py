"""Proxies on all three ways of a world's workers: to PostgreSQL, to Kafka, to the registry."""
import contextlib
from urllib.parse import urlsplit

from support.proxy import KAFKA, POSTGRESQL, Proxy


class Lines:
    """Workers of the world that are started from now on go through these proxies; senders and readers do not."""

    def __init__(self, world):
        stack = world.stack
        advertised, behind = stack.kafka_proxy
        database, registry = urlsplit(world.database.url), urlsplit(stack.registry_url)
        self.database = Proxy(f"{database.hostname}:{database.port}", speaks=POSTGRESQL)
        self.kafka = Proxy(behind, port=int(advertised.rpartition(":")[2]), speaks=KAFKA)
        self.registry = Proxy(registry.netloc)
        world.settings |= {
            # A proxy cannot look into TLS, which PostgreSQL would offer.
            "database.url": f"postgresql://provd@{self.database.address}/{world.database.name}?sslmode=disable",
            "kafka.brokers": self.kafka.address,
        }
        if "registry.url" in world.settings:
            world.settings["registry.url"] = registry._replace(netloc=self.registry.address).geturl()

    def all(self):
        return [self.database, self.kafka, self.registry]

    def clear(self):
        for proxy in self.all():
            proxy.clear()

    def close(self):
        for proxy in self.all():
            proxy.close()


@contextlib.contextmanager
def black_hole(*proxies):
    for proxy in proxies:
        proxy.hold()
    try:
        yield
    finally:
        for proxy in proxies:
            proxy.let_go()
