"""From nothing to an environment: settings, schema, marker."""

from __future__ import annotations

import psycopg

from local.stack import Stack
from shared.cli import problems
from shared.kernel.migrate import available
from tests.cli.conftest import Terminal
from tests.support.fix_db import OWNER


def test_settings_check_prints_all_problems_at_once(offline: Terminal) -> None:
    broken = {"OPS_ENVIRONMENT": "moon", "OPS_DATABASE_POOL_MAX": "0", "INGEST_AAD_AUDIENCE": ""}
    done = offline.run("settings", "check", **broken)

    assert (done.code, done.out) == (problems.INVALID, "")
    assert all(name in done.err for name in broken)
    assert "code: settings.invalid" in done.err
    problem = offline.run("settings", "check", "--json", **broken).problem
    assert len(problem["errors"]) == len(broken)


def test_every_command_that_needs_settings_says_what_is_missing(offline: Terminal) -> None:
    offline.variables = {}

    for words in (["db", "status"], ["tenant", "list"]):
        assert offline.refused(*words) == (problems.INVALID, "settings.invalid")


def test_settings_check_shows_values_and_no_secret(offline: Terminal) -> None:
    shown = offline.json("settings", "check")["settings"]

    assert shown["OPS_ENVIRONMENT"] == "local_parity"
    assert shown["OPS_DATABASE_URL"] == "(set)"
    assert shown["OPS_API_KEYS"] == "(empty)"
    text = offline.run("settings", "check")
    assert text.code == problems.OK
    assert offline.variables["AzureWebJobsStorage"] not in text.out


def test_migrate_applies_what_is_due_once(empty: Terminal) -> None:
    """000-R7, D12: the schema comes from the migrations, and a second run does nothing."""
    planned = empty.json("db", "migrate", "--dry-run")
    assert planned["dry_run"] is True
    # A dry run writes nothing, not even its own bookkeeping.
    assert empty.json("db", "status")["due"] == len(available())
    assert empty.refused("environment", "init", "--workspace", "west", "--owner", OWNER) == (
        problems.UNAVAILABLE,
        "db.not_migrated",
    )

    done = empty.json("db", "migrate")
    assert done["migrations"] == planned["migrations"]
    assert [m["number"] for m in done["migrations"]] == [m.number for m in available()]
    assert empty.run("db", "migrate").out == "nothing is due\n"
    status = empty.json("db", "status")
    assert status["due"] == 0
    assert all(m["applied_at"] for m in status["migrations"])


def test_the_post_phase_does_not_run_ahead_of_pre_files(empty: Terminal) -> None:
    """000-R22: order is global, so a phase ends at the other's first file."""
    assert available()[0].phase == "pre"
    assert empty.json("db", "migrate", "--phase", "post")["migrations"] == []
    assert empty.json("db", "status")["due"] == len(available())


def test_a_database_that_does_not_answer_is_7(offline: Terminal) -> None:
    away = {"OPS_DATABASE_URL": "postgresql://127.0.0.1:1/nothing"}

    assert offline.refused("db", "status", **away) == (problems.UNAVAILABLE, "db.unavailable")


def test_init_gives_the_database_to_one_environment(bare: Terminal, owner_token: str) -> None:
    """D1, 000-R9: explicit, once, and for one environment."""
    init = ("environment", "init", "--workspace", "west", "--owner", OWNER)
    show = ("environment", "show")
    assert bare.refused(*show, OPS_TOKEN=owner_token) == (
        problems.UNAVAILABLE,
        "ops.environment_differs",
    )

    assert bare.json(*init)["created"] is True
    assert bare.run(*init).out == "exists environment local_parity, workspace west\n"
    assert bare.refused(*init, OPS_ENVIRONMENT="testing", OPS_SERVICE_RELEASE_ID="r1") == (
        problems.CONFLICT,
        "lifecycle.already_another",
    )
    assert bare.json(*show, OPS_TOKEN=owner_token) == {
        "environment": "local_parity",
        "workspace": "west",
        "schema_version": "v2",
        "epoch": 1,
    }


def test_init_takes_an_object_id_and_a_short_name(bare: Terminal) -> None:
    for workspace, owner in (("west", "Ada"), ("West End", OWNER)):
        words = ("environment", "init", "--workspace", workspace, "--owner", owner)
        assert bare.refused(*words) == (problems.INVALID, "lifecycle.owner_unfit")


def test_init_is_recorded_as_the_migrator(bare: Terminal, stack: Stack, database: str) -> None:
    """002-R6: holding the database login is the credential, and evidence says so."""
    bare.json("environment", "init", "--workspace", "west", "--owner", OWNER)

    with psycopg.connect(stack.admin_url(database)) as admin:
        rows = admin.execute(
            "SELECT actor_id, body::jsonb ->> 'auth_mode', body::jsonb -> 'attributes'"
            " FROM ops.fact WHERE name = 'lifecycle:environment:initialised'"
        ).fetchall()
    assert rows == [
        (
            "SYSTEM::opsplane.migrator",
            "database_login",
            {"environment": "local_parity", "owner": OWNER},
        )
    ]


def test_nobody_migrates_the_database_of_another_environment(bare: Terminal) -> None:
    """D1, 000-R18: a wrong setting changes no schema."""
    bare.json("environment", "init", "--workspace", "west", "--owner", OWNER)
    wrong = {"OPS_ENVIRONMENT": "testing", "OPS_SERVICE_RELEASE_ID": "r1"}

    assert bare.refused("db", "migrate", **wrong) == (
        problems.UNAVAILABLE,
        "ops.environment_differs",
    )
