"""Run the local issuer, or get a token from it.

python -m local.issuer serve
python -m local.issuer env
python -m local.issuer token --audience api://opsplane-ingest
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import threading
import uuid
from pathlib import Path

from local.issuer.issuer import Issuer, NotStartedError

_HOME = Path(__file__).resolve().parents[2] / ".opsplane" / "issuer"
_EXAMPLES = """\
examples:
  serve until Ctrl+C; keys, directory id and port stay the same next time
    python -m local.issuer serve

  make the app in this terminal accept its tokens, and the Azure SDK use them
    set -a; eval "$(python -m local.issuer env)"; set +a

  call the ingest gate as the emulated managed identity
    curl -H "Authorization: Bearer $(python -m local.issuer token \\
      --audience api://opsplane-ingest)" http://localhost:7071/api/v1/ingest/repair-order.v2

  be a person for five minutes
    python -m local.issuer token --audience api://opsplane-operators \\
      --object-id 6f1c1a52-6c0e-4d0c-9d6c-0b8f4a3a2f11 --human --lifetime 300
"""


def main(arguments: list[str] | None = None) -> int:
    """Return the exit status: 0, or 1 when the issuer has never been served."""
    asked = _parser().parse_args(arguments)
    try:
        if asked.command == "serve":
            _serve(asked.home)
        elif asked.command == "env":
            issuer = Issuer.open(asked.home)
            for name, value in (issuer.settings() | issuer.identity_settings()).items():
                print(f"{name}={shlex.quote(value)}")
        else:
            issuer = Issuer.open(asked.home)
            caller = str(asked.object_id or issuer.managed_identity)
            print(issuer.mint(caller, asked.audience, human=asked.human, lifetime=asked.lifetime))
    except NotStartedError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _serve(home: Path) -> None:
    ended = threading.Event()
    # A shell that starts us in the background makes us deaf to Ctrl+C; this undoes it.
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: ended.set())
    with Issuer.start(home) as issuer:
        print(f"Issuer    {issuer.issuer}")
        print(f"Keys      {issuer.jwks_uri}")
        print(f"Identity  {issuer.managed_identity} at {issuer.url}/msi/token")
        print("Settings  python -m local.issuer env", flush=True)
        ended.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.issuer",
        description="A token issuer for this machine, in the place of Entra.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--home", type=Path, default=_HOME, help="folder of its keys (default: .opsplane/issuer)"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="serve keys and managed identity on loopback")
    commands.add_parser("env", help="print the settings that make the product accept its tokens")
    token = commands.add_parser("token", help="print a token")
    token.add_argument("--audience", required=True, help="for which application")
    token.add_argument(
        "--object-id", type=uuid.UUID, help="who (default: the emulated managed identity)"
    )
    token.add_argument("--human", action="store_true", help="a person rather than a service")
    token.add_argument("--lifetime", type=int, default=3600, help="seconds (default: 3600)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
