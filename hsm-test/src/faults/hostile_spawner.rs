//! A module that wants its host's other tasks to work for it.

use super::{Row, row};

pub(super) const ROWS: &[Row] = &[
    row(
        "H1",
        "a module makes other tasks of its host act",
        "refused alike: every task is in the sandbox",
        &[
            "hardening::spawner::a_host_that_asks_for_a_token_is_inside_too",
            "hardening::spawner::a_module_that_makes_other_tasks_of_its_host_act_for_it_reaches_no_file",
            "hardening::spawner::no_task_of_a_host_for_a_card_is_outside_its_sandbox_whoever_asks",
            "hardening::spawner::no_task_of_a_host_for_a_tpm_is_outside_its_sandbox_whoever_asks",
            "hardening::spawner::no_task_of_a_host_for_pkcs11_is_outside_its_sandbox_whoever_asks",
        ],
    ),
    row(
        "H1",
        "a device host ends while a program asks the user",
        "the program and what started it end with it",
        &["hardening::spawner::what_starts_programs_ends_with_its_host"],
    ),
];
