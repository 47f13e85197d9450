//! The lab by hand: make a token and a PKI, serve Roles Anywhere and STS, issue a certificate.
//!
//! The library panics with a sentence when something is missing, as a test wants it; here the sentence is the message.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::{Args, Parser};
use nix::sys::signal::{SigSet, Signal};

use hsm_test::bench;
use hsm_test::piv::Desk;
use hsm_test::pki::{Leaf, Pki};
use hsm_test::server::{Config, Request, Server};
use hsm_test::softhsm::SoftHsm;
use hsm_test::stress;
use hsm_test::swtpm::Swtpm;

/// The device lab of keyanchor.
#[derive(Debug, Parser)]
#[command(name = "hsm-test")]
enum Verb {
    /// Measure keyanchor beside the floor, and beside another helper.
    Bench(Bench),
    /// Make every fault, and print a row for each.
    Faults,
    /// Issue a certificate for a public key.
    Issue(Issue),
    /// Run a program, and say the peak memory of its largest process in KiB.
    #[command(hide = true)]
    PeakMemory {
        /// The program and its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        words: Vec<OsString>,
    },
    /// Run pcscd and a YubiKey with a key, a certificate and their PKI until stopped.
    Piv {
        #[command(flatten)]
        stay: Stay,
        /// As a YubiKey comes from the factory: without a key, PIN 123456, PUK 12345678.
        #[arg(long)]
        factory: bool,
    },
    /// Make a throw-away HSM with keys, certificates and their PKI.
    Provision {
        /// Where to; made where it is missing, completed where it is not.
        directory: PathBuf,
    },
    /// Serve Roles Anywhere and STS until stopped, and say what became of each request.
    Serve(Serve),
    /// Crowds, kills at random moments, many runs in a row; a table of what came of it.
    Stress {
        /// The folder with the programs, all of them built for release.
        #[arg(long, default_value = "target/release")]
        programs: PathBuf,
    },
    /// Run a TPM with keys, certificates and their PKI until stopped.
    Tpm(Stay),
}

#[derive(Args, Debug)]
struct Bench {
    /// The folder with the programs, all of them built for release.
    #[arg(long, default_value = "target/release")]
    programs: PathBuf,
    /// The folder for bench.json and bench.svg.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
    /// Another helper with the same command line, such as AWS's own.
    #[arg(long)]
    peer: Option<PathBuf>,
    /// How often each of them runs in each scene.
    #[arg(long, default_value_t = 40)]
    runs: usize,
}

#[derive(Args, Debug)]
struct Issue {
    /// The directory with the PKI, DIR/ca of `provision`.
    #[arg(long)]
    ca: PathBuf,
    /// The public key, PEM.
    #[arg(long)]
    public_key: PathBuf,
    /// Where the certificate goes, PEM.
    #[arg(long)]
    out: PathBuf,
    /// The subject's common name.
    #[arg(long, default_value = "lab")]
    cn: String,
}

#[derive(Args, Debug)]
struct Serve {
    /// The directory with the PKI, DIR/ca of `provision`; its root is the trust anchor.
    #[arg(long)]
    ca: PathBuf,
    /// The TCP port on 127.0.0.1; a free one if 0.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// A file that gets the URL as soon as the server listens.
    #[arg(long)]
    ready_file: Option<PathBuf>,
    /// Where the root to trust for TLS goes [default: ca-bundle.pem beside the PKI].
    #[arg(long)]
    ca_bundle_out: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct Stay {
    /// Where it keeps everything; made where it is missing, completed where it is not.
    directory: PathBuf,
    /// A file that gets what is to be exported as soon as the device answers.
    #[arg(long)]
    ready_file: Option<PathBuf>,
}

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        let payload = panic.payload();
        let constant = payload.downcast_ref::<&str>().copied();
        let message = payload.downcast_ref::<String>().map(String::as_str).or(constant);
        let message = message.unwrap_or("the lab is broken");
        let _ = writeln!(std::io::stderr(), "hsm-test: error: {message}");
    }));
    match Verb::parse() {
        Verb::Bench(bench) => self::bench(bench),
        Verb::Faults => faults(),
        Verb::Issue(issue) => self::issue(&issue),
        Verb::PeakMemory { words } => {
            say(&bench::peak_memory_of(&words).to_string());
            ExitCode::SUCCESS
        }
        Verb::Piv { stay, factory } => piv(&stay, factory),
        Verb::Provision { directory } => provision(&directory),
        Verb::Serve(serve) => self::serve(&serve),
        Verb::Stress { programs } => stress(programs),
        Verb::Tpm(stay) => tpm(&stay),
    }
}

