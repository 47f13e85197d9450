//! A card in the table: two lines a key, as those of tokens have.

use crate::output::list::table::{LABEL, Table, verdict};
use crate::output::list::{Card, Slot};
use crate::output::page::{Tone, WIDTH, shown};

/// As many tries as a PIN has that nobody has mistyped, on almost all cards.
const ALL: u32 = 3;

impl Table {
    pub(super) fn card(&mut self, card: &Card) {
        self.0.gap();
        let firmware = card.firmware.as_ref().map(|version| format!(", firmware {version}"));
        let name = self.0.paint(Tone::Strong, &shown(&card.name, usize::MAX));
        self.0.line(0, format!("{name}{}", firmware.unwrap_or_default()));
        if card.serial.is_some() {
            self.0.line(2, format!("reader {}", shown(&card.reader, usize::MAX)));
        }
        if let Some(problem) = &card.problem {
            self.problem(2, problem, &card.name);
            return;
        }
        if let Some((tone, state)) = card.pin_tries.and_then(state) {
            self.0.line(2, self.0.paint(tone, &state));
        }
        if card.slots.is_empty() {
            self.0.line(2, "no key and no certificate in any slot");
        }
        let width = |of: &dyn Fn(&Slot) -> usize| card.slots.iter().map(of).max().unwrap_or(0);
        let purpose_width = width(&|slot| slot.purpose.chars().count());
        let kind_width = width(&|slot| kind(slot).chars().count());
        for slot in &card.slots {
            self.slot(slot, purpose_width, kind_width);
        }
    }

    fn slot(&mut self, slot: &Slot, purpose_width: usize, kind_width: usize) {
        let (tone, verdict) = match &slot.unreadable_certificate {
            _ if slot.kind.is_some() && !slot.supported => (Tone::Warning, "not supported".into()),
            Some(reason) => (Tone::Warning, format!("certificate: {}", shown(reason, usize::MAX))),
            None if slot.kind.is_none() => (Tone::Warning, "a certificate without a key".into()),
            None => verdict(slot.certificate, &slot.certificates),
        };
        let verdict = self.0.paint(tone, &verdict);
        let (number, purpose, kind) = (&slot.slot, &slot.purpose, kind(slot));
        let start = format!("{number} {purpose:purpose_width$}  {kind:kind_width$}");
        self.0.line(2, format!("{start}  {verdict}"));
        if let Some(uri) = &slot.uri {
            self.reference(uri, &wishes(slot));
        }
        self.certificates(&slot.certificates);
    }

    /// Names of readers can be long: what the key wants has a line of its own then.
    fn reference(&mut self, uri: &str, wishes: &str) {
        let line = format!("{uri}  ({wishes})");
        match wishes {
            "" => self.0.line(4, uri),
            _ if line.chars().count() + 4 <= WIDTH => self.0.line(4, line),
            _ => {
                self.0.line(4, uri);
                self.0.line(6, format!("({wishes})"));
            }
        }
    }
}

/// When the key wants what, as far as the card tells.
fn wishes(slot: &Slot) -> String {
    let wishes = [("PIN", slot.pin_policy), ("touch", slot.touch_policy)];
    let told = wishes.into_iter().filter_map(|(what, when)| Some(format!("{what} {}", when?)));
    told.collect::<Vec<_>>().join(", ")
}

fn kind(slot: &Slot) -> String {
    shown(slot.kind.as_deref().unwrap_or("-"), LABEL)
}

fn state(tries: u32) -> Option<(Tone, String)> {
    match tries {
        0 => Some((Tone::Bad, "the PIN is locked".to_owned())),
        1 => Some((Tone::Bad, "one try is left for the PIN: a wrong one locks it".to_owned())),
        ALL.. => None,
        _ => Some((Tone::Warning, format!("{tries} tries are left for the PIN"))),
    }
}
