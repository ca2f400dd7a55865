#!/bin/sh
# Resolves the dependency inputs into hash-pinned locks. Called by `make lock`; `make setup` first.
# Arguments go to uv: `sh local/lock.sh --upgrade` or `--upgrade-package pydantic`.
set -eu
cd "$(dirname "$0")/.."

lock() {
    # Universal: one lock for every platform. Nothing of this machine (indexes, links) is written.
    .venv/bin/uv pip compile --quiet --universal --python-version 3.13 --python .venv/bin/python \
        --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
        "$@"
}

lock requirements.in --output-file requirements.txt "$@"
lock requirements-dev.in --output-file requirements-dev.txt "$@"
lock bench/requirements.in --output-file bench/requirements.txt "$@"
