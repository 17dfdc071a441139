"""The dashboard of a deployment as it runs: cameras, alerts, and how long an alert takes."""

from typing import Final

from lookout_cli.observe.grafana import Board, Panel, Query, Unit

_TO_ALERT = "lookout_alerting_capture_to_alert_seconds_bucket"

LIVE: Final = Board(
    uid="lookout-live",
    title="Lookout: live operations",
    help="Cameras, alerts, and how long an alert takes.",
    panels=(
        Panel(
            title="Services at work",
            help="1: works. 0: NOT RUNNING, which is as it should be while no deployment is in force.",
            unit=Unit.COUNT,
            kind="stat",
            width=12,
            bad_below=1,
            alert="LookoutNotRunning",
            queries=[Query("min by (job) (lookout_service_running)", "{{job}}")],
        ),
        Panel(
            title="Cameras that give images",
            help="Of the cameras that capture is told of.",
            unit=Unit.COUNT,
            kind="stat",
            width=6,
            alert="LookoutCameraOffline",
            queries=[
                Query("sum(lookout_capture_camera_up)", "give images"),
                Query("count(lookout_capture_camera_up)", "all"),
            ],
        ),
        Panel(
            title="Alerts in the last hour",
            help="Alerts opened; repetitions and further cameras of the same alert are not counted.",
            unit=Unit.COUNT,
            kind="stat",
            width=6,
            queries=[
                Query(
                    "sum((lookout_alerting_alerts_total unless lookout_alerting_alerts_total offset 1h)"
                    " or increase(lookout_alerting_alerts_total[1h])) or vector(0)",
                    "alerts",
                )
            ],
        ),
        Panel(
            title="From the image to the alert",
            help="Of the last five minutes. The objective: 95 % within a second.",
            unit=Unit.SECONDS,
            warn=0.5,
            bad=1,
            alert="LookoutAlertsLateFast",
            queries=[
                Query("lookout:capture_to_alert_seconds:p95_5m", "95 %"),
                Query(f"histogram_quantile(0.5, sum by (le) (rate({_TO_ALERT}[5m])))", "half"),
            ],
        ),
        Panel(
            title="Alerts later than a second",
            help="A deployment's allowance is 5 %.",
            unit=Unit.SHARE,
            warn=0.1,
            bad=0.4,
            alert="LookoutAlertsLateSlow",
            queries=[
                Query("lookout:alerts_late:ratio_rate5m", "of 5 minutes"),
                Query("lookout:alerts_late:ratio_rate15m", "of 15 minutes"),
                Query("lookout:alerts_late:ratio_rate2h", "of 2 hours"),
            ],
        ),
        Panel(
            title="Alerts opened, by category and response",
            help="Per minute.",
            unit=Unit.PER_MINUTE,
            queries=[
                Query(
                    "sum by (category, response) (rate(lookout_alerting_alerts_total[$__rate_interval])) * 60",
                    "{{category}}, {{response}}",
                )
            ],
        ),
        Panel(
            title="Matches, by what became of them",
            help="Opened an alert, repeated or revised one, or came too late for one.",
            unit=Unit.PER_SECOND,
            queries=[
                Query(
                    "sum by (verdict) (rate(lookout_alerting_matches_total[$__rate_interval]))",
                    "{{verdict}}",
                )
            ],
        ),
        Panel(
            title="Alerts taken by the console",
            help="Foreign ones, and those whose picture does not open, need a look.",
            unit=Unit.PER_SECOND,
            queries=[
                Query(
                    "sum by (outcome) (rate(lookout_console_alerts_total[$__rate_interval]))",
                    "{{outcome}}",
                )
            ],
        ),
        Panel(
            title="Templates on the watchlists",
            help="Of all deployments. Entries that are not looked for are counted beside.",
            unit=Unit.COUNT,
            alert="LookoutWatchlistIncomplete",
            queries=[
                Query("sum(lookout_matching_gallery_templates)", "looked for"),
                Query("sum(lookout_matching_entries_left_out_total)", "entries left out"),
            ],
        ),
        Panel(
            title="Age of the newest image",
            help="By camera.",
            unit=Unit.SECONDS,
            warn=1,
            bad=5,
            alert="LookoutCameraOffline",
            queries=[Query("max by (camera) (lookout_capture_frame_age_seconds)", "{{camera}}")],
        ),
        Panel(
            title="Images sealed",
            help="Per second and camera.",
            unit=Unit.PER_SECOND,
            queries=[
                Query(
                    "sum by (camera) (rate(lookout_capture_frames_total[$__rate_interval]))",
                    "{{camera}}",
                )
            ],
        ),
        Panel(
            title="Readings of a camera that failed",
            help="Per minute.",
            unit=Unit.PER_MINUTE,
            warn=0.5,
            alert="LookoutCameraFailing",
            queries=[
                Query(
                    "sum by (camera) (rate(lookout_capture_source_failures_total[5m])) * 60"
                    " or sum by (camera) (lookout_capture_camera_up) * 0",
                    "{{camera}}",
                )
            ],
        ),
        Panel(
            title="People seen",
            help="Tracks that ended, per minute and camera. A person who is lost sight of and found again counts twice.",
            unit=Unit.PER_MINUTE,
            width=12,
            queries=[
                Query(
                    "sum by (camera) (rate(lookout_detection_tracks_ended_total[5m])) * 60",
                    "{{camera}}",
                )
            ],
        ),
        Panel(
            title="Images not sealed, by reason",
            help="All cameras together. Superseded: a newer image was there before this one's turn came.",
            unit=Unit.PER_SECOND,
            width=12,
            alert="LookoutImagesLost",
            queries=[
                Query(
                    "sum by (reason) (rate(lookout_capture_dropped_total[$__rate_interval]))",
                    "{{reason}}",
                )
            ],
        ),
    ),
)
