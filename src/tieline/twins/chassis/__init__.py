"""What every twin stands on: a document store, a truth journal, faults, a clock of its own and a control plane.

A twin subclasses `Twin`, gives `routes()` and `principal()`, and names its class `TWIN` in its package. Handlers are
async functions `(Request) -> Response`; between their first write and their return they must not await, so that a
request is one transaction: the chassis commits before the first byte of the answer and rolls back on an exception.
"""

from tieline.twins.chassis.answers import JSON, accepted, answer, body, fault_of
from tieline.twins.chassis.clock import Clock
from tieline.twins.chassis.journal import TruthJournal
from tieline.twins.chassis.rules import Fault, Faults, Match, Rule
from tieline.twins.chassis.sender import Delivery, Sender, Signed
from tieline.twins.chassis.serving import end_with_parent, serve
from tieline.twins.chassis.store import KeyTaken, Store, reading_as_of
from tieline.twins.chassis.twin import Twin

__all__ = [
    "JSON",
    "Clock",
    "Delivery",
    "Fault",
    "Faults",
    "KeyTaken",
    "Match",
    "Rule",
    "Sender",
    "Signed",
    "Store",
    "TruthJournal",
    "Twin",
    "accepted",
    "answer",
    "body",
    "end_with_parent",
    "fault_of",
    "reading_as_of",
    "serve",
]
