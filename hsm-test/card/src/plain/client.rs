//! The applet's connection to its system, for several applets one after the other: a reset makes a new one.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::Poll;

use trussed::serde_extensions::ExtensionId;
use trussed::virt;
use trussed_auth::AuthExtension;
use trussed_chunked::ChunkedExtension;
use trussed_core::api::{Reply, RequestVariant};
use trussed_core::mechanisms::Tdes;
use trussed_core::serde_extensions::ExtensionClient;
use trussed_core::{ClientResult, CryptoClient, Error, FilesystemClient, FutureResult, PollClient};
use trussed_hpke::HpkeExtension;
use trussed_wrap_key_to_file::WrapKeyToFileExtension;

use super::backends::Backends;

/// A shared connection.
#[derive(Clone)]
pub(super) struct Client<'a>(Rc<RefCell<virt::Client<'a, Backends>>>);

impl<'a> Client<'a> {
    pub(super) fn new(client: virt::Client<'a, Backends>) -> Self {
        Self(Rc::new(RefCell::new(client)))
    }
}

impl PollClient for Client<'_> {
    fn request<Rq: RequestVariant>(&mut self, request: Rq) -> ClientResult<'_, Rq::Reply, Self> {
        self.0.borrow_mut().request(request).map(drop)?;
        Ok(FutureResult::new(self))
    }

    fn poll(&mut self) -> Poll<Result<Reply, Error>> {
        self.0.borrow_mut().poll()
    }
}

impl CryptoClient for Client<'_> {}
impl FilesystemClient for Client<'_> {}
impl Tdes for Client<'_> {}

/// The extensions have the numbers that the backends give them.
macro_rules! extended {
    ($($extension:ty),*) => {$(
        impl ExtensionClient<$extension> for Client<'_> {
            fn id() -> u8 {
                <Backends as ExtensionId<$extension>>::ID.into()
            }
        }
    )*};
}

extended!(AuthExtension, ChunkedExtension, HpkeExtension, WrapKeyToFileExtension);
