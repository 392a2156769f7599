"""Sessions and one-time doors, with a clock that is moved by hand."""

from __future__ import annotations

from tieline.console.sessions import DOOR_LIFE_S, SESSION_LIFE_S, SESSIONS_MAX, Doors, Sessions


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_door_opens_once() -> None:
    doors = Doors(Clock())
    code = doors.leave("tl_key")
    assert doors.enter(code) == "tl_key"
    assert doors.enter(code) is None


def test_a_door_closes_after_an_hour() -> None:
    clock = Clock()
    doors = Doors(clock)
    code = doors.leave("tl_key")
    clock.now = DOOR_LIFE_S
    assert doors.enter(code) is None


def test_a_session_ends_after_eight_hours() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    name = sessions.start("tl_key")
    clock.now = SESSION_LIFE_S - 1
    assert sessions.of(name) is not None
    clock.now = SESSION_LIFE_S
    assert sessions.of(name) is None


def test_the_oldest_session_goes_when_there_are_too_many() -> None:
    sessions = Sessions(Clock())
    first = sessions.start("tl_key")
    last = [sessions.start("tl_key") for _ in range(SESSIONS_MAX)][-1]
    assert sessions.of(first) is None and sessions.of(last) is not None


def test_a_session_never_prints_its_key() -> None:
    sessions = Sessions(Clock())
    assert "tl_key" not in repr(sessions.of(sessions.start("tl_key")))
