//! Smart cards of keyanchor's device lab, for the virtual reader of vsmartcard-vpcd.

pub mod apdu;
pub mod applet;
pub mod card;
pub mod hand;
pub mod line;
pub mod log;
#[cfg(feature = "plain")]
pub mod plain;
pub mod program;
pub mod script;
pub mod status;
pub mod tlv;
pub mod yubikey;
