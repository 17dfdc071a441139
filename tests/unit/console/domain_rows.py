"""Which row of the requirements (domain.md, section 5) is held by which tests, and which by none here, and why.

A test is named as FILE::NAME under ``tests/``. Rows of the pipeline's services are held by their own tests.
"""

from collections.abc import Mapping
from typing import Final

_ALERTS: Final = "contract/console/test_console_alerts.py"
_DEPLOYMENTS: Final = "contract/console/test_console_deployments.py"
_RETENTION: Final = "contract/console/test_console_retention.py"
_LISTS: Final = "contract/console/test_console_watchlists.py"
_AUDIT: Final = "contract/console/test_console_audit.py"
_ADAPTERS: Final = "unit/console/test_console_adapters.py"
_D_ALERTS: Final = "unit/console/test_domain_alerts.py"
_D_DEPLOYMENTS: Final = "unit/console/test_domain_deployments.py"
_D_RETENTION: Final = "unit/console/test_domain_retention.py"
_REPORTS: Final = "integration/console/test_console_reports.py"
_HANDSET: Final = "integration/console/test_console_handset.py"
_MATRIX: Final = "integration/console/test_console_matrix.py"
_KAFKA: Final = "integration/test_console_on_kafka.py"

ROWS: Final[Mapping[int, tuple[str, ...]]] = {
    1: (
        f"{_D_DEPLOYMENTS}::test_a_step_is_taken_from_its_stages_by_its_roles_and_no_others",
        f"{_DEPLOYMENTS}::test_nothing_is_told_to_the_services_before_it_is_live",
        f"{_KAFKA}::test_from_draft_to_alert_withdrawal_and_stop_by_the_consoles_api",
    ),
    2: (
        f"{_D_DEPLOYMENTS}::test_it_goes_live_within_its_window_only",
        f"{_DEPLOYMENTS}::test_the_window_ends_it_whoever_is_at_the_console",
        f"{_DEPLOYMENTS}::test_a_longer_window_needs_another_authority",
    ),
    3: (
        f"{_D_DEPLOYMENTS}::test_use_cases_are_the_three_that_the_policy_knows",
        f"{_D_DEPLOYMENTS}::test_a_plan_that_nobody_could_authorise_is_refused",
    ),
    4: (
        f"{_LISTS}::test_a_row_without_something_required_is_refused_and_says_what",
        f"{_LISTS}::test_a_row_that_the_rules_do_not_let_in_is_refused",
    ),
    5: (
        f"{_DEPLOYMENTS}::test_adding_to_the_list_after_authority_voids_it",
        f"{_DEPLOYMENTS}::test_going_live_sends_the_list_and_then_the_authority_over_exactly_that_list",
        f"{_LISTS}::test_the_list_is_compared_with_the_last_one",
        f"{_D_DEPLOYMENTS}::test_a_list_that_changed_after_it_was_signed_does_not_go_live",
    ),
    6: (f"{_LISTS}::test_an_old_picture_is_warned_of",),
    7: (f"{_LISTS}::test_under_18_with_extra_authority_is_let_in_and_flagged_to_who_signs",),
    8: (
        f"{_LISTS}::test_a_withdrawal_is_sent_at_once_voids_nothing_and_logs_the_new_hash",
        f"{_D_ALERTS}::test_disposals_know_more_than_arrest",
    ),
    9: (
        f"{_RETENTION}::test_people_are_forgotten_a_day_after_the_end_reviewed_or_not",
        f"{_RETENTION}::test_templates_open_for_nobody_from_the_end_on",
        f"{_RETENTION}::test_the_latest_certificate_of_a_purge_is_kept_once",
    ),
    12: (
        f"{_D_RETENTION}::test_evidence_ends_no_later_than_its_period_and_at_most_one_key_earlier",
        f"{_RETENTION}::test_held_evidence_outlives_its_day_until_it_is_released",
    ),
    14: (
        f"{_D_ALERTS}::test_an_alert_begins_as_nothing_but_waiting",
        f"{_ALERTS}::test_nobody_is_recorded_as_met_before_two_agreed",
        f"{_ALERTS}::test_a_verdict_names_who_gave_it_and_is_told_to_other_systems",
    ),
    15: (f"{_D_ALERTS}::test_a_score_is_no_reason",),
    16: (
        f"{_ALERTS}::test_the_second_verifier_does_not_see_the_first_verdict_until_it_is_decided",
        f"{_ALERTS}::test_one_person_is_never_both_verifiers",
        f"{_D_ALERTS}::test_nobody_is_to_be_stopped_without_as_many_agreeing_as_policy_asks",
    ),
    17: (f"{_LISTS}::test_a_row_that_the_rules_do_not_let_in_is_refused",),
    18: (
        f"{_HANDSET}::test_what_a_handset_has_and_answers_is_in_the_ledger_and_the_van_sees_it",
        f"{_HANDSET}::test_a_handset_that_is_not_heard_of_is_shown_as_not_connected",
        f"{_HANDSET}::test_the_end_of_the_deployment_wipes_every_handset",
    ),
    19: (
        f"{_D_ALERTS}::test_truth_and_disposal_are_two_things_and_no_further_action_is_always_possible",
    ),
    20: (
        f"{_D_ALERTS}::test_disposals_know_more_than_arrest",
        f"{_ALERTS}::test_adjudication_truth_and_disposal_are_kept_apart_and_a_later_charge_is_added",
    ),
    21: (
        f"{_ALERTS}::test_adjudication_truth_and_disposal_are_kept_apart_and_a_later_charge_is_added",
    ),
    23: (f"{_REPORTS}::test_more_than_one_false_alert_in_a_thousand_faces_is_warned_of",),
    24: (
        "contract/console/test_console_passes.py::test_a_pass_that_raised_no_alert_is_counted_as_missed",
        "unit/console/test_domain_passes.py::test_misses_are_counted_and_the_rate_has_its_interval",
    ),
    25: (
        f"{_REPORTS}::test_the_record_counts_rates_with_intervals_apart_from_volunteers_and_names_nobody",
    ),
    26: (
        f"{_DEPLOYMENTS}::test_going_live_sends_the_list_and_then_the_authority_over_exactly_that_list",
        f"{_ALERTS}::test_a_verdict_names_who_gave_it_and_is_told_to_other_systems",
    ),
    27: (
        f"{_ALERTS}::test_every_look_at_a_person_is_recorded",
        f"{_AUDIT}::test_many_who_write_at_once_make_one_chain_without_a_gap",
        f"{_AUDIT}::test_a_row_altered_behind_the_console_is_found",
        "unit/cli/test_verify_audit.py::test_a_store_rewritten_whole_shows_against_the_topic",
    ),
    28: (
        f"{_DEPLOYMENTS}::test_the_applicant_cannot_authorise_with_both_roles",
        f"{_D_DEPLOYMENTS}::test_nobody_both_applies_or_operates_and_authorises_by_one_role",
        f"{_MATRIX}::test_every_role_and_nobody_meets_every_route_as_the_table_says",
    ),
    29: (
        f"{_REPORTS}::test_the_record_counts_rates_with_intervals_apart_from_volunteers_and_names_nobody",
        f"{_REPORTS}::test_the_year_adds_up_what_went_live_and_leaves_out_what_did_not",
    ),
    31: (f"{_RETENTION}::test_the_ledger_answers_after_the_people_are_gone_and_names_nobody",),
    32: (
        f"{_DEPLOYMENTS}::test_an_authority_refused_or_withdrawn_ends_and_purges_everything_tied_to_it",
    ),
    33: (
        f"{_DEPLOYMENTS}::test_any_command_role_stops_it_with_a_reason_and_the_services_are_told_at_once",
        f"{_KAFKA}::test_from_draft_to_alert_withdrawal_and_stop_by_the_consoles_api",
    ),
    34: (
        f"{_DEPLOYMENTS}::test_while_the_audit_cannot_be_written_nothing_happens",
        f"{_AUDIT}::test_if_the_audit_cannot_be_written_the_claim_does_not_happen",
        f"{_ADAPTERS}::test_an_alert_that_cannot_be_kept_is_tried_again_and_its_key_lives",
    ),
    35: (f"{_REPORTS}::test_the_review_is_drafted_from_the_log_for_a_person_to_sign",),
    36: (
        f"{_LISTS}::test_who_need_not_know_names_is_told_none",
        f"{_HANDSET}::test_the_shell_that_a_handset_keeps_is_the_same_for_everybody_and_holds_no_alert",
    ),
    37: (f"{_ADAPTERS}::test_a_track_is_counted_once_however_often_its_record_is_read",),
}

WITHOUT: Final[Mapping[int, str]] = {
    10: "held by detection, matching and keeper: nobody who raised no alert reaches the console",
    11: "held by detection: previews are pixelated before they are sent",
    13: "a thing that is absent: there is no route or action that searches faces or joins cameras",
    22: "the threshold is matching's, from the pack's calibration; the console has no control for it",
    30: "the notice is a page made from the deployment; its words are looked at by people, not by a test",
}
