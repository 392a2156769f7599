"""A receiver of webhooks that tells its test what arrived, and answers as it is told."""

from __future__ import annotations

import base64
import json
import queue
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


@dataclass(frozen=True, slots=True)
class Arrived:
    headers: dict[str, str]
    raw: bytes

    @property
    def event_id(self) -> str:
        return self.headers["x-ironclad-webhook-event-id"]

    @property
    def event(self) -> Any:
        return json.loads(self.raw)


class _Server(ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True


class Receiver:
    """`statuses` are given out one by one, then 200 for ever."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self._arrived: queue.Queue[Arrived] = queue.Queue()
        self._server = _Server(("127.0.0.1", 0), self._handler())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/hooks/ironclad"

    def next(self, timeout_s: float = 5) -> Arrived:
        return self._arrived.get(timeout=timeout_s)

    def waiting(self) -> int:
        return self._arrived.qsize()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                raw = self.rfile.read(length)
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer._arrived.put(Arrived({**headers, "announced": str(length)}, raw))
                self.send_response(outer.statuses.pop(0) if outer.statuses else 200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Keeps the terminal quiet."""

        return Handler


def signature_holds(arrived: Arrived, public_pem: bytes) -> bool:
    """Verifies as the vendor's page says: RSA-SHA256 over event id, raw body, nonce."""
    proof = json.loads(arrived.headers["x-ironclad-webhook-verification"])
    key = serialization.load_pem_public_key(public_pem)
    assert isinstance(key, rsa.RSAPublicKey)
    text = arrived.event_id.encode() + arrived.raw + proof["nonce"].encode()
    try:
        key.verify(base64.b64decode(proof["signature"]), text, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True
