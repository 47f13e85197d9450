//! Modules of several houses, each with a token of its own: what one promises is promised for all.
//! A further module joins by one more entry in `MODULES`.

use std::any::Any;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use hsm_test::fault::Fault;
use hsm_test::kryoptic::{Kryoptic, WrongPins};
use hsm_test::nss::Nss;
use hsm_test::softhsm::SoftHsm;
use hsm_test::spy::{self, Calls};

use crate::golden::check;
use crate::lab::{Ended, Lab, granted, lab, run};

const MODULES: [fn(&Lab) -> Foreign; 3] = [softhsm, kryoptic, nss];

/// A PKCS#11 module, and a token of it with keys that have their certificates beside them.
pub(crate) struct Foreign {
    module: PathBuf,
    environment: Vec<(String, OsString)>,
    init_args: Option<String>,
    /// Its label, as it stands in a URI.
    token: &'static str,
    pin_file: PathBuf,
    keys: Vec<Key>,
    /// Whatever the token lives in.
    _guard: Box<dyn Any>,
}

/// Key and certificate have one label.
struct Key {
    label: &'static str,
    certificate: PathBuf,
    /// How many logins it takes to sign.
    logins: usize,
}

pub(crate) fn softhsm(lab: &Lab) -> Foreign {
    let key = |(label, id, logins)| {
        let certificate = lab.hsm.certificate(label);
        if label != "rsa2048" {
            lab.hsm.import_certificate(&certificate, label, id);
        }
        Key { label, certificate, logins }
    };
    let keys = [("laptop", "01", 1), ("rsa2048", "02", 1), ("p384", "03", 1), ("always", "04", 2)];
    Foreign {
        module: SoftHsm::module(),
        environment: lab.hsm.command_env(),
        init_args: None,
        token: "lab",
        pin_file: lab.hsm.pin_file(),
        keys: keys.map(key).into(),
        _guard: Box::new(()),
    }
}

fn kryoptic(lab: &Lab) -> Foreign {
    of_kryoptic(lab, &Rc::new(Kryoptic::provisioned(&lab.pki())))
}

pub(crate) fn of_kryoptic(lab: &Lab, kryoptic: &Rc<Kryoptic>) -> Foreign {
    let key = |(label, _, _)| Key { label, certificate: kryoptic.certificate(label), logins: 1 };
    Foreign {
        module: safe_copy(lab, &Kryoptic::module()),
        environment: kryoptic.command_env(),
        init_args: None,
        token: Kryoptic::TOKEN,
        pin_file: kryoptic.pin_file(),
        keys: Kryoptic::KEYS.map(key).into(),
        _guard: Box::new(kryoptic.clone()),
    }
}

fn nss(lab: &Lab) -> Foreign {
    of_nss(&Rc::new(Nss::provisioned(&lab.pki())))
}

fn of_nss(nss: &Rc<Nss>) -> Foreign {
    let key = |(label, _)| Key { label, certificate: nss.certificate(label), logins: 1 };
    Foreign {
        module: Nss::module(),
        environment: Vec::new(),
        init_args: Some(nss.init_args()),
        token: "NSS%20Certificate%20DB",
        pin_file: nss.pin_file(),
        keys: Nss::KEYS.map(key).into(),
        _guard: Box::new(nss.clone()),
    }
}

/// What was built in the checkout: anybody may be able to change a folder above that.
fn safe_copy(lab: &Lab, module: &Path) -> PathBuf {
    let copy = lab.safe.path().join("module.so");
    std::fs::copy(module, &copy).expect("copy");
    copy
}

impl Foreign {
    fn uri(&self, label: &str) -> String {
        let (token, pin) = (self.token, self.pin_file.display());
        format!("pkcs11:token={token};object={label}?pin-source={pin}")
    }

    /// `credential-process` with this module, ready for a key.
    fn credential_process(&self, lab: &Lab) -> Command {
        self.through(lab, &self.module)
    }

    /// The same with another module, which may lead to this one.
    fn through(&self, lab: &Lab, module: &Path) -> Command {
        let mut command = lab.credential_process();
        command.env_remove("KEYANCHOR_PKCS11_LIB").env_remove("SOFTHSM2_CONF");
        command.envs(self.environment.iter().cloned()).arg("--pkcs11-lib").arg(module);
        if let Some(text) = &self.init_args {
            command.args(["--pkcs11-init-args", text]);
        }
        command.arg("--intermediates").arg(lab.pki().intermediate_pem_path());
        command
    }

    /// `credential-process` with pkcs11-spy before the module.
    fn watched(&self, lab: &Lab, log: &Path) -> Command {
        // Without a fault to make it only hides the interfaces of PKCS#11 3.x: the spy would pass
        // them on as they are, and see nothing.
        let plain = Fault::new(lab.safe.path(), &self.module, "");
        let mut command = self.through(lab, &spy::module());
        command.envs(plain.command_env()).envs(spy::command_env(&plain.module(), log));
        command
    }

