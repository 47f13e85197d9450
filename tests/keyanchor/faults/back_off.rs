//! When a thousand clients that were turned away together come back: not together.

use std::time::Duration;

use keyanchor::exchange::http::pause;

const CLIENTS: usize = 1000;

/// How many clients come back in each twentieth of the time that they choose from.
fn spread(attempt: u32, wished: Option<Duration>) -> [usize; 20] {
    let span = Duration::from_millis(100 << attempt);
    let mut counts = [0; 20];
    for _ in 0..CLIENTS {
        let chosen = pause(attempt, wished).checked_sub(wished.unwrap_or_default());
        let chosen = chosen.expect("nobody comes before the time that was wished for");
        assert!(chosen <= span, "{chosen:?} after attempt {attempt}");
        let place = (20.0 * chosen.div_duration_f64(span)) as usize;
        counts[place.min(19)] += 1;
    }
    counts
}

#[test]
fn a_thousand_clients_come_back_evenly_spread() {
    for wished in [None, Some(Duration::from_secs(1))] {
        for attempt in 1..=2 {
            let counts = spread(attempt, wished);
            // Fifty each, but for chance.
            assert!(counts.iter().all(|count| (15..=85).contains(count)), "{wished:?}: {counts:?}");
        }
    }
}
