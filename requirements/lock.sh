#!/usr/bin/env bash
# Resolve the dependencies of pyproject.toml anew, with hashes, for every platform and Python from 3.11 on.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v uv >/dev/null || { echo "uv is needed to resolve pins: pip install uv" >&2; exit 1; }
pin() { uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-emit-find-links --custom-compile-command 'make lock' "$@"; }
# What people run is what the tests ran with: the development set is resolved first and binds the others.
pin pyproject.toml --extra demo --group dev requirements/build.in -o requirements/dev.txt
pin pyproject.toml --extra postgres -c requirements/dev.txt -o requirements/run.txt
pin pyproject.toml --extra demo requirements/build.in -c requirements/dev.txt -o requirements/demo.txt
pin requirements/build.in -c requirements/dev.txt -o requirements/build.txt