    /// A run with the spy, and what it saw.
    fn spied(&self, lab: &Lab, options: &[&str]) -> (Ended, Calls) {
        let log = lab.hsm.dir().join("spy.log");
        let ended = run(self.watched(lab, &log).args(options));
        (ended, seen(&log))
    }

    /// A run for its first key that has no PIN, with the spy.
    pub(crate) fn without_pin(&self, lab: &Lab, log: &Path) -> Command {
        let mut command = self.watched(lab, log);
        let key = format!("pkcs11:token={};object={}", self.token, self.keys[0].label);
        command.args(["--key", &key]).arg("--certificate").arg(&self.keys[0].certificate);
        command
    }
}

/// What the spy has seen; nothing where the module was not even loaded. The next run begins anew.
pub(crate) fn seen(log: &Path) -> Calls {
    let calls = Calls(std::fs::read_to_string(log).unwrap_or_default());
    let _ = std::fs::remove_file(log);
    calls
}

#[test]
fn every_key_of_every_module_gets_credentials() {
    for module in MODULES {
        let lab = lab();
        let foreign = module(&lab);
        for key in &foreign.keys {
            let mut command = foreign.credential_process(&lab);
            command.args(["--key", &foreign.uri(key.label)]);
            granted(command.arg("--certificate").arg(&key.certificate));
        }
        assert_eq!(lab.server.requests().len(), foreign.keys.len());
    }
}

#[test]
fn every_module_has_the_certificate_beside_its_key() {
    for module in MODULES {
        let lab = lab();
        let foreign = module(&lab);
        for key in &foreign.keys {
            let uri = foreign.uri(key.label);
            granted(foreign.credential_process(&lab).args(["--key", &uri]));
            granted(foreign.credential_process(&lab).args(["--certificate", &uri]));
            granted(foreign.credential_process(&lab).args(["--key", &uri, "--certificate", &uri]));
        }
    }
}

#[test]
fn a_credential_costs_one_signature_on_every_module() {
    for module in MODULES {
        let lab = lab();
        let foreign = module(&lab);
        for key in &foreign.keys {
            let certificate = key.certificate.display().to_string();
            let options = ["--key", &foreign.uri(key.label), "--certificate", &certificate];
            let (ended, calls) = foreign.spied(&lab, &options);
            assert_eq!(ended.code, 0, "{}", ended.stderr);
            let counted = (calls.of("C_Login"), calls.of("C_SignInit"), calls.of("C_Sign"));
            assert_eq!(counted, (key.logins, 1, 1), "{}", foreign.module.display());
            assert!(calls.all() <= 40, "{}: {} calls", foreign.module.display(), calls.all());
        }
    }
}

#[test]
fn a_key_of_nss_is_found_by_its_id_too() {
    let lab = lab();
    let nss = Rc::new(Nss::provisioned(&lab.pki()));
    let foreign = of_nss(&nss);
    for key in &foreign.keys {
        let pair = |digits: &[u8]| format!("%{}", String::from_utf8_lossy(digits));
        let id: String = nss.id(key.label).as_bytes().chunks(2).map(pair).collect();
        let uri = format!("pkcs11:id={id}?pin-source={}", nss.pin_file().display());
        granted(foreign.credential_process(&lab).args(["--key", &uri]));
    }
}

#[test]
fn a_token_that_locks_is_never_brought_there_unasked() {
    let lab = lab();
    let kryoptic = Rc::new(Kryoptic::provisioned(&lab.pki()));
    kryoptic.enter(WrongPins::CountLow);
    let right = of_kryoptic(&lab, &kryoptic);
    let pin_file = lab.write("wrong-pin", "99999999\n");
    let wrong = Foreign { pin_file, ..of_kryoptic(&lab, &kryoptic) };
    let by_name: &[&str] = &["--use-last-try"];
    let steps = [
        ("wrong-pin-names-tries-left", &wrong, [].as_slice(), 1),
        ("wrong-pin-leaves-one-try", &wrong, &[], 1),
        ("pin-at-last-try", &wrong, &[], 0),
        ("pin-at-last-try", &right, &[], 0),
        ("wrong-pin-was-the-last-try", &wrong, by_name, 1),
        ("pin-locked", &right, by_name, 0),
    ];
    for (golden, foreign, options, logins) in steps {
        let key = foreign.uri("p256");
        // Written to, it is another one: the refusal of the run before does not count.
        lab.write("wrong-pin", "99999999\n");
        let (ended, calls) = foreign.spied(&lab, &[&["--key", key.as_str()], options].concat());
        // The sentences are those of any other token.
        let stderr = ended.stderr.replace("'kryoptic'", "'lab'");
        check(golden, &lab, &Ended { stderr, ..ended });
        assert_eq!(calls.of("C_Login"), logins, "{golden}");
    }
    assert!(kryoptic.flags().contains("user PIN locked"));
    assert!(lab.server.requests().is_empty());
}

