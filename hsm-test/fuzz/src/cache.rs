//! The files of the cache, which another program of ours, or somebody else, may have written.

use keyanchor::cache::{Entry, Hash, Moment};

/// A file of the cache; and the same bytes behind a checksum that fits, without which nothing else would
/// be looked at.
pub fn cache_entry(data: &[u8]) {
    let file = [format!("keyanchor-cache-1 {}\n", Hash::of(data)).as_bytes(), data].concat();
    for entry in [Entry::from_bytes(data), Entry::from_bytes(&file)].into_iter().flatten() {
        let now = Moment::now();
        // Whatever the times are: they are reckoned with, and nothing overflows.
        let _ = (entry.state(&now), entry.left(&now), entry.fresh_for(&now));
        let again =
            Entry::from_bytes(&entry.label.file(&entry.credentials)).expect("what was read");
        assert_eq!(again.label.key, entry.label.key);
        assert_eq!(again.label.reference, entry.label.reference);
        assert_eq!(again.credentials.expiration, entry.credentials.expiration);
        let (read, written) = (&again.credentials.session_token, &entry.credentials.session_token);
        assert_eq!(read.expose(), written.expose());
    }
}
