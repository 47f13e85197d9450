//! The thread that starts a person's programs where all others of its process are in a sandbox: a
//! dialog needs a display, and a program that knows a PIN its files and a network. It exists only
//! where such a program may be wanted, and does nothing else.

use std::io;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Sender};
use std::thread;

use nix::sys::signal::{SigSet, SigmaskHow};

/// One a process, as the sandbox is.
static STARTER: OnceLock<Sender<Order>> = OnceLock::new();

struct Order {
    command: Command,
    /// The signals that wait in the thread which orders it: a program inherits them.
    held: SigSet,
    started: Sender<io::Result<Child>>,
}

/// Stands by from now on: to be called before this thread goes into a sandbox.
///
/// # Errors
/// When there is no thread to be had.
pub fn stand_by() -> io::Result<()> {
    let (sender, orders) = mpsc::channel::<Order>();
    let serve = move || orders.into_iter().for_each(Order::obey);
    thread::Builder::new().spawn(serve)?;
    // Whoever stands by already does the same.
    let _ = STARTER.set(sender);
    Ok(())
}

/// Starts a program by that thread, or by this one where nobody stands by.
pub(super) fn spawn(mut command: Command) -> io::Result<Child> {
    let Some(starter) = STARTER.get() else { return command.spawn() };
    let (started, answer) = mpsc::channel();
    let order = Order { command, held: SigSet::thread_get_mask()?, started };
    let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
    starter.send(order).map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())?
}

impl Order {
    fn obey(mut self) {
        let own = self.held.thread_swap_mask(SigmaskHow::SIG_SETMASK);
        let child = self.command.spawn();
        // It was valid before.
        let _ = own.and_then(|own| own.thread_set_mask());
        // Whoever has ordered it waits for the answer.
        let _ = self.started.send(child);
    }
}
