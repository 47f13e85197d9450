//! Commands that no tool of Debian's sends, octet by octet (SP 800-73-4 part 2, section 3.2.4).

use hsm_test::piv::{Card, Client, Share, YubiKey};

/// What a command without objections ends with.
pub(super) const GOOD: u16 = 0x9000;

/// A client that is connected to the PIV application, with the PIN verified or not.
pub(super) fn client(card: &Card, with_pin: bool) -> Client {
    let client = Client::of(card);
    if with_pin {
        assert_eq!(client.verify(YubiKey::PIN), GOOD);
    } else {
        client.select_piv();
    }
    client.connect(Share::Shared).expect("nobody is in the way");
    client
}

/// The status word and the data of an answer, with all that GET RESPONSE has to fetch.
pub(super) fn send(client: &Client, command: &[u8]) -> (u16, Vec<u8>) {
    let answer = client.transmit(command).expect("the card answers");
    let (data, status) = answer.split_last_chunk().expect("an answer has a status word");
    match *status {
        [0x61, more] => {
            let (status, rest) = send(client, &[0x00, 0xC0, 0x00, 0x00, more]);
            (status, [data, &rest].concat())
        }
        status => (u16::from_be_bytes(status), data.to_vec()),
    }
}

/// Signs with the private key in a slot: the status word, and the signature if there is one. An algorithm is its number;
/// the input is a hash, a padded block, or for Ed25519 the message.
pub(super) fn sign(client: &Client, slot: u8, algorithm: u8, input: &[u8]) -> (u16, Vec<u8>) {
    let challenge = [&[0x82, 0x00], &element(0x81, input)[..]].concat();
    let template = element(0x7C, &challenge);
    let parts: Vec<&[u8]> = template.chunks(255).collect();
    let (last, before) = parts.split_last().expect("it is not empty");
    for part in before {
        let (status, _) = send(client, &[&[0x10, 0x87, algorithm, slot, 0xFF], *part].concat());
        assert_eq!(status, GOOD, "a part of a chain");
    }
    let length = u8::try_from(last.len()).expect("at most 255");
    let (status, answer) =
        send(client, &[&[0x00, 0x87, algorithm, slot, length], *last, &[0x00]].concat());
    let signature = value(&answer).map(|(_, inside)| inside).and_then(value);
    (status, signature.map(|(_, signature)| signature.to_vec()).unwrap_or_default())
}

/// A data element in BER, with a tag of one octet.
fn element(tag: u8, value: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(value.len()).expect("a short value").to_be_bytes();
    let length = match (high, low) {
        (0, 0..0x80) => vec![low],
        (0, _) => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    [&[tag], &length[..], value].concat()
}

/// The tag and the value of such an element.
fn value(element: &[u8]) -> Option<(u8, &[u8])> {
    match *element {
        [tag, 0x82, high, low, ref rest @ ..] => {
            Some((tag, rest.get(..u16::from_be_bytes([high, low]).into())?))
        }
        [tag, 0x81, length, ref rest @ ..] => Some((tag, rest.get(..length.into())?)),
        [tag, length, ref rest @ ..] => Some((tag, rest.get(..length.into())?)),
        _ => None,
    }
}
