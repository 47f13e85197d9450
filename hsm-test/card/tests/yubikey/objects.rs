//! Data objects.

use keyanchor_card::tlv;
use keyanchor_card::yubikey::Cipher;

use crate::client::{Client, OK};

const CERTIFICATE_9A: [u8; 5] = [0x5C, 3, 0x5F, 0xC1, 0x05];

fn put(client: &mut Client, value: &[u8]) -> u16 {
    client
        .status([0xDB, 0x3F, 0xFF], &[&CERTIFICATE_9A[..], &tlv::element(0x53, &[value])].concat())
}

fn get(client: &mut Client) -> (Vec<u8>, u16) {
    client.send([0xCB, 0x3F, 0xFF], &CERTIFICATE_9A)
}

#[test]
fn what_is_written_is_read_until_it_is_deleted() {
    let mut client = Client::new("5.4.3");
    assert_eq!(get(&mut client), (vec![], 0x6A82));
    assert_eq!(put(&mut client, &[1, 2, 3]), 0x6982);
    client.manage(Cipher::TripleDes);
    assert_eq!(put(&mut client, &[1, 2, 3]), OK);
    assert_eq!(get(&mut client), (vec![0x53, 3, 1, 2, 3], OK));
    assert_eq!(put(&mut client, &[]), OK);
    assert_eq!(get(&mut client), (vec![], 0x6A82));
}

#[test]
fn three_kilobytes_are_the_limit() {
    let mut client = Client::new("5.4.3");
    client.manage(Cipher::TripleDes);
    assert_eq!(put(&mut client, &[7; 3072]), OK);
    assert_eq!(put(&mut client, &[7; 3073]), 0x6A84);
    assert_eq!(get(&mut client).0.len(), 3076);
}

#[test]
fn the_discovery_object_is_bare() {
    let (discovery, status) = Client::new("5.4.3").send([0xCB, 0x3F, 0xFF], &[0x5C, 1, 0x7E]);
    assert_eq!((&discovery[..2], status), (&[0x7E, 0x12][..], OK));
}

#[test]
fn the_attestation_certificate_is_there_from_the_start() {
    let (object, status) =
        Client::new("5.4.3").send([0xCB, 0x3F, 0xFF], &[0x5C, 3, 0x5F, 0xFF, 0x01]);
    assert_eq!(status, OK);
    let parts = tlv::only(&object, 0x53).and_then(tlv::all).expect("three elements");
    assert_eq!(parts.iter().map(|(tag, _)| *tag).collect::<Vec<_>>(), [0x70, 0x71, 0xFE]);
}
