"""The dashboard of how much more would fit."""

from typing import Final

from lookout_cli.observe.grafana import Board, Panel, Query, Unit

_SERVICES = 'job=~"capture|detection|embedding|matching|alerting|keeper|console"'

CAPACITY: Final = Board(
    uid="lookout-capacity",
    title="Lookout: capacity",
    help="What the services use, and how much more would fit.",
    panels=(
        Panel(
            title="Processor",
            help="Cores in use, by service, all instances together.",
            unit=Unit.COUNT,
            queries=[
                Query(
                    f"sum by (job) (rate(process_cpu_seconds_total{{{_SERVICES}}}[$__rate_interval]))",
                    "{{job}}",
                )
            ],
        ),
        Panel(
            title="Memory",
            help="Resident, by service, all instances together.",
            unit=Unit.BYTES,
            queries=[
                Query(
                    f"sum by (job) (process_resident_memory_bytes{{{_SERVICES}}})",
                    "{{job}}",
                )
            ],
        ),
        Panel(
            title="Time at work",
            help="Part of the time in which an instance has a batch in hand. Near 1, the next load makes it lag.",
            unit=Unit.SHARE,
            warn=0.7,
            bad=0.9,
            alert="LookoutLagging",
            queries=[
                Query(
                    "sum by (job) (rate(lookout_stream_batch_seconds_sum[$__rate_interval]))"
                    " / count by (job) (lookout_service_running)",
                    "{{job}}",
                ),
                Query(
                    "sum by (job) (rate(lookout_capture_seconds_sum[$__rate_interval]))"
                    " / count by (job) (lookout_capture_seconds_sum)",
                    "{{job}}: sealing",
                ),
            ],
        ),
        Panel(
            title="Work done",
            help="Per second.",
            unit=Unit.PER_SECOND,
            queries=[
                Query(
                    "sum(rate(lookout_detection_frames_total[$__rate_interval]))",
                    "frames looked at",
                ),
                Query(
                    "sum(rate(lookout_detection_faces_detected_total[$__rate_interval]))",
                    "faces on them",
                ),
                Query("sum(rate(lookout_detection_shots_sent_total[$__rate_interval]))", "shots"),
                Query(
                    "sum(rate(lookout_matching_comparisons_total[$__rate_interval]))",
                    "comparisons",
                ),
            ],
        ),
        Panel(
            title="Processor time of a frame",
            help="Of all services together, for each frame looked at.",
            unit=Unit.SECONDS,
            queries=[
                Query(
                    f"sum(rate(process_cpu_seconds_total{{{_SERVICES}}}[$__rate_interval]))"
                    " / sum(rate(lookout_detection_frames_total[$__rate_interval]))",
                    "seconds a frame",
                )
            ],
        ),
        Panel(
            title="Frames shed",
            help="Of the frames that detection was given.",
            unit=Unit.SHARE,
            warn=0.01,
            bad=0.05,
            alert="LookoutShedding",
            queries=[
                Query(
                    "lookout:frames_shed:ratio_rate1m"
                    ' or sum(rate(lookout_stream_received_total{job="detection"}[1m])) * 0',
                    "shed",
                )
            ],
        ),
        Panel(
            title="Images lost, by camera",
            help="Of those that could have been sealed.",
            unit=Unit.SHARE,
            warn=0.05,
            bad=0.2,
            alert="LookoutImagesLost",
            queries=[Query("lookout:images_lost:ratio_rate1m", "{{camera}}")],
        ),
        Panel(
            title="Sealed pictures to the broker",
            help="Bytes per second and camera, before replication.",
            unit=Unit.BYTES_PER_SECOND,
            queries=[
                Query(
                    "sum by (camera) (rate(lookout_capture_frame_bytes_total[$__rate_interval]))",
                    "{{camera}}",
                )
            ],
        ),
        Panel(
            title="Frames not yet acknowledged",
            help="At eight, capture drops images.",
            unit=Unit.COUNT,
            warn=4,
            bad=8,
            alert="LookoutImagesLost",
            queries=[Query("max(lookout_capture_unacknowledged_frames)", "frames")],
        ),
        Panel(
            title="Templates in the gallery",
            help="Each shot is compared with every template of its deployment.",
            unit=Unit.COUNT,
            queries=[Query("sum(lookout_matching_gallery_templates)", "templates")],
        ),
        Panel(
            title="Chips that the model is given at a time",
            help="The mean. Larger batches cost less a face, and come with load.",
            unit=Unit.COUNT,
            queries=[
                Query(
                    "sum(rate(lookout_embedding_batch_chips_sum[$__rate_interval]))"
                    " / sum(rate(lookout_embedding_batch_chips_count[$__rate_interval]))",
                    "chips",
                )
            ],
        ),
        Panel(
            title="Shots that wait for a second one",
            help="Above the threshold, and not confirmed yet.",
            unit=Unit.COUNT,
            queries=[Query("sum(lookout_matching_pending_shots)", "shots")],
        ),
        Panel(
            title="Keys made",
            help="Per second, by what they seal.",
            unit=Unit.PER_SECOND,
            queries=[
                Query(
                    "sum by (purpose) (rate(lookout_keys_made_total[$__rate_interval]))",
                    "{{purpose}}",
                )
            ],
        ),
        Panel(
            title="Instances",
            help="By service.",
            unit=Unit.COUNT,
            queries=[Query("count by (job) (lookout_service_running)", "{{job}}")],
        ),
        Panel(
            title="Open files",
            help="Part of what a process may open.",
            unit=Unit.SHARE,
            warn=0.5,
            bad=0.8,
            queries=[
                Query(
                    f"max by (job) (process_open_fds{{{_SERVICES}}} / process_max_fds{{{_SERVICES}}})",
                    "{{job}}",
                )
            ],
        ),
    ),
)
