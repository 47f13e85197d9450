//! A laboratory of its own for each test: a token directory, a server, and the program run as an
//! SDK runs it, without a terminal.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use hsm_test::fault::Fault;
use hsm_test::pki::Pki;
use hsm_test::server::{Config, Server};
use hsm_test::softhsm::SoftHsm;
use hsm_test::terminal::Terminal;
use tempfile::TempDir;

pub(crate) struct Lab {
    pub(crate) hsm: SoftHsm,
    pub(crate) server: Server,
    /// For programs and modules: a folder whose parents nobody else can change, wherever the
    /// checkout is.
    pub(crate) safe: TempDir,
}

/// The provisioned token and a server that trusts its root.
pub(crate) fn lab() -> Lab {
    let hsm = SoftHsm::provisioned();
    let server = Server::start(Config::lab(&hsm.pki()));
    let safe = std::env::home_dir().expect("home").canonicalize().expect("home");
    let safe = tempfile::Builder::new().prefix(".keyanchor-test-").tempdir_in(safe).expect("home");
    Lab { hsm, server, safe }
}

/// How a run ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Lab {
    pub(crate) fn pki(&self) -> Pki {
        self.hsm.pki()
    }

    /// Writes a file into the test's own folder, readable by its owner only.
    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.hsm.dir().join(name);
        std::fs::write(&path, content).expect(name);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect(name);
        path
    }

    /// `pkcs11:token=lab;object=LABEL` with the PIN's file.
    pub(crate) fn uri(&self, label: &str) -> String {
        format!("pkcs11:token=lab;object={label}?pin-source={}", self.hsm.pin_file().display())
    }

    /// The program in a session of its own, so that no terminal can be asked.
    pub(crate) fn command(&self) -> Command {
        self.run(Path::new(env!("CARGO_BIN_EXE_keyanchor")))
    }

    fn run(&self, program: &Path) -> Command {
        let mut command = Command::new("setsid");
        command.arg("--wait").arg(program).stdin(Stdio::null());
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.hsm.dir());
        command.env("KEYANCHOR_RUNTIME_DIR", self.hsm.dir().join("run"));
        // Most tests are about what happens when the cache has nothing.
        command.env("KEYANCHOR_CACHE", "off");
        command.env("KEYANCHOR_PKCS11_LIB", SoftHsm::module());
        // Where faults keep their script and write down what was called.
        command.env("KEYANCHOR_SANDBOX", self.safe.path());
        command.envs(self.hsm.command_env());
        command
    }

    /// `credential-process` against this server, ready for more options.
    pub(crate) fn credential_process(&self) -> Command {
        let mut command = self.command();
        command.arg("credential-process").args(self.server.arguments());
        command
    }

    /// The journey of a key on the token with its chain in a file.
    pub(crate) fn with_key(&self, label: &str) -> Command {
        self.with_program(Path::new(env!("CARGO_BIN_EXE_keyanchor")), label)
    }

    /// The same by a copy of the program.
    pub(crate) fn with_program(&self, program: &Path, label: &str) -> Command {
        let mut command = self.run(program);
        command.arg("credential-process").args(self.server.arguments());
        command.args(["--key", &self.uri(label)]).arg("--certificate").arg(self.hsm.chain(label));
        command
    }
}

/// The token knows that a wrong PIN was entered, and what was remembered of it is in another folder.
pub(crate) fn after_a_wrong_pin(lab: &Lab) {
    let wrong = lab.write("wrong-pin", "00000000");
    let mut command = lab.with_key("laptop");
    command.arg("--pin-file").arg(wrong).env("KEYANCHOR_RUNTIME_DIR", lab.hsm.dir().join("other"));
    assert_eq!(run(&mut command).code, 4);
}

/// The same command, its program started by another one: `prlimit`, `faketime`, `unshare`.
pub(crate) fn under(command: &Command, words: &[&str]) -> Command {
    let mut arguments = command.get_args();
    let wait = arguments.next().expect("setsid --wait PROGRAM");
    let mut under = Command::new(command.get_program());
    under.arg(wait).args(words).args(arguments).stdin(Stdio::null()).env_clear();
    under.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    under
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Ended {
    ended(&command.output().expect("the program starts"))
}

pub(crate) fn ended(output: &Output) -> Ended {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    Ended {
        code: output.status.code().expect("no signal"),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

/// A run that must have given credentials and nothing else.
pub(crate) fn granted(command: &mut Command) -> serde_json::Value {
    let ended = run(command);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{}", ended.stdout);
    assert_eq!(ended.stdout.matches('\n').count(), 1, "one line");
    let document: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(document["Version"], 1);
    document
}

/// The same command without the session of its own, if it has one: for a terminal, which makes one.
pub(crate) fn bare(command: &Command) -> Command {
    let own = std::iter::once(command.get_program()).chain(command.get_args());
    let mut words = own.skip(if command.get_program() == "setsid" { 2 } else { 0 });
    let mut bare = Command::new(words.next().expect("setsid --wait PROGRAM"));
    bare.args(words).envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    bare
}

/// The same command, its stdout thrown away.
pub(crate) fn without_stdout(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$@\" >/dev/null", "sh"]).arg(command.get_program());
    shell.args(command.get_args());
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell
}

/// Runs a command with its stderr on its terminal and its stdout thrown away; what a person saw.
pub(crate) fn on_terminal(command: &Command) -> String {
    let mut terminal = Terminal::open();
    terminal.start(&without_stdout(&bare(command))).finish();
    terminal.shown()
}

/// Runs a tool of the lab and returns its stdout.
pub(crate) fn tool(program: &str, arguments: &[&OsStr]) -> String {
    let output = Command::new(program).args(arguments).output().expect(program);
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Puts a program there, to be run at once. Another process writes it: one that we write ourselves is
/// still open for writing in whatever a test beside this one starts in that moment, and cannot be run.
pub(crate) fn install(program: impl AsRef<Path>, to: &Path) {
    tool("install", &["-m".as_ref(), "755".as_ref(), program.as_ref().as_ref(), to.as_ref()]);
}

/// A real module that fails where `script` says so.
pub(crate) fn fault(lab: &Lab, script: &str) -> Fault {
    Fault::new(lab.safe.path(), &SoftHsm::module(), script)
}

/// One of several, in a folder of its own, which a program finds by its path alone.
pub(crate) fn named_fault(lab: &Lab, name: &str, script: &str) -> PathBuf {
    let folder = lab.safe.path().join(name);
    std::fs::create_dir_all(&folder).expect("folder");
    Fault::new(&folder, &SoftHsm::module(), script).module()
}
