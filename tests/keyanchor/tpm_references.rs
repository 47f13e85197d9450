//! Keys of a TPM as far as no TPM is needed: references, key files, and which TPM it is; each way to be
//! wrong, in its words.

use std::path::{Path, PathBuf};

use hsm_test::pki::Leaf;

use crate::golden::check;
use crate::lab::{Ended, Lab, lab, run, under};
use crate::reach::apart;

/// A TPM that nobody asks yet.
const ELSEWHERE: &str = "swtpm:host=127.0.0.1,port=1";

const P256: &str = include_str!("../vectors/tss2-openssl-p256.pem");

fn with_key(lab: &Lab, key: &str) -> Ended {
    run(lab.credential_process().args(["--key", key]))
}

/// A key file of that content, by a reference and by its path alone: both are one key.
fn with_file(lab: &Lab, content: &[u8]) -> Ended {
    let path = lab.write("key.pem", "");
    std::fs::write(&path, content).unwrap();
    let by =
        |key: &str| run(lab.credential_process().args(["--key", key]).env("TPM_DEVICE", ELSEWHERE));
    let named = by(&format!("tpm:file={}", path.display()));
    let plain = by(&path.display().to_string());
    if content.windows(4).any(|window| window == b"TSS2") {
        // One that has expired is told with the time of the run.
        let told = |ended: &Ended| ended.stderr.split("Z, and it is ").next().map(str::to_owned);
        assert_eq!((named.code, told(&named)), (plain.code, told(&plain)));
    }
    named
}

/// The DER of a vector, with these bytes replaced.
fn der(lab: &Lab, from: &[u8], to: &[u8]) -> Vec<u8> {
    let (pem, der) = (lab.write("vector.pem", P256), lab.hsm.dir().join("vector.der"));
    let words = ["asn1parse", "-noout", "-in"].map(std::ffi::OsStr::new);
    crate::lab::tool(
        "openssl",
        &[&words[..], &[pem.as_os_str(), "-out".as_ref(), der.as_os_str()]].concat(),
    );
    let der = std::fs::read(der).unwrap();
    let place = der.windows(from.len()).position(|window| window == from).expect("in the vector");
    [&der[..place], to, &der[place + from.len()..]].concat()
}

#[test]
fn each_way_for_a_reference_to_a_tpm_to_be_wrong_has_its_words() {
    let lab = lab();
    for (name, reference) in [
        ("bad-tpm-handle", "handle:0x80000001"),
        ("bad-tpm-reference-without-a-name", "tpm:0x81000001"),
        ("bad-tpm-reference-without-a-key", "tpm:cert-nv=0x01c00002"),
        ("bad-tpm-reference-with-two-keys", "tpm:handle=0x81000001;file=/k"),
        ("bad-tpm-reference-handle", "tpm:handle=0x01c00002"),
        ("bad-tpm-reference-file", "tpm:file="),
        ("bad-tpm-reference-index", "tpm:handle=0x81000001;cert-nv=0x81000002"),
        ("bad-tpm-reference-unknown-attribute", "tpm:handle=0x81000001;object=x"),
        ("bad-tpm-reference-unknown-after-the-pin", "tpm:file=/k?pin-value=12&648219=3"),
        ("bad-tpm-reference-pin-inside-an-attribute", "tpm:file=/k&pin-value=648219"),
        ("bad-tpm-reference-swtpm-path", "tpm:handle=0x81000001?tcti=swtpm:path=/run/tpm.sock"),
        ("bad-tpm-reference-tcti-of-another-kind", "tpm:handle=0x81000001?tcti=cmd:cat"),
        ("bad-tpm-reference-tcti-that-is-none", "tpm:handle=0x81000001?tcti=127.0.0.1:2321"),
        ("bad-tpm-reference-tcti-device", "tpm:handle=0x81000001?tcti=device:tpm0"),
        ("bad-tpm-reference-tcti-port", "tpm:handle=0x81000001?tcti=swtpm:port=0"),
        ("bad-tpm-reference-tcti-bus", "tpm:handle=0x81000001?tcti=tabrmd:bus=x"),
        ("pin-value-without-a-scheme", "tmp:handle=0x81000001?pin-value=648219"),
    ] {
        let ended = with_key(&lab, reference);
        check(name, &lab, &ended);
        assert_eq!(ended.code, 2, "{name}");
    }
    let key = ["list", "--key", "tpm:handle=0x81000001"];
    check("list-key-is-of-a-tpm", &lab, &run(lab.command().args(key)));
}

