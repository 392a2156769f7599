"""What a vendor bears is shared out here: slots and rates between workers, turns between tenants, silence for the sick.

`share.py` between workers (in the store), `turns.py` within a worker (pure), `learned.py` from answers (pure),
`circuit.py` for systems that are down (pure), `gate.py` where calls wait, `budgets.py` what the pump speaks to.
"""
