//! `TSS2 PRIVATE KEY` files from the three makers that people use: by hand, by tpm2-tools, by OpenSSL's provider.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Swtpm;
use super::key::{Algorithm, Key, Template, Usage};
use super::parent::Parent;
use super::provision::hex;
use crate::files::{create_directory, write};
use crate::{openssl, tool};

/// What a file made by hand says about its key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tss2 {
    /// The kind: [`LOADABLE`](Self::LOADABLE), or something that is no key to sign with.
    pub oid: &'static str,
    /// emptyAuth, or nothing about it.
    pub empty_auth: Option<bool>,
    /// Lines in the language of OpenSSL's asn1parse for what stands between emptyAuth and parent, like
    /// `description = EXPLICIT:4,UTF8String:laptop`; sections may follow in [`sections`](Self::sections).
    pub between: Vec<String>,
    /// Further lines at the end, for what `between` refers to.
    pub sections: Vec<String>,
    /// The handle of the parent.
    pub parent: u32,
}

impl Tss2 {
    /// A key for TPM2_Load.
    pub const LOADABLE: &'static str = "2.23.133.10.1.3";
    /// A key for TPM2_Import.
    pub const IMPORTABLE: &'static str = "2.23.133.10.1.4";
    /// Sealed data.
    pub const SEALED: &'static str = "2.23.133.10.1.5";

    /// What is true of a key.
    pub fn of(key: &Key) -> Self {
        let primary_is_rsa = key.parent.rsa && key.parent.persistent.is_none();
        let rsa_parent = primary_is_rsa.then(|| "rsaParent = EXPLICIT:5,BOOLEAN:TRUE".into());
        Self {
            oid: Self::LOADABLE,
            empty_auth: Some(key.template.password.is_none()),
            between: rsa_parent.into_iter().collect(),
            sections: Vec::new(),
            parent: key.parent.handle(),
        }
    }

    fn configuration(&self, public: &[u8], private: &[u8]) -> String {
        let mut lines = vec!["asn1 = SEQUENCE:key".into(), "[key]".into()];
        lines.push(format!("type = OID:{}", self.oid));
        let boolean = |is| if is { "TRUE" } else { "FALSE" };
        let empty = self.empty_auth.map(boolean);
        lines.extend(empty.map(|is| format!("emptyAuth = EXPLICIT:0,BOOLEAN:{is}")));
        lines.extend(self.between.iter().cloned());
        lines.push(format!("parent = INTEGER:{}", hex(self.parent)));
        for (name, octets) in [("pubkey", public), ("privkey", private)] {
            lines.push(format!("{name} = FORMAT:HEX,OCTETSTRING:{}", openssl::hex(octets)));
        }
        lines.extend(self.sections.iter().cloned());
        lines.join("\n") + "\n"
    }
}

impl Swtpm {
    /// The file of a key, made by hand, which says what is true.
    pub fn file(&self, key: &Key) -> PathBuf {
        self.file_with(key, &Tss2::of(key))
    }

    /// The file of a key, made by hand, which says what it is told to.
    ///
    /// # Panics
    /// When OpenSSL does not understand what it shall say.
    pub fn file_with(&self, key: &Key, tss2: &Tss2) -> PathBuf {
        let configuration = tss2.configuration(&octets(&key.public()), &octets(&key.private()));
        let fingerprint = openssl::hex(&openssl::sha256(configuration.as_bytes()));
        let path = key.dir().join(format!("by-hand-{}.pem", &fingerprint[..8]));
        let (recipe, der) = (path.with_extension("cnf"), path.with_extension("der"));
        write(&recipe, &configuration);
        let mut generate = Command::new("openssl");
        generate.args(["asn1parse", "-noout", "-genconf"]).arg(&recipe).arg("-out").arg(&der);
        tool::run(&mut generate);
        write(&path, &armoured(&octets(&der)));
        path
    }

    /// The file of a key as tpm2_encodeobject makes it, whose emptyAuth is the opposite of what is true, and whose
    /// parent is the owner where it is another hierarchy.
    ///
    /// # Panics
    /// When tpm2-tools are not installed.
    pub fn file_by_tpm2_tools(&self, key: &Key) -> PathBuf {
        let path = key.dir().join("by-tpm2-tools.pem");
        let mut encode = self.tpm2("encodeobject");
        encode.arg("-C").arg(self.parent_context(key.parent)).arg("-o").arg(&path);
        encode.arg("-u").arg(key.public()).arg("-r").arg(key.private());
        encode.args(key.template.password.map(|_| "-p"));
        self.run(self.authorise_below(&mut encode, key.parent));
        path
    }

    /// A new key and its file as `openssl genpkey -provider tpm2` makes them: below the owner's primary key, for
    /// signatures and decryption, and wrong passwords count towards lock-out.
    ///
    /// # Panics
    /// When the provider is not installed.
    pub fn key_by_openssl(
        &self,
        algorithm: Algorithm,
        password: Option<&'static str>,
    ) -> (Key, PathBuf) {
        let usage = Usage::SignDecrypt;
        let template = Template { usage, password, protected: true, ..Template::of(algorithm) };
        let directory = self.dir().join("keys").join(openssl::hex(&openssl::random::<8>()));
        create_directory(&directory);
        let path = directory.join("by-openssl.pem");
        let (family, option) = match algorithm {
            Algorithm::P256 => ("EC", "group:P-256"),
            Algorithm::P384 => ("EC", "group:P-384"),
            Algorithm::P521 => ("EC", "group:P-521"),
            Algorithm::Rsa1024 => ("RSA", "bits:1024"),
            Algorithm::Rsa2048 => ("RSA", "bits:2048"),
            Algorithm::Rsa3072 => ("RSA", "bits:3072"),
            Algorithm::Hmac => panic!("OpenSSL's provider makes key pairs"),
        };
        let mut generate = Command::new("openssl");
        generate.envs(self.command_env()).args(["genpkey", "-provider", "tpm2", "-quiet"]);
        generate.args(["-algorithm", family, "-pkeyopt", option]);
        let password = password.map(|password| format!("user-auth:{password}"));
        generate.args(password.iter().flat_map(|password| ["-pkeyopt", password]));
        self.run(generate.arg("-out").arg(&path));
        let key = Key { template, parent: Parent::OWNER, directory };
        unpack(&path, &key);
        (key, path)
    }
}

/// Writes the two halves in a file, its last two octet strings, as files of their own.
fn unpack(path: &Path, key: &Key) {
    let parsed = tool::run(Command::new("openssl").args(["asn1parse", "-in"]).arg(path));
    let strings = parsed.lines().filter(|line| line.contains("OCTET STRING"));
    let values: Vec<&str> = strings.filter_map(|line| Some(line.rsplit_once(':')?.1)).collect();
    let [.., public, private] = values[..] else { panic!("no key in {parsed}") };
    for (file, hex) in [(key.public(), public), (key.private(), private)] {
        fs::write(&file, unhex(hex)).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
    key.write_public_key();
}

fn unhex(text: &str) -> Vec<u8> {
    let octet = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("OpenSSL's hexadecimal");
    (0..text.len()).step_by(2).map(octet).collect()
}

fn octets(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// PEM in lines of 64 characters.
fn armoured(der: &[u8]) -> String {
    const LABEL: &str = "TSS2 PRIVATE KEY";
    let text = STANDARD.encode(der);
    let starts = (0..text.len()).step_by(64);
    let lines: Vec<&str> = starts.map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN {LABEL}-----\n{}\n-----END {LABEL}-----\n", lines.join("\n"))
}
