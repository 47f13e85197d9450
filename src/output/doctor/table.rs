//! The table of `keyanchor doctor`: a line a step, and below it what is wrong and what to do.

use crate::output::doctor::{Name, Status, Step};
use crate::output::page::{Page, Tone, folded, shown};

/// The columns that a line may have where its words allow it.
const WIDTH: usize = 100;
/// Where the words begin, after the names of step and status.
const INDENT: usize = 29;

pub(super) fn of(steps: &[Step], colour: bool) -> String {
    let mut page = Page::new(colour);
    for step in steps {
        line(&mut page, step);
    }
    page.text
}

fn line(page: &mut Page, step: &Step) {
    let (tone, status) = match step.status {
        Status::Failed => (Tone::Bad, "FAILED"),
        Status::NotTried => (Tone::Warning, "not tried"),
        Status::Ok => (Tone::Good, "ok"),
        Status::Warning => (Tone::Warning, "warning"),
    };
    let texts = [
        step.facts.as_ref().map(ToString::to_string),
        step.error.clone(),
        step.cause.clone(),
        step.hint.clone(),
    ];
    let lines =
        texts.iter().flatten().flat_map(|text| folded(&shown(text, usize::MAX), WIDTH - INDENT));
    let lines: Vec<_> = lines.collect();
    let (first, rest) = lines.split_first().map_or(("", &[][..]), |(first, rest)| (first, rest));
    let status = page.paint(tone, &format!("{status:<10}"));
    page.line(0, format!("{:<19}{status}{first}", name(step.step)).trim_end());
    rest.iter().for_each(|line| page.line(INDENT, line));
}

fn name(step: Name) -> &'static str {
    match step {
        Name::Installation => "installation",
        Name::PrivateDirectory => "private directory",
        Name::MemoryLock => "memory lock",
        Name::Module => "module",
        Name::Token => "token",
        Name::Pin => "PIN",
        Name::Key => "key",
        Name::Certificate => "certificate",
        Name::Pair => "pair",
        Name::Chain => "chain",
        Name::Signature => "signature",
        Name::Proxy => "proxy",
        Name::Name => "name",
        Name::Connection => "connection",
        Name::Tls => "TLS",
        Name::Endpoint => "endpoint",
        Name::Clock => "clock",
    }
}
