"""A small TCP proxy in front of a server: what networks do to connections, at a time or a byte of the test's choice.

    proxy = Proxy("127.0.0.1:5432", speaks=POSTGRESQL)
    proxy.hold(); proxy.let_go()            # a black hole: connections are taken, nothing passes
    proxy.delay_s = 0.02                    # a long line
    proxy.cut()                             # all connections that there are
    lost = proxy.set(commit_reply(byte=0))  # the next COMMIT happens, and nobody is told
    lost.wait(10)

A proxy that knows its protocol passes on whole messages only, so that a trap can name one. It does not look into TLS.
Two threads for each connection; everything may be called from any thread.
"""
import itertools
import socket
import struct
import threading
import time

CHUNK_BYTES = 64 * 1024
CONNECT_LIMIT_S = 5.0
ANY_ADDRESS = "127.0.0.1"
REQUEST, REPLY = "request", "reply"

# --- protocols: side -> (buffer, is the first of its stream) -> length of the message that begins it, None: unknown ---


def _kafka_length(buffer, _is_first):
    return 4 + struct.unpack_from(">i", buffer)[0] if len(buffer) >= 4 else None


def _postgresql_length(buffer, is_first):
    """The first message of a client has no type. (A request for TLS would not be understood: sslmode=disable.)"""
    at = 0 if is_first else 1
    return at + struct.unpack_from(">i", buffer, at)[0] if len(buffer) >= at + 4 else None


KAFKA = {REQUEST: _kafka_length, REPLY: _kafka_length}
POSTGRESQL = {REQUEST: _postgresql_length, REPLY: lambda buffer, _: _postgresql_length(buffer, False)}

# Numbers of requests in Kafka's protocol.
KAFKA_REQUESTS = {
    "Produce": 0, "Fetch": 1, "OffsetCommit": 8, "OffsetFetch": 9, "FindCoordinator": 10, "JoinGroup": 11,
    "Heartbeat": 12, "SyncGroup": 14, "InitProducerId": 22, "AddPartitionsToTxn": 24, "AddOffsetsToTxn": 25,
    "EndTxn": 26, "TxnOffsetCommit": 28,
}  # fmt: skip

# --- traps ------------------------------------------------------------------------------------------------------------


class Trap:
    """Strikes once: of the message that it waits for `byte` bytes pass (None: all). Then its connection is cut; with
    `then="hold"` it goes silent, with "black hole" all do; "pass" does no harm, but tells. `skip` such messages pass
    unharmed."""

    def __init__(self, side, is_it, byte=0, then="cut", skip=0):
        self.side, self.byte, self.then = side, byte, then
        self._is_it, self._skip = is_it, skip
        self._sprung = threading.Event()

    def wait(self, deadline_s):
        assert self._sprung.wait(deadline_s), f"no such message within {deadline_s:g} s"

    @property
    def is_sprung(self):
        return self._sprung.is_set()

    def look(self, flow, piece):
        """How many bytes of the piece pass before it strikes; None: it does not."""
        if self.is_sprung or flow.side != self.side or not self._is_it(flow, piece):
            return None
        if self._skip > 0:
            self._skip -= 1
            return None
        self._sprung.set()
        return len(piece) if self.byte is None else min(self.byte, len(piece))


class AfterBytes(Trap):
    """Strikes when so many further bytes have passed on the connection that is used next."""

    def __init__(self, side, byte, then="cut"):
        super().__init__(side, None, byte, then)
        self._flow, self._left = None, byte

    def look(self, flow, piece):
        if self._flow is None and flow.side == self.side:
            self._flow = flow
        if self.is_sprung or flow is not self._flow:
            return None
        if len(piece) < self._left:
            self._left -= len(piece)
            return None
        self._sprung.set()
        return self._left


class KafkaReply(Trap):
    """Strikes at the answer to the next request of a kind: the broker has done it."""

    def __init__(self, request, byte=0, then="cut", skip=0):
        super().__init__(REPLY, self._is_answer, byte, then, skip)
        self._key = KAFKA_REQUESTS[request]
        self._asked = set()

    def look(self, flow, piece):
        if flow.side == REQUEST and _kafka_key(piece) == self._key:
            self._asked.add((flow.link, piece[8:12]))
        return super().look(flow, piece)

    def _is_answer(self, flow, piece):
        return (flow.link, piece[4:8]) in self._asked


def kafka_request(request, byte=0, then="cut", skip=0):
    """Strikes at a request, which the broker gets in part only, unless all of it passes."""
    key = KAFKA_REQUESTS[request]
    return Trap(REQUEST, lambda _, piece: _kafka_key(piece) == key, byte, then, skip)


def _kafka_key(piece):
    return struct.unpack_from(">h", piece, 4)[0]


def commit_request(byte=0, then="cut", skip=0):
    """Strikes at a COMMIT on its way to PostgreSQL, as a text or as the prepared statement `commit`."""
    texts = (b"QCOMMIT\0", b"Bcommit\0")

    def is_it(_, piece):
        return piece[:1] + piece[5:].lstrip(b"\0")[:7] in texts

    return Trap(REQUEST, is_it, byte, then, skip)


def commit_reply(byte=0, then="cut", skip=0):
    """Strikes at the answer to a COMMIT: it has happened."""
    return Trap(REPLY, lambda _, piece: piece == b"C\0\0\0\x0bCOMMIT\0", byte, then, skip)


