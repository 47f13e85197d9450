//! A throw-away PKI: a root, an intermediate, and whatever leaves a test asks for, good and bad.
//!
//! It issues with rcgen; what is issued is judged by OpenSSL. The layout of its directory is that of
//! `softhsm/provision.sh`: `root.pem`, `root.key`, `intermediate.pem`, `intermediate.key`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SerialNumber, SubjectPublicKeyInfo,
};

use crate::files::{create_directory, read, write};
use crate::{openssl, target, tool};

mod tls;

pub use tls::Flaw;

/// Yubico's PIV attestation extension "firmware version", the mark of an attestation certificate.
const YUBICO_FIRMWARE_VERSION: [u64; 9] = [1, 3, 6, 1, 4, 1, 41482, 3, 3];
/// An extension below the arc for examples.
const BALLAST: [u64; 5] = [2, 999, 1, 2, 3];
/// For how long everything has been valid already: a clock may be an hour slow.
const AGE: Duration = Duration::from_secs(2 * 3600);
const DAY: Duration = Duration::from_secs(86_400);

/// A root and an intermediate with their keys.
#[derive(Clone, Debug)]
pub struct Pki {
    directory: PathBuf,
}

/// Who issues a leaf.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Issuer {
    /// A certificate authority that nobody has heard of.
    Foreign,
    /// The intermediate.
    Intermediate,
    /// The root itself.
    Root,
}

/// What a leaf certificate shall say.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The key, as a PEM SubjectPublicKeyInfo.
    pub public_key_pem: String,
    /// The subject's CN, beside `O=Example`; without it the subject is empty.
    pub common_name: Option<String>,
    /// Start of validity.
    pub not_before: SystemTime,
    /// End of validity.
    pub not_after: SystemTime,
    /// Basic constraints CA:TRUE instead of CA:FALSE.
    pub ca: bool,
    /// A key usage of digitalSignature; otherwise of keyEncipherment.
    pub digital_signature: bool,
    /// Who signs it.
    pub issuer: Issuer,
    /// Adds Yubico's extension 1.3.6.1.4.1.41482.3.3, as in a PIV attestation.
    pub yubico_attestation: bool,
    /// The serial number, big-endian and positive whatever its first bit; otherwise a random one.
    pub serial: Option<Vec<u8>>,
    /// So many octets in an extension that means nothing, where a certificate has to be long.
    pub ballast: usize,
}

impl Leaf {
    /// A leaf that the service accepts: CN `lab`, valid from two hours ago for a year, issued by the intermediate.
    pub fn of(public_key_pem: &str) -> Self {
        let now = SystemTime::now();
        Self {
            public_key_pem: public_key_pem.into(),
            common_name: Some("lab".into()),
            not_before: now - AGE,
            not_after: now + 365 * DAY,
            ca: false,
            digital_signature: true,
            issuer: Issuer::Intermediate,
            yubico_attestation: false,
            serial: None,
            ballast: 0,
        }
    }
}

impl Pki {
    /// Makes a root and an intermediate in that directory.
    ///
    /// # Panics
    /// When the directory cannot be written.
    pub fn fresh(directory: &Path) -> Self {
        create_directory(directory);
        let pki = Self { directory: directory.into() };
        let (root, root_key) = (authority("Example Lab Root"), fresh_key());
        let certificate = root.self_signed(&root_key).expect("a complete template signs");
        pki.save("root", &certificate, &root_key);
        let (intermediate, key) = (authority("Example Lab Intermediate"), fresh_key());
        let certificate =
            intermediate.signed_by(&key, &pki.issuer("root")).expect("a complete template signs");
        pki.save("intermediate", &certificate, &key);
        pki
    }

    /// The PKI in a directory that [`fresh`](Self::fresh) or `softhsm/provision.sh` has made.
    ///
    /// # Panics
    /// When one of its files is missing.
    pub fn load(ca_directory: &Path) -> Self {
        let pki = Self { directory: ca_directory.into() };
        for name in ["root.pem", "root.key", "intermediate.pem", "intermediate.key"] {
            let path = pki.directory.join(name);
            assert!(path.is_file(), "{} is missing: softhsm/provision.sh makes it", path.display());
        }
        pki
    }

    /// The root's certificate.
    pub fn root_pem_path(&self) -> PathBuf {
        self.directory.join("root.pem")
    }

    /// The intermediate's certificate.
    pub fn intermediate_pem_path(&self) -> PathBuf {
        self.directory.join("intermediate.pem")
    }

    /// Issues a leaf certificate, PEM.
    ///
    /// # Panics
    /// When the public key is not one that rcgen knows.
    pub fn leaf(&self, leaf: &Leaf) -> String {
        let key = SubjectPublicKeyInfo::from_pem(&leaf.public_key_pem)
            .expect("a PEM public key, RSA or EC");
        let issuer = match leaf.issuer {
            Issuer::Foreign => rcgen::Issuer::new(authority("Foreign Root"), fresh_key()),
            Issuer::Intermediate => self.issuer("intermediate"),
            Issuer::Root => self.issuer("root"),
        };
        leaf_template(leaf).signed_by(&key, &issuer).expect("a complete template signs").pem()
    }

