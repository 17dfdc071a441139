"""The keeper's wiring."""

from collections.abc import Callable
from datetime import timedelta

import httpx
from lookout.events import Deployment, Erasure, PurgeCertificate
from lookout.hosting.platform import Platform
from lookout.hosting.service import Service, run_process
from lookout.hosting.settings import PlatformSettings, secret_of
from lookout.sealing.signing import ROLE_RECEIPTS, Signer
from lookout.stream.follower import Follower

from lookout_keeper.adapters.anchor_folder import AnchorFolder, NoFolder
from lookout_keeper.adapters.anchor_webhook import TIMEOUT_S, AnchorWebhook
from lookout_keeper.adapters.erasures import TopicLog
from lookout_keeper.adapters.lock import GroupLock
from lookout_keeper.adapters.purge import SealedTopics
from lookout_keeper.ages import Allowed
from lookout_keeper.anchoring import Anchoring, AnchorRules
from lookout_keeper.anchors import Anchor
from lookout_keeper.closing import Closing, Pace
from lookout_keeper.metrics import Metrics
from lookout_keeper.processor import Keeper, Patience
from lookout_keeper.service import KeeperService, Rhythm
from lookout_keeper.settings import Settings
from lookout_keeper.watching import KeyWatch


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
    anchoring = make_anchoring(platform, settings, keeper, signer, metrics)
    closing = make_closing(platform, settings, keeper, signer, metrics, anchoring.request)
    watch = KeyWatch(
        keyring=platform.keyring,
        books=keeper,
        clock=platform.clock,
        metrics=metrics,
        allowed=Allowed(),
    )

    def after_turn() -> None:
        watch.turn()
        closing.turn()
        anchoring.turn()

    return KeeperService(
        keeper=keeper,
        lock=GroupLock(
            broker=platform.broker, topic=topic, group=f"{platform.catalogue.prefix}keeper"
        ),
        metrics=metrics,
        rhythm=Rhythm(turn_s=settings.turn_every_s, sweep_s=settings.sweep_every_s),
        turned=platform.health.turned,
        after_turn=after_turn,
        at_end=anchoring.make,
        also=anchoring.state,
    )


def make_anchoring(
    platform: Platform, settings: Settings, keeper: Keeper, signer: Signer, metrics: Metrics
) -> Anchoring:
    """What takes the chain's head out of Kafka."""
    folder = settings.anchor_folder
    send: Callable[[Anchor], None] = _nowhere
    url = secret_of(settings.anchor_webhook_url_file)
    if url is not None:
        webhook = AnchorWebhook(
            client=httpx.Client(timeout=TIMEOUT_S),
            url=url,
            secret=secret_of(settings.anchor_webhook_secret_file),
            metrics=metrics,
        )
        platform.closing(webhook.close)
        send = webhook.send
    return Anchoring(
        books=keeper,
        sign=signer.sign,
        store=NoFolder() if folder is None else AnchorFolder(folder),
        send=send,
        clock=platform.clock,
        metrics=metrics,
        rules=AnchorRules(
            every=timedelta(seconds=settings.anchor_every_s), links=settings.anchor_links
        ),
    )


def _nowhere(_anchor: Anchor) -> None:
    """Where anchors go that are only kept."""


def make_closing(
    platform: Platform,
    settings: Settings,
    keeper: Keeper,
    signer: Signer,
    metrics: Metrics,
    certified: Callable[[], None],
) -> Closing:
    """The purge of deployments that are over, fed by what it follows."""
    followed: list[Follower] = []
    closing = Closing(
        keyring=platform.keyring,
        vault=platform.vault,
        books=keeper,
        topics=SealedTopics(
            broker=platform.broker,
            codec=platform.codec,
            catalogue=platform.catalogue,
            emit=platform.emit,
        ),
        sign=signer.sign,
        body_of=platform.codec.unsigned_body,
        known=lambda: len(followed) == 2 and all(one.healthy() for one in followed),
        name=platform.instance,
        clock=platform.clock,
        metrics=metrics,
        pace=Pace(
            grace=timedelta(seconds=settings.close_grace_s),
            patience=timedelta(seconds=settings.close_patience_s),
            again=timedelta(seconds=settings.close_again_s),
        ),
    )
    followed.append(platform.follow(Deployment, closing.heard, signed=True))

    def heard(certificate: PurgeCertificate) -> None:
        closing.heard_certificate(certificate)
        # What a certificate tells of is worth an anchor.
        certified()

    followed.append(platform.follow(PurgeCertificate, heard, signed=True))
    return closing


def main() -> None:
    """Run the keeper until SIGTERM."""
    run_process("keeper", PlatformSettings(), lambda platform: build(platform, Settings()))


if __name__ == "__main__":
    main()
