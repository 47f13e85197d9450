//! Names become addresses by the system's own resolver, on a thread of ours: the HTTP library's would
//! be one of the runtime's, which ends the program where none can be started.

use std::io;
use std::net::ToSocketAddrs;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::aside::adrift;

/// The system's resolver.
pub(super) struct Resolver;

/// Why a name has no addresses.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// Nobody knows it, or nobody who knows it can be asked.
    #[error("its name could not be looked up")]
    Name,
    /// No thread could be started.
    #[error("{0}")]
    System(io::Error),
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // The port is the URL's affair.
            let look_up = move || (name.as_str(), 0).to_socket_addrs();
            let found = adrift(look_up).await.map_err(Error::System)?;
            let found: Addrs = Box::new(found.map_err(|_| Error::Name)?);
            Ok(found)
        })
    }
}
