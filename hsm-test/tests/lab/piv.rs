//! PC/SC: pcscd, cards and other clients as the lab runs them, judged by OpenSC, yubico-piv-tool, ykcs11 and OpenSSL.

use std::process::Output;

mod cards;
mod service;

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text)).concat()
}
