//! Files and folders of the cache that somebody has spoiled, disks that are full or cannot be written:
//! a miss and no more.

use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use super::{answered, entry, file_journey, folder, found, journey, kept, later};
use crate::lab::{Lab, granted, lab, on_terminal, run, under};
use crate::reach::apart;

/// The run gets new credentials, and what it keeps is good again.
fn is_replaced(lab: &Lab, what: &str, first: &serde_json::Value) {
    let new = granted(&mut file_journey(lab));
    assert_ne!(&new, first, "{what} is ignored");
    assert_eq!(granted(&mut file_journey(lab)), new, "{what} is replaced");
}

#[test]
fn an_entry_that_is_not_as_it_was_written_is_ignored_and_replaced() {
    let lab = lab();
    let mut first = granted(&mut file_journey(&lab));
    let path = entry(&lab);
    let text = std::fs::read_to_string(&path).expect("entry");
    let spoilt = [
        ("an empty file", String::new()),
        ("a half", text[..text.len() / 2].to_owned()),
        ("another version", text.replacen("keyanchor-cache-1", "keyanchor-cache-2", 1)),
        (
            "another secret",
            text.replacen("\"secret_access_key\":\"", "\"secret_access_key\":\"x", 1),
        ),
        ("no text", "\u{0}".repeat(3000)),
        ("a large file", text.repeat(50)),
    ];
    for (what, text) in spoilt {
        std::fs::write(&path, text).expect("entry");
        is_replaced(&lab, what, &first);
        first = granted(&mut file_journey(&lab));
    }
    for mode in [0o644, 0o640, 0o660] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("chmod");
        is_replaced(&lab, &format!("mode {mode:o}"), &first);
        first = granted(&mut file_journey(&lab));
    }
    let elsewhere = lab.hsm.dir().join("elsewhere");
    std::fs::rename(&path, &elsewhere).expect("rename");
    symlink(&elsewhere, &path).expect("link");
    is_replaced(&lab, "a link", &first);
    first = granted(&mut file_journey(&lab));
    chown(&path, Some(4242), None).expect("the lab is root");
    is_replaced(&lab, "another user's", &first);
}

#[test]
fn an_entry_from_the_future_is_ignored_and_replaced() {
    let lab = lab();
    let command = file_journey(&lab);
    lab.server.clock_offset(3600);
    let first = granted(&mut later(&command, "+60m"));
    lab.server.clock_offset(0);
    is_replaced(&lab, "an entry of an hour from now", &first);
}

/// Whatever bit is flipped: nothing is printed that the server has not given, and nothing crashes.
#[test]
fn no_flipped_bit_is_ever_printed() {
    let lab = lab();
    let mut command = file_journey(&lab);
    granted(&mut command);
    let path = entry(&lab);
    let good = std::fs::read(&path).expect("entry");
    let mut printed = std::collections::HashSet::new();
    for place in (0..good.len()).step_by(good.len() / 60) {
        let mut spoilt = good.clone();
        spoilt[place] ^= 1 << (place % 8);
        std::fs::write(&path, spoilt).expect("entry");
        let text = granted(&mut command).to_string();
        assert!(printed.insert(text), "each run has new credentials");
    }
    assert_eq!(lab.server.requests().len(), printed.len() + 1);
}

#[test]
fn a_folder_that_is_a_link_or_anothers_is_refused_with_a_reason_and_the_run_goes_on() {
    let lab = lab();
    granted(&mut journey(&lab));
    let elsewhere = lab.hsm.dir().join("elsewhere");
    std::fs::rename(folder(&lab), &elsewhere).expect("rename");
    symlink(&elsewhere, folder(&lab)).expect("link");
    goes_on(&lab, "not a folder");
    std::fs::remove_file(folder(&lab)).expect("link");
    std::fs::create_dir(folder(&lab)).expect("folder");
    std::fs::set_permissions(folder(&lab), std::fs::Permissions::from_mode(0o750)).expect("chmod");
    goes_on(&lab, "others can enter it; its mode must be 0700");
    std::fs::set_permissions(folder(&lab), std::fs::Permissions::from_mode(0o700)).expect("chmod");
    chown(folder(&lab), Some(4242), None).expect("the lab is root");
    goes_on(&lab, "belongs to another user");
    // The private directory itself, with all that is in it.
    chown(folder(&lab), Some(0), None).expect("the lab is root");
    let run = lab.hsm.dir().join("run");
    std::fs::rename(&run, lab.hsm.dir().join("moved")).expect("rename");
    symlink(lab.hsm.dir().join("moved"), &run).expect("link");
    goes_on(&lab, "not a folder");
}

fn goes_on(lab: &Lab, reason: &str) {
    let requests = lab.server.requests().len();
    granted(&mut journey(lab));
    granted(&mut journey(lab));
    assert_eq!(lab.server.requests().len(), requests + 2, "{reason}: nothing is kept");
    let shown = on_terminal(&journey(lab));
    assert!(shown.starts_with("keyanchor: warning: the cache is not used: "), "{shown}");
    assert!(shown.contains(reason), "{shown}");
    assert_eq!(shown.lines().count(), 1, "{shown}");
}

