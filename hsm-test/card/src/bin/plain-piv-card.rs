//! A PIV card that is no YubiKey; see the library.

use std::time::Duration;

use clap::Parser;
use keyanchor_card::hand::{Hand, Touch};
use keyanchor_card::{plain, program};

/// A PIV card that is no YubiKey
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    program: program::Settings,
}

fn main() {
    let options = Options::parse();
    // the card has no sensor: this hand only inserts and pulls
    let bench = options.program.bench(Hand::new(Touch::Never, Duration::ZERO));
    plain::with_card(|card| program::run(&options.program, &bench, card));
}
