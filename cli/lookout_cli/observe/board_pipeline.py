"""The dashboard of how the work flows: lag, throughput, and what is dropped at each stage."""

from typing import Final

from lookout_cli.observe.grafana import Board, Panel, Query, Unit

_NONE = "or sum by (job) (lookout_service_running) * 0"


def _p95(metric: str, *by: str) -> str:
    labels = ", ".join(("le", *by))
    return f"histogram_quantile(0.95, sum by ({labels}) (rate({metric}_bucket[$__rate_interval])))"


PIPELINE: Final = Board(
    uid="lookout-pipeline",
    title="Lookout: pipeline health",
    help="What waits where, how long each stage takes, and what is put aside.",
    panels=(
        Panel(
            title="Behind",
            help="Seconds of work that wait, by service and topic; shown up to a minute.",
            unit=Unit.SECONDS,
            warn=1,
            bad=2,
            alert="LookoutLagging",
            queries=[Query("clamp_max(lookout:stream_behind:seconds, 60)", "{{job}}: {{topic}}")],
        ),
        Panel(
            title="Messages that wait",
            help="By service and topic.",
            unit=Unit.COUNT,
            alert="LookoutStuck",
            queries=[Query("sum by (job, topic) (lookout_stream_lag)", "{{job}}: {{topic}}")],
        ),
        Panel(
            title="Age of what is done with",
            help="Since its image was taken, 95 %, by topic.",
            unit=Unit.SECONDS,
            warn=0.5,
            bad=1,
            alert="LookoutLagging",
            queries=[Query(_p95("lookout_stream_age_seconds", "topic"), "{{topic}}")],
        ),
        Panel(
            title="Messages read",
            help="Per second.",
            unit=Unit.PER_SECOND,
            queries=[
                Query(
                    "sum by (job, topic) (rate(lookout_stream_received_total[$__rate_interval]))",
                    "{{job}}: {{topic}}",
                )
            ],
        ),
        Panel(
            title="Messages produced",
            help="Per second.",
            unit=Unit.PER_SECOND,
            queries=[
                Query(
                    "sum by (job, topic) (rate(lookout_stream_produced_total[$__rate_interval]))",
                    "{{job}}: {{topic}}",
                )
            ],
        ),
        Panel(
            title="Time of a batch",
            help="From its receipt until all of it is done, 95 %.",
            unit=Unit.SECONDS,
            warn=0.25,
            bad=1,
            queries=[Query(_p95("lookout_stream_batch_seconds", "job"), "{{job}}")],
        ),
        Panel(
            title="Steps of capture and detection",
            help="95 %. Detection's are of a frame, but for issue and seal, which are of a batch.",
            unit=Unit.SECONDS,
            queries=[
                Query(_p95("lookout_capture_seconds"), "capture: turn"),
                Query(_p95("lookout_detection_stage_seconds", "stage"), "detection: {{stage}}"),
            ],
        ),
        Panel(
            title="Steps of embedding and matching",
            help="95 %, of a batch; a search of the gallery.",
            unit=Unit.SECONDS,
            queries=[
                Query(_p95("lookout_embedding_stage_seconds", "stage"), "embedding: {{stage}}"),
                Query(_p95("lookout_matching_search_seconds"), "matching: search"),
            ],
        ),
        Panel(
            title="Answers of the keyring",
            help="95 %, as each service sees it. Two over 250 ms in a row stop a service.",
            unit=Unit.SECONDS,
            warn=0.1,
            bad=0.25,
            alert="LookoutKeyringSlow",
            queries=[Query(_p95("lookout_keyring_answer_seconds", "job"), "{{job}}")],
        ),
        Panel(
            title="Images that capture drops",
            help="Per second, by reason.",
            unit=Unit.PER_SECOND,
            alert="LookoutImagesLost",
            queries=[
                Query(
                    "sum by (reason) (rate(lookout_capture_dropped_total[$__rate_interval]))",
                    "{{reason}}",
                )
            ],
        ),
        Panel(
            title="Frames that detection skips",
            help="Per second, by reason. Shed: newer ones waited.",
            unit=Unit.PER_SECOND,
            alert="LookoutShedding",
            queries=[
                Query(
                    "sum by (reason) (rate(lookout_detection_frames_skipped_total[$__rate_interval]))"
                    " or vector(0)",
                    "{{reason}}",
                )
            ],
        ),
        Panel(
            title="Faces that embedding and matching skip",
            help="Per second, by reason.",
            unit=Unit.PER_SECOND,
            queries=[
                Query(
                    "sum by (reason) (rate(lookout_embedding_faces_skipped_total[$__rate_interval]))"
                    " or vector(0)",
                    "embedding: {{reason}}",
                ),
                Query(
                    "sum by (reason) (rate(lookout_matching_skipped_total[$__rate_interval]))",
                    "matching: {{reason}}",
                ),
            ],
        ),
        Panel(
            title="Shots that detection rejects",
            help="Per second, by reason: too small, too dark, turned away.",
            unit=Unit.PER_SECOND,
            queries=[
                Query(
                    "sum by (reason) (rate(lookout_detection_shots_rejected_total[$__rate_interval]))"
                    " or vector(0)",
                    "{{reason}}",
                )
            ],
        ),
        Panel(
            title="Messages nobody can use",
            help="Dead letters as a part of what was read in ten minutes. At a tenth a service ends itself.",
            unit=Unit.SHARE,
            warn=0.01,
            bad=0.1,
            alert="LookoutDeadLetters",
            queries=[Query(f"lookout:stream_dead:ratio_increase10m {_NONE}", "{{job}}")],
        ),
        Panel(
            title="Events no broker takes",
            help="Per second. What was sealed in them is destroyed.",
            unit=Unit.PER_SECOND,
            bad=0.001,
            alert="LookoutUndeliverable",
            queries=[
                Query(
                    "sum by (job) (rate(lookout_stream_undeliverable_total[$__rate_interval]))"
                    f" {_NONE}",
                    "{{job}}",
                )
            ],
        ),
        Panel(
            title="Batches repeated",
            help="Per second: something did not answer.",
            unit=Unit.PER_SECOND,
            warn=0.1,
            alert="LookoutWaiting",
            queries=[
                Query(
                    "sum by (job) (rate(lookout_stream_retries_total[$__rate_interval]))",
                    "{{job}}",
                )
            ],
        ),
        Panel(
            title="Clocks against the keyring's",
            help="Beyond two seconds a service stops.",
            unit=Unit.SECONDS,
            warn=0.5,
            bad=2,
            alert="LookoutClockSkew",
            queries=[
                Query("max by (job) (abs(lookout_keyring_clock_ahead_seconds))", "{{job}}"),
            ],
        ),
        Panel(
            title="Looks at the keyring without an answer",
            help="Per second, of five.",
            unit=Unit.PER_SECOND,
            bad=0.1,
            alert="LookoutKeyringUnanswered",
            queries=[
                Query(
                    "sum by (job) (rate(lookout_keyring_unanswered_total[$__rate_interval]))",
                    "{{job}}",
                )
            ],
        ),
    ),
)
