//! Modules and other users that try to do more than they may, and services whose word is not to be taken.

use super::{Row, row};

pub(super) const ROWS: &[Row] = &[
    row(
        "H2",
        "a home, a module or a variable in unusual places",
        "no folder that is or holds a home is opened",
        &[
            "hardening::homes::a_module_that_lies_in_the_home_does_not_open_it",
            "hardening::homes::a_variable_of_the_loader_or_of_a_module_does_not_open_the_home",
            "hardening::homes::the_home_of_a_service_below_var_lib_is_closed",
        ],
    ),
    row(
        "L9",
        "a module's configuration is a FIFO, or endless",
        "it is not read, and nobody waits for it",
        &["hardening::homes::a_configuration_that_is_no_file_is_not_waited_for"],
    ),
    row(
        "M7",
        "a relative path, in two folders",
        "credentials of one are never those of the other",
        &["cache::hits::a_path_that_is_relative_means_another_token_in_another_folder"],
    ),
    row(
        "M4",
        "a group, or who a list names, may write a module",
        "it is not loaded, whatever the group",
        &[
            "hardening::neighbours::a_module_that_a_group_may_change_is_not_loaded_whatever_the_group",
        ],
    ),
    row(
        "L13",
        "a group may write the file with the PIN",
        "it is not read; one that it may only read is",
        &["hardening::neighbours::a_pin_file_that_its_group_can_change_is_not_read"],
    ),
    row(
        "M5",
        "another user can put a device host in our way",
        "it is not started, or not looked for there",
        &[
            "hardening::neighbours::a_device_host_in_libexec_is_looked_for_from_a_folder_called_bin_alone",
            "hardening::neighbours::a_device_host_that_others_could_change_is_not_started",
        ],
    ),
    row(
        "M1",
        "another program reads ours as they start",
        "installed programs are not readable: mode 0711",
        &["hardening::neighbours::what_is_installed_cannot_be_read_and_is_taken_away_again"],
    ),
    row(
        "M6",
        "a module forks, and its child stays",
        "the token is free for others",
        &["hardening::neighbours::a_child_that_a_module_forks_does_not_keep_the_token_from_others"],
    ),
];
