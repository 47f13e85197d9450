//! A card: an applet, behind command chaining, GET RESPONSE, the fault script and the log.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::apdu::Command;
use crate::applet::Applet;
use crate::bench::Bench;
use crate::script::Action;
use crate::status::{Response, Status};

/// A card in a reader.
pub struct Card<A> {
    applet: A,
    bench: Arc<Bench>,
    /// The parts of a chain that came so far, as one command, and their number.
    chain: Option<(Command, usize)>,
    /// What GET RESPONSE gives.
    rest: Option<Response>,
}

/// What comes of a command.
#[derive(Debug, Eq, PartialEq)]
pub enum Reply {
    /// It is answered.
    Answer(Response),
    /// The card goes, and comes back after that time.
    Pull(Option<Duration>),
    /// Nothing is said.
    Silence,
}

/// The instruction GET RESPONSE (ISO 7816-4).
const GET_RESPONSE: u8 = 0xC0;
/// How much the action `large` answers.
const LARGE: usize = 60_000;

impl<A: Applet> Card<A> {
    /// A card that has just got power.
    pub fn new(applet: A, bench: Arc<Bench>) -> Self {
        let card = Self { applet, bench, chain: None, rest: None };
        card.publish();
        card
    }

    /// The answer to reset.
    pub fn atr(&self) -> &[u8] {
        self.applet.atr()
    }

    /// Drops what is volatile.
    pub fn reset(&mut self) {
        (self.chain, self.rest) = (None, None);
        self.applet.reset();
        self.publish();
    }

    /// Takes a command, or a part of one.
    pub fn transmit(&mut self, apdu: &[u8]) -> Reply {
        let command = match Command::parse(apdu) {
            Ok(command) => command,
            Err(status) => return Reply::Answer(Response::bare(status)),
        };
        let Some((command, chunks)) = self.joined(command) else {
            return Reply::Answer(Response::bare(Status::OK));
        };
        let reply = match self.suffered(&command) {
            Reply::Answer(response) => Reply::Answer(self.cut(response, command.room)),
            other => other,
        };
        self.publish();
        self.log(&command, chunks, &reply);
        reply
    }

    /// The whole command, unless parts are missing (SP 800-73-4 part 2, section 3.3.2 on chaining).
    fn joined(&mut self, part: Command) -> Option<(Command, usize)> {
        let head = |command: &Command| (command.instruction, command.p1, command.p2);
        let (whole, chunks) = match self.chain.take() {
            Some((mut begun, chunks)) if head(&begun) == head(&part) => {
                begun.data.extend(part.data);
                (Command { data: begun.data, ..part }, chunks + 1)
            }
            _ => (part, 1),
        };
        if whole.is_chained() {
            self.chain = Some((whole, chunks));
            return None;
        }
        Some((whole, chunks))
    }

    fn suffered(&mut self, command: &Command) -> Reply {
        let action = {
            let mut script = self.bench.script.lock().unwrap_or_else(PoisonError::into_inner);
            script.next(&command.name())
        };
        match action {
            None => {}
            Some(Action::Data(data, status)) => return Reply::Answer(Response { data, status }),
            Some(Action::Deselect) => self.applet.deselect(),
            Some(Action::Garble) => return Reply::Answer(garbled(self.processed(command))),
            Some(Action::Large) => return Reply::Answer(Ok(vec![0x5A; LARGE]).into()),
            Some(Action::Pull(back)) => return Reply::Pull(back),
            Some(Action::Silent) => {
                self.reset();
                return Reply::Silence;
            }
            Some(Action::Sleep(time)) => self.bench.hand.pause(time),
            Some(Action::Status(status)) => return Reply::Answer(Response::bare(status)),
            Some(Action::Unverify) => self.applet.unverify(),
            Some(Action::Wrong) => return Reply::Answer(falsified(self.processed(command))),
        }
        Reply::Answer(self.processed(command))
    }

    fn processed(&mut self, command: &Command) -> Response {
        match (command.instruction, self.rest.take()) {
            (GET_RESPONSE, Some(rest)) => rest,
            (GET_RESPONSE, None) => Response::bare(Status::CONDITIONS),
            _ => self.applet.process(command),
        }
    }

    /// Keeps for GET RESPONSE what there is no room for.
    fn cut(&mut self, mut response: Response, room: usize) -> Response {
        if response.data.len() <= room {
            return response;
        }
        let data = response.data.split_off(room);
        let status = Status::more(data.len());
        self.rest = Some(Response { data, status: response.status });
        Response { data: response.data, status }
    }

    fn publish(&self) {
        let mut state = self.bench.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = self.applet.state();
    }

    fn log(&self, command: &Command, chunks: usize, reply: &Reply) {
        let Command { p1, p2, data, .. } = command;
        let status = match reply {
            Reply::Answer(response) => response.status.to_string(),
            Reply::Pull(_) | Reply::Silence => "----".to_owned(),
        };
        let chunks = if chunks > 1 { format!(" chunks={chunks}") } else { String::new() };
        let line = format!("{} {p1:02X} {p2:02X} {} {status}{chunks}", command.name(), data.len());
        self.bench.log.line(line);
    }
}

fn garbled(mut response: Response) -> Response {
    response.data.truncate(response.data.len() / 2);
    Response { status: Status::OK, ..response }
}

