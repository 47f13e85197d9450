//! Each way for an ARN, a URI or a variable to be wrong, in its words.

use std::process::Command;

use crate::golden::check;
use crate::lab::{Lab, lab, run};

/// The journey with one option replaced.
fn replaced(lab: &Lab, option: &str, value: &str) -> Command {
    let mut command = lab.command();
    let arguments = lab.server.arguments();
    command.arg("credential-process").args(["--key", "/x"]);
    command.args(arguments.chunks(2).filter(|pair| pair[0] != option).flatten());
    command.args([option, value]);
    command
}

#[test]
fn each_way_for_an_arn_to_be_wrong_has_its_words() {
    let lab = lab();
    let long = format!("arn:aws:iam::111122223333:role/{}", "x".repeat(3000));
    for (name, option, value) in [
        ("bad-arn-too-long", "--role-arn", long.as_str()),
        ("bad-arn-with-a-space", "--role-arn", "arn:aws:iam::111122223333:role/a b"),
        ("bad-arn-is-no-arn", "--role-arn", "Example"),
        ("bad-arn-of-no-partition", "--role-arn", "arn:azure:iam::111122223333:role/Example"),
        ("bad-arn-account", "--role-arn", "arn:aws:iam::1111:role/Example"),
        ("bad-arn-role-with-a-region", "--role-arn", "arn:aws:iam:us-east-1:111122223333:role/A"),
        ("bad-arn-region", "--profile-arn", "arn:aws:rolesanywhere:US:111122223333:profile/1"),
        ("bad-arn-of-another-kind", "--profile-arn", &lab.server.trust_anchor_arn()),
        ("bad-arn-without-a-name", "--role-arn", "arn:aws:iam::111122223333:role/"),
        (
            "bad-arn-alias",
            "--profile-arn",
            "arn:aws:rolesanywhere:us-east-1:111122223333:alias/profile/a!",
        ),
    ] {
        let ended = run(&mut replaced(&lab, option, value));
        check(name, &lab, &ended);
        assert_eq!(ended.code, 2, "{name}");
    }
}

#[test]
fn each_way_for_a_uri_to_be_wrong_has_its_words() {
    let lab = lab();
    let long = format!("pkcs11:object={}", "x".repeat(100_000));
    for (name, uri) in [
        ("bad-uri-character", "pkcs11:token=a b"),
        ("bad-uri-empty-attribute", "pkcs11:token=a;;object=b"),
        ("bad-uri-attribute-without-a-name", "pkcs11:=a"),
        ("bad-uri-two-pins", "pkcs11:token=a?pin-source=/x&pin-value=648219"),
        ("bad-uri-too-long", long.as_str()),
        ("bad-uri-module-path", "pkcs11:token=a?module-path=x.so"),
        ("bad-uri-module-name", "pkcs11:token=a?module-name=../x"),
        ("bad-uri-slot-id", "pkcs11:slot-id=0x1"),
        ("bad-uri-library-version", "pkcs11:library-version=two"),
        ("bad-uri-type", "pkcs11:type=key"),
        ("bad-uri-pin-source", "pkcs11:token=a?pin-source=%7Csh"),
    ] {
        let ended = run(lab.credential_process().args(["--key", uri]));
        check(name, &lab, &ended);
        assert_eq!(ended.code, 2, "{name}");
    }
}

#[test]
fn variables_and_endpoints_that_cannot_be_are_refused() {
    let lab = lab();
    let mut command = lab.with_key("laptop");
    check("switch-of-the-environment", &lab, &run(command.env("AWS_USE_FIPS_ENDPOINT", "perhaps")));
    let mut command = lab.command();
    let arguments = lab.server.arguments();
    command.arg("credential-process").args(["--key", "/x", "--dual-stack"]);
    command.args(arguments.chunks(2).filter(|pair| pair[0] != "--endpoint").flatten());
    check("no-dual-stack-there", &lab, &run(command.args(["--region", "us-iso-east-1"])));
}
