"""The issuer's keys under rotation, outage, strangers and threads."""

from __future__ import annotations

import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from threading import Barrier, Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.jwks_memory import MemoryJwks
from shared.identity.errors import KeysUnavailable, KeyUnknown
from shared.identity.keysets import MAX_DOCUMENT_BYTES, KeySets, read_keys
from shared.kernel.clock import SteppingClock
from shared.kernel.errors import OpsError, Unavailable
from tests.unit.identity.forging import NOW, document, encoded, jwk

THREADS = 20


@pytest.fixture
def clock():
    return SteppingClock(NOW)


@pytest.fixture
def source(keys):
    return MemoryJwks(document(jwk("first", keys["first"])))


@pytest.fixture
def keysets(source, clock):
    return KeySets(source, clock)


def code_of(keysets, kid):
    """Return the code with which a look-up fails, None when it succeeds."""
    try:
        keysets.find(kid)
    except OpsError as error:
        return error.code
    return None


def all_at_once(action, threads=THREADS):
    """Run an action on many threads that start together; return what came of each."""
    barrier = Barrier(threads)

    def run(_):
        barrier.wait()
        return action()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


# --- caching ---


def test_nothing_is_fetched_before_a_key_is_needed(source, keysets):
    assert source.fetches == 0
    assert keysets.fetched_at is None


def test_a_set_serves_ten_minutes(source, keysets, clock):
    """000-B: a ten-minute cache."""
    keysets.find("first")
    clock.advance(seconds=599)
    keysets.find("first")
    assert source.fetches == 1
    clock.advance(seconds=1)
    keysets.find("first")
    assert source.fetches == 2
    assert keysets.fetched_at == clock.now()


def test_a_clock_that_was_set_back_does_not_keep_a_set_for_ever(source, keysets, clock):
    keysets.find("first")
    clock.advance(days=-365)
    keysets.find("first")
    assert source.fetches == 2


# --- rotation ---


def test_a_new_key_is_found_by_fetching_once_more(source, keysets, clock, keys):
    """000-B: one refetch on an unknown kid."""
    keysets.find("first")
    source.document = document(jwk("first", keys["first"]), jwk("second", keys["second"]))
    clock.advance(seconds=30)
    assert keysets.find("second").public_key == keys["second"].public_key()
    assert source.fetches == 2


def test_a_removed_key_is_dropped_at_the_next_refresh(source, keysets, clock, keys):
    keysets.find("first")
    source.document = document(jwk("second", keys["second"]))
    clock.advance(seconds=599)
    assert code_of(keysets, "first") is None
    clock.advance(seconds=1)
    assert code_of(keysets, "first") == "identity.key_unknown"


def test_a_key_id_that_gets_other_material_means_the_new_material(source, keysets, clock, keys):
    keysets.find("first")
    source.document = document(jwk("first", keys["second"]))
    clock.advance(seconds=600)
    assert keysets.find("first").public_key == keys["second"].public_key()


# --- strangers ---


def test_strangers_with_made_up_key_ids_make_one_fetch_per_cooldown(source, keysets, clock):
    keysets.find("first")
    for second in range(300):
        clock.advance(seconds=1)
        assert code_of(keysets, f"made-up-{second}") == "identity.key_unknown"
    assert source.fetches == 1 + 300 // 30


def test_strangers_do_not_hide_a_new_key_for_longer_than_the_cooldown(source, keysets, clock, keys):
    keysets.find("first")
    clock.advance(seconds=30)
    code_of(keysets, "made-up")
    source.document = document(jwk("second", keys["second"]))
    found_after = None
    for second in range(1, 60):
        clock.advance(seconds=1)
        code_of(keysets, "made-up")
        if found_after is None and code_of(keysets, "second") is None:
            found_after = second
    assert found_after == 30


class DistantJwks(MemoryJwks):
    """A source that takes its time, so that everyone arrives while it is asked."""

    def fetch(self):
        time.sleep(0.05)
        return super().fetch()


def test_twenty_threads_with_an_unknown_key_id_make_one_fetch(source, clock):
    source = DistantJwks(source.document)
    keysets = KeySets(source, clock)
    keysets.find("first")
    clock.advance(seconds=30)
    codes = all_at_once(lambda: code_of(keysets, "made-up"))
    assert codes == ["identity.key_unknown"] * THREADS
    assert source.fetches == 2


@pytest.mark.parametrize(("kid", "code"), [("first", None), ("odd", "identity.key_unknown")])
def test_twenty_threads_that_meet_an_empty_cache_make_one_fetch(source, clock, kid, code):
    source = DistantJwks(source.document)
    keysets = KeySets(source, clock)
    assert all_at_once(lambda: code_of(keysets, kid)) == [code] * THREADS
    assert source.fetches == 1


def test_twenty_threads_that_meet_an_outage_make_one_fetch(clock):
    source = DistantJwks(None)
    keysets = KeySets(source, clock)
    codes = all_at_once(lambda: code_of(keysets, "first"))
    assert codes == ["identity.keys_unavailable"] * THREADS
    assert source.fetches == 1


# --- outage ---


