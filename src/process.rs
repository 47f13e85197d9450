//! What this process keeps from others, whatever it does later: its memory from core files and from
//! other processes of the same user, and its files from other users. Three system calls.

use rustix::fs::Mode;
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit, umask,
};

/// The first thing that each program of ours does. Nothing of it is worth failing for where the
/// system does not have it.
pub fn keep_to_itself() {
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = setrlimit(Resource::Core, none);
    umask(Mode::RWXG | Mode::RWXO);
}
