"""A process that has loaded everything and forks on request, so that a killed child is back in milliseconds, not seconds.

Lines in, lines out: `{"call": "module:function", "args": […], "env": {…}, "log": path}` answers `{"born": pid}`; every end
is told as `{"ended": pid, "signal": n, "code": n}`. A child is a process of its own, which can be killed like any other.
When the other side goes away, all children are killed and this process ends.
"""

from __future__ import annotations

import importlib
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from typing import Any


def main(modules: list[str]) -> None:
    """Load `modules`, then serve orders from stdin until it closes."""
    for name in modules:
        importlib.import_module(name)
    told, tell = socket.socketpair()
    tell.setblocking(False)
    signal.set_wakeup_fd(tell.fileno())
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
    selector.register(told.fileno(), selectors.EVENT_READ)
    children: set[int] = set()
    pending = b""
    _say({"ready": os.getpid()})
    while True:
        for key, _ in selector.select():
            if key.fd == told.fileno():
                told.recv(4096)
                continue
            given = os.read(sys.stdin.fileno(), 1 << 16)
            if not given:
                _end(children)
                return
            *lines, pending = (pending + given).split(b"\n")
            for line in lines:
                children.add(pid := _fork(json.loads(line)))
                _say({"born": pid})
        _reap(children)


def _fork(order: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        _become(order)
        module, _, function = order["call"].partition(":")
        getattr(importlib.import_module(module), function)(*order["args"])
        code = 0
    except BaseException:  # the child's last words; it must never return into the nursery's loop
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _become(order: dict[str, Any]) -> None:
    """Own signals, own environment, own log; crash points are read from the environment again."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.environ.update(order["env"])
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    crashpoints = importlib.import_module("tieline.engine.crashpoints")
    crashpoints.arm(os.environ.get("TIELINE_CRASH", ""))


def _reap(children: set[int]) -> None:
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        children.discard(pid)
        killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        _say({"ended": pid, "signal": killed, "code": 0 if killed else os.WEXITSTATUS(status)})


def _end(children: set[int]) -> None:
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def _say(words: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