def test_an_outage_is_bridged_for_a_day_and_no_longer(source, keysets, clock):
    keysets.find("first")
    source.document = None
    clock.advance(hours=24, seconds=-1)
    assert code_of(keysets, "first") is None
    clock.advance(seconds=1)
    assert code_of(keysets, "first") == "identity.keys_unavailable"


def test_a_stale_set_that_is_refreshed_in_time_is_fresh_again(source, keysets, clock):
    keysets.find("first")
    published, source.document = source.document, None
    clock.advance(hours=23)
    keysets.find("first")
    source.document = published
    clock.advance(seconds=30)
    keysets.find("first")
    clock.advance(hours=23)
    assert code_of(keysets, "first") is None


def test_during_an_outage_the_issuer_is_asked_once_per_cooldown(source, keysets, clock):
    keysets.find("first")
    source.document = None
    clock.advance(seconds=600)
    for _ in range(60):
        assert code_of(keysets, "first") is None
        code_of(keysets, "made-up")
        clock.advance(seconds=1)
    assert source.fetches == 1 + 2


def test_without_any_key_the_issuer_is_asked_every_five_seconds(source, keysets, clock):
    published, source.document = source.document, None
    for _ in range(10):
        with pytest.raises(KeysUnavailable) as caught:
            keysets.find("first")
        assert caught.value.retry_after == 5
        clock.advance(seconds=1)
    assert source.fetches == 2
    source.document = published
    keysets.find("first")


def test_during_an_outage_an_unknown_key_id_is_not_called_unknown(source, keysets, clock):
    """It may be the key that the issuer has just rotated to: 503, not 401."""
    keysets.find("first")
    source.document = None
    clock.advance(seconds=30)
    assert code_of(keysets, "second") == "identity.keys_unavailable"
    assert code_of(keysets, "first") is None


@pytest.mark.parametrize(
    "broken", [b"", b"<html>", b"[]", b'{"keys": []}', b"\xff\xfe", b"[" * 99_999]
)
def test_a_broken_document_counts_as_an_outage(source, keysets, clock, broken):
    keysets.find("first")
    source.document = broken
    clock.advance(seconds=600)
    assert code_of(keysets, "first") is None
    assert code_of(keysets, "second") == "identity.keys_unavailable"


def test_a_refresh_and_its_failure_are_logged_without_the_document(source, keysets, clock, caplog):
    caplog.set_level(logging.INFO, logger="opsplane")
    keysets.find("first")
    source.document = b'{"keys": "SENTINEL"}'
    clock.advance(seconds=600)
    keysets.find("first")
    lines = [json.loads(record.message) for record in caplog.records]
    assert [line["event"] for line in lines] == [
        "identity.keys_fetched",
        "identity.keys_fetch_failed",
    ]
    assert "SENTINEL" not in caplog.text


# --- threads ---


class SlowJwks:
    """A source that answers when it is told to."""

    def __init__(self, published):
        self.published = published
        self.asked = Event()
        self.answer = Event()
        self.fetches = 0

    def fetch(self):
        self.fetches += 1
        self.asked.set()
        if not self.answer.wait(5):
            raise Unavailable
        return self.published


def test_a_slow_refresh_holds_nobody_who_has_a_key(source, clock):
    slow = SlowJwks(source.document)
    slow.answer.set()
    keysets = KeySets(slow, clock)
    keysets.find("first")
    clock.advance(seconds=600)
    slow.answer.clear()
    slow.asked.clear()
    with ThreadPoolExecutor(1) as pool:
        refreshing = pool.submit(keysets.find, "first")
        assert slow.asked.wait(5)
        found = all_at_once(lambda: keysets.find("first"))
        assert len(found) == THREADS
        assert not refreshing.done()
        slow.answer.set()
        assert refreshing.result(5) == found[0]
    assert slow.fetches == 2


class OvertakenLock:
    """A lock that someone else gets first, does the work under, and lets go."""

    def __init__(self, keysets, now):
        self.keysets, self.now = keysets, now

    def acquire(self, *, blocking):
        assert not blocking
        self.keysets._refresh(self.now)
        return True

    def release(self):
        pass


def test_who_is_overtaken_on_the_way_to_a_refresh_does_not_repeat_it(source, keysets, clock):
    keysets.find("first")
    clock.advance(seconds=600)
    keysets._lock = OvertakenLock(keysets, clock.now())
    keysets.find("first")
    assert source.fetches == 2


def test_a_source_that_fails_unexpectedly_does_not_lock_the_cache(clock, source):
    class Bug(Exception):
        pass

    class BuggyJwks:
        def fetch(self):
            raise Bug

    keysets = KeySets(BuggyJwks(), clock)
    for _ in range(2):
        with pytest.raises(Bug):
            keysets.find("first")
    keysets._source = source
    keysets.find("first")


