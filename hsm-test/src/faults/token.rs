//! Tokens, cards and TPMs that fail, and the modules and services between them and us.

use super::{Row, row};

pub(super) const MODULES: &[Row] = &[
    row(
        "F1",
        "no token is there at the start",
        "looked for again, then exit 3 with what is there",
        &[
            "errors::tokens_and_objects_that_do_not_fit_are_named",
            "faults::no_token_at_all_is_said_after_a_second_look",
            "faults::removal::where_no_token_is_there_at_the_start_it_is_said_at_once",
        ],
    ),
    row(
        "F1",
        "the token is put in later",
        "used; --wait names it and waits so long",
        &["faults::a_token_that_is_there_a_moment_later_is_used", "pins::waits::"],
    ),
    row(
        "F2",
        "it is pulled out before the signature",
        "exit 3, \"was removed\", however the module says it",
        &[
            "faults::a_token_that_is_removed_before_its_signature_is_said_to_be",
            "faults::removal::before_the_signature_it_is_said_whichever_way_the_module_says_it",
        ],
    ),
    row(
        "F3",
        "it is pulled out during the signature",
        "exit 3 once the module knows, or 6 after 10 s",
        &[
            "faults::removal::a_signature_that_never_comes_is_given_up_at_the_deadline_of_a_call",
            "faults::removal::during_the_signature_it_is_said_as_soon_as_the_module_knows",
        ],
    ),
    row(
        "F4",
        "another token is in its slot",
        "exit 3; the PIN is not sent to it",
        &["faults::another_token_in_the_same_slot_is_not_logged_in_to"],
    ),
    row(
        "F5",
        "a wrong PIN",
        "exit 4 after one login, with what is left of tries",
        &[
            "errors::pins_are_refused_with_what_the_token_tells",
            "faults::a_wrong_pin_and_a_locked_one_are_sent_once",
            "lockout::a_wrong_pin_costs_one_try_and_none_while_its_source_is_the_same",
            "lockout::the_token_itself_has_counted_no_more_tries_than_that",
        ],
    ),
    row(
        "F5",
        "fifty runs at once with one wrong PIN",
        "two tries at most",
        &["lockout::fifty_callers_with_one_wrong_pin_cost_two_tries_at_most"],
    ),
    row(
        "F7",
        "one try is left, or none",
        "exit 4 without a login, but for --use-last-try",
        &[
            "faults::a_lost_session_is_no_reason_to_use_the_last_try",
            "lockout::the_last_try_and_a_lock_are_left_alone_whatever_the_way",
            "tokens::a_key_that_asks_each_time_obeys_the_last_try_too",
            "tokens::a_locked_token_is_left_alone",
            "tokens::the_last_try_is_used_only_by_name",
        ],
    ),
    row(
        "F8",
        "the module crashes, in any of 12 functions",
        "exit 3 with signal and function; the PIN sent once",
        &[
            "faults::a_module_that_crashes_or_ends_anywhere_is_named_with_the_function",
            "hosts::a_module_that_crashes_is_an_error_that_names_the_function",
            "hosts::a_module_that_ends_the_process_is_an_error_that_names_the_function",
        ],
    ),
    row(
        "F8 F9",
        "it crashes or hangs once it has signed",
        "the credentials are printed all the same",
        &["faults::a_module_that_breaks_after_the_signature_does_not_spoil_the_credential"],
    ),
    row(
        "F9 G14",
        "the module hangs, in any of 12 functions",
        "exit 6 at the deadline; its process is gone",
        &[
            "faults::a_module_that_hangs_anywhere_is_given_up_and_the_function_named",
            "hosts::a_module_that_hangs_is_given_up_at_the_deadline_of_a_call",
            "hosts::a_shorter_run_gives_a_hanging_module_up_earlier",
        ],
    ),
    row(
        "F10",
        "untrue counts, lengths, handles or texts",
        "exit 3; nothing is read or reserved for them",
        &[
            "faults::a_module_that_lies_about_handles_and_texts_is_an_error",
            "faults::a_module_that_lies_about_numbers_is_not_believed",
            "limits::a_module_that_speaks_of_four_gigabytes_is_not_believed",
            "tokens::a_token_whose_info_does_not_parse_is_skipped",
        ],
    ),
    row(
        "F10 G8",
        "a signature of a wrong size, or of nothing",
        "exit 3; not one byte of it is sent",
        &[
            "faults::a_signature_of_the_wrong_size_is_never_sent",
            "tokens::a_signature_of_another_key_is_never_sent",
            "tokens::a_wrong_signature_is_never_sent",
        ],
    ),
    row(
        "G8",
        "key and certificate do not belong together",
        "exit 3 before a login and before a connection",
        &[
            "ahead::nothing_is_connected_where_the_files_are_wrong",
            "calls::nothing_is_tried_where_the_certificate_is_wrong",
            "errors::a_weakly_signed_certificate_and_another_keys_certificate_are_refused",
        ],
    ),
    row(
        "F11",
        "session, login, handle or all state is lost",
        "got over once with the same PIN, then exit 3",
        &[
            "faults::a_key_that_asks_each_time_survives_a_lost_session",
            "faults::a_search_in_a_lost_session_is_got_over_too",
            "faults::a_session_that_is_lost_again_is_an_error",
            "faults::a_session_that_is_lost_is_opened_anew_with_the_pin_that_was_accepted",
            "prompts::a_person_is_not_asked_again_when_the_session_is_lost",
        ],
    ),
    row(
        "F12",
        "somebody is logged in already",
        "it counts as logged in",
        &["faults::a_token_that_is_logged_in_to_already_is_ready"],
    ),
    row(
        "F12",
        "a general error, as SoftHSM gives under load",
        "tried again three times, never a login or signature",
        &[
            "faults::what_fails_for_no_reason_is_tried_again_but_never_a_login_or_a_signature",
            "hosts::many_runs_at_once_share_one_token",
        ],
    ),
    row(
        "F12",
        "any other return value, or a missing function",
        "exit 3 or 4 in words, with the next step",
        &[
            "faults::a_function_that_a_module_does_not_have_is_named",
            "faults::every_return_value_has_its_sentence_and_its_next_step",
        ],
    ),
];

