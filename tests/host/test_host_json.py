"""host.json, app settings and their defaults (functions-host 3.1, 3.3, 3.4)."""

from __future__ import annotations

import json
import os

import pytest

from local.host import host_json
from local.host.settings import Settings, SettingsError, file_values


@pytest.fixture
def read(tmp_path):
    def read(settings=None, **document):
        path = tmp_path / "host.json"
        path.write_text(json.dumps({"version": "2.0", **document}))
        return host_json.read(path, settings or {})

    return read


def _queues(**values):
    return {"extensions": {"queues": values}}


def test_queue_defaults_are_the_hosts(read):
    # functions-host 3.1
    queues = read().queues
    assert queues.batch_size == 16
    assert queues.new_batch_threshold == 8 * os.cpu_count()
    assert queues.max_dequeue_count == 5
    assert queues.visibility_timeout == 0
    assert queues.max_polling_interval == 60
    assert queues.base64


def test_polling_interval_is_two_seconds_in_development(read):
    # functions-host 3.1: 1 min, 2 s when the environment is Development; a value is honoured
    settings = {"AZURE_FUNCTIONS_ENVIRONMENT": "Development"}
    assert read(settings).queues.max_polling_interval == 2
    options = read(settings, **_queues(maxPollingInterval="00:00:01"))
    assert options.queues.max_polling_interval == 1


def test_threshold_is_half_the_batch_per_processor_and_one_processor_on_dynamic(read):
    # functions-host 3.1
    assert read(**_queues(batchSize=5)).queues.new_batch_threshold == 2 * os.cpu_count()
    assert read({"WEBSITE_SKU": "Dynamic"}).queues.new_batch_threshold == 8
    assert read(**_queues(newBatchThreshold=0)).queues.new_batch_threshold == 0


@pytest.mark.parametrize(
    "queues",
    [
        {"batchSize": 0},
        {"batchSize": 33},
        {"maxPollingInterval": "00:00:00.05"},
        {"messageEncoding": "utf8"},
        {"visibilityTimeout": "soon"},
    ],
)
def test_queue_options_out_of_range_are_refused(read, queues):
    with pytest.raises(SettingsError):
        read(**_queues(**queues))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("00:05:00", 300), ("1.00:00:00", 86400), ("-1", None), (-1, None), ("00:00:01", 1)],
)
def test_function_timeout_is_read_as_the_host_reads_it(read, value, seconds):
    # functions-host 3.4
    assert read(functionTimeout=value).function_timeout == seconds


def test_function_timeout_defaults_to_half_an_hour_and_is_at_least_a_second(read):
    # functions-host 3.4: Flex, Premium, Dedicated 30 min; min 1 s
    assert read().function_timeout == 1800
    with pytest.raises(SettingsError):
        read(functionTimeout="00:00:00.5")


def test_route_prefix_defaults_to_api(read):
    # functions-host 3.3
    assert read().route_prefix == "api"
    assert read(extensions={"http": {"routePrefix": ""}}).route_prefix == ""


def test_app_setting_overrides_host_json_in_any_case(read):
    settings = {"AzureFunctionsJobHost__Extensions__queues__batchsize": "3"}
    options = read(settings, **_queues(batchSize=9))
    assert options.queues.batch_size == 3
    assert read(settings).queues.batch_size == 3


def test_host_json_must_be_there_and_of_version_two(read, tmp_path):
    with pytest.raises(SettingsError, match="missing"):
        host_json.read(tmp_path / "nowhere.json", {})
    with pytest.raises(SettingsError, match="version"):
        read(version="1.0")


def test_settings_in_percent_signs_are_resolved_and_unknown_ones_refused():
    # functions-host 3.2: %AppSetting% resolved
    settings = Settings({"Nightly": "0 0 2 * * *"})
    assert settings.resolve("%Nightly%") == "0 0 2 * * *"
    with pytest.raises(SettingsError, match="Daily"):
        settings.resolve("%Daily%")


def test_connection_setting_is_looked_up_with_and_without_the_prefix():
    settings = Settings({"AzureWebJobsOps": "a", "Ops": "b", "Plain": "c"})
    assert settings.connection("Ops") == "a"
    assert settings.connection("Plain") == "c"
    assert settings.connection("None") is None
    stored = Settings({"AzureWebJobsStorage": "UseDevelopmentStorage=true"})
    assert "QueueEndpoint=http://127.0.0.1:10001" in stored.connection("AzureWebJobsStorage")


def test_local_settings_must_be_plain_strings(tmp_path):
    path = tmp_path / "local.settings.json"
    assert file_values(path) == {}
    path.write_text('{"Values": {"A": "1"}}')
    assert file_values(path) == {"A": "1"}
    for text in ('{"Values": {"A": 1}}', '{"IsEncrypted": true}', "{"):
        path.write_text(text)
        with pytest.raises(SettingsError):
            file_values(path)
