"""The scan of a run: every surface of its environment, and the answers it got."""

from __future__ import annotations

import time
from pathlib import Path

from local.demo.stage import Stage
from local.samples import planted_kinds
from local.scan import Matcher, Report, scan_database, scan_files, scan_storage

_CONTROL = "order number"
"""Something that may be seen, and must be: a scan that misses it has not looked."""
_CONTROLLED = frozenset({"table", "blob"})
_SCREEN = "this screen"
_PLURALS = {"table": "table rows", "table entity": "table entities"}
_MEGABYTE = 1_000_000


def scan(stage: Stage) -> None:
    """Look for everything planted on every surface; the app is still up, its queues as well."""
    screen = stage.screen
    screen.section("Privacy scan")
    started = time.monotonic()
    report, planted = _report(stage)
    leaks = [finding for finding in report.findings if finding.kind != _CONTROL]
    control = sorted({found.surface for found in report.findings if found.kind == _CONTROL})
    size = report.looked_bytes.total() / _MEGABYTE
    screen.fact("looked for", f"{planted:,} names, numbers and addresses, in any form")
    looked = ", ".join(
        f"{count:,} {what if count == 1 else _PLURALS.get(what, what + 's')}"
        for what, count in report.looked.items()
        if what != _SCREEN
    )
    screen.fact("looked at", f"{looked} and this screen")
    screen.fact("size and time", f"{size:.1f} MB, {time.monotonic() - started:.1f} s")
    seen = set(control) >= _CONTROLLED and not report.unread
    screen.expect(
        seen,
        "order numbers, which may be seen",
        f"seen in: {', '.join(control)}" if seen else "NOT SEEN, so the scan proves nothing",
    )
    screen.expect(not leaks, "personal values", f"in {len(leaks)} places" if leaks else "nowhere")
    for finding in leaks:
        screen.line(f"  {finding}")
    stage.facts["scan"] = {
        "planted": planted,
        "looked_at": dict(report.looked),
        "megabytes": round(size, 1),
        "unread": report.unread,
        "control_seen_in": control,
        "leaks": [
            {
                "surface": leak.surface,
                "place": leak.place,
                "kind": leak.kind,
                "form": leak.form.value,
                "count": leak.count,
            }
            for leak in leaks
        ],
    }


def _report(stage: Stage) -> tuple[Report, int]:
    everyone = [order for mine in (*stage.orders.values(), stage.unsent) for order in mine]
    planted = {item for order in everyone for item in planted_kinds(order).items()}
    controls = {(_CONTROL, order["ro_number"]) for order in everyone}
    report = Report(Matcher(planted | controls))
    place = stage.place
    scan_database(report, place.stack.admin_url(place.database))
    scan_storage(report, place.storage)
    home = place.stack.home
    scan_files(report, "log", [place.host_log, *_present(home.postgres_log, home.azurite_log)])
    secrets = [place.folder / "keys", place.folder / "issuer"]
    scan_files(report, "file", [place.folder], leave_out=[*secrets, place.host_log])
    for answer in stage.heard:
        report.look("answer", "HTTP answers", answer)
    report.look(_SCREEN, _SCREEN, "\n".join(stage.screen.said).encode())
    return report, len(planted)


def _present(*paths: Path) -> list[Path]:
    return [path for path in paths if path.exists()]