fn stress(programs: PathBuf) -> ExitCode {
    let lab = programs.clone();
    let (crowd, warm, kills, sequence) = (200, 1000, 200, 10_000);
    let rows = stress::run(&stress::Options { programs, lab, crowd, warm, kills, sequence });
    say(&stress::table(&rows));
    if rows.iter().all(|row| row.met) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn bench(Bench { programs, out, peer, runs }: Bench) -> ExitCode {
    say(&bench::run(&bench::Options { programs, out: out.clone(), peer, runs }));
    say(&format!("all runs: {0}/bench.json, a picture: {0}/bench.svg", out.display()));
    ExitCode::SUCCESS
}

fn faults() -> ExitCode {
    let (table, good) = hsm_test::faults::run();
    say(&table);
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn issue(arguments: &Issue) -> ExitCode {
    let public_key = fs::read_to_string(&arguments.public_key);
    let public_key =
        public_key.unwrap_or_else(|error| panic!("{}: {error}", arguments.public_key.display()));
    let leaf = Leaf { common_name: Some(arguments.cn.clone()), ..Leaf::of(&public_key) };
    write(&arguments.out, &Pki::load(&arguments.ca).leaf(&leaf));
    ExitCode::SUCCESS
}

fn provision(directory: &Path) -> ExitCode {
    let script = SoftHsm::provisioning_script();
    let status = Command::new(&script).arg(directory).status();
    match status.unwrap_or_else(|error| panic!("{}: {error}", script.display())).success() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn serve(arguments: &Serve) -> ExitCode {
    let pki = Pki::load(&arguments.ca);
    let bundle =
        arguments.ca_bundle_out.clone().unwrap_or_else(|| arguments.ca.join("../ca-bundle.pem"));
    fs::copy(pki.root_pem_path(), &bundle)
        .unwrap_or_else(|error| panic!("{}: {error}", bundle.display()));
    let bundle = bundle.canonicalize().expect("the file was written a moment ago");
    let config = Config {
        port: arguments.port,
        ca_bundle: bundle,
        observer: Some(say_request),
        ..Config::lab(&pki)
    };
    let server = Server::start(config);
    introduce(&server);
    if let Some(ready) = &arguments.ready_file {
        write(ready, &format!("{}\n", server.url()));
    }
    loop {
        // SIGINT and SIGTERM end the process, and there is nothing to tidy up
        std::thread::park();
    }
}

fn piv(arguments: &Stay, factory: bool) -> ExitCode {
    let ends = blocked_ends();
    let set_up = if factory { Desk::from_the_factory } else { Desk::set_up };
    let desk = set_up(&arguments.directory);
    let exports: String = desk.pcscd.command_env().iter().map(export).collect();
    say(&exports);
    if !factory {
        let chain = desk.pcscd.dir().join("certs/9a-chain.pem");
        say(&format!("piv:slot=9a  {}", chain.display()));
        say(&format!("\nPIN: {}", desk.pcscd.dir().join("pin").display()));
    }
    stay(arguments, &exports, &ends)
}

fn tpm(arguments: &Stay) -> ExitCode {
    let ends = blocked_ends();
    let tpm = Swtpm::provisioned(&arguments.directory);
    let exported = ["TPM2TOOLS_TCTI", "TPM2OPENSSL_TCTI", "KEYANCHOR_TCTI"]
        .map(|name| format!("export {name}={}\n", tpm.tcti()))
        .concat();
    say(&exported);
    for (name, _, handle) in Swtpm::KEYS {
        let (key, chain) = (format!("keys/{name}.pem"), format!("certs/{name}-chain.pem"));
        let [key, chain] = [key, chain].map(|file| tpm.dir().join(file).display().to_string());
        say(&format!("tpm:handle={handle:#x}  {key}  {chain}"));
    }
    say(&format!("\npassword of `locked`: {}", tpm.dir().join("password").display()));
    stay(arguments, &exported, &ends)
}

/// Signals that end the program, to be waited for: before there is a second thread, or a device that a signal would
/// leave behind.
fn blocked_ends() -> SigSet {
    let ends: SigSet = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM].into_iter().collect();
    ends.thread_block().expect("signals can be blocked");
    ends
}

fn stay(arguments: &Stay, exports: &str, ends: &SigSet) -> ExitCode {
    if let Some(ready) = &arguments.ready_file {
        write(ready, exports);
    }
    say(&format!("\nuntil Ctrl-C, or kill {}", std::process::id()));
    ends.wait().expect("signals can be waited for");
    ExitCode::SUCCESS
}

fn export((name, value): &(String, OsString)) -> String {
    format!("export {name}={}\n", quoted(&value.to_string_lossy()))
}

fn introduce(server: &Server) {
    say(&format!("listening on {}", server.url()));
    say(&format!("trust anchor {}", server.trust_anchor_arn()));
    say(&format!("profile      {}", server.profile_arn()));
    say(&format!("role         {}", server.role_arn()));
    say(&format!("CA bundle    {}", server.ca_bundle().display()));
    let quoted: Vec<String> = server.arguments().iter().map(|argument| quoted(argument)).collect();
    say(&format!("\nfor keyanchor: {}\n", quoted.join(" ")));
}

fn say_request(request: &Request) {
    say(&format!("{} {}: {}", request.method, request.path, request.verdict));
}

/// A reader that went away is no reason to stop serving.
fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

/// As a shell wants it; none of our words has a single quote, except a path of somebody's choice.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=".contains(c);
    if word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Writes beside the file and renames: a reader that waits for it never sees half of it.
fn write(path: &Path, text: &str) {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    let written = fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, path));
    written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
