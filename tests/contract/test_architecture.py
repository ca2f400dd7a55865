"""House rules that a machine can check: start-up, permissions, facts, codes, clocks."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from functions._answers import ANSWERS, ELSEWHERE, errors_of
from functions._edge import PUBLIC, ROUTES
from functions._problems import status_of
from functions._served import routes, served
from local.docs.reading import PROJECT, demands, meaning_of, modules, permissions, room_of
from shared.governance.facts import FactKind
from shared.identity.roles import GRANTS, MEANING, Role
from shared.kernel.errors import OpsError, catalogue

# Imported with the first request that needs them: they cost more than everything else together.
HEAVY = (
    "azure.core",
    "azure.data",
    "azure.identity",
    "azure.keyvault",
    "azure.monitor",
    "azure.storage",
    "hypothesis",
    "jwt",
    "msal",
    "opencensus",
    "opentelemetry",
    "pytest",
    "requests",
    "shared.adapters",
)
# What the kernel's modules are about, in the first part of a code.
_KERNEL_CODES = {"db", "documents", "identity", "migrations", "ops", "pii", "settings"}
_KERNEL_SCOPES = {"outbox"}  # The kernel is no noun that an operator says; its parts are.
_ADAPTER_CODES = {"documents", "identity", "pii", "queues", "tables"}


@pytest.fixture(scope="module")
def started() -> dict[str, list[str]]:
    """The app in a process of its own, without one environment variable."""
    code = (
        "import json, sys, function_app\n"
        "names = [f.get_function_name() for f in function_app.app.get_functions()]\n"
        "print(json.dumps({'functions': names, 'modules': sorted(sys.modules)}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def errors() -> dict[str, type[OpsError]]:
    modules()
    return catalogue()


class TestStart:
    def test_the_app_indexes_every_function_with_an_empty_environment(
        self, started: dict[str, list[str]]
    ) -> None:
        assert started["functions"] == [found.function for found in served()]

    @pytest.mark.parametrize("name", HEAVY)
    def test_a_cold_start_does_not_import(self, name: str, started: dict[str, list[str]]) -> None:
        assert [m for m in started["modules"] if m == name or m.startswith(name + ".")] == []

    def test_functions_have_names_of_their_own(self) -> None:
        names = [found.function for found in served()]
        assert len(names) == len(set(names))


class TestPermissions:
    def test_every_http_function_went_through_the_edge(self) -> None:
        """An HTTP function without a permission cannot be written, and none is left out."""
        http = {found.function for found in served() if found.trigger == "http"}
        assert http == {found.function for found in routes()} == ROUTES.keys() == ANSWERS.keys()

    def test_every_route_names_a_declared_permission(self) -> None:
        declared = permissions().keys() | {PUBLIC}
        assert [f.function for f in routes() if f.route and f.route.needs not in declared] == []

    def test_public_routes_are_these(self) -> None:
        """Whoever adds one has to say so here."""
        public = {f.function for f in routes() if f.route and f.route.needs == PUBLIC}
        assert public == {"health_live", "health_ready", "openapi"}

    def test_roles_hold_declared_permissions_and_each_has_a_holder(self) -> None:
        assert frozenset[str]().union(*GRANTS.values()) == permissions().keys()

    def test_every_role_has_grants_and_a_meaning(self) -> None:
        assert GRANTS.keys() == MEANING.keys() == set(Role)

    def test_permissions_are_spelled_in_one_grammar(self) -> None:
        scopes = {"kernel": _KERNEL_SCOPES}
        wrong = [
            name
            for name, (module, _) in permissions().items()
            if not re.fullmatch(r"[a-z]+:[a-z_]+:[a-z_]+", name)
            or name.partition(":")[0]
            not in scopes.get(module.split(".")[1], {module.split(".")[1]})
        ]
        assert wrong == []

    def test_what_a_service_demands_is_declared(self) -> None:
        assert {demand.permission for demand in demands()} <= permissions().keys()


class TestFacts:
    def test_a_fact_is_named_in_the_past_tense(self) -> None:
        modules()
        names = FactKind.registry
        past = re.compile(
            r"[a-z]+:[a-z_]+:([a-z]+_)*([a-z]+ed|sent|begun|withdrawn|forgotten|took_effect)"
        )
        assert [name for name in names if not past.fullmatch(name)] == []

    def test_a_fact_has_a_meaning(self) -> None:
        modules()
        kinds = FactKind.registry.items()
        assert [name for name, kind in kinds if not kind.meaning.endswith(".")] == []

    def test_a_fact_is_of_the_room_that_records_it(self) -> None:
        """Governance counts refusals for identity, which stands above it."""
        lent = {"identity:credential:refused": "governance"}
        wrong = [
            f"{module.__name__}: {kind.name}"
            for module in modules()
            for kind in vars(module).values()
            if isinstance(kind, FactKind)
            and _declares(module.__name__, kind)
            and module.__name__.split(".")[1] != lent.get(kind.name, kind.name.partition(":")[0])
        ]
        assert wrong == []


class TestErrors:
    def test_a_code_has_one_class_and_the_prefix_of_its_room(
        self, errors: dict[str, type[OpsError]]
    ) -> None:
        wrong = []
        for code, error in errors.items():
            room = room_of(error)
            prefixes = {"kernel": _KERNEL_CODES, "adapters": _ADAPTER_CODES, "functions": {"ops"}}
            scope, _, rest = code.partition(".")
            if scope not in prefixes.get(room, {room}) or not re.fullmatch(r"[a-z0-9_]+", rest):
                wrong.append(f"{room}: {code}")
        assert wrong == []

    def test_every_class_has_a_code_a_title_and_a_sentence_of_its_own(
        self, errors: dict[str, type[OpsError]]
    ) -> None:
        """`catalogue` refuses two classes with one code, so an inherited one is found there."""
        silent = [
            code
            for code, error in errors.items()
            if not meaning_of(error)
            or not {"code", "title"} <= vars(error).keys()
            or not error.title
            or error.title.endswith(".")
        ]
        assert silent == []

    def test_every_error_of_a_room_with_routes_is_answered_or_says_why_not(
        self, errors: dict[str, type[OpsError]]
    ) -> None:
        answered = {
            error
            for found in routes()
            if found.route
            for error in errors_of(found.route, found.methods)
        }
        rooms = {"ingest", "policy", "health", "approvals"}
        missing = {e for e in errors.values() if room_of(e) in rooms} - answered - ELSEWHERE.keys()
        assert missing == set()
        assert not ELSEWHERE.keys() & answered

    def test_every_error_has_a_status(self, errors: dict[str, type[OpsError]]) -> None:
        assert {status_of(error) // 100 for error in errors.values()} <= {4, 5}


class TestNothingAmbient:
    def test_time_and_chance_have_one_home_each(self) -> None:
        """Time, ids and chance arrive by argument; durations may use ``time.monotonic``."""
        banned = {
            "datetime.now": {"shared/kernel/clock.py"},
            "datetime.utcnow": set(),
            "datetime.today": set(),
            "date.today": set(),
            "time.time": set(),
            "time.time_ns": set(),
            "uuid.uuid4": set(),
            "uuid.uuid1": set(),
            "random.random": set(),
            "secrets.randbits": {"shared/kernel/ids.py"},
        }
        found = {
            f"{file}:{node.lineno} {call}"
            for file, node, call in _attributes()
            if call in banned and file not in banned[call]
        }
        assert found == set()

    def test_the_environment_is_read_where_the_product_is_put_together(self) -> None:
        homes = {"shared/bootstrap/__init__.py", "shared/cli/main.py"}
        found = {
            f"{file}:{node.lineno}"
            for file, node, call in _attributes()
            if call in ("os.environ", "os.getenv") and file not in homes
        }
        assert found == set()

    def test_hashing_has_one_home(self) -> None:
        homes = {
            "shared/kernel/canonical.py",
            # Placeholders digest word by word, under a key that `keyed_digest` derives.
            "shared/pii/redaction/placeholders.py",
            # The Merkle tree, as RFC 6962 spells it, in a loop that runs a million times.
            "shared/ledger/tree.py",
        }
        found = {
            f"{file}:{node.lineno} {call}"
            for file, node, call in _attributes()
            if call.partition(".")[0] in ("hashlib", "hmac") and file not in homes
        }
        assert found == set()


def _attributes() -> Iterator[tuple[str, ast.Attribute, str]]:
    for folder in ("shared", "functions"):
        for file in sorted((PROJECT / folder).rglob("*.py")):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.Attribute):
                    yield str(file.relative_to(PROJECT)), node, ast.unparse(node)


def _declares(module: str, kind: FactKind) -> bool:
    file = PROJECT / Path(*module.split(".")).with_suffix(".py")
    return file.exists() and f'"{kind.name}"' in file.read_text(encoding="utf-8")
