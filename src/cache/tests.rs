use std::os::unix::fs::{PermissionsExt, symlink};

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::credentials::Credentials;
use crate::secret::Secret;

const OBTAINED: i64 = 1_800_000_000;

fn moment(after: i64) -> Moment {
    Moment::at(OBTAINED + after, "this start", 1000 + after)
}

fn label(key: &Hash, clock_ahead: i64) -> Label {
    Label {
        key: *key,
        role: "arn:aws:iam::111122223333:role/\"odd\"\\Example".into(),
        reference: "/a \"quoted\" path\\é".into(),
        leaf: Hash::of(b"leaf"),
        public_key: Hash::of(b"key"),
        obtained: moment(0),
        clock_ahead,
    }
}

/// Credentials that are good for so many seconds.
fn credentials(life: i64) -> Credentials {
    Credentials {
        access_key_id: "ASIAEXAMPLE".into(),
        secret_access_key: Secret::new("secret/+".into()),
        session_token: Secret::new("token==".into()),
        expiration: Timestamp::from_second(OBTAINED + life).expect("a time"),
    }
}

fn entry(life: i64, clock_ahead: i64) -> Entry {
    Entry { label: label(&Hash::of(b"1"), clock_ahead), credentials: credentials(life) }
}

fn cache() -> (tempfile::TempDir, Cache) {
    let folder = tempfile::tempdir().expect("folder");
    let cache = Cache { folder: folder.path().into() };
    (folder, cache)
}

#[test]
fn what_is_stored_is_read_again_and_only_under_its_own_key() {
    let (_folder, cache) = cache();
    let (one, other) = (Hash::of(b"1"), Hash::of(b"2"));
    cache.store(&label(&one, 0), &credentials(3600)).expect("stored");
    let entry = cache.read(&one, &moment(10)).expect("an entry");
    assert_eq!(entry.credentials.secret_access_key.expose(), "secret/+");
    assert_eq!(entry.label.reference, "/a \"quoted\" path\\é");
    assert!(entry.label.role.ends_with("\"odd\"\\Example"));
    fs::copy(cache.path(&one), cache.path(&other)).expect("copy");
    assert!(cache.read(&other, &moment(10)).is_none(), "a file that was renamed");
}

#[test]
fn an_hour_is_fresh_until_16_minutes_before_its_end_and_usable_until_the_last() {
    let entry = entry(3600, 0);
    let states = [0, 2639, 2640, 3539, 3540, 9999].map(|after| entry.state(&moment(after)));
    let [fresh, usable, ended] = [State::Fresh, State::Usable, State::Ended];
    assert_eq!(states, [fresh, fresh, usable, usable, ended, ended]);
}

#[test]
fn a_short_life_is_fresh_for_half_of_it() {
    let entry = entry(900, 0);
    assert_eq!(entry.state(&moment(449)), State::Fresh);
    assert_eq!(entry.state(&moment(450)), State::Usable);
}

#[test]
fn credentials_end_by_the_clock_of_the_service() {
    let (behind, ahead) = (entry(3600, -600), entry(3600, 600));
    assert_eq!(ahead.left(&moment(0)), 3000);
    assert_eq!(behind.left(&moment(0)), 3600, "and never after their end by ours");
}

#[test]
fn a_date_that_is_far_off_makes_nothing_last_longer() {
    const CENTURIES: i64 = 56 * 365 * 24 * 3600;
    for ahead in [-86_400, -CENTURIES, -301, 301, 86_400, CENTURIES] {
        let entry = entry(3600, shift(ahead, 3600, 3600));
        assert_eq!(entry.state(&moment(0)), State::Fresh, "{ahead}");
        assert!(entry.left(&moment(0)) >= 3300, "{ahead}");
        assert_eq!(entry.state(&moment(3600)), State::Ended, "{ahead}");
    }
    // Our own clock is a day slow: they last no longer than was asked for.
    let slow = entry(86_400 + 3600, shift(86_400, 86_400 + 3600, 3600));
    assert_eq!(slow.left(&moment(0)), 3660);
}

#[test]
fn what_is_too_long_to_be_read_is_not_written() {
    let (_folder, cache) = cache();
    let key = Hash::of(b"1");
    let with_token = |length: usize| {
        let session_token = Secret::new("t".repeat(length));
        cache.store(&label(&key, 0), &Credentials { session_token, ..credentials(3600) })
    };
    assert!(with_token(240_000).is_ok() && cache.read(&key, &moment(0)).is_some());
    assert!(matches!(with_token(270_000), Err(Error::TooLarge { .. })));
    assert!(cache.read(&key, &moment(0)).is_some(), "what is there stays");
}

