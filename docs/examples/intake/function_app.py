"""Posts every NDJSON file that lands in a container to the ingest gate; README.md says how.

It holds no secret: its managed identity is the credential, and the platform hands out the token.
Copy it, and change what is yours.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import logging
import os
import time
from collections.abc import Iterator
from typing import Self
from urllib.parse import urlsplit

import azure.functions as func
from azure.identity import ManagedIdentityCredential

app = func.FunctionApp()
log = logging.getLogger("intake")

MOST_RECORDS, MOST_BYTES = 500, 2_000_000
TRIES = int(os.environ.get("INTAKE_TRIES", "4"))
TIMEOUT = 120

# Tokens are cached inside. Without AZURE_CLIENT_ID it is the system-assigned identity.
credential = ManagedIdentityCredential(client_id=os.environ.get("AZURE_CLIENT_ID"))


class NotTaken(Exception):
    """The gate did not take a part: the host tries again, and after five times it is poison."""


@app.function_name("intake")
@app.blob_trigger(
    arg_name="blob",
    path="%INTAKE_PATH%",
    connection="IntakeStorage",
    # Flex Consumption knows EventGrid alone; everywhere else the container is scanned.
    source=os.environ.get("INTAKE_BLOB_SOURCE", "LogsAndContainerScan"),
    data_type=func.DataType.BINARY,
)
def intake(blob: func.InputStream) -> None:
    """Post a file, part by part. A part that is in already comes back as duplicates."""
    with Gate() as gate:
        policy_rev = gate.ask("GET", "/v1/policy")["policy_rev"]
        admitted = duplicates = 0
        for number, body in enumerate(parts(blob.read())):
            answer = gate.ask(
                "POST",
                f"/v1/ingest/{os.environ['INTAKE_CONTRACT']}",
                body,
                {
                    "Content-Type": "application/x-ndjson",
                    "Ops-Tenant": os.environ["INTAKE_TENANT"],
                    "Ops-Policy-Rev": policy_rev,
                    # The same version of the same file always has the same keys, so a try after a
                    # lost answer gets the answer that was lost.
                    "Idempotency-Key": key_of(blob, number),
                },
            )
            admitted += answer["admitted"]
            duplicates += answer["duplicates"]
    # Counts alone: a file's name may be somebody's name.
    log.info("admitted %d, known before %d", admitted, duplicates)


def parts(content: bytes) -> Iterator[bytes]:
    """Cut NDJSON into bodies that the gate takes."""
    lines: list[bytes] = []
    size = 0
    for line in filter(bytes.strip, content.split(b"\n")):
        if lines and (len(lines) == MOST_RECORDS or size + len(line) > MOST_BYTES):
            yield b"\n".join(lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line) + 1
    if lines:
        yield b"\n".join(lines)


def key_of(blob: func.InputStream, number: int) -> str:
    """Return the Idempotency-Key of one part of one version of a file."""
    version = json.dumps([blob.name, blob.blob_properties["ETag"], number])
    return f"intake-{hashlib.sha256(version.encode()).hexdigest()}"


class Gate:
    """One connection to the gate, which may be lost and made again."""

    def __init__(self) -> None:
        """Connect with the first request."""
        address = urlsplit(os.environ["OPS_INGEST_URL"])
        local = address.hostname in ("127.0.0.1", "localhost")
        if address.scheme != "https" and not local:
            raise ValueError("OPS_INGEST_URL must begin with https://")
        make = http.client.HTTPConnection if local else http.client.HTTPSConnection
        self._connection = make(address.hostname or "", address.port, timeout=TIMEOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> dict:
        """Return the gate's answer. Raises `NotTaken` when it is none that a file can count on."""
        for attempt in range(TRIES):
            time.sleep(2**attempt - 1)
            try:
                status, answer = self._exchange(method, path, body, headers or {})
            except (OSError, http.client.HTTPException, ValueError) as error:
                self._connection.close()
                told = type(error).__name__
                continue
            if status in (200, 201):
                return answer
            told = f"{status} {answer.get('code', '')}, call {answer.get('call_id', '')}"
            if status not in (429, 500, 502, 503, 504) and answer.get("code") != "ingest.in_flight":
                break
        # No value of a record: the gate's problems name places and codes only.
        raise NotTaken(told)

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, dict]:
        token = credential.get_token(f"{os.environ['INGEST_AAD_AUDIENCE']}/.default").token
        self._connection.request(
            method, path, body, {**headers, "Authorization": f"Bearer {token}"}
        )
        response = self._connection.getresponse()
        return response.status, json.loads(response.read())
