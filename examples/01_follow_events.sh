#!/usr/bin/env bash
# The firm's business events as JSON lines; the first line names the schema.
set -euo pipefail
tieline list events --jsonl
