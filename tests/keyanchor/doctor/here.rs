//! What is wrong with this computer: programs, the private directory, the limit of locked memory.

use std::os::unix::fs::{PermissionsExt, chown, symlink};

use super::tokens::without_the_steps;
use super::{broken, broken_as_a_run, examined, healthy, step, those};
use crate::golden::check;
use crate::lab::{install, lab, under};
use crate::reach::apart;

#[test]
fn a_host_that_is_missing_is_told_and_its_device_is_not_tried() {
    let lab = lab();
    let folder = lab.safe.path().join("bin");
    std::fs::create_dir(&folder).expect("folder");
    let program = folder.join("keyanchor");
    install(env!("CARGO_BIN_EXE_keyanchor"), &program);
    let mut process = lab.with_program(&program, "laptop");
    let steps = broken_as_a_run(&mut process, "installation", 3);
    assert_eq!(step(&steps, "module")["status"], "not-tried");
    assert_eq!(step(&steps, "tls")["status"], "ok");
    // Those of other devices may be missing.
    install(env!("CARGO_BIN_EXE_keyanchor-pkcs11"), &folder.join("keyanchor-pkcs11"));
    let (ended, steps) = examined(&process);
    assert_eq!((ended.code, those(&steps, "failed").len()), (0, 0), "{}", ended.stderr);
    let hosts = step(&steps, "installation")["facts"]["hosts"].as_array().expect("hosts").clone();
    let missing = hosts.iter().filter(|host| !host["problem"].is_null());
    assert_eq!(missing.count(), 2, "{hosts:?}");
}

#[test]
fn a_private_directory_that_is_not_ours_alone_is_told_and_all_else_is_tried() {
    let lab = lab();
    let mut process = lab.with_key("laptop");
    let folder = lab.hsm.dir().join("theirs");
    std::fs::create_dir(&folder).expect("folder");
    process.env("KEYANCHOR_RUNTIME_DIR", &folder);
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).expect("mode");
    let (ended, steps) = broken(&process, "private-directory", 3);
    assert_eq!(step(&steps, "private-directory")["facts"]["mode"], "0755");
    assert_eq!(step(&steps, "chain")["status"], "ok");
    check("doctor-of-a-folder-that-others-can-enter", &lab, &without_the_steps(ended));
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).expect("mode");
    let link = lab.hsm.dir().join("link");
    symlink(&folder, &link).expect("link");
    broken(process.env("KEYANCHOR_RUNTIME_DIR", &link), "private-directory", 3);
    process.env("KEYANCHOR_RUNTIME_DIR", &folder);
    symlink(lab.hsm.dir(), folder.join("cache")).expect("link");
    let (ended, _) = broken(process.env("KEYANCHOR_CACHE", "on"), "private-directory", 3);
    assert!(ended.stderr.contains("the cache cannot be used"), "{}", ended.stderr);
    healthy(process.env("KEYANCHOR_CACHE", "off"));
    if chown(&folder, Some(65534), None).is_ok() {
        let (ended, steps) = examined(&process);
        assert_eq!(
            (ended.code, those(&steps, "failed")),
            (3, vec!["private-directory".into(), "pin".to_owned()])
        );
        assert_eq!(step(&steps, "private-directory")["facts"]["owner"], 65534);
    }
}

#[test]
fn a_private_directory_that_cannot_be_written_to_is_told_and_all_else_is_tried() {
    let lab = lab();
    let folder = lab.hsm.dir().join("run");
    std::fs::create_dir(&folder).expect("folder");
    let process = lab.with_key("laptop");
    let line = format!("mount -t tmpfs -o ro,mode=0700 none '{}'", folder.display());
    let Some(process) = apart(&process, &["-m"], &line) else { return };
    let (_, steps) = broken(&process, "private-directory", 3);
    assert_eq!(step(&steps, "chain")["status"], "ok");
}

#[test]
fn the_switch_of_the_cache_and_the_limit_of_locked_memory_are_told() {
    let lab = lab();
    let mut process = lab.with_key("laptop");
    process.env("KEYANCHOR_CACHE", "off");
    let (ended, steps) = examined(&under(&process, &["prlimit", "--memlock=0:0"]));
    assert_eq!((ended.code, those(&steps, "warning")), (0, vec!["memory-lock".to_owned()]));
    assert_eq!(step(&steps, "memory-lock")["facts"]["bytes"], 0);
    let cache = &step(&steps, "private-directory")["facts"]["cache"];
    assert_eq!(cache["on"], false);
    let folder = lab.hsm.dir().join("run/cache");
    assert_eq!(cache["path"], folder.display().to_string());
}
