#!/bin/sh
# Sets up everything that the other targets need: .venv (Python) and .opsplane/node (Azurite).
# Called by `make`; quiet and immediate when nothing has changed since the last time.
#
# OPSPLANE_PYTHON names the Python 3.13 to use; without it one is looked for.
set -eu
cd "$(dirname "$0")/.."
here=$(pwd -P)

say() { printf '%s\n' "set-up: $*"; }

digest() {
    if command -v sha256sum >/dev/null 2>&1; then cat "$@" | sha256sum; else cat "$@" | shasum -a 256; fi
}

# A stamp says from which files a part was installed.
python_key="$here $(digest requirements-dev.txt pyproject.toml local/setup.sh)"
node_key="$here $(digest local/stack/package-lock.json local/stack/package.json)"
python_stamp=.venv/opsplane.stamp
node_stamp=.opsplane/node/opsplane.stamp

stamped() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

# On PATH is not enough: a version manager's shim may be there for a Python that is not.
works() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 13))' >/dev/null 2>&1
}

find_python() {
    if [ -n "${OPSPLANE_PYTHON:-}" ]; then
        if works "$OPSPLANE_PYTHON"; then
            echo "$OPSPLANE_PYTHON"
            return 0
        fi
        say "OPSPLANE_PYTHON=$OPSPLANE_PYTHON is not a working Python 3.13 with venv and ensurepip" >&2
        return 1
    fi
    for candidate in python3.13 python3 python \
        "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.13*/bin/python3.13; do
        if works "$candidate"; then
            echo "$candidate"
            return 0
        fi
    done
    if command -v uv >/dev/null 2>&1; then
        uv python find 3.13 2>/dev/null || { uv python install 3.13 >&2 && uv python find 3.13; } && return 0
    fi
    cat >&2 <<'HELP'
set-up: no Python 3.13 found. Any one of these will do; then run the command again:
  pyenv install 3.13                    (https://github.com/pyenv/pyenv)
  uv python install 3.13                (https://docs.astral.sh/uv)
  apt install python3.13 python3.13-venv, brew install python@3.13, or python.org
  OPSPLANE_PYTHON=/path/to/python3.13   if it is there, but not on PATH
HELP
    return 1
}

make_environment() {
    if ! works .venv/bin/python || ! .venv/bin/python -m pip --version >/dev/null 2>&1 ||
        ! grep -qF "$here/.venv" .venv/bin/activate; then
        python=$(find_python)
        say "creating .venv with $("$python" --version)"
        "$python" -m venv --clear .venv
    fi
    say "installing Python packages (pinned by hash)"
    # uv installs in seconds what takes pip a minute. It comes from its own pinned line.
    awk '/^[^ #]/ { mine = /^uv==/ } mine' requirements-dev.txt >.venv/uv.txt
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
    # pip knows the proxies and indexes of a pip.conf, which uv does not read.
    VIRTUAL_ENV=$here/.venv .venv/bin/uv pip sync --quiet --compile-bytecode --require-hashes requirements-dev.txt ||
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
            -r requirements-dev.txt
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps \
        --no-index --editable .
    printf '%s\n' "$python_key" >"$python_stamp"
}

install_azurite() {
    say "installing Azurite (the storage emulator)"
    mkdir -p .opsplane/node
    cp local/stack/package.json local/stack/package-lock.json .opsplane/node/
    # Install scripts stay off: nothing here needs them, and they would run whatever they like.
    (cd .opsplane/node && PATH="$here/.venv/bin:$PATH" npm ci --ignore-scripts --no-audit --no-fund \
        --loglevel=error >/dev/null)
    printf '%s\n' "$node_key" >"$node_stamp"
}

stamped "$python_stamp" "$python_key" || make_environment
stamped "$node_stamp" "$node_key" || install_azurite