def test_the_times_are_settings_of_the_constructor(source, clock):
    keysets = KeySets(
        source,
        clock,
        ttl=timedelta(seconds=10),
        stale_limit=timedelta(seconds=100),
        refetch_cooldown=timedelta(seconds=1),
    )
    keysets.find("first")
    clock.advance(seconds=10)
    keysets.find("first")
    clock.advance(seconds=1)
    code_of(keysets, "made-up")
    assert source.fetches == 3
    source.document = None
    clock.advance(seconds=100)
    assert code_of(keysets, "first") == "identity.keys_unavailable"


# --- documents ---


@pytest.mark.parametrize(
    "overrides",
    [
        {"kty": "EC"},
        {"kty": None},
        {"use": "enc"},
        {"use": None},
        {"alg": "RS512"},
        {"alg": "HS256"},
        {"key_ops": ["sign"]},
        {"key_ops": 1},
        {"d": "AQAB"},
        {"kid": None},
        {"kid": ""},
        {"kid": 1},
        {"kid": ["a"]},
        {"kid": "k" * 257},
        {"n": None},
        {"n": "AQAB"},
        {"n": "!!!!"},
        {"n": "ü" * 300},
        {"n": 65_537},
        {"n": "A" * 100_000},
        {"e": None},
        {"e": "AQ"},
        {"e": "Aw"},
        {"e": "AQAA"},
        {"e": "_" * 300},
        {"issuer": 1},
        {"issuer": ""},
    ],
    ids=str,
)
def test_an_unusable_key_is_passed_over_and_the_others_serve(keys, overrides):
    """RFC 7517 5: a member that is not understood does not spoil the set."""
    entry = jwk("odd", keys["second"]) | overrides
    entry = {name: value for name, value in entry.items() if value is not None}
    assert list(read_keys(document(entry, jwk("first", keys["first"])))) == ["first"]


def test_a_key_below_2048_bits_is_passed_over(keys):
    assert list(read_keys(document(jwk("weak", keys["weak"]), jwk("first", keys["first"])))) == [
        "first"
    ]


def test_entries_that_are_no_objects_are_passed_over(keys):
    odd = [None, 1, "a", [], {}]
    assert list(read_keys(document(*odd, jwk("first", keys["first"])))) == ["first"]


def test_two_different_keys_of_one_id_are_both_passed_over(keys):
    """Which of them is meant cannot be told, and trying both invites confusion."""
    twins = [jwk("twin", keys["first"]), jwk("twin", keys["second"]), jwk("twin", keys["first"])]
    assert list(read_keys(document(*twins, jwk("first", keys["first"])))) == ["first"]


def test_one_key_listed_for_several_issuers_serves_them_all(keys):
    entries = [jwk("first", keys["first"], issuer=issuer) for issuer in ("https://a", "https://b")]
    key = read_keys(document(*entries))["first"]
    assert key.issuers == {"https://a", "https://b"}
    assert key.signs_for("https://a", "tid")
    assert not key.signs_for("https://c", "tid")


def test_a_key_listed_for_one_issuer_and_for_all_serves_all(keys):
    entries = [jwk("first", keys["first"], issuer=issuer) for issuer in ("https://a", None)]
    for order in (entries, entries[::-1]):
        assert read_keys(document(*order))["first"].signs_for("https://c", "tid")


def test_a_modulus_beyond_8192_bits_is_passed_over(keys):
    """One verification with it would take as long as a hundred others."""
    long = jwk("long", keys["second"]) | {"n": encoded(b"\xff" * 1025)}
    just = jwk("just", keys["second"]) | {"n": encoded(b"\xff" * 1024)}
    assert set(read_keys(document(long, just, jwk("first", keys["first"])))) == {"just", "first"}


def test_a_document_above_the_size_limit_is_refused(keys):
    whole = document(jwk("first", keys["first"]))
    assert read_keys(whole.ljust(MAX_DOCUMENT_BYTES))
    with pytest.raises(ValueError):
        read_keys(whole.ljust(MAX_DOCUMENT_BYTES + 1))


def test_a_document_of_more_than_a_hundred_entries_is_refused(keys):
    entries = [{}] * 99 + [jwk("first", keys["first"])]
    assert read_keys(document(*entries))
    with pytest.raises(ValueError):
        read_keys(document({}, *entries))


@pytest.mark.parametrize("broken", [b"null", b'{"keys": {}}', b'{"keys": [{}]}', b'{"keys": null}'])
def test_a_document_without_a_usable_list_is_refused(broken):
    with pytest.raises(ValueError):
        read_keys(broken)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    entry=st.fixed_dictionaries(
        {"kty": st.just("RSA"), "use": st.just("sig"), "kid": st.text(min_size=1)},
        optional=dict.fromkeys(("n", "e", "alg", "key_ops", "issuer", "d", "x5c"), json_values),
    )
)
def test_whatever_is_published_reading_it_ends_in_keys_or_value_error(entry):
    with suppress(ValueError):
        read_keys(document(entry))


@given(st.binary(max_size=200))
def test_whatever_bytes_are_published_reading_them_ends_in_value_error(raw):
    with pytest.raises(ValueError):
        read_keys(raw)


def test_an_unknown_key_is_a_refusal_without_a_caller(keysets):
    with pytest.raises(KeyUnknown) as caught:
        keysets.find("made-up")
    assert caught.value.caller is None
