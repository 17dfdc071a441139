"""Whatever happens, in whatever order: every key id issued is receipted, alive, reserved, or waiting to be."""

from datetime import timedelta

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from lookout.events import ErasureReason
from lookout.sealing.ports import DataKey, KeyringUnavailableError
from lookout_keeper.domain import account
from support.keeping import Bench

LONG = timedelta(minutes=20)
REASONS = st.sampled_from([ErasureReason.NO_MATCH, ErasureReason.PROCESSED, ErasureReason.REJECTED])


class Account(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.keeper = self.bench.keeper()
        self.issuer = self.bench.issuer(block_size=7)
        self.keys: list[DataKey] = []
        self.ended: dict[str, ErasureReason] = {}
        self.lost = False

    @rule(count=st.integers(0, 10), deployment=st.sampled_from(["d1", "d2"]))
    def make(self, count: int, deployment: str) -> None:
        self.keys += self.issuer.make(deployment, count)

    @rule(data=st.data(), reason=REASONS)
    def destroy(self, data: st.DataObject, reason: ErasureReason) -> None:
        chosen = data.draw(st.lists(st.sampled_from(self.keys), max_size=5)) if self.keys else []
        unique = list({key.key_id: key for key in chosen}.values())
        alive = self.bench.keyring.alive([key.key_id for key in unique])
        assert self.bench.destroy(unique, reason) == sum(alive)
        for key, was_alive in zip(unique, alive, strict=True):
            if was_alive:
                self.ended[key.key_id] = reason

    @rule(data=st.data())
    def extend(self, data: st.DataObject) -> None:
        if self.keys:
            self.bench.keyring.extend([data.draw(st.sampled_from(self.keys)).key_id], LONG)

    @rule(seconds=st.sampled_from([1, 30, 121]))
    def time_passes(self, seconds: int) -> None:
        self.bench.keyring.advance(timedelta(seconds=seconds))

    @rule()
    def keeper_turns(self) -> None:
        self.keeper.turn()

    @rule()
    def keeper_sweeps(self) -> None:
        self.keeper.sweep()

    @rule()
    def keeper_crashes_between_writing_and_emptying(self) -> None:
        def crash() -> None:
            raise KeyringUnavailableError("the process ended here")

        self.bench.keyring.before["drop_pending"] = crash
        try:
            self.keeper.turn()
        except KeyringUnavailableError:
            self.keeper = self.bench.keeper()
        self.bench.keyring.before.clear()

    @rule()
    def service_ends_in_order(self) -> None:
        self.issuer.close()
        self.issuer = self.bench.issuer(block_size=7)

    @rule()
    def service_crashes(self) -> None:
        self.issuer = self.bench.issuer(block_size=7)

    @precondition(lambda self: not self.lost)
    @rule()
    def keyring_restarts(self) -> None:
        self.bench.keyring.restart()
        self.lost = True

    @invariant()
    def nothing_is_counted_twice_and_what_is_missing_is_only_expired_or_lost(self) -> None:
        accounts = account(
            self.bench.report().ledger,
            states=self.bench.keyring.blocks(),
            alive=self.bench.keyring.held(),
            pending=self.bench.keyring.pending_receipts(10_000),
        )
        gone = sum(not alive for alive in self.bench.keyring.alive([k.key_id for k in self.keys]))
        assert accounts.unaccounted >= 0
        if not self.lost:
            assert accounts.unaccounted <= gone

    def teardown(self) -> None:
        """After enough sweeps the sum is exact, and each key is receipted with what ended it."""
        for seconds in (0, 11, 700, 0, 0):
            self.bench.keyring.advance(timedelta(seconds=seconds))
            accounts = self.keeper.sweep()
        assert accounts.unaccounted == 0
        assert accounts.issued == accounts.receipts + accounts.alive + accounts.reserved
        report = self.bench.report()
        assert report.unbroken
        written: dict[str, ErasureReason] = {}
        for record in self.bench.records():
            for receipt in record.receipts.receipts if record.receipts else ():
                for counter in range(receipt.first, receipt.first + receipt.count):
                    name = f"{record.block_id}:{counter}"
                    assert name not in written
                    written[name] = receipt.reason
        for name, reason in self.ended.items():
            # A restart of the keyring loses receipts that the keeper had not taken yet: those keys count as expired.
            assert written[name] is reason or (self.lost and written[name] is ErasureReason.EXPIRED)


TestAccount = Account.TestCase
TestAccount.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
