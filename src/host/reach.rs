//! How far a host reaches once it is in its sandbox: to its device, the files that hold its PIN, our
//! own folder, and its own program, which guards a terminal.

use std::fs;
use std::path::{Path, PathBuf};

use crate::device::Device;
use crate::paths;
use crate::prompt::pin_file;
use crate::sandbox::Allowance;
use crate::wire::{FilePath, Open};

/// The folders in a home that hold secrets of other programs.
const SECRETS: [&str; 3] = [".aws", ".gnupg", ".ssh"];

/// What no host may open as a folder, whatever a module, a variable or a configuration names.
struct Kept {
    /// The user's home, by the environment and by the system's list.
    homes: Vec<PathBuf>,
    /// Folders with secrets, nothing of which is for a module.
    secrets: Vec<PathBuf>,
}

impl Kept {
    fn of_this_user() -> Self {
        // Where HOME is not set it is the home of the system's list.
        let home = std::env::home_dir().filter(|home| home.is_absolute());
        let homes: Vec<_> = home.iter().filter_map(|home| fs::canonicalize(home).ok()).collect();
        let secrets = homes.iter().flat_map(|home| SECRETS.map(|name| home.join(name)));
        let private = paths::private_directory().ok().flatten();
        let private = private.and_then(|folder| fs::canonicalize(folder).ok());
        Self { secrets: secrets.chain(private).collect(), homes }
    }

    fn closed(self) -> Vec<PathBuf> {
        // A home that holds the system itself is that of a container's only user.
        let homes = self.homes.into_iter().filter(|home| home.parent().is_some());
        homes.chain(self.secrets).collect()
    }

    /// Whether a folder is one of them, contains one, or lies in one with secrets.
    fn keeps(&self, real: &Path) -> bool {
        let mut all = self.homes.iter().chain(&self.secrets);
        all.any(|kept| kept.starts_with(real))
            || self.secrets.iter().any(|kept| real.starts_with(kept))
    }

    /// The path, or, of a folder that is kept, the libraries in it, one by one.
    fn to_read(&self, path: &Path) -> Vec<PathBuf> {
        let Ok(real) = fs::canonicalize(path) else { return Vec::new() };
        if !real.is_dir() || !self.keeps(&real) {
            return vec![real];
        }
        let is_library = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            path.is_file() && name.windows(3).any(|part| part == b".so")
        };
        let entries = fs::read_dir(&real).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(is_library).collect()
    }

    /// What is not there yet is for the kernel to pass over.
    fn to_write(&self, path: &Path) -> bool {
        fs::canonicalize(path).map_or(true, |real| !real.is_dir() || !self.keeps(&real))
    }
}

/// What one needs that tells the user which token to insert, and opens nothing.
pub(super) fn of_no_device() -> Allowance {
    let write = paths::shelter().ok().flatten();
    Allowance { write: write.into_iter().collect(), ..Allowance::default() }
}

/// All that it may do; `also` are folders that somebody has allowed by name.
pub(super) fn allowance<D: Device>(open: &Open, also: &[FilePath]) -> Allowance {
    let mut allowance = D::reach(&open.device);
    let kept = Kept::of_this_user();
    allowance.read = allowance.read.iter().flat_map(|path| kept.to_read(path)).collect();
    allowance.write.retain(|path| kept.to_write(path));
    allowance.closed = kept.closed();
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
