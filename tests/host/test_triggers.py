"""What the host makes of the engine's index (functions-host 1, 3.3)."""

from __future__ import annotations

import pytest

from local.host.blob_paths import BlobPath
from local.host.engine import EngineError, Indexed, Message
from local.host.settings import Settings
from local.host.triggers import (
    METHODS,
    BlobTrigger,
    HTTPTrigger,
    QueueTrigger,
    TimerTrigger,
    function,
)

_RETURN = {"direction": "OUT", "type": "http", "name": "$return"}


def _function(*bindings, **settings):
    return function(Indexed("id", "sample", bindings, None), Settings(settings))


def test_http_route_defaults_to_the_function_name_and_level_to_function():
    made = _function({"direction": "IN", "type": "httpTrigger", "name": "req"}, _RETURN)
    assert made.trigger == HTTPTrigger("sample", METHODS, "FUNCTION")
    assert made.describe("api")["detail"].endswith("/api/sample (function)")


def test_queue_name_is_resolved_and_lower_cased():
    # functions-host 3.1: queue name lower-cased
    binding = {"direction": "IN", "type": "queueTrigger", "name": "m", "queueName": "%Q%"}
    made = _function({**binding, "dataType": "binary"}, Q="Work")
    assert made.trigger == QueueTrigger("work", "AzureWebJobsStorage", binary=True)


def test_timer_schedule_is_resolved():
    binding = {"direction": "IN", "type": "timerTrigger", "name": "t", "schedule": "%S%"}
    made = _function(binding, S="0 0 2 * * *")
    assert made.trigger == TimerTrigger("0 0 2 * * *", False, True, None)


def test_blob_path_is_resolved_and_names_a_container():
    binding = {"direction": "IN", "type": "blobTrigger", "name": "b", "path": "%P%"}
    made = _function({**binding, "connection": "S"}, P="uploads/{name}.csv")
    assert made.trigger == BlobTrigger(BlobPath.parse("uploads/{name}.csv"), "S")
    assert made.describe("api")["detail"] == "uploads (S)"


@pytest.mark.parametrize("wrong", [{"source": "EventGrid"}, {"path": "{container}/x"}])
def test_blob_trigger_the_host_does_not_offer_is_refused_by_name(wrong):
    binding = {"direction": "IN", "type": "blobTrigger", "name": "b", "path": "a/{name}"}
    with pytest.raises(EngineError, match="function sample: "):
        _function({**binding, **wrong})


def test_disabled_by_app_setting():
    binding = {"direction": "IN", "type": "httpTrigger", "name": "req"}
    settings = {"AzureWebJobs.sample.Disabled": "1"}
    assert function(Indexed("id", "sample", (binding,), None), Settings(settings)).disabled


@pytest.mark.parametrize(
    "binding",
    [
        {"direction": "IN", "type": "eventGridTrigger", "name": "event"},
        {"direction": "OUT", "type": "queue", "name": "out"},
    ],
)
def test_binding_the_host_does_not_offer_is_refused_by_name(binding):
    with pytest.raises(EngineError, match=f"sample: binding '{binding['name']}'"):
        _function({"direction": "IN", "type": "httpTrigger", "name": "req"}, _RETURN, binding)


def test_stand_in_for_protobuf_raises_for_names_that_are_types():
    # the engine probes for optional message types with getattr
    message = Message(string="x")
    assert message.WhichOneof("data") == "string"
    assert message.unset is None
    with pytest.raises(AttributeError):
        message.TypedData  # noqa: B018