#[test]
fn a_clock_that_is_set_back_makes_nothing_last_longer() {
    let entry = entry(3600, 0);
    let set_back = Moment::at(OBTAINED + 10, "this start", 1000 + 3600);
    assert_eq!(entry.state(&set_back), State::Ended);
    let started_anew = Moment::at(OBTAINED + 10, "another start", 5);
    assert_eq!(entry.state(&started_anew), State::Ended, "its clock may not be right yet");
}

#[test]
fn what_was_written_by_a_later_clock_is_ignored() {
    let (_folder, cache) = cache();
    let key = Hash::of(b"1");
    cache.store(&label(&key, 0), &credentials(3600)).expect("stored");
    assert!(cache.read(&key, &moment(-60)).is_some());
    assert!(cache.read(&key, &moment(-61)).is_none());
}

#[test]
fn a_file_that_others_could_have_changed_is_ignored_and_replaced() {
    let (folder, cache) = cache();
    let key = Hash::of(b"1");
    let path = cache.path(&key);
    let store = || cache.store(&label(&key, 0), &credentials(3600)).expect("stored");
    let is_read = || cache.read(&key, &moment(0)).is_some();
    for mode in [0o640, 0o604, 0o620, 0o777] {
        store();
        assert!(is_read());
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("chmod");
        assert!(!is_read(), "{mode:o}");
    }
    store();
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(&path, &elsewhere).expect("rename");
    symlink(&elsewhere, &path).expect("link");
    assert!(!is_read(), "a link");
    store();
    assert!(is_read() && fs::symlink_metadata(&path).expect("entry").is_file());
}

#[test]
fn entries_of_long_ago_and_what_the_killed_left_are_swept_away() {
    let (folder, cache) = cache();
    let old = Hash::of(b"old");
    cache.store(&label(&old, 0), &credentials(60)).expect("stored");
    let mut child = std::process::Command::new("true").spawn().expect("child");
    child.wait().expect("ended");
    let name = |pid| format!("{}.{pid}.tmp", Hash::of(b"x"));
    let (dead, alive) = (name(child.id()), name(std::process::id()));
    for file in [dead.clone(), alive.clone(), format!("{old}.lock"), "broken.json".into()] {
        fs::write(folder.path().join(file), "{").expect("write");
    }
    let long_ago = std::time::SystemTime::now() - 2 * KEPT;
    let lock = fs::File::options().write(true).open(folder.path().join(format!("{old}.lock")));
    lock.and_then(|lock| lock.set_modified(long_ago)).expect("a time");
    let mut later = label(&Hash::of(b"new"), 0);
    later.obtained = moment(60 + 24 * 3600 + 1);
    cache.store(&later, &credentials(2 * 24 * 3600)).expect("stored");
    let left = |name: &str| folder.path().join(name).exists();
    assert!(!left(&dead) && left(&alive));
    assert!(!left(&format!("{old}.json")) && !left(&format!("{old}.lock")));
    assert!(!left("broken.json") && left(&format!("{}.json", Hash::of(b"new"))));
}

#[test]
fn inputs_do_not_run_into_each_other() {
    let key = |parts: &[(&str, &str)]| {
        parts.iter().fold(Inputs::new(), |inputs, (name, value)| inputs.with(name, value)).key()
    };
    let keys = [
        key(&[("a", "bc")]),
        key(&[("ab", "c")]),
        key(&[("a", "b"), ("c", "")]),
        key(&[("c", ""), ("a", "b")]),
        key(&[]),
    ];
    for (place, one) in keys.iter().enumerate() {
        assert!(!keys[..place].contains(one), "{place}");
    }
}

proptest! {
    #[test]
    fn a_single_bit_that_is_flipped_is_a_miss(bit in any::<prop::sample::Index>()) {
        let entry = entry(3600, 0);
        let mut file = entry.label.file(&entry.credentials).to_vec();
        prop_assert!(Entry::from_bytes(&file).is_some());
        let bit = bit.index(file.len() * 8);
        file[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(Entry::from_bytes(&file).is_none());
    }

    #[test]
    fn a_file_that_was_cut_is_a_miss(end in any::<prop::sample::Index>()) {
        let entry = entry(3600, 0);
        let file = entry.label.file(&entry.credentials);
        prop_assert!(Entry::from_bytes(&file[..end.index(file.len())]).is_none());
    }

    #[test]
    fn any_bytes_are_a_miss(bytes in any::<Vec<u8>>()) {
        prop_assert!(Entry::from_bytes(&bytes).is_none());
    }
}
