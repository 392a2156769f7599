"""Does with a connector what the engine does after each outcome, by the declared class alone, in one process and at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from tieline.kit.canonical import Json, decode, encode
from tieline.kit.errors import Conflict, Transient, Unknown
from tieline.ports.systems import Envelope, ExternalRef, OperationClass, System

_ATTEMPTS_MAX = 6

Wait = Callable[[float], Awaitable[None]]


class Ambiguous(Exception):
    """Class N after an unknown outcome: the engine would ask a person."""


async def settle(system: System, envelope: Envelope, wait: Wait) -> ExternalRef:
    """Until the document is in the system, once. Raises what the engine would not repeat."""
    operation = system.operation(envelope.kind, "put")
    assert operation is not None
    for _ in range(_ATTEMPTS_MAX):
        try:
            return await system.put(envelope)
        except Transient:
            continue
        except (Unknown, Conflict):
            if operation.op_class is OperationClass.N:
                raise Ambiguous from None
            if operation.op_class is OperationClass.Q:
                await wait(operation.consistency_window.total_seconds())
                found = await looked(system, envelope)
                envelope = replace(envelope, ref=found or envelope.ref)
                if found is not None and await holds(system, envelope):
                    return found
    raise AssertionError(f"the {envelope.kind} did not settle within {_ATTEMPTS_MAX} attempts")


async def looked(system: System, envelope: Envelope) -> ExternalRef | None:
    """`look`, repeated when it could not look."""
    for _ in range(_ATTEMPTS_MAX):
        try:
            return await system.look(envelope)
        except (Transient, Unknown):
            continue
    raise AssertionError(f"the {envelope.kind} cannot be searched")


async def ended(system: System, envelope: Envelope, how: str) -> None:
    """Until the document is gone. Ending twice is ending once, whatever the class."""
    for _ in range(_ATTEMPTS_MAX):
        try:
            await system.end(envelope, how)
            return
        except (Transient, Unknown, Conflict):
            if (await system.read([envelope]))[0] is None:
                return
    raise AssertionError(f"the {envelope.kind} did not end within {_ATTEMPTS_MAX} attempts")


async def holds(system: System, envelope: Envelope) -> bool:
    """The system holds exactly the document, as far as it carries its fields."""
    observed = (await system.read([envelope]))[0]
    return observed is not None and not differences(observed.doc, envelope.doc)


def differences(observed: Json, wanted: Json) -> list[str]:
    """Field by field, as the engine compares: spelling counts."""
    observed = decode(encode(observed))
    return [
        f"{name}: wanted {wanted.get(name)!r}, read {value!r}"
        for name, value in observed.items()
        if name not in wanted or wanted[name] != value
    ]
