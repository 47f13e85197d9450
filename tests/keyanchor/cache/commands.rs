//! `keyanchor cache list` and `clear`.

use super::{answered, file_journey, folder, found, journey, later};
use crate::golden::check;
use crate::lab::{Ended, Lab, lab, run};

fn cache(lab: &Lab, words: &[&str]) -> Ended {
    run(lab.command().arg("cache").args(words))
}

fn said(lab: &Lab, words: &[&str]) -> String {
    let ended = cache(lab, words);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    ended.stdout
}

#[test]
fn what_is_kept_can_be_listed_and_removed() {
    let lab = lab();
    assert_eq!(said(&lab, &["list"]), "no credentials are kept\n");
    assert_eq!(said(&lab, &["clear"]), "no credentials were kept\n");
    let first = answered(&mut journey(&lab));
    answered(&mut file_journey(&lab));
    let list = said(&lab, &["list"]);
    assert_eq!(list.lines().count(), 6, "{list}");
    assert!(list.starts_with("arn:aws:iam::111122223333:role/Example\n  "), "{list}");
    assert!(list.contains("\n  pkcs11:token=lab;object=laptop\n  fresh until 20"), "{list}");
    assert!(list.contains(&format!("\n  {}\n", lab.hsm.dir().join("key.pem").display())), "{list}");
    assert_eq!(said(&lab, &["clear"]), "2 sets of credentials were removed\n");
    assert_eq!(found(&lab, "json").len(), 0);
    assert_ne!(answered(&mut journey(&lab)).stdout, first.stdout);
}

#[test]
fn programs_get_json_without_a_secret() {
    let lab = lab();
    let printed: serde_json::Value =
        serde_json::from_str(&answered(&mut journey(&lab)).stdout).expect("JSON");
    let text = said(&lab, &["list", "--json"]);
    for secret in ["SecretAccessKey", "SessionToken"] {
        assert!(!text.contains(printed[secret].as_str().expect("text")));
    }
    let list: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(list["cache"], folder(&lab).display().to_string());
    let [entry] = list["entries"].as_array().expect("entries").as_slice() else { panic!("{text}") };
    assert_eq!(entry["access_key_id"], printed["AccessKeyId"]);
    assert_eq!(entry["expiration"], printed["Expiration"]);
    assert_eq!(
        (&entry["state"], &entry["key"]),
        (&"fresh".into(), &"pkcs11:token=lab;object=laptop".into())
    );
    let at = |time: &str| {
        let mut command = lab.command();
        command.args(["cache", "list", "--json"]);
        let ended = run(&mut later(&command, time));
        let list: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
        list["entries"][0]["state"].as_str().expect("a state").to_owned()
    };
    assert_eq!((at("+50m").as_str(), at("+61m").as_str()), ("usable", "ended"));
    assert_eq!(said(&lab, &["clear", "--json"]), "{\"removed\":1}\n");
}

#[test]
fn a_cache_that_cannot_be_trusted_is_an_error_for_who_looks_into_it() {
    let lab = lab();
    answered(&mut journey(&lab));
    let elsewhere = lab.hsm.dir().join("elsewhere");
    std::fs::rename(folder(&lab), &elsewhere).expect("rename");
    std::os::unix::fs::symlink(&elsewhere, folder(&lab)).expect("link");
    check("cache-that-is-a-link", &lab, &cache(&lab, &["list"]));
    assert_eq!(cache(&lab, &["clear"]).code, 3);
    assert_eq!(std::fs::read_dir(elsewhere).expect("folder").count(), 2, "nothing was removed");
    check("cache-without-a-command", &lab, &cache(&lab, &[]));
}
