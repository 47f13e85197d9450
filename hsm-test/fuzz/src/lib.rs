//! What every fuzz target checks; the targets themselves are one line each. The tests of keyanchor run
//! the same checks over the same seeds.

pub mod invariants;
