"""The states of a mailbox and how long it waits, as rules over any history of passes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from syncd.errors import CursorExpired, Permanent, ReauthNeeded, Retryable, SyncError
from syncd.states import (
    BASE,
    CAP,
    LONGEST_RETRY_AFTER,
    PROBE,
    STANDS_STILL,
    MailboxState,
    Outcome,
    Pace,
    State,
    StreamOutcome,
    StreamState,
    back_off,
    begun,
    failure,
    next_interval,
    next_state,
    next_stream,
    paused,
    reconciliation_due,
    touched,
)

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

jitters = st.floats(0, 1, exclude_max=True)
waits = st.none() | st.timedeltas(timedelta(seconds=-5), timedelta(days=2))
failures = st.one_of(
    st.builds(Retryable, st.just("the line was cut"), retry_after=waits),
    st.builds(ReauthNeeded, st.just("the password is refused"), cure=st.just("write the new one")),
    st.builds(Permanent, st.just("no such host")),
).map(lambda error: failure(error, "anna"))
streams = st.builds(
    StreamOutcome,
    name=st.sampled_from(["INBOX", "Sent", "Deals"]),
    batches=st.integers(0, 2),
    finished=st.booleans(),
    failure=st.none() | failures,
)
outcomes = st.builds(Outcome, streams=st.tuples(streams) | st.tuples(streams, streams), failure=st.none() | failures)


def failed(error: SyncError) -> Outcome:
    return Outcome(failure=failure(error, "anna"))


def done(*names: str) -> Outcome:
    return Outcome(streams=tuple(StreamOutcome(name=name) for name in names or ("INBOX",)))


def after(*passes: Outcome, jitter: float = 0.5) -> MailboxState:
    state = MailboxState()
    for number, outcome in enumerate(passes):
        state = next_state(state, outcome, NOW + timedelta(hours=number), jitter=jitter)
    return state


@given(st.lists(outcomes, min_size=1, max_size=8), jitters)
def test_a_mailbox_is_ok_only_after_a_pass_in_which_no_stream_stood_still(
    history: list[Outcome], jitter: float
) -> None:
    state = after(*history, jitter=jitter)
    last = history[-1]
    if last.worst() is not None:
        assert state.state in STANDS_STILL
        assert state.error
    elif last.finished:
        assert state.state is State.OK
        assert state.error == state.cure == ""


@given(st.lists(outcomes, max_size=8), jitters)
def test_the_last_success_is_that_of_a_pass_that_finished_every_stream(history: list[Outcome], jitter: float) -> None:
    finished = [number for number, outcome in enumerate(history) if outcome.finished]
    expected = NOW + timedelta(hours=finished[-1]) if finished else None
    assert after(*history, jitter=jitter).last_success_at == expected


@given(st.lists(outcomes, min_size=1, max_size=8), jitters)
def test_the_account_waits_only_after_an_error_of_its_own(history: list[Outcome], jitter: float) -> None:
    waits = after(*history, jitter=jitter).pace.wait(NOW + timedelta(hours=len(history) - 1)) > timedelta(0)
    if history[-1].failure is not None:
        assert waits
    elif history[-1].worst() is not None or history[-1].finished:
        assert not waits


@given(st.integers(1, 500), jitters)
def test_back_off_doubles_below_a_cap_and_is_never_nothing(failures: int, jitter: float) -> None:
    delay = back_off(failures, None, jitter)
    assert timedelta(seconds=1) <= delay <= CAP
    assert delay <= max(timedelta(seconds=1), BASE * 2 ** min(failures - 1, 10))


@given(st.timedeltas(timedelta(microseconds=1), timedelta(days=30)), jitters, st.integers(1, 50))
def test_a_servers_own_wish_is_kept_to_the_second_but_for_an_hour_at_most(
    wish: timedelta, jitter: float, failures: int
) -> None:
    delay = back_off(failures, wish, jitter)
    assert min(wish, LONGEST_RETRY_AFTER) <= delay < min(wish, LONGEST_RETRY_AFTER) + timedelta(seconds=1)


@given(
    st.timedeltas(timedelta(seconds=1), timedelta(hours=1)),
    st.timedeltas(timedelta(days=-400), timedelta(days=400)),
)
def test_a_clock_that_jumps_never_makes_the_wait_longer_than_the_delay(delay: timedelta, jump: timedelta) -> None:
    pace = Pace(failures=1, not_before=NOW + delay, delay=delay)
    assert timedelta(0) <= pace.wait(NOW + jump) <= delay


@given(waits.filter(bool), st.timedeltas(timedelta(0), timedelta(seconds=1)))
def test_what_is_written_down_in_whole_seconds_is_never_before_the_servers_time(
    wish: timedelta, fraction: timedelta
) -> None:
    now = NOW + fraction
    pace = next_state(MailboxState(), failed(Retryable("slow down", retry_after=wish)), now, jitter=0).pace
    assert pace.not_before is not None
    assert pace.not_before.microsecond == 0
    assert pace.not_before >= now + min(max(wish, timedelta(0)), LONGEST_RETRY_AFTER)


def test_failures_are_counted_until_a_proven_success() -> None:
    reset = failed(Retryable("connection reset"))
    assert after(reset, reset, reset).pace.failures == 3
    assert after(reset, reset, done(), reset).pace.failures == 1


def test_batches_saved_before_the_line_was_cut_prove_that_earlier_failures_are_over() -> None:
    reset = failed(Retryable("connection reset"))
    saved = Outcome(
        streams=(StreamOutcome(name="INBOX", batches=3, finished=False),), failure=failure(Retryable("reset"), "anna")
    )
    assert after(reset, reset, reset, saved).pace.failures == 1


def test_a_pass_that_was_cut_short_without_a_batch_proves_nothing() -> None:
    cut = Outcome(streams=(StreamOutcome(name="INBOX", finished=False),))
    before = after(failed(Retryable("connection reset")))
    assert next_state(before, cut, NOW, jitter=0) == before


def test_a_first_pass_that_goes_on_for_hours_is_called_backfilling() -> None:
    cut = Outcome(streams=(StreamOutcome(name="INBOX", batches=9, finished=False),))
    assert begun(MailboxState(), NOW).state is State.BACKFILLING
    assert after(cut, cut).state is State.BACKFILLING
    assert after(cut, done(), cut).state is State.OK


def test_the_error_that_a_person_must_mend_is_shown_before_one_that_passes() -> None:
    outcome = Outcome(
        streams=(
            StreamOutcome(name="INBOX", failure=failure(Retryable("timed out"), "anna")),
            StreamOutcome(
                name="Deals", failure=failure(Permanent("may not be read", cure="ask for the right to read it"), "anna")
            ),
            StreamOutcome(name="Sent"),
        )
    )
    state = after(outcome)
    assert (state.state, state.error) == (State.MISCONFIGURED, "Deals: may not be read")
    assert state.cure == "ask for the right to read it"


def test_each_kind_of_error_has_its_state() -> None:
    expected = {
        State.RETRYING: Retryable("timed out"),
        State.THROTTLED: Retryable("slow down", retry_after=timedelta(seconds=9)),
        State.REAUTH_NEEDED: ReauthNeeded("the password is refused"),
        State.MISCONFIGURED: Permanent("no such host"),
    }
    assert {state: after(failed(error)).state for state, error in expected.items()} == {s: s for s in expected}
    assert after(failed(CursorExpired("again"))).state is State.RETRYING
    assert after(failed(Retryable("garbage", retry_after=timedelta(seconds=-4)))).state is State.RETRYING


def test_what_waits_for_a_person_is_tried_every_hour_and_at_once_when_one_did_something() -> None:
    refused = after(failed(ReauthNeeded("the password is refused")))
    assert refused.pace.wait(NOW) == PROBE
    assert touched(refused).pace.wait(NOW) == timedelta(0)


def test_a_person_does_not_shorten_what_the_server_asked_for() -> None:
    throttled = after(failed(Retryable("slow down", retry_after=timedelta(minutes=9))))
    assert touched(throttled) == throttled


def test_the_state_keeps_the_time_at_which_it_began() -> None:
    reset = failed(Retryable("connection reset"))
    assert after(reset, reset, reset).since == NOW
    assert after(reset, done()).since == NOW + timedelta(hours=1)


def test_a_paused_mailbox_shows_no_old_error() -> None:
    state = paused(after(failed(Permanent("no such host"))), NOW)
    assert (state.state, state.error, state.pace) == (State.PAUSED, "", Pace())


@given(st.timedeltas(timedelta(seconds=1), timedelta(hours=2)), st.booleans())
def test_the_interval_stays_between_its_two_bounds(previous: timedelta, busy: bool) -> None:
    shortest, longest = timedelta(seconds=30), timedelta(minutes=15)
    chosen = next_interval(previous, busy=busy, shortest=shortest, longest=longest)
    assert shortest <= chosen <= longest
    assert not busy or chosen == shortest


def test_a_mailbox_that_stays_quiet_is_asked_ever_less_often() -> None:
    shortest, longest = timedelta(minutes=1), timedelta(minutes=15)
    interval, seen = shortest, []
    for _ in range(8):
        interval = next_interval(interval, busy=False, shortest=shortest, longest=longest)
        seen.append(interval)
    assert seen == sorted(seen)
    assert seen[-1] == longest


def test_a_stream_that_alone_fails_waits_by_itself_and_keeps_its_history() -> None:
    read = next_stream(StreamState(), StreamOutcome(name="Deals"), NOW, jitter=0.5)
    broken = StreamOutcome(name="Deals", failure=failure(Permanent("may not be read"), "anna"))
    later = next_stream(read, broken, NOW + timedelta(hours=1), jitter=0.5)
    assert (later.state, later.pace.delay) == (State.MISCONFIGURED, PROBE)
    assert later.last_success_at == later.backfilled_at == NOW


def test_a_stream_is_backfilling_until_its_window_was_read_to_the_end() -> None:
    cut = StreamOutcome(name="INBOX", batches=2, finished=False)
    halfway = next_stream(StreamState(), cut, NOW, jitter=0.5)
    assert halfway.state is State.BACKFILLING
    assert next_stream(halfway, StreamOutcome(name="INBOX"), NOW, jitter=0.5).state is State.OK


def test_a_stream_is_compared_with_the_server_once_a_day() -> None:
    stream = next_stream(StreamState(), StreamOutcome(name="INBOX"), NOW, jitter=0.5)
    tomorrow = NOW + timedelta(days=1)
    assert not reconciliation_due(stream, tomorrow - timedelta(seconds=1))
    assert reconciliation_due(stream, tomorrow)
    compared = next_stream(stream, StreamOutcome(name="INBOX", reconciled=True), tomorrow, jitter=0.5)
    assert not reconciliation_due(compared, tomorrow + timedelta(hours=23))
    assert not reconciliation_due(StreamState(), tomorrow)
    assert reconciliation_due(stream, NOW - timedelta(days=300)), "the clock was a year ahead and is right again"