#[test]
fn a_disk_that_is_full_or_read_only_costs_only_the_cache() {
    let mount = "mount -t tmpfs -o size=16k,mode=700 none \"$KEYANCHOR_RUNTIME_DIR\"";
    let fill = "{ cat /dev/zero >\"$KEYANCHOR_RUNTIME_DIR/filler\"; true; } 2>/dev/null";
    let mkdir = "mkdir -m 700 \"$KEYANCHOR_RUNTIME_DIR/cache\"";
    let read_only = "mount -o remount,ro \"$KEYANCHOR_RUNTIME_DIR\"";
    for steps in [
        vec![mount, fill],
        vec![mount, mkdir, fill],
        vec![mount, read_only],
        vec![mount, mkdir, read_only],
    ] {
        let lab = lab();
        std::fs::create_dir(lab.hsm.dir().join("run")).expect("run");
        let Some(mut command) = apart(&journey(&lab), &["-m"], &steps.join(" && ")) else { return };
        granted(&mut command);
    }
}

#[test]
fn a_limit_of_the_size_of_files_costs_only_the_cache() {
    let lab = lab();
    // What is over the limit is a signal (SIGXFSZ), which would end a process that does not set it aside.
    let line = "ulimit -f 0; exec \"$0\" \"$@\"";
    granted(&mut under(&file_journey(&lab), &["sh", "-c", line]));
    assert_eq!(found(&lab, "json").len() + found(&lab, "tmp").len(), 0);
}

/// Each call of the system that the way into the cache takes, failing in turn.
#[test]
fn whatever_call_fails_on_the_way_into_the_cache_the_run_is_answered() {
    for (call, error) in [
        ("fchmod", "EIO"),
        ("rename", "ENOSPC"),
        ("ftruncate", "EIO"),
        ("flock", "ENOLCK"),
        ("mkdir", "EDQUOT"),
        ("pwrite64", "EDQUOT"),
    ] {
        let lab = lab();
        let inject = format!("inject={call}:error={error}");
        let traced = format!("trace={call}");
        let words = ["strace", "-f", "-o", "/dev/null", "-e", &traced, "-e", &inject];
        let ended = run(&mut under(&file_journey(&lab), &words));
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{call}: {error}");
        assert_eq!(found(&lab, "tmp").len(), 0, "{call} leaves nothing behind");
    }
}

/// The process is killed as it makes each of the calls in turn: the next run finds what was there
/// before, or new credentials, and nothing else; nothing that is half written stays.
#[test]
fn a_run_that_is_killed_at_any_call_of_the_way_into_the_cache_leaves_nothing_torn() {
    let lab = lab();
    let mut command = file_journey(&lab);
    let calls = "openat,fchmod,write,rename,flock,ftruncate,pwrite64,unlink";
    let mut killed = 0;
    for when in 1.. {
        let _ = std::fs::remove_file(found(&lab, "json").pop().unwrap_or_default());
        let inject = format!("inject={calls}:signal=SIGKILL:when={when}");
        let line = format!(
            "strace -f -o /dev/null -e trace={calls} -e '{inject}' \"$0\" \"$@\"; echo >&2 $?"
        );
        let ended = run(&mut under(&command, &["sh", "-c", &line]));
        let before = found(&lab, "json");
        let survived = ended.stderr.trim() == "0";
        killed += usize::from(!survived);
        let kept = answered(&mut command).stdout;
        if before.is_empty() {
            assert_eq!(answered(&mut command).stdout, kept, "call {when}");
        } else if survived {
            assert_eq!(ended.stdout, kept, "call {when}");
        }
        assert_eq!(found(&lab, "tmp").len(), 0, "call {when}: what was unfinished is gone");
        if survived {
            break;
        }
    }
    assert!(killed > 15, "{killed} calls");
}

#[test]
fn what_is_kept_is_ours_alone_whatever_the_umask() {
    for umask in ["000", "777"] {
        let lab = lab();
        let line = format!("umask {umask}; exec \"$0\" \"$@\"");
        let first = granted(&mut under(&journey(&lab), &["sh", "-c", &line]));
        let mode = |path: &Path| {
            std::fs::symlink_metadata(path).expect("it was made").permissions().mode() & 0o777
        };
        assert_eq!(mode(&folder(&lab)), 0o700, "umask {umask}");
        for file in found(&lab, "json").iter().chain(&found(&lab, "lock")) {
            assert_eq!(mode(file), 0o600, "umask {umask}: {}", file.display());
        }
        assert_eq!(granted(&mut under(&journey(&lab), &["sh", "-c", &line])), first);
    }
}

#[test]
fn without_a_private_directory_nothing_is_kept() {
    let lab = lab();
    let mut command = kept(lab.with_key("laptop"));
    command.env_remove("KEYANCHOR_RUNTIME_DIR").env("HOME", "/proc");
    let Some(mut command) =
        apart(&command, &["-m"], "mount -t tmpfs none /run/user 2>/dev/null || true")
    else {
        return;
    };
    let first = granted(&mut command);
    assert_ne!(granted(&mut command), first);
}
