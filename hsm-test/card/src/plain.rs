//! A plain PIV card: Nitrokey's applet, which has what SP 800-73-4 demands, and little of Yubico's extensions. It says
//! that it has version 6.6.6: no client shall take it for a YubiKey.

use std::collections::BTreeMap;

use heapless::{Vec, VecView};
use iso7816::command::CommandView;
use piv_authenticator::{Authenticator, Options};
use trussed::virt::{self, StoreConfig};

use crate::apdu::Command;
use crate::applet::Applet;
use crate::status::{Response, Status};

mod backends;
mod client;

use backends::Backends;
use client::Client;

/// The card. Its applet loses, as a chip without power does, all that it holds itself; keys and counters are stored
/// on the other side of the client.
pub struct PlainCard<'a> {
    client: Client<'a>,
    applet: Authenticator<Client<'a>>,
    is_selected: bool,
    is_verified: bool,
    tries_left: u8,
    operations: BTreeMap<u8, u32>,
}

/// T=1 is possible, and the historical bytes name the application (ISO 7816-4 section 8.1): OpenSC believes in elliptic
/// curves only on cards that it knows, or that say this.
const ATR: [u8; 18] = [
    0x3B, 0x8D, 0x80, 0x01, 0x80, 0xFB, 0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01,
    0x00, 0xCD,
];
const PIV: [u8; 11] = [0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00];
/// How often the applet lets a wrong PIN come.
const TRIES: u8 = 3;
/// As long as the longest answer: a certificate, or a signature of RSA-4096.
const ROOM: usize = 8192;

/// Runs `program` with a new card.
pub fn with_card<R>(program: impl FnOnce(PlainCard<'_>) -> R) -> R {
    virt::with_platform(StoreConfig::ram(), |platform| {
        platform.run_client_with_backends("piv", Backends::new(), backends::ORDER, |client| {
            program(PlainCard::new(Client::new(client)))
        })
    })
}

impl<'a> PlainCard<'a> {
    fn new(client: Client<'a>) -> Self {
        Self {
            applet: Authenticator::new(client.clone(), Options::default()),
            client,
            is_selected: false,
            is_verified: false,
            tries_left: TRIES,
            operations: BTreeMap::new(),
        }
    }

    fn select(&mut self, command: &Command) -> Response {
        self.is_selected = false;
        // the applet wants nine bytes of its identifier; a card takes any beginning that is unique
        let is_beginning = command.data.len() >= 5 && PIV.starts_with(&command.data);
        let data = if is_beginning { PIV.to_vec() } else { command.data.clone() };
        let response = self.answer(&Command { data, ..command.clone() });
        self.is_selected = response.status == Status::OK;
        response
    }

    fn answer(&mut self, command: &Command) -> Response {
        let bytes = bytes(command);
        let Ok(command) = CommandView::try_from(&bytes[..]) else {
            return Response::bare(Status::UNKNOWN_CLASS);
        };
        let mut data = Vec::<u8, ROOM>::new();
        let reply: &mut VecView<u8> = &mut data;
        match self.applet.respond(command, reply) {
            Ok(()) => Ok(data.to_vec()).into(),
            Err(status) => Response::bare(Status(status.into())),
        }
    }

    /// Follows what the applet does not tell about itself.
    fn follow(&mut self, command: &Command, status: Status) {
        let about_pin = command.p2 == 0x80;
        match (command.instruction, status.0) {
            (0x87, 0x9000) if command.p2 != 0x9B => {
                *self.operations.entry(command.p2).or_default() += 1
            }
            (0x20, 0x9000) if command.p1 == 0xFF => self.is_verified = false,
            (0x20, 0x9000) if !command.data.is_empty() => {
                (self.is_verified, self.tries_left) = (true, TRIES);
            }
            (0x24 | 0x2C, 0x9000) if about_pin => self.tries_left = TRIES,
            (0x20, 0x63C0..=0x63CF) | (0x24, 0x63C0..=0x63CF) if about_pin => {
                (self.is_verified, self.tries_left) = (false, (status.0 & 0xF) as u8);
            }
            (0x20, 0x6983) => (self.is_verified, self.tries_left) = (false, 0),
            _ => {}
        }
    }
}

impl Applet for PlainCard<'_> {
    fn atr(&self) -> &[u8] {
        &ATR
    }

    fn reset(&mut self) {
        self.applet = Authenticator::new(self.client.clone(), Options::default());
        (self.is_selected, self.is_verified) = (false, false);
    }

    fn deselect(&mut self) {
        self.is_selected = false;
    }

    fn unverify(&mut self) {
        self.answer(&Command {
            class: 0,
            instruction: 0x20,
            p1: 0xFF,
            p2: 0x80,
            data: vec![],
            room: 256,
        });
        self.is_verified = false;
    }

    fn process(&mut self, command: &Command) -> Response {
        if command.instruction == 0xA4 {
            return self.select(command);
        }
        if !self.is_selected {
            return Response::bare(Status::UNKNOWN_INSTRUCTION);
        }
        let response = self.answer(command);
        self.follow(command, response.status);
        response
    }

    fn state(&self) -> String {
        let operations =
            self.operations.iter().map(|(slot, count)| format!("\"{slot:02x}\":{count}"));
        format!(
            "{{\"pin\":{},\"puk\":null,\"verified\":{},\"operations\":{{{}}}}}",
            self.tries_left,
            self.is_verified,
            operations.collect::<std::vec::Vec<_>>().join(",")
        )
    }
}

/// The command as an extended APDU, or as a short one without data.
fn bytes(command: &Command) -> std::vec::Vec<u8> {
    let Command { class, instruction, p1, p2, data, .. } = command;
    let head = [*class, *instruction, *p1, *p2, 0];
    match u16::try_from(data.len()).expect("the line carries no more").to_be_bytes() {
        [0, 0] => head.to_vec(),
        length => [&head[..], &length, data, &[0, 0]].concat(),
    }
}