    /// Issues a leaf by the intermediate with a SHA-1 signature, which no service takes any more, PEM.
    pub fn sha1_leaf(&self, public_key_pem: &str, common_name: &str) -> String {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let (key, extensions) =
            (scratch.path().join("key.pem"), scratch.path().join("extensions.cnf"));
        write(&key, public_key_pem);
        write(
            &extensions,
            "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n",
        );
        let mut command = Command::new("openssl");
        command.args([
            "x509",
            "-new",
            "-sha1",
            "-days",
            "30",
            "-subj",
            &format!("/O=Example/CN={common_name}"),
        ]);
        command.arg("-force_pubkey").arg(key).arg("-extfile").arg(extensions);
        command.arg("-CA").arg(self.intermediate_pem_path());
        tool::run(command.arg("-CAkey").arg(self.directory.join("intermediate.key")))
    }

    /// A key pair in software: the private key as PKCS#8 PEM, the public key as PEM. Kinds are `rsa:2048`,
    /// `rsa:3072`, `rsa:4096`, `EC:P-256`, `EC:P-384`, `EC:P-521`.
    ///
    /// Large RSA keys take seconds and are made once for the target directory.
    pub fn software_key(&self, kind: &str) -> (String, String) {
        let private = match kind.split_once(':') {
            Some(("rsa", bits @ ("3072" | "4096"))) => kept_rsa_key(bits),
            Some(("rsa", bits)) => generate("RSA", &[&format!("rsa_keygen_bits:{bits}")]),
            Some(("EC", curve)) => {
                generate("EC", &[&format!("ec_paramgen_curve:{curve}"), "ec_param_enc:named_curve"])
            }
            _ => panic!("{kind} is not a kind of key"),
        };
        let scratch = tempfile::NamedTempFile::new().expect("a temporary file");
        write(scratch.path(), &private);
        let public =
            tool::run(Command::new("openssl").args(["pkey", "-pubout", "-in"]).arg(scratch.path()));
        (private, public)
    }

    fn issuer(&self, name: &str) -> rcgen::Issuer<'static, KeyPair> {
        let key = KeyPair::from_pem(&read(&self.directory.join(name).with_extension("key")));
        let certificate = read(&self.directory.join(name).with_extension("pem"));
        rcgen::Issuer::from_ca_cert_pem(&certificate, key.expect("a PKCS#8 key"))
            .expect("a CA certificate")
    }

    fn save(&self, name: &str, certificate: &rcgen::Certificate, key: &KeyPair) {
        write(&self.directory.join(name).with_extension("key"), &key.serialize_pem());
        write(&self.directory.join(name).with_extension("pem"), &certificate.pem());
    }
}

fn authority(common_name: &str) -> CertificateParams {
    let mut template = CertificateParams::default();
    template.distinguished_name = name(Some(common_name));
    (template.not_before, template.not_after) = lifetime(3650 * DAY);
    template.serial_number = Some(random_serial());
    template.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    template.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    template.use_authority_key_identifier_extension = true;
    template
}

fn leaf_template(leaf: &Leaf) -> CertificateParams {
    let mut template = CertificateParams::default();
    template.distinguished_name = name(leaf.common_name.as_deref());
    template.not_before = leaf.not_before.into();
    template.not_after = leaf.not_after.into();
    template.serial_number =
        Some(leaf.serial.as_ref().map_or_else(random_serial, |s| SerialNumber::from_slice(s)));
    template.is_ca =
        if leaf.ca { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::ExplicitNoCa };
    let usage = match leaf.digital_signature {
        true => KeyUsagePurpose::DigitalSignature,
        false => KeyUsagePurpose::KeyEncipherment,
    };
    template.key_usages = vec![usage];
    template.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    template.use_authority_key_identifier_extension = true;
    if leaf.yubico_attestation {
        let firmware = vec![5, 4, 3];
        template
            .custom_extensions
            .push(CustomExtension::from_oid_content(&YUBICO_FIRMWARE_VERSION, firmware));
    }
    if leaf.ballast > 0 {
        let ballast = CustomExtension::from_oid_content(&BALLAST, vec![0; leaf.ballast]);
        template.custom_extensions.push(ballast);
    }
    template
}

fn name(common_name: Option<&str>) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    if let Some(common_name) = common_name {
        name.push(DnType::OrganizationName, "Example");
        name.push(DnType::CommonName, common_name);
    }
    name
}

/// From two hours ago, so that clocks that are a little behind are still inside.
fn lifetime<T: From<SystemTime>>(length: Duration) -> (T, T) {
    let now = SystemTime::now();
    ((now - AGE).into(), (now + length).into())
}

/// 16 random octets, the first of them below 80 hex so that the number is positive in as many octets of DER.
fn random_serial() -> SerialNumber {
    let mut octets = openssl::random::<16>();
    octets[0] = octets[0] & 0x3f | 0x40;
    SerialNumber::from_slice(&octets)
}

fn fresh_key() -> KeyPair {
    KeyPair::generate().expect("a P-256 key")
}

fn generate(algorithm: &str, options: &[&str]) -> String {
    let mut command = Command::new("openssl");
    command.args(["genpkey", "-algorithm", algorithm]);
    tool::run(command.args(options.iter().flat_map(|option| ["-pkeyopt", *option])))
}

fn kept_rsa_key(bits: &str) -> String {
    let name = format!("lab-rsa-{bits}");
    let _lock = target::lock(&name, false);
    let path = target::directory().join(&name).with_extension("pem");
    if !path.exists() {
        let unfinished = path.with_extension("new");
        write(&unfinished, &generate("RSA", &[&format!("rsa_keygen_bits:{bits}")]));
        fs::rename(&unfinished, &path).expect("both names are in the target directory");
    }
    read(&path)
}
