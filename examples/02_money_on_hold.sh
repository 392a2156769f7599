#!/usr/bin/env bash
# Contracts that are on hold: who acts next, and how much money hangs on each.
set -euo pipefail
tieline list contracts --json | python3 -c '
import json, sys
for contract in json.load(sys.stdin):
    if contract["status"] == "blocked":
        held = contract.get("held") or {"currency": "", "amount": "none"}
        print(contract["number"], contract["next_actor"], held["currency"], held["amount"], sep="\t")
'
