//! What a run needs, each step tried alone: which one is broken, and what to do. The device and the
//! network are tried side by side, and one that is broken or hangs keeps nothing from being told of
//! the other. Without leave to log in no PIN is read or sent, and nobody is asked.

use std::io;
use std::thread;

use crate::error::Error;
use crate::exchange::endpoint::Endpoint;
use crate::exchange::http::Roots;
use crate::identity::named::Named;
use crate::output::doctor::{Name, Step};
use crate::signer::Settings;

mod device;
mod here;
mod network;
mod pair;
mod sheet;

use sheet::Sheet;

/// What is to be tried.
pub struct Case {
    /// Key and certificate, where either was named.
    pub named: Option<Named>,
    /// The service, where it is known.
    pub service: Option<Service>,
    /// Whether credentials are kept for the next run.
    pub caches: bool,
    /// How device hosts are run, and whether a PIN may be sent.
    pub settings: Settings,
}

/// Where credentials would come from.
pub struct Service {
    /// Where it is.
    pub endpoint: Endpoint,
    /// The option or the variable that says so.
    pub from: &'static str,
    /// Which CA certificates vouch for it.
    pub roots: Roots,
    /// The same with the options or variables that name them.
    pub trusted: Vec<String>,
}

/// Tries all steps. With them comes what a run would have ended with, if one of them failed: the
/// error of the first.
#[must_use]
pub fn examine(case: &Case) -> (Vec<Step>, Option<Error>) {
    let (mut here, there) = thread::scope(|scope| {
        let network = thread::Builder::new().spawn_scoped(scope, || network(case));
        let mut here = Sheet::default();
        here::examine(case, &mut here);
        device::examine(case, &mut here);
        (here, network.map(|thread| thread.join()))
    });
    match there {
        Ok(Ok(there)) => here.add(there),
        Ok(Err(_)) => here.fail(Name::Name, None, lost()),
        Err(error) => here.fail(Name::Name, None, Error::System(error)),
    }
    here.told()
}

fn network(case: &Case) -> Sheet {
    let mut sheet = Sheet::default();
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Err(error) => sheet.fail(Name::Name, None, Error::System(error)),
        Ok(runtime) => {
            runtime.block_on(network::examine(case, &mut sheet));
            // A name server that does not answer must not hold up the end of the run.
            runtime.shutdown_background();
        }
    }
    sheet
}

fn lost() -> Error {
    Error::System(io::Error::other("a thread ended without a result"))
}
