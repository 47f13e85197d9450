//! What is a hit, and that it costs nothing.

use hsm_test::piv::{Template, TouchPolicy};
use hsm_test::softhsm::SoftHsm;

use super::{answered, calls, entry, file_journey, found, journey, kept, later, spied};
use crate::golden::check;
use crate::lab::{Lab, granted, lab, run, under};

#[test]
fn a_second_run_gets_the_same_and_touches_neither_token_nor_network() {
    let lab = lab();
    let first = granted(&mut spied(&lab));
    let (called, connected) = (calls(&lab).all(), lab.server.connections());
    assert!(called > 10);
    assert_eq!(granted(&mut spied(&lab)), first);
    assert_eq!(calls(&lab).all(), called, "no function of the module");
    assert_eq!((lab.server.requests().len(), lab.server.connections()), (1, connected));
}

/// No thread, no process, no socket; no library but those that the program is linked with, and no
/// certificate store.
#[test]
fn a_hit_does_nothing_but_read_files_and_print() {
    let lab = lab();
    answered(&mut journey(&lab));
    let trace = lab.hsm.dir().join("trace");
    let traced = trace.display().to_string();
    let words = [
        "strace",
        "-f",
        "-e",
        "trace=openat,socket,connect,clone,clone3,vfork,execve",
        "-o",
        &traced,
    ];
    granted(&mut under(&journey(&lab), &words));
    let trace = std::fs::read_to_string(trace).expect("trace");
    for call in ["socket(", "connect(", "clone", "vfork("] {
        assert!(!trace.contains(call), "{call} in {trace}");
    }
    assert_eq!(trace.matches("execve(").count(), 1, "{trace}");
    let opened = trace.lines().filter(|line| line.contains("openat(") && !line.contains("ENOENT"));
    let libraries: Vec<_> = opened.clone().filter(|line| line.contains(".so")).collect();
    let known = ["/etc/ld.so.cache", "libgcc_s.so", "libm.so", "libc.so"];
    let strangers = libraries.iter().filter(|line| !known.iter().any(|name| line.contains(name)));
    assert_eq!(strangers.count(), 0, "{libraries:?}");
    assert!(!opened.clone().any(|line| line.contains("/etc/ssl")), "{trace}");
}

#[test]
fn a_key_that_wants_a_touch_for_each_signature_needs_none_for_a_hit() {
    let lab =
        crate::piv::with_key(Template { touch_policy: TouchPolicy::Always, ..Template::P256 });
    let mut command = kept(lab.with_pin("piv:slot=9a"));
    let first = granted(&mut command);
    let mark = lab.card.mark();
    assert_eq!(granted(&mut command), first);
    assert_eq!(lab.card.log_since(mark).apdus(), 0, "the card is not even looked for");
}

#[test]
fn without_the_cache_each_run_asks_and_keeps_nothing() {
    let lab = lab();
    let (mut option, mut variable) = (journey(&lab), journey(&lab));
    option.arg("--no-cache");
    variable.env("KEYANCHOR_CACHE", "off");
    for command in [&mut option, &mut variable] {
        let (first, second) = (granted(command), granted(command));
        assert_ne!(first, second);
        assert_eq!(found(&lab, "json").len(), 0);
    }
    let fresh = granted(&mut journey(&lab));
    assert_ne!(granted(&mut option), fresh, "what is kept is not read either");
    assert_eq!(granted(&mut journey(&lab)), fresh, "and not replaced");
    assert_eq!(granted(journey(&lab).env("KEYANCHOR_CACHE", "on")), fresh);
    check("cache-neither-on-nor-off", &lab, &run(journey(&lab).env("KEYANCHOR_CACHE", "maybe")));
}

#[test]
fn where_the_pin_comes_from_makes_no_difference() {
    let lab = lab();
    let pin = lab.hsm.pin_file().display().to_string();
    let with = |query: &str| {
        let mut command = kept(lab.credential_process());
        command.arg("--key").arg(format!("pkcs11:token=lab;object=laptop{query}"));
        command.arg("--certificate").arg(lab.hsm.chain("laptop"));
        command
    };
    let first = granted(&mut with(&format!("?pin-source={pin}")));
    assert_eq!(granted(with("").args(["--pin-file", &pin])), first);
    assert_eq!(granted(&mut with(&format!("?pin-value={}", SoftHsm::PIN))), first);
    assert_eq!(granted(with("").args(["--no-prompt", "--timeout", "3s"])), first);
}