#[test]
fn a_token_that_says_nothing_about_its_tries_is_told_to_do_so() {
    let lab = lab();
    let kryoptic = Rc::new(Kryoptic::provisioned(&lab.pki()));
    let pin_file = lab.write("wrong-pin", "99999999\n");
    let foreign = Foreign { pin_file, ..of_kryoptic(&lab, &kryoptic) };
    assert!(!kryoptic.flags().contains("user PIN"), "{}", kryoptic.flags());
    let (ended, calls) = foreign.spied(&lab, &["--key", &foreign.uri("p256")]);
    check("wrong-pin-and-no-word-about-tries", &lab, &ended);
    assert_eq!(calls.of("C_Login"), 1);
}

#[test]
fn the_last_try_with_the_right_pin_sets_the_count_back() {
    let lab = lab();
    let kryoptic = Rc::new(Kryoptic::provisioned(&lab.pki()));
    kryoptic.enter(WrongPins::FinalTry);
    let foreign = of_kryoptic(&lab, &kryoptic);
    let key = foreign.uri("p256");
    granted(foreign.credential_process(&lab).args(["--key", &key, "--use-last-try"]));
    assert!(!kryoptic.flags().contains("user PIN"), "{}", kryoptic.flags());
    granted(foreign.credential_process(&lab).args(["--key", &key]));
}

/// The folder of NSS's module differs from system to system.
fn nss_ended(nss: &Nss, ended: Ended) -> Ended {
    let module = Nss::module().canonicalize().expect("module").display().to_string();
    let stderr = ended.stderr.replace(&module, "[nss]");
    Ended { stderr: stderr.replace(&nss.dir().display().to_string(), "[database]"), ..ended }
}

#[test]
fn arguments_for_a_module_are_asked_for_where_it_wants_them() {
    let lab = lab();
    let nss = Nss::provisioned(&lab.pki());
    let with = |text: Option<&str>| {
        let mut command = lab.credential_process();
        command.args(["--key", "pkcs11:object=p256"]).arg("--pkcs11-lib").arg(Nss::module());
        nss_ended(&nss, run(command.args(text.map(|text| format!("--pkcs11-init-args={text}")))))
    };
    check("module-that-wants-arguments", &lab, &with(None));
    check("module-with-arguments-that-are-empty", &lab, &with(Some("")));
    let elsewhere = "configdir='sql:/no/such/folder' flags=readOnly";
    check("module-without-its-database", &lab, &with(Some(elsewhere)));
    let mut command = lab.with_key("laptop");
    let ended = run(command.args(["--pkcs11-init-args", &nss.init_args()]));
    check("module-that-wants-no-arguments", &lab, &ended);
}

#[test]
fn arguments_are_for_a_module_that_is_named() {
    let lab = lab();
    let mut command = lab.with_key("laptop");
    command.args(["--pkcs11-init-args", "x"]).env_remove("KEYANCHOR_PKCS11_LIB");
    check("module-arguments-without-a-module", &lab, &run(&mut command));
}

#[test]
fn arguments_are_for_the_keys_module_and_not_for_the_certificates() {
    let lab = lab();
    let nss = of_nss(&Rc::new(Nss::provisioned(&lab.pki())));
    let text = nss.init_args.clone().expect("NSS wants a text");
    let on = |uri: &str, module: &Path| format!("{uri}&module-path={}", module.display());
    let key = &nss.keys[1];
    lab.hsm.import_certificate(&key.certificate, "of-nss", "55");
    let certificate = on("pkcs11:token=lab;object=of-nss?", &SoftHsm::module()).replace("?&", "?");
    let mut command = lab.credential_process();
    command.args(["--key", &on(&nss.uri(key.label), &Nss::module())]);
    command.args(["--certificate", &certificate, "--pkcs11-init-args", &text]);
    granted(command.arg("--intermediates").arg(lab.pki().intermediate_pem_path()));
}

#[test]
fn the_certificate_of_a_key_file_can_be_in_nss() {
    let lab = lab();
    let nss = of_nss(&Rc::new(Nss::provisioned(&lab.pki())));
    let (private, _) = lab.pki().software_key("EC:P-256");
    let private = lab.write("key.pem", &private);
    let mut command = nss.credential_process(&lab);
    command.args(["--certificate", &nss.uri("p256")]).arg("--key").arg(private);
    let ended = run(&mut command);
    // It was read, and is another key's.
    assert!(
        ended.stderr.contains("the certificate does not belong to the key"),
        "{}",
        ended.stderr
    );
}
