//! Disks, memory, signals and streams; and the cache, which lives on a disk.

use super::{Row, row};

pub(super) const CACHE: &[Row] = &[
    row(
        "F26",
        "the cache's disk is full, read-only, or fails",
        "costs only the cache; the run is answered",
        &[
            "cache::files::a_disk_that_is_full_or_read_only_costs_only_the_cache",
            "cache::files::a_limit_of_the_size_of_files_costs_only_the_cache",
            "cache::files::whatever_call_fails_on_the_way_into_the_cache_the_run_is_answered",
            "computer::a_folder_for_locks_that_cannot_be_made_matters_only_where_it_was_named",
            "computer::nothing_is_written_where_no_file_may_grow",
        ],
    ),
    row(
        "F27",
        "an entry is damaged, cut, old, from the future",
        "ignored and replaced; no flipped bit is printed",
        &[
            "cache::files::an_entry_from_the_future_is_ignored_and_replaced",
            "cache::files::an_entry_that_is_not_as_it_was_written_is_ignored_and_replaced",
            "cache::files::no_flipped_bit_is_ever_printed",
        ],
    ),
    row(
        "F27",
        "its folder is a link, or somebody else's",
        "refused with the reason; the run goes on without",
        &[
            "cache::files::a_folder_that_is_a_link_or_anothers_is_refused_with_a_reason_and_the_run_goes_on",
        ],
    ),
    row(
        "F28",
        "many runs at once",
        "one login, one signature, one request for all",
        &[
            "cache::crowds::many_at_once_are_asked_for_one_pin",
            "cache::crowds::many_at_once_cost_one_login_one_signature_and_one_request",
            "cache::crowds::many_at_once_near_the_end_of_what_is_kept_cost_one_request_more",
            "piv::lockout::twenty_runs_at_once_are_all_served",
            "tpm::many::twenty_runs_at_once_are_all_served",
        ],
    ),
    row(
        "F28",
        "the one who asks for all is killed or stopped",
        "another asks in its place; nobody waits for ever",
        &[
            "cache::crowds::a_holder_that_is_killed_holds_up_nobody",
            "cache::crowds::a_holder_that_is_stopped_is_overtaken_and_said_on_a_terminal",
            "cache::crowds::who_waits_for_one_who_does_not_end_is_told_who_it_is",
        ],
    ),
    row(
        "F28",
        "cloud or device fails while credentials are good",
        "those are printed; ended ones never are",
        &[
            "cache::failures::credentials_that_have_ended_are_never_given_out",
            "cache::failures::while_the_cloud_fails_the_credentials_of_before_are_given_out",
            "cache::failures::while_the_device_fails_the_credentials_of_before_are_given_out",
        ],
    ),
];

pub(super) const ROWS: &[Row] = &[
    row(
        "F29",
        "SIGKILL at any call by which a file is written",
        "the file is old or new; what is unfinished goes",
        &[
            "cache::files::a_run_that_is_killed_at_any_call_of_the_way_into_the_cache_leaves_nothing_torn",
            "faults::killed::a_refused_pin_is_written_down_or_not_whenever_its_host_is_killed",
        ],
    ),
    row(
        "F29",
        "any signal while a person is asked for a PIN",
        "the terminal is as before, its echo too",
        &["shell::", "terminal::a_guard_erases_the_question_and_what_was_typed_of_the_answer"],
    ),
    row(
        "F30",
        "stdout is closed or full, or its reader has gone",
        "exit 3",
        &[
            "computer::a_reader_that_has_gone_is_an_error",
            "streams::a_full_or_closed_stdout_is_an_error",
        ],
    ),
    row(
        "F30",
        "the reader does not read",
        "others use the token meanwhile",
        &["faults::readers::a_reader_that_does_not_read_holds_no_token"],
    ),
    row(
        "F32",
        "a device host or a dialog is started",
        "it inherits no file and no variable of ours",
        &[
            "askers::a_program_that_asks_has_no_file_of_ours",
            "computer::a_host_inherits_no_file_of_ours",
            "hardening::processes::a_program_that_a_host_starts_has_none_of_its_files",
            "terminal::the_guard_has_no_variable_and_does_not_hold_the_hosts_answers_open",
        ],
    ),
    row(
        "F33",
        "4 to 16 files, or few processes, are allowed",
        "credentials, or exit 3 in words",
        &[
            "computer::threads_that_cannot_be_started_are_an_error",
            "computer::too_few_file_descriptors_are_an_error",
            "fakes::a_host_that_is_out_of_threads_says_so",
        ],
    ),
    row(
        "F33",
        "64 MiB of memory are allowed",
        "enough for each kind of device",
        &[
            "computer::sixty_four_mebibytes_are_enough",
            "faults::short::sixty_four_mebibytes_are_enough_for_a_tpm_and_for_a_card",
        ],
    ),
    row(
        "F33",
        "the system kills a device host",
        "exit 3, \"was killed\"; nothing is left",
        &[
            "faults::killed::a_host_that_is_killed_while_it_signs_is_said",
            "hosts::a_killed_front_leaves_no_host_behind",
        ],
    ),
    row(
        "F34",
        "no terminal, no stdin, a terminal that hangs up",
        "exit 4 at once; nothing spins or stays",
        &[
            "computer::without_a_terminal_and_without_a_stdin_nothing_spins",
            "errors::without_a_terminal_nothing_is_tried_and_it_is_quick",
            "lockout::without_a_pin_and_a_person_nothing_is_tried",
            "prompts::a_terminal_that_hangs_up_ends_the_run",
        ],
    ),
    row(
        "F35",
        "no variables, no HOME, paths that are no text",
        "credentials",
        &[
            "computer::a_home_is_not_needed",
            "computer::paths_that_are_no_text_work",
            "faults::short::no_variable_is_needed",
        ],
    ),
    row(
        "F35 G25",
        "umask 000, 022, 077 and 777",
        "files are 0600 and folders 0700",
        &[
            "cache::files::what_is_kept_is_ours_alone_whatever_the_umask",
            "computer::whatever_the_umask_files_are_0600_and_folders_0700",
        ],
    ),
    row(
        "G19",
        "a run takes its time, or a session token is long",
        "15 s, 57 with a person; 7 KiB of token fit 8 of JSON",
        &[
            "faults::short::a_document_with_the_longest_token_fits_eight_kibibytes",
            "prompts::a_person_who_does_not_answer_is_given_up_before_the_sdk_gives_up",
            "tls::a_handshake_that_hangs_is_given_up",
        ],
    ),
    row(
        "G23",
        "an SDK reads stdout",
        "one JSON object and a newline, or nothing",
        &[
            "sdks::boto3_gets_its_identity_through_us",
            "sdks::the_aws_cli_gets_its_identity_through_us",
            "sdks::the_aws_cli_shows_our_error",
        ],
    ),
];