pub(super) const DEVICES: &[Row] = &[
    row(
        "F2 F3",
        "a card is pulled out at any step, or is silent",
        "exit 3, or 6 at the deadline; no try is used up",
        &[
            "piv::faults::a_card_that_is_pulled_at_any_step_is_said_and_works_again",
            "piv::faults::a_card_that_is_pulled_between_the_pin_and_the_signature_is_said",
            "piv::faults::a_card_that_never_answers_is_given_up",
            "piv::prompts::a_card_that_is_pulled_while_a_person_types_is_missed",
        ],
    ),
    row(
        "F4",
        "another card is put in, or the same one again",
        "the PIN is for the same one only",
        &[
            "piv::prompts::a_card_that_is_pulled_and_put_in_again_while_a_person_types_is_used",
            "piv::prompts::a_card_that_turns_out_to_be_another_one_is_not_sent_the_pin",
            "piv::prompts::another_card_in_its_place_is_not_sent_the_pin",
            "tpm::faults::a_password_is_not_sent_to_another_tpm",
        ],
    ),
    row(
        "F5 F7",
        "a card's PIN is wrong, or near its end",
        "exit 4: one try, and none at the last",
        &["piv::lockout::"],
    ),
    row(
        "F10 G8",
        "a card answers errors or a wrong signature",
        "exit 3 in words; nothing is sent",
        &[
            "piv::faults::a_signature_that_does_not_verify_is_not_sent",
            "piv::faults::answers_that_are_none_are_said",
            "piv::faults::metadata_that_are_none_are_done_without",
            "piv::faults::what_a_card_answers_to_a_signature_is_said",
        ],
    ),
    row(
        "F13",
        "pcscd is not there, killed, restarted, silent",
        "exit 3, or 6 if silent; found again when it is back",
        &[
            "piv::nowhere::a_daemon_that_dies_during_a_signature_is_said",
            "piv::nowhere::a_daemon_that_does_not_answer_is_given_up",
            "piv::nowhere::a_daemon_that_is_started_anew_while_a_person_types_is_found",
            "piv::nowhere::a_daemon_that_was_killed_leaves_a_socket_and_it_is_said",
            "piv::nowhere::without_a_daemon_it_is_said",
        ],
    ),
    row(
        "F14",
        "another program holds the card",
        "waited for 5 s, then named with its process; exit 6",
        &[
            "piv::sharing::a_card_is_held_by_others_while_a_person_types",
            "piv::sharing::a_card_that_another_program_holds_for_three_seconds_is_waited_for",
            "piv::sharing::a_card_that_is_held_for_ever_is_given_up_after_five_seconds_and_the_holder_is_named",
            "piv::sharing::a_holder_of_another_name_is_named_as_well",
        ],
    ),
    row(
        "F15",
        "another program resets the card",
        "selected again, tries read again, PIN once more",
        &[
            "piv::sharing::a_pin_is_not_sent_again_where_somebody_has_used_up_a_try_meanwhile",
            "piv::sharing::a_pin_whose_effect_is_lost_again_and_again_is_not",
            "piv::sharing::a_pin_whose_effect_is_lost_before_the_signature_is_sent_once_more",
            "piv::sharing::others_use_the_card_while_a_person_types",
            "piv::sharing::the_last_try_is_left_alone_where_others_have_come_to_it_meanwhile",
        ],
    ),
    row(
        "F16",
        "nobody touches the YubiKey",
        "asked for within a second; exit 6 when it gives up",
        &[
            "piv::prompts::a_touch_is_asked_for_where_it_is_awaited_and_gone_when_it_is_given",
            "piv::prompts::a_touch_is_waited_for_as_long_as_was_said",
            "piv::prompts::a_touch_that_is_refused_or_comes_too_late_is_said",
            "piv::sharing::a_run_that_waits_for_a_touch_does_not_hold_up_another_card",
        ],
    ),
    row(
        "F17",
        "a TPM in lock-out, failed, hung, full, another",
        "exit 3, 4 or 6 in words; one try, none in lock-out",
        &["tpm::faults::", "tpm::lockout::"],
    ),
    row(
        "G17",
        "runs with a TPM end, some of them by a signal",
        "no key and no session is left in it",
        &["tpm::clean::"],
    ),
    row(
        "G18",
        "a credential is made",
        "1 login, 1 signature, at most 40 calls of the module",
        &[
            "calls::a_credential_costs_one_login_and_one_signature",
            "calls::certificates_on_the_token_fit_into_forty_calls_however_many_there_are",
            "foreign::a_credential_costs_one_signature_on_every_module",
            "piv::calls::a_credential_takes_one_pin_one_signature_and_few_commands",
        ],
    ),
];
