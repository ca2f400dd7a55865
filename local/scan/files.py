"""Logs and other files."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from local.scan.report import Report


def scan_files(
    report: Report, surface: str, paths: Iterable[Path], *, leave_out: Collection[Path] = ()
) -> None:
    """Look at files and at everything below folders, but for `leave_out` and what is below it."""
    out = {path.resolve() for path in leave_out}
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if not file.is_file() or out & {file.resolve(), *file.resolve().parents}:
                continue
            base = path if path.is_dir() else path.parent
            name = str(file.relative_to(base))
            report.look(surface, f"{base.name} (file names)", name.encode(), things=0)
            report.look(surface, name, file.read_bytes())
