//! Who looks for secrets, and what the program is made of.

use super::{Row, row};

pub(super) const ROWS: &[Row] = &[
    row(
        "G20",
        "calls, logs and stderr are searched for a PIN",
        "it is handed to its device, and to nobody else",
        &[
            "piv::calls::the_pin_goes_to_the_card_once_and_nowhere_else",
            "secrecy::a_system_call_that_hands_a_pin_on_is_found",
            "secrecy::no_system_call_hands_a_pin_that_is_typed_on",
            "secrecy::no_system_call_of_ours_hands_a_pin_on_that_is_not_typed",
            "streams::debug_and_timing_tell_much_and_no_secret",
            "tpm::wire::",
        ],
    ),
    row(
        "G20",
        "the main program's memory is searched for a PIN",
        "no copy",
        &[
            "secrecy::a_copy_that_is_in_the_main_program_is_found",
            "secrecy::no_copy_of_a_pin_that_is_not_typed_is_in_the_main_program",
            "secrecy::no_copy_of_a_pin_that_is_typed_is_in_the_main_program",
        ],
    ),
    row(
        "G24",
        "a device host crashes",
        "it may write no core file",
        &[
            "hardening::processes::no_core_file_is_written_of_any_of_our_processes",
            "hosts::a_killed_front_leaves_no_host_behind",
        ],
    ),
    row(
        "G24",
        "another program of the user attaches to ours",
        "it is refused",
        &["hardening::processes::no_process_of_the_same_user_looks_into_ours"],
    ),
    row(
        "F38",
        "the system lets no memory be locked",
        "one warning; exit 3 with --strict-memory",
        &["hardening::memory::"],
    ),
    row(
        "F8",
        "a module wants the network, or its user's files",
        "it is refused, and not so with --no-sandbox",
        &["hardening::sandbox::"],
    ),
    row(
        "G45",
        "a crate has a known hole, or is banned",
        "the tests fail",
        &["hygiene::no_crate_is_older_than_its_holes_allow_or_banned"],
    ),
    row(
        "G46",
        "input could end it: an index, an overflow",
        "lints deny it, and a panic is an error as others are",
        &[
            "floors::unsafe_code_is_in_two_modules",
            "hygiene::a_number_that_overflows_is_an_error_and_a_panic_is_caught_in_what_is_shipped",
            "hygiene::unsafe_code_is_explained",
            "hygiene::what_could_end_a_process_is_denied_by_lints",
            "parsers::",
        ],
    ),
];
