//! What this process keeps from others, whatever it does later: its memory from core files and from
//! other processes of the same user, and its files from other users. Four system calls.

use nix::sys::signal::{SigSet, Signal};
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
    // A limit of the size of files is an error of the call then, as a full disk is.
    let _ = SigSet::from(Signal::SIGXFSZ).thread_block();
}
