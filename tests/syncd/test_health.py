"""The health endpoint and the metrics, asked over real HTTP."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta
from http.client import HTTPConnection

import pytest

from syncd.errors import Retryable
from syncd.health import Metrics, Snapshot, serve, split_address
from syncd.states import STANDS_STILL, Outcome, State, StreamOutcome, failure


def snapshot(states: Mapping[State, int], *, stalled: bool = False, missing: int = 0) -> Snapshot:
    return Snapshot(states=states, stalled=stalled, lag=timedelta(seconds=75), missing=missing)


@contextmanager
def daemon(now: Snapshot, metrics: Metrics | None = None) -> Iterator[HTTPConnection]:
    with (
        serve("127.0.0.1:0", lambda: now, metrics or Metrics()) as port,
        closing(HTTPConnection("127.0.0.1", port, timeout=10)) as client,
    ):
        yield client


def ask(client: HTTPConnection, path: str, method: str = "GET") -> tuple[int, bytes]:
    client.request(method, path)
    answer = client.getresponse()
    return answer.status, answer.read()


def test_health_is_200_and_counts_the_mailboxes_by_state() -> None:
    with daemon(snapshot({State.OK: 3, State.BACKFILLING: 1})) as client:
        status, body = ask(client, "/health")
    assert status == 200
    answer = json.loads(body)
    assert (answer["status"], answer["lag_seconds"]) == ("ok", 75)
    assert answer["mailboxes"] == {state.value: 0 for state in State} | {"ok": 3, "backfilling": 1}


@pytest.mark.parametrize("state", sorted(STANDS_STILL))
def test_health_is_503_while_one_mailbox_stands_still(state: State) -> None:
    with daemon(snapshot({State.OK: 99, state: 1})) as client:
        assert ask(client, "/health")[0] == 503
        assert ask(client, "/live")[0] == 200


def test_a_daemon_that_makes_no_progress_is_not_live() -> None:
    with daemon(snapshot({State.OK: 1}, stalled=True)) as client:
        status, body = ask(client, "/live")
        assert (status, json.loads(body)["status"]) == (503, "stalled")
        assert ask(client, "/health")[0] == 503


def test_metrics_count_each_verdict_by_its_rule_and_each_pass_by_its_result() -> None:
    metrics = Metrics()
    counts = {("logged", "known_contact"): 2, ("skipped", "no_known_contact"): 5}
    metrics.count(
        Outcome(
            streams=(
                StreamOutcome(name="INBOX", tried=True, counts=counts, seconds=0.2),
                StreamOutcome(name="Sent", tried=True, failure=failure(Retryable("timed out"), "anna"), seconds=61),
                StreamOutcome(name="Deals", tried=True, finished=False),
                StreamOutcome(name="Later", finished=False),
            )
        )
    )
    with daemon(snapshot({State.OK: 1, State.RETRYING: 2}), metrics) as client:
        status, body = ask(client, "/metrics")
    lines = body.decode().splitlines()
    assert status == 200
    for line in (
        'syncd_items_total{kind="mail",rule="known_contact",verdict="logged"} 2.0',
        'syncd_items_total{kind="mail",rule="no_known_contact",verdict="skipped"} 5.0',
        'syncd_polls_total{result="retrying"} 1.0',
        'syncd_passes_total{kind="mail",result="finished"} 1.0',
        'syncd_passes_total{kind="mail",result="retrying"} 1.0',
        'syncd_passes_total{kind="mail",result="cut_short"} 1.0',
        'syncd_pass_seconds_bucket{kind="mail",le="0.25"} 2.0',
        'syncd_mailboxes{state="retrying"} 2.0',
        "syncd_lag_seconds 75.0",
        "syncd_stalled 0.0",
    ):
        assert line in lines
    assert "INBOX" not in body.decode()


def test_any_other_path_is_not_found() -> None:
    with daemon(snapshot({})) as client:
        assert ask(client, "/")[0] == 404
        assert ask(client, "/metrics/../health")[0] == 404
        assert ask(client, "/health?verbose=1", "HEAD") == (200, b"")


def test_a_client_that_says_nothing_does_not_keep_others_waiting() -> None:
    with (
        serve("127.0.0.1:0", lambda: snapshot({}), Metrics()) as port,
        socket.create_connection(("127.0.0.1", port)),
        closing(HTTPConnection("127.0.0.1", port, timeout=10)) as client,
    ):
        assert ask(client, "/live")[0] == 200


def test_an_address_without_a_host_means_this_machine_only() -> None:
    assert split_address("9464") == ("127.0.0.1", 9464)
    assert split_address(":9464") == ("127.0.0.1", 9464)
    assert split_address("[::1]:9464") == ("::1", 9464)
    assert split_address("0.0.0.0:9464") == ("0.0.0.0", 9464)
