//! What may happen between here and the service, and what the service may answer.

use super::{Row, row};

pub(super) const ROWS: &[Row] = &[
    row(
        "F18",
        "a closed port, no route, a proxy that says no",
        "exit 5 with the reason",
        &[
            "network::a_server_that_is_not_there_is_unreachable",
            "reach::a_network_without_a_route_is_said",
            "reach::a_proxy_that_is_not_there_or_says_no_is_said",
        ],
    ),
    row(
        "F18",
        "packets vanish, or a handshake stops half-way",
        "3 s for each of three connections; exit 5 or 6",
        &[
            "reach::packets_that_vanish_are_given_up_at_the_deadline",
            "tls::a_handshake_that_hangs_is_given_up",
        ],
    ),
    row(
        "F18 F22",
        "a connection is reset, or closed unanswered",
        "the same request three times, then exit 5",
        &[
            "answers::a_connection_that_ends_without_an_answer_is_tried_again_with_the_same_signature",
            "network::a_reset_connection_is_tried_again_and_then_told",
        ],
    ),
    row(
        "F18",
        "a name is not found, or its server is silent",
        "exit 5, or 6 at the deadline",
        &[
            "reach::a_name_server_that_is_silent_is_given_up_at_the_deadline",
            "reach::a_name_that_cannot_be_looked_up_is_said",
        ],
    ),
    row(
        "F18",
        "IPv6 is dead and IPv4 alive",
        "the one that answers is used",
        &["reach::a_dead_ipv6_address_does_not_hold_up_one_that_answers"],
    ),
    row(
        "F19",
        "the clock is four minutes wrong",
        "credentials at the first request",
        &[
            "clock::a_clock_that_is_a_little_wrong_is_not_corrected",
            "computer::a_clock_that_is_four_minutes_wrong_is_right_enough",
        ],
    ),
    row(
        "F19",
        "the clock is an hour wrong, either way",
        "signed once more with the service's time, and said",
        &[
            "clock::a_clock_that_is_wrong_is_corrected_once_with_a_new_signature",
            "clock::a_clock_that_is_wrong_is_named_where_the_correction_does_not_help",
            "clock::a_clock_that_is_wrong_is_said_on_a_terminal",
            "computer::a_clock_that_is_an_hour_wrong_is_corrected_once",
        ],
    ),
    row(
        "F19",
        "the clock is days wrong",
        "exit 5 with how much; nothing is signed for that time",
        &["clock::a_clock_that_is_days_wrong_is_named_and_not_corrected"],
    ),
    row(
        "F20",
        "seven certificates that must not be trusted",
        "exit 5 with host and reason; no request, no retry",
        &[
            "network::a_server_of_an_unknown_ca_is_not_trusted_and_gets_nothing",
            "tls::a_flawed_certificate_is_named_with_its_flaw_and_gets_no_request",
        ],
    ),
    row(
        "F20",
        "TLS 1.1, no TLS at all, a broken handshake",
        "exit 5; no request",
        &["tls::old_versions_of_tls_are_refused_and_get_no_request", "tls::what_is_no_tls_is_said"],
    ),
    row(
        "F21",
        "the answer hangs, or drips",
        "exit 6 at the deadline of the run",
        &[
            "answers::a_dripping_answer_is_given_up_at_the_deadline",
            "network::a_server_that_hangs_is_given_up_at_the_deadline",
        ],
    ),
    row(
        "F22",
        "429, 500, 502, 503, 504",
        "the same request three times at most, then exit 5",
        &[
            "answers::each_kind_of_trouble_there_has_its_words",
            "answers::trouble_that_ends_is_no_trouble",
            "network::a_third_refusal_to_serve_is_the_last",
            "network::throttling_and_trouble_are_tried_again_with_the_same_signature",
        ],
    ),
    row(
        "F22",
        "a thousand clients are turned away at once",
        "they come back spread, and not before Retry-After",
        &[
            "answers::a_wish_to_be_asked_after_the_deadline_is_not_waited_for",
            "faults::back_off::a_thousand_clients_come_back_evenly_spread",
            "network::a_wish_to_be_asked_later_is_honoured",
            "network::an_absurd_retry_after_is_an_ordinary_refusal",
        ],
    ),
    row(
        "F22",
        "400, 403, 404",
        "asked once; exit 5 with the service's own words",
        &[
            "answers::what_is_refused_for_good_is_asked_once",
            "network::each_known_refusal_says_its_cause",
            "network::other_refusals_have_their_classes_too",
        ],
    ),
    row(
        "F23",
        "answers cut, endless, malformed or expired",
        "exit 5 with host and reason; memory bounded",
        &[
            "answers::a_head_that_is_too_long_is_not_read",
            "answers::a_truncated_answer_is_never_a_success",
            "answers::an_answer_without_an_end_is_cut_and_does_not_fill_the_memory",
            "answers::malformed_answers_of_every_kind_are_named",
            "answers::redirects_are_not_followed",
            "limits::a_server_that_sends_too_much_is_left_at_the_limit",
            "network::other_refusals_have_their_classes_too",
        ],
    ),
    row(
        "F24",
        "our certificate has expired, or is not yet valid",
        "exit 3 without a connection",
        &[
            "computer::a_clock_outside_the_certificates_time_is_found_before_anything_is_sent",
            "errors::certificates_that_break_a_rule_are_refused_before_any_pin_and_any_request",
        ],
    ),
    row(
        "F24",
        "it expires within a day",
        "one warning on a terminal, none to an SDK",
        &["computer::a_person_is_warned_once_when_the_certificate_is_near_its_end"],
    ),
];
