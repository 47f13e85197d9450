//! A token, a server, and the command line that gets credentials with both.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::files;
use crate::kryoptic::Kryoptic;
use crate::pki::Leaf;
use crate::server::{Config, Server};
use crate::softhsm::SoftHsm;
use crate::spy::{self, Calls};

/// One of a kind; nothing is kept in it yet.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) server: Server,
    hsm: SoftHsm,
    /// A token whose database outlives whoever writes it, in the place of SoftHSM's.
    kryoptic: Option<Kryoptic>,
    programs: PathBuf,
}

impl Scene {
    pub(super) fn new(programs: &Path) -> Self {
        let hsm = SoftHsm::provisioned();
        let server = Server::start(Config::lab(&hsm.pki()));
        let programs = programs.canonicalize();
        let programs = programs.expect("the folder of the programs is there");
        Self { server, hsm, kryoptic: None, programs }
    }

    /// With kryoptic: SoftHSM empties a file of its token before it writes it anew with each login, and a token that
    /// loses its process in between is lost.
    pub(super) fn that_outlives_its_host(programs: &Path) -> Self {
        let scene = Self::new(programs);
        let kryoptic = Some(Kryoptic::provisioned(&scene.hsm.pki()));
        Self { kryoptic, ..scene }
    }

    /// A run with a key of the token.
    pub(super) fn token(&self) -> Command {
        if let Some(kryoptic) = &self.kryoptic {
            let pin = kryoptic.pin_file().display().to_string();
            let mut command = self.command();
            command.args(["--key", &format!("pkcs11:token=kryoptic;object=p256?pin-source={pin}")]);
            command.arg("--certificate").arg(kryoptic.certificate("p256"));
            command.arg("--intermediates").arg(self.hsm.pki().intermediate_pem_path());
            command.env("KEYANCHOR_PKCS11_LIB", Kryoptic::module());
            command.envs(kryoptic.command_env());
            return command;
        }
        let uri = format!("pkcs11:token=lab;object=laptop?pin-source={}", self.pin());
        let mut command = self.command();
        command.args(["--key", &uri]).arg("--certificate").arg(self.hsm.chain("laptop"));
        command.env("KEYANCHOR_PKCS11_LIB", SoftHsm::module());
        command
    }

    /// The same with pkcs11-spy before the module.
    pub(super) fn spied(&self) -> Command {
        let mut command = self.token();
        command.env("KEYANCHOR_PKCS11_LIB", spy::module());
        command.envs(spy::command_env(&SoftHsm::module(), &self.log()));
        command
    }

    /// What was called since the beginning.
    pub(super) fn calls(&self) -> Calls {
        Calls(files::read(&self.log()))
    }

    /// A run with a key in a file, which is quick.
    pub(super) fn file(&self) -> Command {
        let (key, chain) = (self.hsm.dir().join("key.pem"), self.hsm.dir().join("chain.pem"));
        if !key.exists() {
            let (private, public) = self.hsm.pki().software_key("EC:P-256");
            let intermediate = files::read(&self.hsm.pki().intermediate_pem_path());
            files::write(&chain, &(self.hsm.pki().leaf(&Leaf::of(&public)) + &intermediate));
            files::write(&key, &private);
        }
        let mut command = self.command();
        command.arg("--key").arg(key).arg("--certificate").arg(chain);
        command
    }

    /// Forgets what is kept.
    pub(super) fn forget(&self) {
        let _ = std::fs::remove_dir_all(self.cache());
    }

    /// The files that are kept, by their names.
    pub(super) fn kept(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.cache()).into_iter().flatten().flatten();
        files.map(|file| file.file_name().to_string_lossy().into_owned()).collect()
    }

    /// The process that asks for the credentials, by what it has written down.
    pub(super) fn holder(&self) -> Option<i32> {
        let lock = self.kept().into_iter().find(|name| name.ends_with(".lock"))?;
        let text = std::fs::read(self.cache().join(lock)).ok()?;
        let record: serde_json::Value = serde_json::from_slice(&text).ok()?;
        record["process"].as_i64().and_then(|process| i32::try_from(process).ok())
    }

    /// What only processes of this scene have in their environment.
    pub(super) fn home(&self) -> String {
        format!("HOME={}", self.hsm.dir().display())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.programs.join("keyanchor"));
        command.arg("credential-process").args(self.server.arguments()).env_clear();
        let environment: [(&str, OsString); 3] = [
            ("PATH", "/usr/bin:/bin".into()),
            ("HOME", self.hsm.dir().into()),
            ("KEYANCHOR_RUNTIME_DIR", self.hsm.dir().join("run").into()),
        ];
        command.envs(environment).envs(self.hsm.command_env());
        command
    }

    fn cache(&self) -> PathBuf {
        self.hsm.dir().join("run/cache")
    }

    fn log(&self) -> PathBuf {
        self.hsm.dir().join("spy.log")
    }

    fn pin(&self) -> String {
        self.hsm.pin_file().display().to_string()
    }
}
