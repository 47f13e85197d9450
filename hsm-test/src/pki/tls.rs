//! TLS server certificates for this computer: a right one, and one for each way to be wrong.

use std::process::Command;
use std::time::SystemTime;

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};

use super::{DAY, Pki, authority, fresh_key, lifetime, name, random_serial};
use crate::files::{read, write};
use crate::tool;

const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// What is wrong with a TLS server certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flaw {
    /// It is its own issuer and says CA:TRUE, as `openssl req -x509` makes it.
    CaItself,
    /// It ended a day ago.
    Expired,
    /// It begins tomorrow.
    NotYetValid,
    /// It is its own issuer.
    SelfSigned,
    /// Its issuer signed it with SHA-1.
    Sha1,
    /// Its issuer is a CA that nobody has heard of.
    UnknownCa,
    /// It is for `elsewhere.example`.
    WrongName,
}

impl Pki {
    /// A TLS server certificate for 127.0.0.1, ::1 and localhost: its chain and its key, both PEM.
    ///
    /// # Panics
    /// When a file of the PKI is missing.
    pub fn server_certificate(&self) -> (String, String) {
        self.issued(&server(&NAMES))
    }

    /// The same with a flaw.
    ///
    /// # Panics
    /// When a file of the PKI is missing, or OpenSSL is.
    pub fn flawed_server_certificate(&self, flaw: Flaw) -> (String, String) {
        let now = SystemTime::now();
        match flaw {
            Flaw::CaItself => {
                let mut template = server(&NAMES);
                template.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
                self_signed(&template)
            }
            Flaw::Expired => self.issued(&between(now - 30 * DAY, now - DAY)),
            Flaw::NotYetValid => self.issued(&between(now + DAY, now + 30 * DAY)),
            Flaw::SelfSigned => self_signed(&server(&NAMES)),
            Flaw::Sha1 => self.sha1_server(),
            Flaw::UnknownCa => {
                let issuer = rcgen::Issuer::new(authority("Foreign Root"), fresh_key());
                signed(&server(&NAMES), &issuer)
            }
            Flaw::WrongName => self.issued(&server(&["elsewhere.example"])),
        }
    }

    fn issued(&self, template: &CertificateParams) -> (String, String) {
        let (leaf, key) = signed(template, &self.issuer("intermediate"));
        (leaf + &read(&self.intermediate_pem_path()), key)
    }

    fn sha1_server(&self) -> (String, String) {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let (key, extensions) = (scratch.path().join("key.pem"), scratch.path().join("x.cnf"));
        let pair = fresh_key();
        write(&key, &pair.public_key_pem());
        write(
            &extensions,
            "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth\n\
             subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\n",
        );
        let mut command = Command::new("openssl");
        command.args(["x509", "-new", "-sha1", "-days", "30", "-subj", "/O=Example/CN=Old Server"]);
        command.arg("-force_pubkey").arg(&key).arg("-extfile").arg(&extensions);
        command.arg("-CA").arg(self.intermediate_pem_path());
        let leaf = tool::run(command.arg("-CAkey").arg(self.directory.join("intermediate.key")));
        (leaf + &read(&self.intermediate_pem_path()), pair.serialize_pem())
    }
}

fn server(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut template = CertificateParams::new(names).expect("the names are well-formed");
    template.distinguished_name = name(Some("Example Lab Server"));
    (template.not_before, template.not_after) = lifetime(365 * DAY);
    template.serial_number = Some(random_serial());
    template.is_ca = IsCa::ExplicitNoCa;
    template.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    template.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    template.use_authority_key_identifier_extension = true;
    template
}

fn between(start: SystemTime, end: SystemTime) -> CertificateParams {
    let mut template = server(&NAMES);
    (template.not_before, template.not_after) = (start.into(), end.into());
    template
}

fn self_signed(template: &CertificateParams) -> (String, String) {
    let key = fresh_key();
    let leaf = template.self_signed(&key).expect("a complete template signs");
    (leaf.pem(), key.serialize_pem())
}

fn signed(template: &CertificateParams, issuer: &rcgen::Issuer<'_, KeyPair>) -> (String, String) {
    let key = fresh_key();
    let leaf = template.signed_by(&key, issuer).expect("a complete template signs");
    (leaf.pem(), key.serialize_pem())
}
