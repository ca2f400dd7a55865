"""`python -m local.secret_scan`: secrets in the files of the project, by detect-secrets.

`.secrets.baseline` holds the settings, and no finding: a false alarm is marked where it stands,
with `# pragma: allowlist secret`, or with the reason that ruff already asks for (`noqa: S105`).
Long hex strings are not looked at: in a product of digests every other one would be an alarm.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_PROJECT = Path(__file__).resolve().parents[1]
_NOT_OURS = {".git", ".venv", ".opsplane", ".hypothesis", "node_modules", "__pycache__"}
# Locks are full of hashes, each of which looks like a secret.
_LOCKS = {
    "requirements.txt",
    "requirements-dev.txt",
    "bench/requirements.txt",
    "local/stack/package-lock.json",
    ".secrets.baseline",
}


def main() -> int:
    files = [name for name in project_files(_PROJECT) if name not in _LOCKS]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "detect_secrets.pre_commit_hook"),
            *("--baseline", ".secrets.baseline", "--cores", "2", *files),
        ],
        cwd=_PROJECT,
        check=False,
    )
    return done.returncode


def project_files(folder: Path) -> list[str]:
    """List what a commit would hold; without git, what a checkout would."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        names = listed.stdout.split("\0")
        return sorted({name for name in names if name and (folder / name).is_file()})
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file()
        and _NOT_OURS.isdisjoint(path.relative_to(folder).parts)
        and "_cache/" not in path.as_posix()
    )


if __name__ == "__main__":
    sys.exit(main())
