#!/bin/sh
# Generates both clients from openapi.json: `clients/generate.sh clients`, with the tools of
# .venv-clients in PATH. What is in a folder called `generated` is never edited by hand.
set -eu
into=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/.."

# The three image types are left out with a warning: application/octet-stream stands for all.
openapi-python-client generate --path openapi.json --config clients/python/generator.yml \
  --meta none --overwrite --output-path "$into/python/adaface_client/generated" > "$into/log" 2>&1 ||
  { cat "$into/log"; exit 1; }
rm "$into/log"

cd clients/typescript
node_modules/.bin/openapi-ts --file openapi-ts.config.ts --output "$into/typescript/src/generated" --silent
