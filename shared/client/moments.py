"""Dates and times in a source's own spelling, into the contract's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo

from shared.client.rows import Unmappable
from shared.kernel.clock import instant

ISO = "iso"
_EPOCHS = {"epoch_seconds": 1, "epoch_milliseconds": 1000}
KEYWORDS = (ISO, *_EPOCHS)
_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)


def needs_zone(form: str) -> bool:
    """Tell whether times in this format carry no offset of their own."""
    return form not in KEYWORDS and "%z" not in form


def dates(forms: Sequence[str]) -> Callable[[object], object]:
    """Return a step that reads a date in the first format that fits."""

    def step(value: object) -> str:
        for form in forms:
            try:
                if form == ISO:
                    # A time where a date belongs is cut to its date, as written.
                    return datetime.fromisoformat(str(value)).date().isoformat()
                # A date has no zone to be naive about.
                return datetime.strptime(str(value), form).date().isoformat()  # noqa: DTZ007
            except ValueError:
                continue
        raise Unmappable("value_not_date")

    return step


def instants(forms: Sequence[str], zone: tzinfo | None) -> Callable[[object], object]:
    """Return a step that reads a time in the first format that fits, into RFC 3339 in UTC.

    ``zone`` is what times without an offset are taken to be in. Fractions are cut to microseconds.
    """

    def step(value: object) -> str:
        for form in forms:
            try:
                moment = _moment(value, form)
            except (ValueError, OverflowError):
                continue
            if moment.tzinfo is None:
                if zone is None:
                    raise Unmappable("value_without_zone")
                moment = moment.replace(tzinfo=zone)
            try:
                return instant(moment)
            except OverflowError:
                continue
        raise Unmappable("value_not_instant")

    return step


def _moment(value: object, form: str) -> datetime:
    if form in _EPOCHS:
        if isinstance(value, bool):
            raise ValueError(form)
        # Whole numbers only, in integer arithmetic: a float would lose microseconds.
        return _BEGIN + timedelta(milliseconds=int(str(value)) * 1000 // _EPOCHS[form])
    if form == ISO:
        return datetime.fromisoformat(str(value))
    return datetime.strptime(str(value), form)  # noqa: DTZ007 - the caller adds the zone


def is_format(form: str) -> bool:
    """Tell whether a format can be read back after it was written."""
    if form in KEYWORDS:
        return True
    sample = datetime(2026, 11, 21, 8, 30, 15, tzinfo=UTC)
    try:
        return (
            "%" in form and datetime.strptime(sample.strftime(form), form).date() == sample.date()  # noqa: DTZ007
        )
    except ValueError:
        return False


def is_date(text: str) -> bool:
    """Tell whether a text is a date in the contract's spelling."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