# --- the proxy --------------------------------------------------------------------------------------------------------


class Proxy:
    """`target` is "host:port". A port of 0 is a free one; `address` says which."""

    def __init__(self, target, port=0, speaks=None):
        host, _, number = target.rpartition(":")
        self.target = (host, int(number))
        self.delay_s = 0.0
        self.speaks = speaks or {}
        self.stopped = self.delayed = 0  # pieces that had to wait until now
        self._held = False
        self._changed = threading.Condition()
        self._traps, self._links = [], set()
        self._listener = socket.create_server((ANY_ADDRESS, port), backlog=64)
        self.address = "{}:{}".format(*self._listener.getsockname())
        threading.Thread(target=self._take, daemon=True).start()

    def close(self):
        # Closing alone would not wake the thread that waits for connections.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    # --- what can be done to the way

    def hold(self):
        """Nothing passes any more, in no direction; what is sent meanwhile comes late."""
        with self._changed:
            self._held = True

    def let_go(self):
        with self._changed:
            self._held = False
            for link in self._links:
                link.held = False
            self._changed.notify_all()

    def cut(self, choose=None, abrupt=True):
        """Ends connections: all, or those of the list that choose(list) returns. Abrupt: by RST instead of FIN. How many."""
        with self._changed:
            links = sorted(self._links, key=lambda link: link.number)
            chosen = choose(links) if choose else links
            for link in chosen:
                link.cut(abrupt)
            self._changed.notify_all()
        return len(chosen)

    def set(self, trap):
        with self._changed:
            self._traps = [other for other in self._traps if not other.is_sprung] + [trap]
        return trap

    def unset(self, trap):
        with self._changed:
            self._traps = [other for other in self._traps if other is not trap]

    def clear(self):
        """As if nothing had ever been done to it; connections that a trap holds are cut."""
        with self._changed:
            self._traps = []
            self.delay_s = 0.0
            for link in self._links:
                if link.held:
                    link.cut(abrupt=False)
        self.let_go()

    # --- for its threads

    def _take(self):
        for number in itertools.count():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client, number), daemon=True).start()

    def _connect(self, client, number):
        try:
            server = socket.create_connection(self.target, CONNECT_LIMIT_S)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        link = _Link(self, client, server, number)
        with self._changed:
            self._links.add(link)
        link.run()

    def forget(self, link):
        with self._changed:
            self._links.discard(link)

    def look(self, flow, piece):
        """(how many bytes pass, what then), as a trap says; (None, None) when none strikes."""
        with self._changed:
            for trap in self._traps:
                passes = trap.look(flow, piece)
                if passes is not None:
                    return passes, trap.then
        return None, None

    def wait_delay(self):
        delay_s = self.delay_s
        if delay_s:
            with self._changed:
                self.delayed += 1
            time.sleep(delay_s)

    def wait_open(self, link):
        with self._changed:
            self.stopped += self._held
            self._changed.wait_for(lambda: link.is_cut or not (self._held or link.held))


class _Link:
    """One connection of a client and the one to the server behind it."""

    def __init__(self, proxy, client, server, number):
        self.proxy, self.number = proxy, number
        self.held = self.is_cut = False
        self._sockets = (client, server)
        for end in self._sockets:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._flows = (_Flow(self, REQUEST, client, server), _Flow(self, REPLY, server, client))

    def run(self):
        back = threading.Thread(target=self._flows[1].run, daemon=True)
        back.start()
        self._flows[0].run()
        back.join()
        self.proxy.forget(self)
        for end in self._sockets:
            end.close()

    def cut(self, abrupt):
        self.is_cut = True
        for end in self._sockets:
            try:
                if abrupt:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class _Flow:
    """One direction of a link."""

    def __init__(self, link, side, source, sink):
        self.link, self.side = link, side
        self._proxy = link.proxy
        self._source, self._sink = source, sink
        self._length = link.proxy.speaks.get(side)

    def run(self):
        try:
            for piece in self._pieces():
                self._pass_on(piece)
                if self.link.is_cut:
                    return
            self._sink.shutdown(socket.SHUT_WR)
        except OSError:
            self.link.cut(abrupt=False)

    def _pieces(self):
        """Whole messages if the protocol is known, else bytes as they come."""
        buffer, is_first = b"", True
        while chunk := self._source.recv(CHUNK_BYTES):
            self._proxy.wait_delay()
            if self._length is None:
                yield chunk
                continue
            buffer += chunk
            while (length := self._length(buffer, is_first)) is not None and length <= len(buffer):
                yield buffer[:length]
                buffer, is_first = buffer[length:], False

    def _pass_on(self, piece):
        self._proxy.wait_open(self.link)
        if self.link.is_cut:
            return
        passes, then = self._proxy.look(self, piece)
        if passes is None or then == "pass":
            self._sink.sendall(piece)
            return
        # Silence comes first: else the answer to what passes may be faster.
        if then == "hold":
            self.link.held = True
        elif then != "cut":
            self._proxy.hold()
        self._sink.sendall(piece[:passes])
        if then == "cut":
            self.link.cut(abrupt=False)
            return
        self._proxy.wait_open(self.link)
        if not self.link.is_cut:
            self._sink.sendall(piece[passes:])
