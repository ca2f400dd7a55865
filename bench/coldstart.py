"""`python -m bench.coldstart`: from nothing to the first answer, beside the platform's own share.

Import: a fresh interpreter imports `function_app`, compiled and with a warm disk cache; beside it,
one that imports `azure.functions` alone, which every Python function app has to. First request:
the local host is started anew; its first order is timed, which makes every service and connection.
The medians of several runs are told.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

from bench.place import Place, place, small_orders, told
from local.demo.caller import Caller
from local.environment import PROJECT

_IMPORT = """
import time
started = time.perf_counter()
import {module}
print(time.perf_counter() - started)
"""


def imports(module: str, runs: int, environment: dict[str, str]) -> float:
    """Return the median seconds that a fresh interpreter needs to import a module."""
    seconds = []
    # The first run compiles and fills the disk cache, and does not count.
    for _ in range(runs + 1):
        done = subprocess.run(
            [sys.executable, "-c", _IMPORT.format(module=module)],
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        seconds.append(float(done.stdout))
    return statistics.median(seconds[1:])


def first_request(where: Place, runs: int) -> tuple[float, float]:
    """Return the median seconds of a host's first request, and from its start to that answer."""
    first, whole = [], []
    environment = where.environment
    token, policy = environment.intake_token(), where.services.policy.shipped
    for record in small_orders(runs):
        started = time.perf_counter()
        with environment.host() as host, Caller(host.url, token, policy) as caller:
            reply = caller.post(where.tenant_id, record, {"Content-Type": "application/json"})
            whole.append(time.perf_counter() - started)
            if reply.status != 201:  # noqa: PLR2004 - created
                raise RuntimeError(f"the gate answered {reply.status} {reply.code}")
            first.append(reply.seconds)
    return statistics.median(first), statistics.median(whole)


def main() -> int:
    """Print a table, or one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.coldstart", description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="runs of each (default 7)")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args()
    with place() as where:
        settings = {"PATH": "/usr/bin:/bin", **where.environment.settings()}
        app = imports("function_app", options.runs, settings)
        platform = imports("azure.functions", options.runs, settings)
        first, whole = first_request(where, options.runs)
    print(f"import function_app     {app * 1000:8.0f} ms")
    print(f"import azure.functions  {platform * 1000:8.0f} ms (the platform's own share)")
    print(f"ratio                   {app / platform:8.2f}")
    print(f"first request           {first * 1000:8.0f} ms (one order, admitted)")
    print(f"host start to answer    {whole * 1000:8.0f} ms")
    told(
        {
            "import_ms": round(app * 1000),
            "first_request_ms": round(first * 1000),
            "platform_import_ms": round(platform * 1000),
            "ratio": round(app / platform, 3),
        },
        as_json=options.json,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
