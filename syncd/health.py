"""What the daemon tells about itself over HTTP: /health, /live and /metrics. Numbers only: no names, no addresses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET, AF_INET6
from threading import Thread

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from syncd.states import STANDS_STILL, Outcome, State

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The daemon at one moment."""

    states: Mapping[State, int]
    stalled: bool
    """The scheduler stands, or every worker does."""
    lag: timedelta
    """How long ago the mailbox that was up to date least recently was so."""
    missing: int
    """Items that the servers hold and that could not be had, by the last audits."""

    @property
    def status(self) -> str:
        if self.stalled:
            return "stalled"
        standing = sum(self.states.get(state, 0) for state in STANDS_STILL)
        return "degraded" if standing or self.missing else "ok"


class Metrics:
    """The counters of one daemon, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._items = Counter("syncd_items", "Items decided on.", ("kind", "verdict", "rule"), registry=self.registry)
        self._polls = Counter("syncd_polls", "Passes over one mailbox.", ("result",), registry=self.registry)
        self._passes = Counter("syncd_passes", "Passes over one stream.", ("kind", "result"), registry=self.registry)
        self._seconds = Histogram(
            "syncd_pass_seconds",
            "Duration of a pass over one stream.",
            ("kind",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._mailboxes = Gauge("syncd_mailboxes", "Mailboxes in each state.", ("state",), registry=self.registry)
        self._lag = Gauge(
            "syncd_lag_seconds", "Since the mailbox furthest behind was up to date.", registry=self.registry
        )
        self._audits = Counter("syncd_audits", "Streams compared item by item.", ("result",), registry=self.registry)
        self._filled = Counter("syncd_gap_filled", "Items that audits found missing, and had.", registry=self.registry)
        self._missing = Gauge(
            "syncd_missing", "Items that servers hold and that could not be had.", registry=self.registry
        )
        self._stalled = Gauge("syncd_stalled", "1 when the daemon makes no progress.", registry=self.registry)

    def count(self, outcome: Outcome) -> None:
        worst = outcome.worst()
        self._polls.labels(worst[1].state if worst else "finished" if outcome.finished else "cut_short").inc()
        for stream in (each for each in outcome.streams if each.tried):
            result = stream.failure.state if stream.failure else "finished" if stream.finished else "cut_short"
            self._passes.labels(stream.kind, result).inc()
            self._seconds.labels(stream.kind).observe(stream.seconds)
            if (audited := stream.audited) is not None:
                self._audits.labels("gap" if audited.missing else "filled" if audited.found else "whole").inc()
                self._filled.inc(max(0, audited.found - audited.missing))
            for (verdict, rule), number in stream.counts.items():
                self._items.labels(stream.kind, verdict, rule).inc(number)

    def exposition(self, snapshot: Snapshot) -> bytes:
        for state in State:
            self._mailboxes.labels(state.value).set(snapshot.states.get(state, 0))
        self._lag.set(snapshot.lag.total_seconds())
        self._missing.set(snapshot.missing)
        self._stalled.set(snapshot.stalled)
        return generate_latest(self.registry)


def report(snapshot: Snapshot) -> bytes:
    answer = {
        "status": snapshot.status,
        "mailboxes": {state.value: snapshot.states.get(state, 0) for state in State},
        "lag_seconds": int(snapshot.lag.total_seconds()),
        "missing": snapshot.missing,
    }
    return json.dumps(answer).encode() + b"\n"


def split_address(address: str) -> tuple[str, int]:
    """`127.0.0.1:9464`, `[::1]:9464`, or `:9464` and `9464`, which mean loopback: nobody outside unless told so."""
    host, _, port = address.rpartition(":")
    return host.strip("[]") or "127.0.0.1", int(port)


@contextmanager
def serve(address: str, snapshot: Callable[[], Snapshot], metrics: Metrics) -> Iterator[int]:
    """Answer on `address` until the end of the block; yields the port. OSError if it cannot be had."""
    host, port = split_address(address)

    def answers(path: str) -> tuple[int, str, bytes] | None:
        now = snapshot()
        match path:
            case "/health":
                return 200 if now.status == "ok" else 503, "application/json", report(now)
            case "/live":
                return 503 if now.stalled else 200, "application/json", report(now)
            case "/metrics":
                return 200, CONTENT_TYPE, metrics.exposition(now)
        return None

    with _server(host)((host, port), _handler(answers)) as server:
        thread = Thread(target=server.serve_forever, name="health", daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def _server(host: str) -> type[ThreadingHTTPServer]:
    class Server(ThreadingHTTPServer):
        address_family = AF_INET6 if ":" in host else AF_INET
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that went away is none of the admin's business."""

    return Server


def _handler(answers: Callable[[str], tuple[int, str, bytes] | None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds; a client that sends nothing keeps its thread no longer
        server_version = "syncd"
        sys_version = ""

        def do_GET(self) -> None:
            status, kind, body = answers(self.path.partition("?")[0]) or (404, "text/plain", b"not found\n")
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Requests are no events."""

    return Handler
