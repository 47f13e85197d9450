//! What README and docs/piv.md say of YubiKeys: their commands are run as they stand there, by an owner who types what
//! he is asked for, and their numbers and errors are held against a card.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use hsm_test::piv::{
    Client, Log, Pcscd, PinPolicy, Stored, Template, Touch, TouchPolicy, YubiKey, opensc_module,
    ykcs11_module,
};
use hsm_test::pki::Leaf;
use hsm_test::terminal::Terminal;

use super::{PivLab, around, lab, with};
use crate::lab::{bare, granted, run, without_stdout};

const README: &str = include_str!("../../../README.md");
const PAGE: &str = include_str!("../../../docs/piv.md");

const SENT: &str = "## What the card is sent for a credential";

/// What is asked for, and what is typed.
type Typed<'a> = &'a [(&'a str, &'a str)];

/// As it comes from the factory.
const NEW: YubiKey =
    YubiKey { pin: YubiKey::FACTORY_PIN, puk: YubiKey::FACTORY_PUK, ..YubiKey::V5_4 };

/// What stands below a heading, up to the next one.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, section) = page.split_once(&format!("\n{heading}\n")).expect(heading);
    section.split("\n## ").next().unwrap_or_default()
}

/// What stands in its blocks of that kind.
fn blocks(section: &str, kind: &str) -> String {
    let begin = format!("```{kind}\n");
    let blocks = section.split(&begin).skip(1);
    blocks.filter_map(|rest| Some(rest.split_once("```")?.0)).collect()
}

