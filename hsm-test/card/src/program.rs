//! The program around a card: it stays on the line to the reader, and obeys the lines of stdin until they end.

use std::fmt::Display;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::applet::Applet;
use crate::bench::Bench;
use crate::card::{Card, Reply};
use crate::hand::Hand;
use crate::line::{Line, Message};
use crate::log::Log;
use crate::script::Script;

/// What all cards are told on their command line.
#[derive(clap::Args)]
pub struct Settings {
    /// vpcd's port on this machine
    #[arg(long)]
    port: u16,
    /// a file of faults to begin with
    #[arg(long)]
    script: Option<PathBuf>,
    /// the file that commands are noted in
    #[arg(long)]
    log: Option<PathBuf>,
}

/// How often a reader that is not there is looked for.
const RETRY: Duration = Duration::from_millis(10);

impl Settings {
    /// The bench that they describe.
    ///
    /// # Panics
    /// When the script or the log cannot be opened, or the script makes no sense.
    pub fn bench(&self, hand: Hand) -> Arc<Bench> {
        let script = self.script.as_ref().map_or_else(String::new, |path| {
            let text = fs::read_to_string(path);
            text.unwrap_or_else(|error| panic!("the script {}: {error}", path.display()))
        });
        let script = Script::parse(&script).unwrap_or_else(|what| panic!("{what}"));
        Arc::new(Bench::new(hand, Log::to(self.log.as_deref()), script))
    }
}

/// Runs the card until stdin ends.
pub fn run(settings: &Settings, bench: &Arc<Bench>, applet: impl Applet) {
    let leader = Arc::clone(bench);
    thread::spawn(move || {
        obey(&leader);
        leader.hand.leave();
    });
    let mut card = Card::new(applet, Arc::clone(bench));
    let (mut back, mut is_new) = (None, true);
    while bench.hand.awaits_insertion(back.take()) {
        let Some(mut line) = connected(settings.port, bench) else { continue };
        if is_new {
            say("ready");
            is_new = false;
        }
        back = serve(&mut line, &mut card, bench);
        bench.hand.note(None);
        card.reset();
    }
}

/// The line, once vpcd listens; none when the card is pulled before.
fn connected(port: u16, bench: &Bench) -> Option<Line> {
    while bench.hand.holds_in() {
        let attempt =
            Line::connect(port).and_then(|line| line.handle().map(|handle| (line, handle)));
        if let Ok((line, handle)) = attempt {
            bench.hand.note(Some(handle));
            return Some(line);
        }
        bench.hand.pause(RETRY);
    }
    None
}

/// Serves the reader until the line is cut; says when a card that pulled itself comes back.
fn serve(line: &mut Line, card: &mut Card<impl Applet>, bench: &Bench) -> Option<Duration> {
    while let Ok(message) = line.read() {
        let answered = match message {
            Message::Atr => line.write(card.atr()),
            Message::Command(apdu) => match card.transmit(&apdu) {
                Reply::Answer(_) if !bench.hand.holds_in() => break,
                Reply::Answer(response) => line.write(&response.to_bytes()),
                Reply::Pull(back) => {
                    bench.hand.remove();
                    return back;
                }
                Reply::Silence => Ok(()),
            },
            Message::PowerOff => power(card, bench, "off"),
            Message::PowerOn => power(card, bench, "on"),
            Message::Reset => power(card, bench, "reset"),
        };
        if answered.is_err() {
            break;
        }
    }
    None
}

fn power(card: &mut Card<impl Applet>, bench: &Bench, how: &str) -> io::Result<()> {
    bench.log.line(format_args!("POWER {how}"));
    card.reset();
    Ok(())
}

/// Answers each line of stdin with one on stdout.
fn obey(bench: &Bench) {
    for line in io::stdin().lines().map_while(Result::ok) {
        match order(bench, line.trim()) {
            Ok(answer) => {
                say(format_args!("ok{}{answer}", if answer.is_empty() { "" } else { " " }))
            }
            Err(what) => say(format_args!("error {what}")),
        }
    }
}

fn order(bench: &Bench, line: &str) -> Result<String, String> {
    let (verb, object) = line.split_once(' ').unwrap_or((line, ""));
    match (verb, object) {
        ("remove", "") => bench.hand.remove(),
        ("insert", "") if bench.hand.insert() => {}
        ("insert", "") => return Err("no reader takes the card".to_owned()),
        ("touch", touch) => bench.hand.set_touch(touch.parse()?),
        ("script", fault) => {
            change(&bench.script, |script| Script::parse(fault).map(|more| script.append(more)))?
        }
        ("clear", "") => change(&bench.script, |script| *script = Script::default()),
        ("state", "") => return Ok(change(&bench.state, |state| state.clone())),
        _ => return Err(format!("no order {line}")),
    }
    Ok(String::new())
}

fn change<T, R>(shared: &Mutex<T>, how: impl FnOnce(&mut T) -> R) -> R {
    how(&mut shared.lock().unwrap_or_else(PoisonError::into_inner))
}

fn say(what: impl Display) {
    let mut out = io::stdout().lock();
    // whoever closed stdout does not want to know
    let _ = writeln!(out, "{what}").and_then(|()| out.flush());
}