#[test]
fn each_way_for_a_tpms_key_file_to_be_wrong_has_its_words() {
    let lab = lab();
    let replaced = |from: &[u8], to: &[u8]| der(&lab, from, to);
    let kind = |last: u8| replaced(b"\x81\x05\x0a\x01\x03", &[0x81, 5, 0x0a, 1, last]);
    let flag = b"\xa0\x03\x01\x01\x01";
    for (name, content) in [
        ("tpm-key-file-without-a-key", b"nothing\n".to_vec()),
        ("tpm-key-file-cut", P256[..200].into()),
        ("tpm-key-file-is-no-key", replaced(flag, b"\xa0\x03\x02\x01\x01")),
        ("tpm-key-file-to-be-imported", kind(4)),
        ("tpm-key-file-of-sealed-data", kind(5)),
        ("tpm-key-file-of-an-unknown-kind", kind(9)),
        ("tpm-key-file-with-a-policy", replaced(flag, b"\xa1\x03\x30\x01\x00")),
        ("tpm-key-file-with-an-odd-parent", replaced(b"\x40\0\0\x01", b"\x80\0\0\x01")),
        ("tpm-key-file-of-a-symmetric-key", replaced(b"\0\x56\0\x23", b"\0\x56\0\x25")),
        ("tpm-key-file-with-an-odd-public-key", replaced(b"\0\x20\x03\x71", b"\xff\x20\x03\x71")),
    ] {
        let ended = with_file(&lab, &content);
        check(name, &lab, &ended);
        assert_eq!(ended.code, 3, "{name}");
    }
    check("tpm-key-file-missing", &lab, &with_key(&lab, "tpm:file=/absent/key.pem"));
}

/// A certificate that is wrong is told before any device is asked, wherever it stands.
#[test]
fn a_certificate_in_a_tpms_key_file_is_its_certificate() {
    let lab = lab();
    let public = include_str!("../vectors/tss2-openssl-p256.public.pem");
    let day = std::time::Duration::from_secs(24 * 60 * 60);
    let not_after = std::time::SystemTime::now() - day;
    let not_before = not_after - day;
    let expired = lab.pki().leaf(&Leaf { not_before, not_after, ..Leaf::of(public) });
    let both = with_file(&lab, [&expired, P256].concat().as_bytes());
    assert!(both.stderr.contains("it expired at"), "{}", both.stderr);
    let broken = expired.replace("MII", "MI!");
    let both = with_file(&lab, [P256, &broken].concat().as_bytes());
    assert!(both.stderr.contains("is not a usable file of certificates"), "{}", both.stderr);
}

#[test]
fn tpms_that_are_not_there_or_not_ours_say_what_to_do() {
    let lab = lab();
    let with = |tcti: &str| with_key(&lab, &format!("tpm:handle=0x81000001?tcti={tcti}"));
    let by_variable = |tcti: &str| {
        let mut command = lab.credential_process();
        run(command.args(["--key", "handle:81000001"]).env("KEYANCHOR_TCTI", tcti))
    };
    check("tpm-that-does-not-answer", &lab, &by_variable(ELSEWHERE));
    check("tpm-that-is-missing", &lab, &with("device:/dev/tpm-of-nobody"));
    check("tpm-that-is-no-device", &lab, &with("/etc/passwd"));
    let path: PathBuf = lab.safe.path().join("tpm.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    check("tpm-that-is-a-socket", &lab, &with(&path.display().to_string()));
    check("tcti-of-the-environment", &lab, &by_variable("swtpm:path=/run/tpm.sock"));
}

#[test]
fn a_computer_without_a_tpm_or_with_one_for_others_is_told_so() {
    let lab = lab();
    let mut command = lab.credential_process();
    command.args(["--key", "handle:81000001"]);
    // Root without its power over files is a user like any other.
    let command = under(&command, &["setpriv", "--bounding-set=-dac_override,-dac_read_search"]);
    // What every program may count on stays.
    let empty = "mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3";
    let node =
        |name: &str, owner: u32| format!("mknod -m 600 {name} c 1 3 && chown {owner} {name}");
    let (ours, anothers) = (node("/dev/tpm0", 0), node("/dev/tpmrm0", 65534));
    for (name, line) in [
        ("tpm-is-not-here", empty.to_owned()),
        ("tpm-is-for-others", format!("{empty} && {ours} && {anothers}")),
        ("tpm-that-is-another-device", format!("{empty} && {ours}")),
    ] {
        let Some(mut command) = apart(&command, &["--mount"], &line) else { return };
        check(name, &lab, &run(&mut command));
    }
}

#[test]
fn list_shows_a_tpms_key_file_without_asking_a_tpm() {
    let lab = lab();
    let file = |name: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
        folder.join(format!("tss2-{name}.pem"))
    };
    for (name, kind) in [("openssl-p256", "P-256"), ("tools-rsa", "RSA-2048")] {
        let ended = run(lab.command().args(["list", "--key"]).arg(file(name)));
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(ended.stdout.contains(kind), "{}", ended.stdout);
    }
}
