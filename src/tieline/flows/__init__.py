"""One file per business outcome: pure functions from what is known to what ought to be. They import no clock and no wire.

Adding a flow means adding a file with an `@flow`; `registry.all_flows()` finds it.
"""
