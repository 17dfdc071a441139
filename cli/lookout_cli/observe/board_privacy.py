"""The dashboard of whether everyone else is forgotten."""

from typing import Final

from lookout_cli.observe.grafana import Board, Panel, Query, Unit

_DELAY = "lookout_keys_destruction_delay_seconds_bucket"
_WRITING = "and on (instance) lookout_keeper_active == 1"

PRIVACY: Final = Board(
    uid="lookout-privacy",
    title="Lookout: privacy",
    help="Whether everyone who is not on the watchlist is forgotten, and whether that is on record.",
    panels=(
        Panel(
            title="Keys overdue",
            help="Keys alive for longer than what they are for allows. Always 0.",
            unit=Unit.COUNT,
            kind="stat",
            width=6,
            bad=1,
            alert="LookoutKeysOverdue",
            queries=[
                Query(
                    f"sum by (purpose) (lookout_keeper_keys_overdue {_WRITING})",
                    "{{purpose}}",
                )
            ],
        ),
        Panel(
            title="Keys unaccounted for",
            help="Neither receipted, alive nor on the way. 0 but for moments.",
            unit=Unit.COUNT,
            kind="stat",
            width=6,
            bad=1,
            alert="LookoutKeysUnaccounted",
            queries=[
                Query(f'sum(lookout_keeper_keys{{state="unaccounted"}} {_WRITING})', "keys"),
            ],
        ),
        Panel(
            title="Blocks never announced",
            help="Keys made outside the account. Always 0.",
            unit=Unit.COUNT,
            kind="stat",
            width=6,
            bad=1,
            alert="LookoutKeysNotAnnounced",
            queries=[Query("max(lookout_keeper_unannounced_blocks)", "blocks")],
        ),
        Panel(
            title="Last verification of erasure",
            help="How long ago, and whether it held (1).",
            unit=Unit.SECONDS,
            kind="stat",
            width=6,
            bad=90_000,
            alert="LookoutVerificationOld",
            queries=[
                Query("time() - max(lookout_verify_finished_timestamp_seconds)", "ago"),
                Query("min(lookout_verify_ok)", "held"),
            ],
        ),
        Panel(
            title="Forgetting those who match nobody",
            help="From the image to the destruction of the face's key. The promise: 99 % within a second.",
            unit=Unit.SECONDS,
            warn=0.5,
            bad=1,
            alert="LookoutForgettingSlow",
            queries=[
                Query("lookout:forgotten_seconds:p99_1m", "99 %"),
                Query(
                    f'histogram_quantile(0.5, sum by (le) (rate({_DELAY}{{reason="no_match"}}[1m])))',
                    "half",
                ),
            ],
        ),
        Panel(
            title="Forgotten later than a second",
            help="Of those who match nobody. A deployment's allowance is 1 %.",
            unit=Unit.SHARE,
            warn=0.02,
            bad=0.08,
            alert="LookoutForgettingLateFast",
            queries=[
                Query("lookout:forgotten_late:ratio_rate5m", "of 5 minutes"),
                Query("lookout:forgotten_late:ratio_rate15m", "of 15 minutes"),
                Query("lookout:forgotten_late:ratio_rate2h", "of 2 hours"),
            ],
        ),
        Panel(
            title="Forgetting frames",
            help="From the image to the destruction of the frame's key.",
            unit=Unit.SECONDS,
            warn=0.5,
            bad=2,
            alert="LookoutKeysOverdue",
            queries=[
                Query(
                    f'histogram_quantile(0.99, sum by (le) (rate({_DELAY}{{reason="processed"}}[1m])))',
                    "99 %",
                ),
                Query(
                    f'histogram_quantile(0.5, sum by (le) (rate({_DELAY}{{reason="processed"}}[1m])))',
                    "half",
                ),
            ],
        ),
        Panel(
            title="Keys alive",
            help="By what they are for now.",
            unit=Unit.COUNT,
            queries=[
                Query(f"sum by (purpose) (lookout_keeper_keys_alive {_WRITING})", "{{purpose}}")
            ],
        ),
        Panel(
            title="Keys made and destroyed",
            help="Per second.",
            unit=Unit.PER_SECOND,
            queries=[
                Query("sum(rate(lookout_keys_made_total[$__rate_interval]))", "made"),
                Query(
                    "sum by (reason) (rate(lookout_keys_destroyed_total[$__rate_interval]))",
                    "destroyed: {{reason}}",
                ),
            ],
        ),
        Panel(
            title="Keys that ended by themselves",
            help="Nobody destroyed them in time: a crash, a lag, or a keyring started anew.",
            unit=Unit.PER_SECOND,
            bad=0.1,
            alert="LookoutKeysExpired",
            queries=[
                Query(
                    'sum(rate(lookout_keeper_receipts_total{reason="expired"}[$__rate_interval]))',
                    "expired",
                )
            ],
        ),
        Panel(
            title="Receipts written",
            help="Per second, by why the key ended.",
            unit=Unit.PER_SECOND,
            queries=[
                Query(
                    "sum by (reason) (rate(lookout_keeper_receipts_total[$__rate_interval]))",
                    "{{reason}}",
                )
            ],
        ),
        Panel(
            title="Receipts on their way",
            help="Destroyed, and not yet on the topic: in the keyring's memory only.",
            unit=Unit.COUNT,
            warn=1000,
            bad=5000,
            alert="LookoutReceiptsBacklog",
            queries=[
                Query(f'sum(lookout_keeper_keys{{state="pending"}} {_WRITING})', "receipts"),
            ],
        ),
        Panel(
            title="Links of the chain",
            help="Written per second; broken ones by what they are. A broken link is for a person to look into.",
            unit=Unit.PER_SECOND,
            alert="LookoutReceiptsBroken",
            queries=[
                Query("sum(rate(lookout_keeper_records_total[$__rate_interval]))", "written"),
                Query(
                    "sum by (verdict) (rate(lookout_keeper_judged_records_total"
                    '{verdict=~"gap|altered|untrusted"}[$__rate_interval]))',
                    "{{verdict}}",
                ),
            ],
        ),
        Panel(
            title="Since the last anchor",
            help="Each minute the keeper notes outside Kafka where its chain ends.",
            unit=Unit.SECONDS,
            warn=90,
            bad=300,
            alert="LookoutReceiptsNotAnchored",
            queries=[
                Query("time() - max(lookout_keeper_anchored_timestamp_seconds)", "since then"),
            ],
        ),
        Panel(
            title="Time of the keeper's turn",
            help="Taking receipts from the keyring to the topic.",
            unit=Unit.SECONDS,
            warn=0.5,
            bad=0.9,
            alert="LookoutChainStalled",
            queries=[
                Query(
                    "histogram_quantile(0.95, sum by (le)"
                    " (rate(lookout_keeper_turn_seconds_bucket[$__rate_interval])))",
                    "95 %",
                )
            ],
        ),
        Panel(
            title="Deployments to be purged",
            help="Over, and not purged completely.",
            unit=Unit.COUNT,
            warn=1,
            alert="LookoutPurgeOverdue",
            queries=[Query("max(lookout_keeper_closing_deployments)", "deployments")],
        ),
        Panel(
            title="Control records refused",
            help="Unreadable, or signed by nobody who may. Always 0.",
            unit=Unit.PER_SECOND,
            bad=0.001,
            alert="LookoutControlRefused",
            queries=[
                Query(
                    "sum by (job) (rate(lookout_control_refused_total[$__rate_interval]))"
                    " or sum by (job) (lookout_service_running) * 0",
                    "{{job}}",
                )
            ],
        ),
    ),
)
