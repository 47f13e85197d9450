//! `--debug` and `--trace-timing`: lines on stderr. Secrets have no Debug and no Display, so that
//! none can be in them.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::timing;

/// Switches on what was asked for; costs nothing when that is neither.
pub(super) fn start(debug: bool, timing: bool) {
    if !debug && !timing {
        return;
    }
    let level = |on| if on { LevelFilter::DEBUG } else { LevelFilter::OFF };
    let targets = Targets::new()
        .with_target("keyanchor", level(debug))
        .with_target(timing::TARGET, level(timing));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .without_time();
    // Only a second call could fail.
    let _ = tracing_subscriber::registry().with(targets).with(lines).try_init();
}
