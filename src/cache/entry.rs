//! One set of credentials in a file: a line with the format's version and a checksum, then JSON.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::cache::{Hash, Moment};
use crate::credentials::Credentials;
use crate::secret::Secret;

/// The first word of a file of this version.
const FORMAT: &str = "keyanchor-cache-1";

/// How much of their life must be left in credentials that are handed out without a word, in
/// seconds: SDKs begin to refresh 15 minutes before the end. Half of a short life is enough.
const FRESH: i64 = 16 * 60;

/// How much must be left in credentials that are handed out because no others are to be had.
const USABLE: i64 = 60;

/// More than all else in an entry has, in bytes: the longest reference has 4096.
const ROOM: usize = 12 * 1024;

/// How far the wall clock may have been set back, in seconds.
const LEEWAY: i64 = 60;

/// How far the service's clock may shift the life of credentials, in seconds: it accepts a signature whose
/// time is off by that much. A Date header that is further off is wrong, or our clock is.
const SHIFT: i64 = 5 * 60;

/// Credentials, and what they are for.
pub struct Entry {
    /// What they are for.
    pub label: Label,
    /// The credentials.
    pub credentials: Credentials,
}

/// What credentials are for, and when they were obtained.
pub struct Label {
    /// What they are stored under.
    pub key: Hash,
    /// The role, for people.
    pub role: String,
    /// The key's reference, for people.
    pub reference: String,
    /// The leaf that they were given for.
    pub leaf: Hash,
    /// Its SubjectPublicKeyInfo.
    pub public_key: Hash,
    /// When they were given.
    pub obtained: Moment,
    /// How far the service's clock was ahead of ours, in seconds: they end by its clock.
    pub clock_ahead: i64,
}

/// What an entry is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// For everything.
    Fresh,
    /// Only where no others are to be had.
    Usable,
    /// For nothing.
    Ended,
}

/// What stands in the file after the first line. Texts are borrowed: no copy of a secret is made.
#[derive(Serialize, Deserialize)]
struct Document<'a> {
    key: Hash,
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(borrow)]
    reference: Cow<'a, str>,
    leaf: Hash,
    public_key: Hash,
    obtained: Moment,
    clock_ahead: i64,
    /// In seconds since 1970: SDKs are told nothing finer.
    expiration: i64,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    session_token: &'a str,
}

impl Entry {
    /// What it is good for now.
    #[must_use]
    pub fn state(&self, now: &Moment) -> State {
        match self.left(now) {
            _ if self.fresh_for(now) > 0 => State::Fresh,
            left if left > USABLE => State::Usable,
            _ => State::Ended,
        }
    }

    /// How many seconds it still is fresh; below zero once it is not.
    #[must_use]
    pub fn fresh_for(&self, now: &Moment) -> i64 {
        self.left(now).saturating_sub(FRESH.min(self.life() / 2))
    }

    /// How many seconds are left in it; below zero once it has ended.
    #[must_use]
    pub fn left(&self, now: &Moment) -> i64 {
        let by_their_clock = self.life().saturating_sub(now.since(&self.label.obtained));
        // What has ended by the wall clock is over, whatever the service says of the time.
        by_their_clock.min(self.credentials.expiration.as_second().saturating_sub(now.wall))
    }

    /// How long it was good for when it was obtained, in seconds by the service's clock.
    fn life(&self) -> i64 {
        let obtained = self.label.obtained.wall.saturating_add(self.label.clock_ahead);
        self.credentials.expiration.as_second().saturating_sub(obtained)
    }

    /// Whether it was written by a clock that is ahead of ours: then nothing in it can be reckoned
    /// with.
    pub(super) fn is_of_the_future(&self, now: &Moment) -> bool {
        self.label.obtained.wall > now.wall.saturating_add(LEEWAY)
    }

    /// Whether it has ended so long ago.
    pub(super) fn ended_before(&self, now: &Moment, ago: Duration) -> bool {
        let ago = i64::try_from(ago.as_secs()).unwrap_or(i64::MAX);
        self.left(now) < ago.saturating_neg()
    }

    /// What a file holds; `None` where a single bit of it is not as it was written.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let (line, json) = bytes.split_at(end + 1);
        if line != first_line(json).as_bytes() {
            return None;
        }
        let document: Document<'_> = serde_json::from_slice(json).ok()?;
        let credentials = Credentials {
            access_key_id: document.access_key_id.to_owned(),
            secret_access_key: Secret::new(document.secret_access_key.to_owned()),
            session_token: Secret::new(document.session_token.to_owned()),
            expiration: Timestamp::from_second(document.expiration).ok()?,
        };
        let label = Label {
            key: document.key,
            role: document.role.into_owned(),
            reference: document.reference.into_owned(),
            leaf: document.leaf,
            public_key: document.public_key,
            obtained: document.obtained,
            clock_ahead: document.clock_ahead,
        };
        Some(Self { label, credentials })
    }
}

/// By how many seconds the service's clock counts as ahead of ours: `ahead` by its Date header, five minutes
/// at most; more only where credentials that last `left` by our wall clock would outlive what was `asked` for.
#[must_use]
pub fn shift(ahead: i64, left: i64, asked: i64) -> i64 {
    let too_long = left.saturating_sub(asked).saturating_sub(LEEWAY);
    ahead.clamp(-SHIFT, SHIFT).max(too_long)
}

impl Label {
    /// The file of these credentials.
    ///
    /// # Panics
    /// Never: texts and numbers are always JSON.
    #[must_use]
    pub fn file(&self, credentials: &Credentials) -> Zeroizing<Vec<u8>> {
        let document = Document {
            key: self.key,
            role: (&self.role).into(),
            reference: (&self.reference).into(),
            leaf: self.leaf,
            public_key: self.public_key,
            obtained: self.obtained.clone(),
            clock_ahead: self.clock_ahead,
            expiration: credentials.expiration.as_second(),
            access_key_id: &credentials.access_key_id,
            secret_access_key: credentials.secret_access_key.expose(),
            session_token: credentials.session_token.expose(),
        };
        // Reserved in one piece: a buffer that grows would leave copies behind.
        let room = ROOM + document.session_token.len();
        let mut json = Zeroizing::new(Vec::with_capacity(room));
        #[expect(clippy::expect_used, reason = "nothing of it depends on what it says")]
        serde_json::to_writer(&mut *json, &document).expect("texts and numbers are always JSON");
        let line = first_line(&json);
        let mut file = Zeroizing::new(Vec::with_capacity(line.len() + json.len()));
        file.extend_from_slice(line.as_bytes());
        file.extend_from_slice(&json);
        file
    }
}

fn first_line(json: &[u8]) -> String {
    format!("{FORMAT} {}\n", Hash::of(json))
}
