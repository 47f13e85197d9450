//! Another client of PC/SC, for `piv::Client` of the lab: it connects to one card, and obeys a line each of its standard
//! input with one of its standard output, `ok …` or `error …`. At the end of its input it goes, and its card is reset.
//!
//! Orders: `connect MODE`, `reconnect MODE HOW`, `disconnect HOW`, `begin` and `end HOW` of a transaction, and
//! `transmit HEX`. MODE is `exclusive` or `shared`, HOW is `leave`, `reset` or `unpower`.

#![deny(unsafe_code)]

use std::error::Error;
use std::ffi::CString;
use std::fmt::Display;
use std::io::{self, Write as _};

use pcsc::{Card, Context, Disposition, Protocols, Scope, ShareMode};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let name = std::env::args().nth(1).ok_or("the name of a reader is missing")?;
    let mut client = Client {
        context: Context::establish(Scope::User)?,
        reader: CString::new(name)?,
        orders: Orders,
        card: None,
    };
    say("ready");
    while let Some(order) = client.orders.next() {
        answer(client.obey(&order));
    }
    Ok(())
}

/// The lines of standard input.
struct Orders;

struct Client {
    context: Context,
    reader: CString,
    orders: Orders,
    card: Option<Card>,
}

impl Iterator for Orders {
    type Item = Vec<String>;

    fn next(&mut self) -> Option<Vec<String>> {
        let line = io::stdin().lines().next()?.ok()?;
        Some(line.split_whitespace().map(str::to_owned).collect())
    }
}

impl Client {
    fn obey(&mut self, order: &[String]) -> Outcome<String> {
        let words: Vec<&str> = order.iter().map(String::as_str).collect();
        match words[..] {
            ["connect", mode] => {
                self.card =
                    Some(self.context.connect(&self.reader, share(mode)?, Protocols::ANY)?);
            }
            ["reconnect", mode, how] => {
                self.card()?.reconnect(share(mode)?, Protocols::ANY, disposition(how)?)?;
            }
            ["disconnect", how] => {
                let card = self.card.take().ok_or(NOT_CONNECTED)?;
                card.disconnect(disposition(how)?).map_err(|(_, error)| error)?;
            }
            ["begin"] => {
                let card = self.card.as_mut().ok_or(NOT_CONNECTED)?;
                return in_transaction(card, &mut self.orders);
            }
            ["transmit", hex] => return transmit(self.card()?, hex),
            _ => return Err("no such order here".into()),
        }
        Ok(String::new())
    }

    fn card(&mut self) -> Outcome<&mut Card> {
        self.card.as_mut().ok_or_else(|| NOT_CONNECTED.into())
    }
}

const NOT_CONNECTED: &str = "not connected";

/// Obeys until the transaction ends, whose answer is that of the order to end it.
fn in_transaction(card: &mut Card, orders: &mut Orders) -> Outcome<String> {
    let transaction = card.transaction()?;
    say("ok");
    for order in orders {
        let words: Vec<&str> = order.iter().map(String::as_str).collect();
        match words[..] {
            ["transmit", hex] => answer(transmit(&transaction, hex)),
            ["end", how] => {
                let ended = transaction.end(disposition(how)?);
                return ended.map(|()| String::new()).map_err(|(_, error)| error.into());
            }
            _ => answer(Err("no such order in a transaction".into())),
        }
    }
    Ok(String::new())
}

fn transmit(card: &Card, hex: &str) -> Outcome<String> {
    let octets = (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16));
    let command: Vec<u8> = octets.collect::<Result<_, _>>()?;
    let mut room = [0; pcsc::MAX_BUFFER_SIZE_EXTENDED];
    let answer = card.transmit(&command, &mut room)?;
    Ok(answer.iter().map(|octet| format!("{octet:02X}")).collect())
}

fn share(word: &str) -> Outcome<ShareMode> {
    match word {
        "exclusive" => Ok(ShareMode::Exclusive),
        "shared" => Ok(ShareMode::Shared),
        _ => Err(format!("no such mode: {word}").into()),
    }
}

fn disposition(word: &str) -> Outcome<Disposition> {
    match word {
        "leave" => Ok(Disposition::LeaveCard),
        "reset" => Ok(Disposition::ResetCard),
        "unpower" => Ok(Disposition::UnpowerCard),
        _ => Err(format!("no such disposition: {word}").into()),
    }
}

fn answer(outcome: Outcome<String>) {
    match outcome {
        Ok(answer) => say(format!("ok {answer}").trim_end()),
        Err(error) => say(format_args!("error {error}")),
    }
}

/// Who does not listen is gone, and standard input ends too.
fn say(line: impl Display) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}
