"""Certificates that are in order and certificates that are not, and servers that show them.

A server of these speaks TLS and nothing behind it: enough to see whether a client lets itself in.
"""
import contextlib
import dataclasses
import pathlib
import socket
import ssl
import struct
import subprocess
import threading

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
SSL_REQUEST = struct.pack(">ii", 8, 80877103)  # what libpq says first
POLL_S = 0.2
HELLO_LIMIT_S = 5.0


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@dataclasses.dataclass
class Authority:
    """An authority that signs what a test asks for."""

    folder: pathlib.Path
    name: str

    def __post_init__(self):
        openssl(self.folder, "req", "-x509", *KEY, "-days", "2", "-subj", f"/CN={self.name}",
                "-keyout", f"{self.name}.key", "-out", f"{self.name}.pem")  # fmt: skip

    @property
    def certificate(self):
        return self.folder / f"{self.name}.pem"

    def sign(self, name, host="localhost", days=2):
        """A server's certificate and key in one file; negative days: it has expired."""
        stem = f"{self.name}-{name}"
        san = f"DNS:{host}" + (",IP:127.0.0.1" if host == "localhost" else "")
        (self.folder / f"{stem}.ext").write_text(f"subjectAltName={san}\n", encoding="ascii")
        openssl(self.folder, "req", *KEY, "-subj", f"/CN={host}", "-keyout", f"{stem}.key", "-out", f"{stem}.csr")
        openssl(self.folder, "x509", "-req", "-in", f"{stem}.csr", "-CA", f"{self.name}.pem", "-CAkey",
                f"{self.name}.key", "-CAcreateserial", "-days", str(days), "-extfile", f"{stem}.ext",
                "-out", f"{stem}.pem")  # fmt: skip
        both = self.folder / f"{stem}.both.pem"
        both.write_bytes((self.folder / f"{stem}.key").read_bytes() + (self.folder / f"{stem}.pem").read_bytes())
        return both


class TlsServer:
    """Shows its certificate to whoever comes; `entered` counts those who trusted it and spoke on."""

    def __init__(self, certificate, starts_plain=False):
        self.entered = 0
        self._starts_plain = starts_plain
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(POLL_S)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def address(self):
        return f"localhost:{self._listener.getsockname()[1]}"

    def close(self):
        self._stopping.set()
        self._thread.join()
        self._listener.close()

    def _serve(self):
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                client, _ = self._listener.accept()
                with contextlib.suppress(OSError), client:
                    client.settimeout(HELLO_LIMIT_S)
                    self._greet(client)

    def _greet(self, client):
        if self._starts_plain:
            if client.recv(len(SSL_REQUEST)) != SSL_REQUEST:
                return
            client.sendall(b"S")
        with self._context.wrap_socket(client, server_side=True) as inner:
            if inner.recv(1):
                self.entered += 1
