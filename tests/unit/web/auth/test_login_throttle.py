"""How often one may guess: the delays, whom they meet, and what they cost in memory."""

from __future__ import annotations

from camwatch.web.auth.login_throttle import MAX_DELAY_S, LoginThrottle


class Watch:
    """A clock in the hand."""

    now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def failed(attempts: LoginThrottle, times: int, name: str = "chief", address: str = "192.0.2.1") -> None:
    for _ in range(times):
        attempts.start(name, address)


def test_each_failure_doubles_the_delay_up_to_the_longest() -> None:
    watch = Watch()
    attempts = LoginThrottle(watch)
    delays = []
    for _ in range(18):
        delays.append(attempts.delay_s("chief", "192.0.2.1"))
        watch.now += delays[-1]
        attempts.start("chief", "192.0.2.1")
    assert delays[:9] == [0, 0, 0, 0, 0, 1, 2, 4, 8]
    assert max(delays) == delays[-1] == MAX_DELAY_S


def test_after_an_hour_without_failures_they_are_forgotten() -> None:
    watch = Watch()
    attempts = LoginThrottle(watch)
    failed(attempts, 12)
    watch.now += 3601
    assert attempts.delay_s("chief", "192.0.2.1") == 0
    attempts.start("chief", "192.0.2.1")
    assert attempts.delay_s("chief", "192.0.2.1") == 0


def test_an_address_that_tries_many_names_waits_for_all_of_them() -> None:
    attempts = LoginThrottle(Watch())
    for number in range(20):
        attempts.start(f"name{number}", "192.0.2.1")
    assert attempts.delay_s("another", "192.0.2.1") > 0
    assert attempts.delay_s("another", "192.0.2.2") == 0


def test_an_ipv6_network_counts_as_one_and_mapped_addresses_as_ipv4() -> None:
    attempts = LoginThrottle(Watch())
    for number in range(20):
        attempts.start(f"name{number}", f"2001:db8::{number + 1:x}")
    assert attempts.delay_s("another", "2001:db8::ffff") > 0
    assert attempts.delay_s("another", "2001:db8:1::1") == 0
    failed(attempts, 20, "x", "::ffff:192.0.2.9")
    assert attempts.delay_s("another", "192.0.2.9") > 0


def test_a_stranger_who_guesses_does_not_lock_the_owner_out() -> None:
    attempts = LoginThrottle(Watch())
    attempts.start("chief", "192.0.2.50")
    attempts.success("chief", "192.0.2.50")
    failed(attempts, 30, address="198.51.100.1")
    assert attempts.delay_s("chief", "198.51.100.2") > 0
    assert attempts.delay_s("chief", "192.0.2.50") == 0
    failed(attempts, 6, address="192.0.2.50")
    assert attempts.delay_s("chief", "192.0.2.50") > 0, "guessing from there waits, too"


def test_a_good_account_buys_no_guesses_at_others() -> None:
    attempts = LoginThrottle(Watch())
    for number in range(40):
        attempts.start(f"name{number}", "192.0.2.1")
        attempts.start("mine", "192.0.2.1")
        attempts.success("mine", "192.0.2.1")
    assert attempts.delay_s("another", "192.0.2.1") > 0


def test_a_wait_is_reported_once_for_each_counted_attempt() -> None:
    watch = Watch()
    attempts = LoginThrottle(watch)
    failed(attempts, 6)
    assert [attempts.should_log("chief", "192.0.2.1") for _ in range(3)] == [True, False, False]
    watch.now += 5
    failed(attempts, 1)
    assert attempts.should_log("chief", "192.0.2.1")


def test_memory_is_bounded_whatever_is_tried() -> None:
    attempts = LoginThrottle(Watch())
    for number in range(30_000):
        attempts.start(f"name{number}", f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        attempts.success(f"name{number}", f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(attempts._failures) <= 10_000
    assert len(attempts._homes) <= 10_000


def test_an_attempt_that_was_not_looked_at_does_not_count() -> None:
    attempts = LoginThrottle(Watch())
    for _ in range(40):
        attempts.start("chief", "192.0.2.1")
        attempts.undo("chief", "192.0.2.1")
    assert attempts.delay_s("chief", "192.0.2.1") == 0
    failed(attempts, 6)
    attempts.undo("chief", "192.0.2.1")
    assert attempts.delay_s("chief", "192.0.2.1") > 0
