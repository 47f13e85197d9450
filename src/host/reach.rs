//! How far a host reaches once it is in its sandbox: to its device, the files that hold its PIN, our
//! own folder, and its own program, which guards a terminal.

use std::path::PathBuf;

use crate::device::Device;
use crate::paths;
use crate::prompt::pin_file;
use crate::sandbox::Allowance;
use crate::wire::{FilePath, Open};

/// What one needs that tells the user which token to insert, and opens nothing.
pub(super) fn of_no_device() -> Allowance {
    let write = paths::shelter().ok().flatten();
    Allowance { write: write.into_iter().collect(), ..Allowance::default() }
}

/// All that it may do; `also` are folders that somebody has allowed by name.
pub(super) fn allowance<D: Device>(open: &Open, also: &[FilePath]) -> Allowance {
    let mut allowance = D::reach(&open.device);
    let parent = open.parent_pin.iter().map(|file| file.0.clone());
    let pin = open.pin.source.iter().filter_map(pin_file);
    let own = std::env::current_exe().ok();
    allowance.read.extend(pin.chain(parent).chain(own));
    // One that cannot be used is an error as soon as it is used.
    let shelter = paths::shelter().ok().flatten();
    let also = also.iter().map(|folder| folder.0.clone());
    allowance.write.extend(shelter.into_iter().chain(also).collect::<Vec<PathBuf>>());
    allowance
}
