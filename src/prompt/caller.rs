//! Who wants the PIN: the program that has started keyanchor, as the kernel knows it. What it says of
//! itself is foreign text.

use std::fs;
use std::path::Path;

/// How far up it is looked for: SDKs put a shell in between.
const FARTHEST: usize = 4;

/// The most of a name that is told, in characters: whatever it says, its process comes after it.
const LONGEST: usize = 60;

/// Programs that only run what the next word names.
const INTERPRETERS: [&str; 9] =
    ["bun", "deno", "java", "node", "perl", "php", "pypy", "python", "ruby"];

/// Those that start a command for another program.
const SHELLS: [&str; 6] = ["ash", "bash", "busybox", "dash", "sh", "zsh"];

/// `aws (process 4242)`: the program that has started the main program, which is our parent.
#[must_use]
pub(super) fn name() -> Option<String> {
    let main = rustix::process::getppid()?.as_raw_nonzero().get();
    first_named(parent(main)?)
}

/// That process, or the first one above it which does more than to run a command.
fn first_named(mut process: i32) -> Option<String> {
    for _ in 0..FARTHEST {
        let words = words(&command_line(process)?)?;
        if !only_runs_a_command(&words) {
            let called: String = called(&words).chars().take(LONGEST).collect();
            return Some(format!("{called} (process {process})"));
        }
        process = parent(process)?;
    }
    None
}

/// proc_pid_status(5): `PPid`; none above the first process.
fn parent(process: i32) -> Option<i32> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    line.trim().parse().ok().filter(|parent| *parent > 0)
}

/// proc_pid_cmdline(5)
fn command_line(process: i32) -> Option<Vec<u8>> {
    fs::read(format!("/proc/{process}/cmdline")).ok()
}

/// The first words of a command line, each with a NUL behind it: no more are ever looked at. `None`
/// where there is no program.
#[must_use]
pub fn words(line: &[u8]) -> Option<Vec<String>> {
    let words = line.split(|byte| *byte == 0).take(8);
    let words: Vec<_> = words.map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    (!words.first()?.is_empty()).then_some(words)
}

/// `sh -c COMMAND`, as SDKs start what stands in a configuration file.
fn only_runs_a_command(words: &[String]) -> bool {
    let [program, rest @ ..] = words else { return false };
    SHELLS.contains(&file_name(program)) && rest.first().is_some_and(|word| word == "-c")
}

/// The program's name; of a script, not that of what runs it.
#[must_use]
pub fn called(words: &[String]) -> &str {
    let Some((program, rest)) = words.split_first() else { return "" };
    let program = file_name(program);
    let plain = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let script = rest.iter().find(|word| !word.starts_with('-') && !word.is_empty());
    match script {
        // `python -c TEXT` and `-m NAME` run no file.
        Some(script) if INTERPRETERS.contains(&plain) && is_first(rest, script) => {
            file_name(script)
        }
        _ => program,
    }
}

/// Whether no option that takes the next word stands before it.
fn is_first(rest: &[String], script: &str) -> bool {
    rest.iter()
        .take_while(|word| *word != script)
        .all(|word| !["-c", "-e", "-m"].contains(&word.as_str()))
}

/// A login shell's name begins with a dash; one of nothing else is a name still.
fn file_name(path: &str) -> &str {
    let name = Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or(path);
    Some(name.trim_start_matches('-')).filter(|plain| !plain.is_empty()).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(words: &[&str]) -> String {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        called(&words).to_owned()
    }

    #[test]
    fn a_script_is_called_by_its_own_name() {
        assert_eq!(named(&["/usr/bin/python3.11", "-s", "/usr/local/bin/aws", "s3", "ls"]), "aws");
        assert_eq!(named(&["python3", "-c", "import boto3"]), "python3");
        assert_eq!(named(&["python3", "-m", "awscli"]), "python3");
        assert_eq!(named(&["/usr/bin/terraform", "plan"]), "terraform");
        assert_eq!(named(&["-bash"]), "bash");
        assert_eq!(named(&["--"]), "--");
        assert_eq!(named(&["node"]), "node");
    }

    #[test]
    fn a_long_name_does_not_hide_its_process() {
        let mut child = std::process::Command::new("sleep");
        let name = std::os::unix::process::CommandExt::arg0(&mut child, "x".repeat(300)).arg("60");
        let mut child = name.spawn().expect("sleep");
        let process = i32::try_from(child.id()).expect("a process");
        // The kernel knows its words a moment after it has begun.
        let told = std::iter::repeat_with(|| first_named(process)).flatten().next();
        child.kill().expect("it runs");
        child.wait().expect("it ends");
        assert_eq!(told, Some(format!("{} (process {process})", "x".repeat(LONGEST))));
    }

    #[test]
    fn a_shell_between_is_not_the_caller() {
        let words =
            |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert!(only_runs_a_command(&words(&["/bin/sh", "-c", "keyanchor …"])));
        assert!(!only_runs_a_command(&words(&["-bash"])));
        assert!(!only_runs_a_command(&words(&["bash", "deploy.sh"])));
    }

    #[test]
    fn the_process_above_ours_has_a_name() {
        let ours = i32::try_from(std::process::id()).expect("a process");
        assert!(parent(ours).is_some_and(|parent| parent > 0));
        let words = command_line(ours).and_then(|line| words(&line));
        assert!(words.is_some_and(|words| !called(&words).is_empty()));
    }
}
