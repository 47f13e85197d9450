//! Smart cards of keyanchor's device lab, for the virtual reader of vsmartcard-vpcd: `virtual-yubikey`, and
//! `plain-piv-card`, a PIV card that is no YubiKey. A third program, `piv-provision`, is a client.
//!
//! A card connects to vpcd on 127.0.0.1 as soon and as often as it can, and writes `ready` when it has for the first
//! time. It obeys the lines of stdin, answers each by `ok`, `ok ANSWER` or `error WHAT` on stdout, and ends with stdin:
//!
//! - `remove`, `insert`: the card is pulled, and comes back without what is volatile;
//! - `touch auto`, `touch deny`, `touch never`, `touch MS`: what happens when a touch is awaited, also now;
//! - `script LINE`: one more fault; `clear`: none any more (the words are in `script`);
//! - `state`: tries left, whether the PIN is verified, and operations by slot, as JSON, after the last whole command.
//!
//! `--log` names a file with a line for each command, `TIME NAME P1 P2 LENGTH SW`, and `chunks=N` for one that came in
//! N parts: the time in milliseconds since 1970, the length of its data, and `----` for SW when nothing was answered.
//! `TIME POWER on|off|reset` and `TIME TOUCH awaited|given|denied|timeout|pulled` stand between.

pub mod apdu;
pub mod applet;
pub mod bench;
pub mod card;
pub mod hand;
pub mod line;
pub mod log;
pub mod plain;
pub mod program;
pub mod script;
pub mod status;
pub mod tlv;
pub mod yubikey;