#[test]
fn all_that_decides_which_credentials_there_are_makes_another_entry() {
    let lab = lab();
    let first = answered(&mut journey(&lab)).stdout;
    let (intermediate, module) = (lab.pki().intermediate_pem_path(), SoftHsm::module());
    let options = [
        ["--session-duration", "1800"],
        ["--intermediates", intermediate.to_str().expect("UTF-8")],
        ["--pkcs11-lib", module.to_str().expect("UTF-8")],
    ];
    for words in options {
        assert_ne!(answered(journey(&lab).args(words)).stdout, first, "{words:?}");
    }
    let link = same_module(&lab);
    for (name, value) in
        [("KEYANCHOR_PKCS11_LIB", link.as_os_str()), ("OPENSC_CONF", "/x".as_ref())]
    {
        assert_ne!(answered(journey(&lab).env(name, value)).stdout, first, "{name}");
    }
    // Profiles refuse it unless they were told to accept it: what was kept is no answer.
    assert_eq!(run(journey(&lab).args(["--role-session-name", "another"])).stdout, "");
    assert_eq!(answered(&mut journey(&lab)).stdout, first);
    assert_eq!(lab.server.requests().len(), 7);
}

#[test]
fn files_count_by_what_they_hold() {
    let lab = lab();
    let with_chain = |path: &std::path::Path| {
        let mut command = kept(lab.credential_process());
        command.args(["--key", &lab.uri("laptop")]).arg("--certificate").arg(path);
        command
    };
    let first = answered(&mut journey(&lab)).stdout;
    let text = std::fs::read_to_string(lab.hsm.chain("laptop")).expect("chain");
    let copy = lab.write("copy.pem", &text);
    assert_eq!(answered(&mut with_chain(&copy)).stdout, first);
    std::fs::write(&copy, format!("# a comment\n{text}")).expect("chain");
    assert_ne!(answered(&mut with_chain(&copy)).stdout, first);
}

/// Another path to the same module.
fn same_module(lab: &Lab) -> std::path::PathBuf {
    let link = lab.safe.path().join("module.so");
    let _ = std::os::unix::fs::symlink(SoftHsm::module(), &link);
    link
}

#[test]
fn credentials_are_given_out_until_16_minutes_before_they_end() {
    let lab = lab();
    let command = file_journey(&lab);
    let first = granted(&mut later(&command, "+0s"));
    for time in ["+10m", "+30m", "+43m"] {
        assert_eq!(granted(&mut later(&command, time)), first, "{time}");
    }
    assert_eq!(lab.server.requests().len(), 1);
    lab.server.clock_offset(45 * 60);
    assert_ne!(granted(&mut later(&command, "+45m")), first);
    assert_eq!(lab.server.requests().len(), 2);
}

#[test]
fn what_is_kept_has_no_pin_and_names_what_it_is_for() {
    let lab = lab();
    let command = journey(&lab);
    let first = granted(&mut later(&command, "+0s"));
    let text = std::fs::read_to_string(entry(&lab)).expect("entry");
    assert!(!text.contains(SoftHsm::PIN) && !text.contains("pin"), "{text}");
    let json = text.split_once('\n').expect("two lines").1;
    let document: serde_json::Value = serde_json::from_str(json).expect("JSON");
    assert_eq!(document["access_key_id"], first["AccessKeyId"]);
    assert_eq!(document["reference"], "pkcs11:token=lab;object=laptop");
    let leaf = lab.hsm.certificate("laptop");
    let hash = |command: &str| {
        let line = format!(
            "openssl x509 -in '{}' {command} | sha256sum | cut -d ' ' -f 1",
            leaf.display()
        );
        crate::lab::tool("sh", &["-c".as_ref(), line.as_ref()]).trim().to_owned()
    };
    assert_eq!(document["leaf"], hash("-outform DER"));
    let spki = "-noout -pubkey | openssl pkey -pubin -outform DER";
    assert_eq!(document["public_key"], hash(spki));
}

/// Two folders with a token each, and one name for both.
#[test]
fn a_path_that_is_relative_means_another_token_in_another_folder() {
    let lab = lab();
    let [here, there] = ["here", "there"].map(|name| {
        let folder = lab.hsm.dir().join(name);
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::copy(lab.hsm.dir().join("softhsm2.conf"), folder.join("token.conf"))
            .expect("copy");
        folder
    });
    let requests = |folder: &std::path::Path, configuration: &std::path::Path| {
        granted(journey(&lab).env("SOFTHSM2_CONF", configuration).current_dir(folder));
        lab.server.requests().len()
    };
    let relative = std::path::Path::new("token.conf");
    assert_eq!([requests(&here, relative), requests(&here, relative)], [1, 1]);
    assert_eq!(requests(&there, relative), 2, "not those of the other folder");
    let absolute = here.join("token.conf");
    assert_eq!([requests(&here, &absolute), requests(&there, &absolute)], [3, 3]);
    for variable in ["XDG_DATA_HOME", "P11_KIT_NO_USER_CONFIG", "LD_LIBRARY_PATH"] {
        let before = lab.server.requests().len();
        granted(journey(&lab).env(variable, "/no/such/folder"));
        assert_eq!(lab.server.requests().len(), before + 1, "{variable}");
    }
}
