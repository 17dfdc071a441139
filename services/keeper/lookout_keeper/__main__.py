"""The keeper's wiring."""

from datetime import timedelta

from lookout.events import Erasure
from lookout.hosting.platform import Platform
from lookout.hosting.service import Service, run_process
from lookout.hosting.settings import PlatformSettings
from lookout.sealing.signing import ROLE_RECEIPTS, Signer

from lookout_keeper.adapters.erasures import TopicLog
from lookout_keeper.adapters.lock import GroupLock
from lookout_keeper.metrics import Metrics
from lookout_keeper.processor import Keeper, Patience
from lookout_keeper.service import KeeperService, Rhythm
from lookout_keeper.settings import Settings


def build(platform: Platform, settings: Settings) -> Service:
    """The keeper on a platform."""
    topic = platform.topic(Erasure)
    metrics = Metrics(platform.registry)
    signer = Signer(settings.signer, platform.vault.get(f"signing/{settings.signer}"))
    log = TopicLog(broker=platform.broker, codec=platform.codec, topic=topic)
    platform.closing(log.close)
    keeper = Keeper(
        keyring=platform.keyring,
        log=log,
        body_of=platform.codec.body,
        sign=signer.sign,
        trusted=lambda signature, message: platform.trust.verify(
            signature, message, role=ROLE_RECEIPTS
        ),
        name=platform.instance,
        clock=platform.clock,
        metrics=metrics,
        patience=Patience(
            unknown=timedelta(seconds=settings.unknown_after_s),
            idle=timedelta(seconds=settings.idle_after_s),
            turn_size=settings.turn_size,
        ),
    )
    return KeeperService(
        keeper=keeper,
        lock=GroupLock(
            broker=platform.broker, topic=topic, group=f"{platform.catalogue.prefix}keeper"
        ),
        metrics=metrics,
        rhythm=Rhythm(turn_s=settings.turn_every_s, sweep_s=settings.sweep_every_s),
        turned=platform.health.turned,
    )


def main() -> None:
    """Run the keeper until SIGTERM."""
    run_process("keeper", PlatformSettings(), lambda platform: build(platform, Settings()))


if __name__ == "__main__":
    main()
