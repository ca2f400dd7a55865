"""`python -m local.audit`: known vulnerabilities in what runs in Azure, by pip-audit.

pip-audit answers "nothing found" when it could not ask. This does not: what was not audited is
said, and is a failure with `--strict` (or OPSPLANE_AUDIT_STRICT=1), which a release should use.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_PROJECT = Path(__file__).resolve().parents[1]
_UNREACHABLE = "Could not connect to PyPI's vulnerability feed"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m local.audit", description=__doc__)
    parser.add_argument("--strict", action="store_true", help="fail on what was not audited")
    parser.add_argument(
        "lock", nargs="?", type=Path, default=_PROJECT / "requirements.txt", help="hash-pinned lock"
    )
    options = parser.parse_args(argv)
    strict = options.strict or os.environ.get("OPSPLANE_AUDIT_STRICT") == "1"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip_audit", "--requirement", str(options.lock)),
            # The lock is complete and pinned: nothing is resolved, downloaded or built.
            *("--require-hashes", "--disable-pip"),
            *("--format=json", "--desc=off", "--progress-spinner=off", "--timeout=10"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    status, message = judge(done.stdout, done.stderr, strict=strict)
    print(message)
    return status


def judge(answer: str, complaint: str, *, strict: bool) -> tuple[int, str]:
    """Turn pip-audit's answer into an exit status and the lines that explain it."""
    try:
        packages = json.loads(answer)["dependencies"]
    except ValueError:
        if _UNREACHABLE in complaint:
            return int(strict), "not audited: the vulnerability database could not be reached"
        return 1, f"pip-audit failed:\n{complaint.strip()}"
    findings = [
        f"{package['name']} {package['version']}: {finding['id']},"
        f" fixed in {', '.join(finding['fix_versions']) or 'no version'}"
        for package in packages
        for finding in package.get("vulns", ())
    ]
    skipped = [package for package in packages if "skip_reason" in package]
    if skipped:
        # PyPI's own words are "not found on PyPI", also where a mirror has no such database.
        findings.append(
            f"not audited: {len(skipped)} of {len(packages)} packages;"
            " the vulnerability database did not know them or could not be asked"
        )
    vulnerable = len(findings) - bool(skipped)
    if not findings:
        return 0, f"{len(packages)} packages audited, no known vulnerability"
    return int(vulnerable > 0 or (strict and bool(skipped))), "\n".join(findings)


if __name__ == "__main__":
    sys.exit(main())
