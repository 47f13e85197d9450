//! A client of a card in the same process.

use std::sync::Arc;
use std::time::Duration;

use cipher::{Block, BlockCipherDecrypt, KeyInit};
use keyanchor_card::bench::Bench;
use keyanchor_card::card::{Card, Reply};
use keyanchor_card::hand::{Hand, Touch};
use keyanchor_card::log::Log;
use keyanchor_card::script::Script;
use keyanchor_card::tlv;
use keyanchor_card::yubikey::{Cipher, Firmware, Model, VirtualYubiKey};

/// A card in a reader, with its PIV application selected.
pub(crate) struct Client {
    card: Card<VirtualYubiKey>,
    pub(crate) bench: Arc<Bench>,
}

/// Data and status word.
pub(crate) type Answer = (Vec<u8>, u16);

pub(crate) const OK: u16 = 0x9000;
pub(crate) const SERIAL: u32 = 0x00BC_614E;

/// How long the card waits for a touch.
const PATIENCE: Duration = Duration::from_millis(20);
const PIV: [u8; 5] = [0xA0, 0x00, 0x00, 0x03, 0x08];

impl Client {
    /// Of a card with that firmware.
    pub(crate) fn new(firmware: &str) -> Self {
        Self::with(firmware, None)
    }

    /// Of a card with that kind of management key.
    pub(crate) fn with(firmware: &str, management: Option<Cipher>) -> Self {
        let firmware: Firmware = firmware.parse().expect("a version");
        let model = Model { firmware, serial: SERIAL, management, pin_tries: 3, puk_tries: 3 };
        let hand = Hand::new(Touch::After(Duration::ZERO), PATIENCE);
        let bench = Arc::new(Bench::new(hand, Log::to(None), Script::default()));
        let (yubikey, _) = VirtualYubiKey::new(model, Arc::clone(&bench));
        let mut client = Self { card: Card::new(yubikey, Arc::clone(&bench)), bench };
        assert_eq!(client.select(&PIV), OK);
        client
    }

    /// Sends a command, extended, so that its answer comes at once.
    pub(crate) fn send(&mut self, head: [u8; 3], data: &[u8]) -> Answer {
        let [instruction, p1, p2] = head;
        let length = u16::try_from(data.len()).expect("fits").to_be_bytes();
        let body = if data.is_empty() {
            vec![0, 0, 0]
        } else {
            [&[0], &length[..], data, &[0, 0]].concat()
        };
        match self.card.transmit(&[&[0, instruction, p1, p2], &body[..]].concat()) {
            Reply::Answer(response) => (response.data, response.status.0),
            other => panic!("no answer but {other:?}"),
        }
    }

    pub(crate) fn status(&mut self, head: [u8; 3], data: &[u8]) -> u16 {
        self.send(head, data).1
    }

    pub(crate) fn select(&mut self, identifier: &[u8]) -> u16 {
        self.status([0xA4, 4, 0], identifier)
    }

    pub(crate) fn reset(&mut self) {
        self.card.reset();
    }

    pub(crate) fn verify(&mut self, pin: &str) -> u16 {
        self.status([0x20, 0, 0x80], &padded(pin))
    }

    /// Without data: whether the PIN is verified, or the tries.
    pub(crate) fn pin_state(&mut self) -> u16 {
        self.status([0x20, 0, 0x80], &[])
    }

    /// Proves the factory's management key.
    pub(crate) fn manage(&mut self, cipher: Cipher) -> u16 {
        let number = number(cipher);
        let (witness, status) = self.send([0x87, number, 0x9B], &[0x7C, 2, 0x80, 0]);
        assert_eq!(status, OK);
        let decrypted = decrypted(cipher, &witness[4..]);
        let challenge = vec![7; decrypted.len()];
        let parts = [tlv::element(0x80, &[&decrypted]), tlv::element(0x81, &[&challenge])].concat();
        let (answer, status) = self.send([0x87, number, 0x9B], &tlv::element(0x7C, &[&parts]));
        if status == OK {
            assert_eq!(self::decrypted(cipher, &answer[4..]), challenge);
        }
        status
    }

    /// Generates a key, with numbers of policies; the management key must be proved.
    pub(crate) fn generate(&mut self, slot: u8, algorithm: u8, pin: u8, touch: u8) -> Answer {
        let template = [0x80, 1, algorithm, 0xAA, 1, pin, 0xAB, 1, touch];
        self.send([0x47, 0, slot], &tlv::element(0xAC, &[&template]))
    }

    /// Signs; the signature is unwrapped.
    pub(crate) fn sign(&mut self, slot: u8, algorithm: u8, input: &[u8]) -> Answer {
        let parts = [tlv::element(0x82, &[]), tlv::element(0x81, &[input])].concat();
        let (answer, status) = self.send([0x87, algorithm, slot], &tlv::element(0x7C, &[&parts]));
        let signature = tlv::only(&answer, 0x7C).and_then(|inner| tlv::only(inner, 0x82));
        (signature.unwrap_or_default().to_vec(), status)
    }
}

/// A PIN as it is sent.
pub(crate) fn padded(pin: &str) -> [u8; 8] {
    let mut padded = [0xFF; 8];
    padded[..pin.len()].copy_from_slice(pin.as_bytes());
    padded
}

pub(crate) fn number(cipher: Cipher) -> u8 {
    match cipher {
        Cipher::TripleDes => 0x03,
        Cipher::Aes128 => 0x08,
        Cipher::Aes192 => 0x0A,
        Cipher::Aes256 => 0x0C,
    }
}

/// Decrypts with the factory's key.
fn decrypted(cipher: Cipher, block: &[u8]) -> Vec<u8> {
    match cipher {
        Cipher::TripleDes => decrypt::<des::TdesEde3>(24, block),
        Cipher::Aes128 => decrypt::<aes::Aes128>(16, block),
        Cipher::Aes192 => decrypt::<aes::Aes192>(24, block),
        Cipher::Aes256 => decrypt::<aes::Aes256>(32, block),
    }
}

fn decrypt<C: BlockCipherDecrypt + KeyInit>(length: usize, block: &[u8]) -> Vec<u8> {
    let key: Vec<u8> = (1..=8).cycle().take(length).collect();
    let mut block = Block::<C>::try_from(block).expect("a block");
    C::new_from_slice(&key).expect("a key").decrypt_block(&mut block);
    block.to_vec()
}
