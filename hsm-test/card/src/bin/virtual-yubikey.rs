//! A virtual YubiKey; see the library.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use keyanchor_card::hand::{Hand, Touch};
use keyanchor_card::program;
use keyanchor_card::yubikey::{Cipher, Firmware, Model, VirtualYubiKey};
use pem_rfc7468::LineEnding;

/// A virtual YubiKey
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    program: program::Settings,
    /// the version of the firmware
    #[arg(long, default_value = "5.4.3")]
    firmware: Firmware,
    /// the serial number
    #[arg(long, default_value_t = 12_345_678)]
    serial: u32,
    /// auto, deny, never, or after so many milliseconds
    #[arg(long, default_value = "auto")]
    touch: Touch,
    /// how many milliseconds a touch is waited for
    #[arg(long, default_value_t = 15_000)]
    touch_timeout: u64,
    /// the kind of the management key: 3des, aes128, aes192, aes256
    #[arg(long)]
    management: Option<Cipher>,
    /// how often a wrong PIN may come
    #[arg(long, default_value_t = 3)]
    pin_tries: u8,
    /// how often a wrong PUK may come
    #[arg(long, default_value_t = 3)]
    puk_tries: u8,
    /// where to write the certificate of the attestations' root, in PEM
    #[arg(long)]
    root: Option<PathBuf>,
}

fn main() {
    let options = Options::parse();
    let hand = Hand::new(options.touch, Duration::from_millis(options.touch_timeout));
    let bench = options.program.bench(hand);
    let (card, root) = VirtualYubiKey::new(options.model(), Arc::clone(&bench));
    if let Some(path) = &options.root {
        let pem = pem_rfc7468::encode_string("CERTIFICATE", LineEnding::LF, &root);
        fs::write(path, pem.expect("a certificate has an encoding"))
            .expect("the root can be written");
    }
    program::run(&options.program, &bench, card);
}

impl Options {
    fn model(&self) -> Model {
        Model {
            firmware: self.firmware,
            serial: self.serial,
            management: self.management,
            pin_tries: self.pin_tries,
            puk_tries: self.puk_tries,
        }
    }
}