/// Another bit in the middle of the last number of a signature: of ECDSA's s, EdDSA's S, or all there is of RSA's.
fn falsified(mut response: Response) -> Response {
    if let Some(at) = response.data.len().checked_sub(20) {
        response.data[at] ^= 1;
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hand::{Hand, Touch};
    use crate::log::Log;
    use crate::script::Script;

    /// Answers as many bytes as P1 and P2 say, after those of the command.
    struct Echo {
        events: Vec<&'static str>,
    }

    impl Applet for Echo {
        fn atr(&self) -> &[u8] {
            &[]
        }

        fn reset(&mut self) {
            self.events.push("reset");
        }

        fn deselect(&mut self) {
            self.events.push("deselect");
        }

        fn unverify(&mut self) {
            self.events.push("unverify");
        }

        fn process(&mut self, command: &Command) -> Response {
            self.events.push("process");
            let more = usize::from(u16::from_be_bytes([command.p1, command.p2]));
            Ok([&command.data[..], &vec![9; more]].concat()).into()
        }

        fn state(&self) -> String {
            format!("{:?}", self.events)
        }
    }

    fn card(script: &str) -> Card<Echo> {
        let hand = Hand::new(Touch::Never, Duration::ZERO);
        let script = Script::parse(script).expect("a script");
        Card::new(Echo { events: vec![] }, Arc::new(Bench::new(hand, Log::to(None), script)))
    }

    fn answer(card: &mut Card<Echo>, apdu: &[u8]) -> (Vec<u8>, u16) {
        match card.transmit(apdu) {
            Reply::Answer(response) => (response.data, response.status.0),
            other => panic!("no answer but {other:?}"),
        }
    }

    #[test]
    fn a_chain_is_one_command() {
        let mut card = card("");
        assert_eq!(answer(&mut card, &[0x10, 0xDB, 0, 0, 2, 1, 2]), (vec![], 0x9000));
        assert_eq!(answer(&mut card, &[0x10, 0xDB, 0, 0, 1, 3]), (vec![], 0x9000));
        assert_eq!(answer(&mut card, &[0x00, 0xDB, 0, 0, 1, 4]), (vec![1, 2, 3, 4], 0x9000));
        assert_eq!(card.applet.events, ["process"]);
    }

    #[test]
    fn another_command_breaks_a_chain() {
        let mut card = card("");
        answer(&mut card, &[0x10, 0xDB, 0, 0, 2, 1, 2]);
        assert_eq!(answer(&mut card, &[0x00, 0xCB, 0, 0, 1, 3]), (vec![3], 0x9000));
        assert_eq!(answer(&mut card, &[0x00, 0xDB, 0, 0, 1, 4]), (vec![4], 0x9000));
    }

    #[test]
    fn a_long_answer_comes_in_parts() {
        let mut card = card("");
        let parts =
            [[0, 0xCB, 2, 5, 0], [0, 0xC0, 0, 0, 0], [0, 0xC0, 0, 0, 3], [0, 0xC0, 0, 0, 0]];
        let parts = parts.map(|apdu| answer(&mut card, &apdu));
        assert_eq!(
            parts.map(|(data, status)| (data.len(), status)),
            [(256, 0x6100), (256, 0x6105), (3, 0x6102), (2, 0x9000)]
        );
        assert_eq!(answer(&mut card, &[0, 0xC0, 0, 0, 0]), (vec![], 0x6985));
    }

    #[test]
    fn an_extended_command_has_room_for_a_long_answer() {
        let (data, status) = answer(&mut card(""), &[0, 0xCB, 2, 5, 0, 0, 0]);
        assert_eq!((data.len(), status), (517, 0x9000));
    }

    #[test]
    fn faults_come_before_or_instead_of_the_command() {
        for (action, reply, events) in [
            ("data 0102 6300", (vec![1, 2], 0x6300), &[][..]),
            ("deselect", (vec![9; 24], 0x9000), &["deselect", "process"]),
            ("garble", (vec![9; 12], 0x9000), &["process"]),
            ("sleep 1", (vec![9; 24], 0x9000), &["process"]),
            ("sw 6F00", (vec![], 0x6F00), &[]),
            ("unverify", (vec![9; 24], 0x9000), &["unverify", "process"]),
            ("wrong", ([vec![9; 4], vec![8], vec![9; 19]].concat(), 0x9000), &["process"]),
        ] {
            let mut card = card(&format!("GET-DATA * {action}"));
            assert_eq!(answer(&mut card, &[0, 0xCB, 0, 24]), reply, "{action}");
            assert_eq!(card.applet.events, events, "{action}");
        }
    }

    #[test]
    fn some_faults_leave_a_command_without_an_answer() {
        let mut silent = card("GET-DATA 1 silent");
        assert_eq!(silent.transmit(&[0, 0xCB, 0, 1]), Reply::Silence);
        assert_eq!(silent.applet.events, ["reset"]);
        assert_eq!(answer(&mut silent, &[0, 0xCB, 0, 1]), (vec![9], 0x9000));
        let back = Some(Duration::from_millis(7));
        assert_eq!(card("GET-DATA 1 pull 7").transmit(&[0, 0xCB, 0, 1]), Reply::Pull(back));
    }

    #[test]
    fn a_large_answer_is_had_to_the_end() {
        let mut card = card("GET-DATA 1 large");
        let (mut length, mut status) = (answer(&mut card, &[0, 0xCB, 0, 1]).0.len(), 0x6100);
        while status & 0xFF00 == 0x6100 {
            let (data, next) = answer(&mut card, &[0, 0xC0, 0, 0, 0]);
            (length, status) = (length + data.len(), next);
        }
        assert_eq!((length, status), (60_000, 0x9000));
    }
}