/// The words of a page, however its lines are broken.
fn words(page: &str) -> String {
    page.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Runs the commands of a page, of which the one that imports the certificate waits for a CA.
fn provision(lab: &PivLab, commands: &str, before: Typed<'_>, after: Typed<'_>) {
    let import = commands.lines().position(|line| line.contains("import")).expect("an import");
    let lines: Vec<_> = commands.lines().collect();
    typed(lab, &lines[..import].join("\n"), before);
    let public_key = std::fs::read_to_string(lab.folder.path().join("key.pem")).expect("key.pem");
    let certificate = lab.pcscd.pki().leaf(&Leaf::of(&public_key));
    std::fs::write(lab.folder.path().join("cert.pem"), certificate).expect("cert.pem");
    typed(lab, &lines[import..].join("\n"), after);
}

/// Runs them on a terminal, in the lab's folder.
fn typed(lab: &PivLab, commands: &str, answers: Typed<'_>) {
    let mut shell = Command::new("sh");
    let folder = lab.folder.path().display();
    shell.args(["-ec", &format!("cd '{folder}'\n{commands}")]).envs(lab.pcscd.command_env());
    let mut terminal = Terminal::open();
    terminal.start(&shell);
    for (question, answer) in answers {
        terminal.wait_for(&format!("{question}: ")).type_in(&format!("{answer}\n"));
    }
    let ended = terminal.finish();
    assert!(ended.status.success(), "{}", terminal.shown());
}

/// The key that they made gives credentials by the reference that README has, and the list shows that reference.
fn is_a_key(lab: &PivLab) {
    let reference = "piv:slot=9a;serial=12345678";
    assert!(README.contains(&format!("--key \"{reference}\"")));
    granted(&mut lab.with_pin(reference));
    let listed = run(lab.command().arg("list")).stdout;
    assert!(listed.contains(&format!("{reference}  (PIN once, touch cached)")), "{listed}");
}

#[test]
fn the_keys_that_readme_makes_give_credentials() {
    let lab = with(NEW);
    let commands = blocks(section(README, "## A key in a YubiKey"), "sh");
    let before = [
        ("Enter pin", YubiKey::FACTORY_PIN),
        ("Enter new pin", YubiKey::PIN),
        ("Verifying - Enter new pin", YubiKey::PIN),
        ("Enter puk", YubiKey::FACTORY_PUK),
        ("Enter new puk", YubiKey::PUK),
        ("Verifying - Enter new puk", YubiKey::PUK),
    ];
    provision(&lab, &commands, &before, &[]);
    is_a_key(&lab);
}

#[test]
fn the_keys_that_the_page_makes_on_new_firmware_give_credentials() {
    let lab = with(YubiKey { firmware: YubiKey::V5_7.firmware, ..NEW });
    let mut older = lab.card.yubico_piv_tool("generate");
    let refused = older.args(["--slot", "9a"]).output().expect("yubico-piv-tool");
    let refused = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(PAGE.contains(&format!("`{}`", refused.trim())), "{refused}");
    let commands = of_the_lab(&lab, &blocks(section(PAGE, "## Making a key"), "sh"));
    let before = [
        ("Enter the current PIN", YubiKey::FACTORY_PIN),
        ("Enter the new PIN", YubiKey::PIN),
        ("Repeat for confirmation", YubiKey::PIN),
        ("Enter the current PUK", YubiKey::FACTORY_PUK),
        ("Enter the new PUK", YubiKey::PUK),
        ("Repeat for confirmation", YubiKey::PUK),
        ("Enter a management key [blank to use default key]", ""),
    ];
    let after = [
        ("Enter a management key [blank to use default key]", ""),
        ("Enter the current management key [blank to use default key]", ""),
        ("Enter PIN", YubiKey::PIN),
    ];
    provision(&lab, &commands, &before, &after);
    is_a_key(&lab);
}

#[test]
fn the_references_of_the_page_name_keys() {
    let pcscd = Pcscd::with_reader("Example Nitrokey 3");
    let card = YubiKey::V5_4.insert(&pcscd);
    let lab = around(pcscd, card);
    lab.card.key(&Template::P256);
    let table = section(PAGE, "## How a key is named");
    let references = table.lines().filter_map(|line| line.strip_prefix("| `piv:")?.split_once('`'));
    let references: Vec<_> = references.map(|(rest, _)| format!("piv:{rest}")).collect();
    assert_eq!(references.len(), 3, "{references:?}");
    for reference in references {
        granted(&mut lab.with_pin(&reference));
    }
}

#[test]
fn the_page_has_what_the_card_is_sent() {
    let lab = lab();
    lab.card.key(&Template::P256);
    let sent = sent(&lab, &mut lab.with_pin("piv:slot=9a"));
    let sent: Vec<_> = sent.commands().iter().map(|name| plain(name)).collect();
    let told = blocks(section(PAGE, SENT), "text");
    let told: Vec<_> = told.lines().flat_map(named).collect();
    assert_eq!(told, sent);
}

/// The commands that a line of the page names; what they are for stands behind them.
fn named(line: &str) -> Vec<&str> {
    let mut parts: Vec<_> = line.split("  ").filter(|part| !part.is_empty()).collect();
    parts.pop();
    parts
}

/// The name of a command as the standard has it.
fn plain(logged: &str) -> String {
    let name = logged.trim_end_matches("-STATUS").trim_end_matches("-LOGOUT");
    name.replace('-', " ")
}

/// All that a run does to the card.
fn sent(lab: &PivLab, command: &mut Command) -> Log {
    let mark = lab.card.mark();
    granted(command);
    lab.card.log_since(mark)
}

#[test]
fn the_pages_have_how_much_the_card_is_sent() {
    let lab = lab();
    let key = lab.card.key(&Template::P256);
    let apdus = |command: &mut Command| sent(&lab, command).apdus();
    let through =
        |module: PathBuf, key: &str| apdus(lab.with_pin(key).arg("--pkcs11-lib").arg(module));
    let own = apdus(&mut lab.with_pin("piv:slot=9a"));
    let in_file = apdus(lab.with_pin("piv:slot=9a").arg("--certificate").arg(key.certificate()));
    let ykcs11 = through(ykcs11_module(), "pkcs11:token=YubiKey%20PIV%20%2312345678;id=%01");
    let opensc = through(opensc_module(), "pkcs11:token=lab;id=%01");
    let page = words(section(PAGE, SENT));
    assert!(page.contains(&format!("These are {own}, and {in_file} with")), "{own} {in_file}");
    assert!(page.contains(&format!("libykcs11.so, which takes {ykcs11}, ")), "{ykcs11}");
    assert!(page.contains(&format!("opensc-pkcs11.so, which takes {opensc}.")), "{opensc}");
    let readme = words(section(README, "## A key in a YubiKey"));
    let told = format!("in {own} short commands where Yubico's own PKCS#11 module sends {ykcs11}");
    assert!(readme.contains(&told), "{told}");
}

#[test]
fn what_a_yubikey_types_by_accident_costs_no_try() {
    let lab = lab();
    lab.card.key(&Template::P256);
    let mark = lab.card.mark();
    let mut terminal = Terminal::open();
    terminal.start(&without_stdout(&bare(&lab.with("piv:slot=9a"))));
    terminal
        .wait_for("PIN for YubiKey 12345678: ")
        .type_in("cccccbhuinjdlvrjbhduhgibtkfdthjdvrnftgirbbij\n");
    terminal.wait_for("it is a one-time password").wait_for("PIN for YubiKey 12345678: ");
    assert_eq!(lab.card.log_since(mark).count("VERIFY"), 0);
    let ended = terminal.type_in(&format!("{}\n", YubiKey::PIN)).finish();
    assert!(ended.status.success(), "{}", terminal.shown());
}

#[test]
fn the_commands_of_the_page_unlock_a_pin() {
    let lab = lab();
    lab.card.key(&Template::P256);
    let yubico = [
        ("Enter puk", YubiKey::PUK),
        ("Enter new pin", YubiKey::PIN),
        ("Verifying - Enter new pin", YubiKey::PIN),
    ];
    let ykman = [("Enter PUK", YubiKey::PUK), ("Enter a new PIN", YubiKey::PIN)];
    for (command, answers) in
        [("yubico-piv-tool -a unblock-pin", &yubico[..]), ("ykman piv access unblock-pin", &ykman)]
    {
        assert!(section(PAGE, "## The PIN").contains(&format!("`{command}`")));
        lab.card.leave_tries(0);
        typed(&lab, &of_the_lab(&lab, command), answers);
        granted(&mut lab.with_pin("piv:slot=9a"));
    }
}

/// ykman is told the reader: that of the lab has an empty slot besides, which no YubiKey has.
fn of_the_lab(lab: &PivLab, commands: &str) -> String {
    commands.replace("ykman ", &format!("ykman --reader '{}' ", lab.card.reader()))
}

#[test]
fn the_page_has_the_errors_as_they_are_said() {
    let mut lab = with(YubiKey {
        touch: Touch::Never,
        touch_timeout: Duration::from_millis(1500),
        ..YubiKey::V5_4
    });
    let key = lab.card.key(&Template {
        pin_policy: PinPolicy::Never,
        touch_policy: TouchPolicy::Always,
        stored: Stored::Not,
        ..Template::P256
    });
    let locked = lab.card.key(&Template { slot: 0x9d, ..Template::P256 });
    let certified = |lab: &PivLab| {
        let mut command = lab.with_pin("piv:slot=9a");
        command.arg("--certificate").arg(key.certificate());
        command
    };
    let mut said = vec![
        error(&mut lab.with_pin("piv:slot=9a")),
        error(&mut lab.with_pin("piv:slot=9c")),
        error(&mut certified(&lab)),
    ];
    let holder = Client::holding(&lab.card, "scdaemon");
    said.push(error(&mut certified(&lab)).replace(lab.card.reader(), "…"));
    drop(holder);
    lab.card.leave_tries(0);
    said.push(error(lab.with_pin("piv:slot=9d").arg("--certificate").arg(locked.certificate())));
    let second = YubiKey { slot: 1, serial: 7, ..YubiKey::V5_4 }.insert(&lab.pcscd);
    said.push(error(&mut certified(&lab)));
    drop(second);
    lab.card.remove();
    said.push(error(&mut certified(&lab)));
    lab.pcscd.stop();
    said.push(error(&mut certified(&lab)));
    let table = section(PAGE, "## Errors");
    for error in &said {
        assert!(table.contains(&format!("\n| `{error}` | ")), "the page has no '{error}'");
    }
    assert_eq!(table.matches("\n| `").count(), said.len(), "{said:?}");
}

fn error(command: &mut Command) -> String {
    let ended = run(command);
    let error = ended.stderr.lines().find_map(|line| line.strip_prefix("keyanchor: error: "));
    error.unwrap_or_else(|| panic!("no error: {}", ended.stderr)).to_owned()
}

#[test]
fn keys_of_old_firmware_are_known_as_the_page_says() {
    let imported = Template { slot: 0x9d, imported: true, stored: Stored::Not, ..Template::P256 };
    for (firmware, vouches) in [("4.2.8", false), ("4.3.5", true), ("5.2.7", true)] {
        let lab = with(YubiKey { firmware, ..YubiKey::V5_4 });
        lab.card.key(&Template::P256);
        granted(&mut lab.with_pin("piv:slot=9a"));
        let listed = run(lab.command().arg("list")).stdout;
        let policies = "piv:slot=9a;serial=12345678  (PIN once, touch never)";
        assert_eq!(listed.contains(policies), vouches, "{firmware}: {listed}");
        let key = lab.card.key(&imported);
        assert!(error(&mut lab.with_pin("piv:slot=9d")).contains("public half"), "{firmware}");
        granted(lab.with_pin("piv:slot=9d").arg("--certificate").arg(key.certificate()));
    }
}
