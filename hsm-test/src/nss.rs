//! An NSS database per test, as Firefox and many a service keep their keys: its module, softokn, wants a text in
//! C_Initialize that says where the database is, and gives private keys no label.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, iter};

use tempfile::TempDir;

use crate::files::{create_directory, write};
use crate::pki::{Leaf, Pki};
use crate::{openssl, target, token, tool};

/// One database, removed when dropped.
#[derive(Debug)]
pub struct Nss {
    directory: TempDir,
}

impl Nss {
    /// The PIN, which NSS calls the password of the database.
    pub const PIN: &'static str = token::PIN;
    /// The label of the token that the database is.
    pub const TOKEN: &'static str = "NSS Certificate DB";
    /// The nicknames of the certificates, with certutil's words for the kinds of their keys.
    pub const KEYS: [(&'static str, [&'static str; 4]); 3] = [
        ("rsa2048", ["-k", "rsa", "-g", "2048"]),
        ("p256", ["-k", "ec", "-q", "nistp256"]),
        ("p384", ["-k", "ec", "-q", "secp384r1"]),
    ];

    /// A database with keys, and for each the certificate that `pki` has issued to it.
    ///
    /// # Panics
    /// When certutil is not installed.
    pub fn provisioned(pki: &Pki) -> Self {
        let parent = target::directory().join("lab");
        create_directory(&parent);
        let directory = tempfile::Builder::new().prefix("nss-").tempdir_in(&parent);
        let nss = Self { directory: directory.expect("the target directory is writable") };
        write(&nss.pin_file(), &format!("{}\n", Self::PIN));
        tool::run(&mut nss.certutil("-N"));
        for (nickname, kind) in Self::KEYS {
            let public_key_pem = nss.generate(nickname, &kind);
            let leaf = Leaf { common_name: Some(nickname.into()), ..Leaf::of(&public_key_pem) };
            write(&nss.certificate(nickname), &pki.leaf(&leaf));
            let mut add = nss.certutil("-A");
            tool::run(add.args(["-n", nickname, "-t", ",,", "-i"]).arg(nss.certificate(nickname)));
        }
        nss
    }

    /// NSS's PKCS#11 module.
    ///
    /// # Panics
    /// When it is not installed.
    pub fn module() -> PathBuf {
        let architectures = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
        let folders = architectures.map(|entry| entry.path()).chain(iter::once("/usr/lib".into()));
        folders
            .map(|folder| folder.join("libsoftokn3.so"))
            .find(|path| path.is_file())
            .expect("the lab needs libsoftokn3.so: apt-get install libnss3-tools")
    }

    /// What the module wants in C_Initialize.
    pub fn init_args(&self) -> String {
        let directory = self.dir().display();
        format!(
            "configdir='sql:{directory}' certPrefix='' keyPrefix='' secmod='secmod.db' flags=readOnly"
        )
    }

    /// The directory that holds everything.
    pub fn dir(&self) -> &Path {
        self.directory.path()
    }

    /// A file with the PIN and a newline, mode 0600.
    pub fn pin_file(&self) -> PathBuf {
        self.dir().join("pin")
    }

    /// The leaf certificate of a key, PEM.
    pub fn certificate(&self, nickname: &str) -> PathBuf {
        self.dir().join(format!("{nickname}.pem"))
    }

    /// The CKA_ID of a key, in hexadecimal.
    ///
    /// # Panics
    /// When there is no such key.
    pub fn id(&self, nickname: &str) -> String {
        let keys = tool::run(&mut self.certutil("-K"));
        let of_key = |line: &&str| line.ends_with(&format!(":{nickname}"));
        let line = keys.lines().find(of_key).expect("certutil lists the key with its certificate");
        let is_id = |word: &&str| word.len() == 40;
        line.split_whitespace().find(is_id).expect("an id is a SHA-1 hash").into()
    }

    /// Makes a key, and tells its public half by way of a request for a certificate.
    fn generate(&self, nickname: &str, kind: &[&str]) -> String {
        let (noise, request) = (self.dir().join("noise"), self.dir().join("request.pem"));
        write(&noise, &openssl::hex(&openssl::random::<32>()));
        let mut generate = self.certutil("-R");
        generate.args(kind).args(["-a", "-s", &format!("CN={nickname}"), "-z"]).arg(noise);
        tool::run(generate.arg("-o").arg(&request));
        tool::run(Command::new("openssl").args(["req", "-noout", "-pubkey", "-in"]).arg(request))
    }

    fn certutil(&self, verb: &str) -> Command {
        let mut command = Command::new("certutil");
        command.arg(verb).arg("-d").arg(format!("sql:{}", self.dir().display()));
        command.arg("-f").arg(self.pin_file());
        command
    }
}
