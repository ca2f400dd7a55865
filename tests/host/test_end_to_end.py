"""Queue and timer triggers through a whole host: engine, listeners and storage together."""

from __future__ import annotations

import base64
import json
from contextlib import closing

import pytest
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from local.host import launch

_APP = """
import json, os

def note(name, **fields):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(json.dumps({"function": name, **fields}) + "\\n")

@app.queue_trigger(arg_name="msg", queue_name="%WORK%", connection="Ops")
@app.retry(strategy="fixed_delay", max_retry_count="5", delay_interval="00:00:01")
def consume(msg: func.QueueMessage, context: func.Context) -> None:
    body = msg.get_body().decode()
    note("consume", body=body, id=msg.id, count=msg.dequeue_count, receipt=msg.pop_receipt,
         inserted=str(msg.insertion_time), retries=context.retry_context.retry_count)
    if body == "fail":
        raise ValueError("told to")

@app.queue_trigger(arg_name="msg", queue_name="plain", connection="Ops")
async def as_text(msg: str) -> None:
    note("as_text", body=msg)

@app.timer_trigger(arg_name="tick", schedule="%NIGHTLY%", run_on_startup=True)
@app.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:00")
def nightly(tick: func.TimerRequest, context: func.Context) -> None:
    retry = context.retry_context
    note("nightly", past_due=tick.past_due, status=tick.schedule_status,
         retries=[retry.retry_count, retry.max_retry_count])
    if retry.retry_count < 2:
        raise ValueError("not yet")
"""


_FORGED = '{"id": "forged", "dequeueCount": 41}'
_WRONG = '{"dequeueCount": "x"}'


@pytest.fixture
def notes(tmp_path):
    path = tmp_path / "notes.jsonl"
    path.touch()

    def notes(function):
        # The last line may be half written.
        lines = [
            json.loads(line) for line in path.read_text().splitlines(keepends=True) if "\n" in line
        ]
        return [line for line in lines if line["function"] == function]

    return notes


@pytest.fixture
def host(app, tmp_path, notes, storage):
    source = app(
        tmp_path / "app",
        _APP,
        extensions={"queues": {"maxPollingInterval": "00:00:00.200", "maxDequeueCount": 2}},
    )
    env = {
        "AzureWebJobsStorage": storage,
        "Ops": storage,
        "WORK": "Work",
        "NIGHTLY": "0 0 2 * * *",
        "NOTES": str(tmp_path / "notes.jsonl"),
        "AzureFunctionsWebHost__hostid": "test-host",
    }
    with launch(source, env, workers=2) as running:
        yield running


def test_queue_function_gets_its_message_and_what_json_overrides(host, storage, notes, eventually):
    with closing(QueueServiceClient.from_connection_string(storage)) as service:

        def send(queue: str, *bodies: str) -> None:
            with closing(service.get_queue_client(queue)) as client:
                client.create_queue()
                for body in bodies:
                    client.send_message(base64.b64encode(body.encode()).decode())

        # The queue's name comes from an app setting and is lower-cased.
        send("work", "hello", "fail", _FORGED, _WRONG)
        send("plain", "text")
        with closing(service.get_queue_client("work-poison")) as poison:
            # Made now, so that it can be looked at before the host needs it.
            poison.create_queue()
            eventually(lambda: poison.get_queue_properties().approximate_message_count == 2)
            texts = {
                base64.b64decode(found.content).decode() for found in poison.receive_messages()
            }
        eventually(lambda: len(notes("as_text")) == 1)
        # Two instances share the queue: the poisoned ones may be done before the others.
        eventually(lambda: {"hello", _FORGED} <= {note["body"] for note in notes("consume")})
    # A payload with a wrong type fails before user code, is retried and poisoned.
    assert texts == {"fail", _WRONG}
    seen = {note["body"]: note for note in notes("consume")}
    assert len(seen) == 3
    assert seen["hello"]["count"] == 1
    assert seen["hello"]["receipt"]
    assert seen["hello"]["inserted"].endswith("+00:00")
    forged = seen[_FORGED]
    assert (forged["id"], forged["count"]) == ("forged", 41)
    # functions-host 3.1: retry policies are ignored for queue triggers; redelivery is the retry.
    failures = [note for note in notes("consume") if note["body"] == "fail"]
    assert [note["count"] for note in failures] == [1, 2]
    assert {note["retries"] for note in notes("consume")} == {0}
    assert notes("as_text") == [{"function": "as_text", "body": "text"}]


def test_timer_runs_on_one_of_two_instances_with_its_retries(host, storage, notes, eventually):
    with closing(BlobServiceClient.from_connection_string(storage)) as service:
        container = service.get_container_client("azure-webjobs-hosts")
        status = "timers/test-host/Host.Functions.nightly/status"

        def last_run():
            names = {blob.name for blob in container.list_blobs()}
            if status not in names:
                return None
            document = json.loads(container.download_blob(status).readall())
            return not document["Last"].startswith("0001")

        eventually(lambda: len(notes("nightly")) == 3)
        eventually(last_run)
        assert "locks/test-host/Host.Functions.nightly.Listener" in {
            blob.name for blob in container.list_blobs()
        }
    # functions-host 3.4: retry_context from the second try; one lease holder, so no second start.
    assert [note["retries"] for note in notes("nightly")] == [[0, 0], [1, 2], [2, 2]]
    assert notes("nightly")[0]["past_due"] is False
    assert notes("nightly")[0]["status"]["Next"].endswith("T02:00:00+00:00")
