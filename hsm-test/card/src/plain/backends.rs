//! The system's parts that the applet needs: PINs, RSA, large files and wrapped keys.

use trussed::Platform;
use trussed::backend::{Backend, BackendId};
use trussed::serde_extensions::{ExtensionDispatch, ExtensionId, ExtensionImpl};
use trussed::service::ServiceResources;
use trussed::types::Context;
use trussed_auth::AuthExtension;
use trussed_auth_backend::{AuthBackend, AuthContext, FilesystemLayout};
use trussed_chunked::ChunkedExtension;
use trussed_core::Error;
use trussed_core::api::{Reply, Request, reply, request};
use trussed_core::types::Location;
use trussed_hpke::HpkeExtension;
use trussed_rsa_alloc::SoftwareRsa;
use trussed_staging::{StagingBackend, StagingContext};
use trussed_wrap_key_to_file::WrapKeyToFileExtension;

/// The parts beside the system's core.
pub(super) struct Backends {
    auth: AuthBackend,
    staging: StagingBackend,
}

/// Names of the parts.
pub(super) enum Part {
    Auth,
    Rsa,
    Staging,
}

/// What the parts remember of a client.
#[derive(Default)]
pub(super) struct Memory {
    auth: AuthContext,
    staging: StagingContext,
}

/// What the parts offer beyond the core's calls.
#[derive(Clone, Copy)]
pub(super) enum Extension {
    Auth,
    Chunked,
    Hpke,
    WrapKeyToFile,
}

/// In which order they are asked.
pub(super) const ORDER: &[BackendId<Part>] = &[
    BackendId::Custom(Part::Rsa),
    BackendId::Custom(Part::Staging),
    BackendId::Custom(Part::Auth),
    BackendId::Core,
];

impl Backends {
    pub(super) fn new() -> Self {
        let auth = AuthBackend::new(Location::Internal, FilesystemLayout::V0);
        Self { auth, staging: StagingBackend::new() }
    }
}

impl ExtensionDispatch for Backends {
    type BackendId = Part;
    type Context = Memory;
    type ExtensionId = Extension;

    fn core_request<P: Platform>(
        &mut self,
        part: &Part,
        context: &mut Context<Memory>,
        request: &Request,
        resources: &mut ServiceResources<P>,
    ) -> Result<Reply, Error> {
        let Context { core, backends, .. } = context;
        match part {
            Part::Auth => self.auth.request(core, &mut backends.auth, request, resources),
            Part::Rsa => SoftwareRsa.request(core, &mut (), request, resources),
            Part::Staging => self.staging.request(core, &mut backends.staging, request, resources),
        }
    }

    fn extension_request<P: Platform>(
        &mut self,
        part: &Part,
        extension: &Extension,
        context: &mut Context<Memory>,
        request: &request::SerdeExtension,
        resources: &mut ServiceResources<P>,
    ) -> Result<reply::SerdeExtension, Error> {
        let Context { core, backends, .. } = context;
        let (auth, staging) = (&mut backends.auth, &mut backends.staging);
        match (part, extension) {
            (Part::Auth, Extension::Auth) => {
                ExtensionImpl::<AuthExtension>::extension_request_serialized(
                    &mut self.auth,
                    core,
                    auth,
                    request,
                    resources,
                )
            }
            (Part::Staging, Extension::Chunked) => {
                ExtensionImpl::<ChunkedExtension>::extension_request_serialized(
                    &mut self.staging,
                    core,
                    staging,
                    request,
                    resources,
                )
            }
            (Part::Staging, Extension::Hpke) => {
                ExtensionImpl::<HpkeExtension>::extension_request_serialized(
                    &mut self.staging,
                    core,
                    staging,
                    request,
                    resources,
                )
            }
            (Part::Staging, Extension::WrapKeyToFile) => {
                ExtensionImpl::<WrapKeyToFileExtension>::extension_request_serialized(
                    &mut self.staging,
                    core,
                    staging,
                    request,
                    resources,
                )
            }
            _ => Err(Error::RequestNotAvailable),
        }
    }
}

impl ExtensionId<AuthExtension> for Backends {
    type Id = Extension;
    const ID: Extension = Extension::Auth;
}

impl ExtensionId<ChunkedExtension> for Backends {
    type Id = Extension;
    const ID: Extension = Extension::Chunked;
}

impl ExtensionId<HpkeExtension> for Backends {
    type Id = Extension;
    const ID: Extension = Extension::Hpke;
}

impl ExtensionId<WrapKeyToFileExtension> for Backends {
    type Id = Extension;
    const ID: Extension = Extension::WrapKeyToFile;
}

impl From<Extension> for u8 {
    fn from(extension: Extension) -> Self {
        extension as Self
    }
}

impl TryFrom<u8> for Extension {
    type Error = Error;

    fn try_from(number: u8) -> Result<Self, Error> {
        let all = [Self::Auth, Self::Chunked, Self::Hpke, Self::WrapKeyToFile];
        all.into_iter().find(|extension| u8::from(*extension) == number).ok_or(Error::InternalError)
    }
}
