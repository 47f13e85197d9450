//! A PKCS#11 module: loaded, initialised, and asked for its tokens. Every call into it is
//! announced first, so that a crash or a hang can be laid to a function.

use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::thread;

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error, RvError};
use cryptoki::slot::{Slot, TokenInfo};

use crate::deadline::jitter;
use crate::device::pkcs11::quirks::{self, trimmed};
use crate::device::pkcs11::raw::{self, Library, Raw};
use crate::device::pkcs11::return_value::{self, readable};
use crate::key::uri::{ObjectFilter, TokenFilter, pasteable};
use crate::prompt::etiquette::PinState;
use crate::wire::Failure;
use crate::wire::failure::{Holder, Tries};
use crate::wire::outbox::Outbox;

/// How often a call that may be made twice is made once more.
const AGAIN: u64 = 3;

/// A module that has been initialised.
pub(super) struct Module<'a> {
    pub(super) context: Pkcs11,
    pub(super) raw: Raw,
    pub(super) path: PathBuf,
    /// What C_Initialize was given: a module may have kept the pointer.
    init_args: Option<CString>,
    outbox: &'a Outbox,
}

/// A token that is present.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) slot: Slot,
    pub(super) info: TokenInfo,
}

impl<'a> Module<'a> {
    pub(super) fn load(
        path: &Path,
        init_args: Option<String>,
        outbox: &'a Outbox,
    ) -> Result<Self, Failure> {
        let unusable =
            |reason: String| Failure::Module { module: path.display().to_string(), reason };
        let unusable = |error| match error {
            Error::LibraryLoading(error) => unusable(error.to_string()),
            Error::MissingSymbol(symbol) => unusable(format!("it has no function {symbol}")),
            Error::NullFunctionPointer => unusable("it gives out no functions".to_owned()),
            Error::Pkcs11(code, _) => {
                unusable(format!("C_GetFunctionList returned {}", return_value::name(&code)))
            }
            error => unusable(error.to_string()),
        };
        outbox.calling("dlopen");
        let library = Library::open(path).map_err(unusable)?;
        outbox.calling("C_GetFunctionList");
        let raw = library.functions().map_err(unusable)?;
        let context = Pkcs11::new(path).map_err(unusable)?;
        let init_args = init_args.map(CString::new).transpose().map_err(|_| Failure::Protocol)?;
        let module = Self { context, raw, path: path.into(), init_args, outbox };
        module.initialize()?;
        Ok(module)
    }

    fn initialize(&self) -> Result<(), Failure> {
        let text = self.init_args.as_deref();
        let initialize = |flags| match raw::initialize(&self.context, flags, text) {
            Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
            answer => answer,
        };
        self.call("C_Initialize", &self.name(), || quirks::initialize(initialize))
    }

    /// C_Finalize. It may be the module's last word: what it says does not count.
    pub(super) fn finalize(&self) {
        let _ = self.call("C_Finalize", &self.name(), || self.context.clone().finalize());
    }

    /// Begins anew with a module that has lost what it knew. No session may be open.
    pub(super) fn restart(&self) -> Result<(), Failure> {
        self.finalize();
        self.initialize()
    }

    /// Runs one function of the module, announced by its name.
    pub(super) fn call<T>(
        &self,
        function: &str,
        subject: &str,
        run: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Failure> {
        self.outbox.calling(function);
        run().map_err(|error| return_value::failure(function, subject, &error))
    }

    /// Runs what may be run twice, and runs it again where the module only says that something went
    /// wrong: so do SoftHSM and others while another program changes the token. Never a login,
    /// which could cost a try, and never a signature.
    pub(super) fn again<T>(&self, run: impl Fn() -> Result<T, Failure>) -> Result<T, Failure> {
        for attempt in 1..=AGAIN {
            match run() {
                Err(failure) if return_value::is_passing(&failure) => {
                    thread::sleep(jitter(50, 50 + 150 * attempt));
                }
                answer => return answer,
            }
        }
        run()
    }

    /// The module as a subject of messages.
    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// All tokens that have been initialised. One whose info cannot be had or does not parse is
    /// skipped: it must not hide the others, nor cost their time.
    pub(super) fn tokens(&self) -> Result<Vec<Token>, Failure> {
        let list = || self.call("C_GetSlotList", &self.name(), || self.raw.slots());
        let slots = self.again(list)?;
        self.again(|| readable(slots.iter().filter_map(|slot| self.token(*slot).transpose())))
    }

    /// The token in a slot; none where it is blank, or was pulled out in this moment.
    fn token(&self, slot: Slot) -> Result<Option<Token>, Failure> {
        let subject = format!("slot {}", slot.id());
        match self.call("C_GetTokenInfo", &subject, || self.context.get_token_info(slot)) {
            Ok(info) => Ok(info.token_initialized().then_some(Token { slot, info })),
            Err(Failure::Removed { .. }) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Whether a token, its slot and the library are as the filter says.
    pub(super) fn fits(&self, token: &Token, filter: &TokenFilter) -> bool {
        let info = &token.info;
        text_fits(&filter.token, info.label())
            && text_fits(&filter.manufacturer, info.manufacturer_id())
            && text_fits(&filter.serial, info.serial_number())
            && text_fits(&filter.model, info.model())
            && filter.slot_id.is_none_or(|id| id == token.slot.id())
            && self.slot_fits(token.slot, filter)
            && self.library_fits(filter)
    }

    fn slot_fits(&self, slot: Slot, filter: &TokenFilter) -> bool {
        if filter.slot_description.is_none() && filter.slot_manufacturer.is_none() {
            return true;
        }
        self.outbox.calling("C_GetSlotInfo");
        self.context.get_slot_info(slot).is_ok_and(|info| {
            text_fits(&filter.slot_description, info.slot_description())
                && text_fits(&filter.slot_manufacturer, info.manufacturer_id())
        })
    }

    fn library_fits(&self, filter: &TokenFilter) -> bool {
        let texts = [&filter.library_manufacturer, &filter.library_description];
        if texts.iter().all(|text| text.is_none()) && filter.library_version.is_none() {
            return true;
        }
        self.outbox.calling("C_GetInfo");
        self.context.get_library_info().is_ok_and(|info| {
            let version = info.library_version();
            text_fits(&filter.library_manufacturer, info.manufacturer_id())
                && text_fits(&filter.library_description, info.library_description())
                && filter.library_version.is_none_or(|v| v == (version.major(), version.minor()))
        })
    }

    /// What the token says about its PIN at this moment.
    pub(super) fn pin_state(&self, token: &mut Token) -> Result<PinState, Failure> {
        let info = || self.context.get_token_info(token.slot);
        token.info = self.again(|| self.call("C_GetTokenInfo", &token.name(), info))?;
        Ok(PinState { tries: token.tries(), initialised: token.info.user_pin_initialized() })
    }
}

impl Token {
    /// Whether it is the same token, wherever it is now.
    pub(super) fn is(&self, other: &Self) -> bool {
        let of = |token: &Self| {
            let info = &token.info;
            [info.serial_number(), info.label(), info.manufacturer_id(), info.model()]
                .map(ToOwned::to_owned)
        };
        of(self) == of(other)
    }

    /// Its label without padding, for messages.
    pub(super) fn label(&self) -> String {
        trimmed(self.info.label()).to_owned()
    }

    /// It, as what a PIN is for.
    pub(super) fn holder(&self) -> Holder {
        Holder::Token(self.label())
    }

    /// Its label, and what tells it from others of that label.
    pub(super) fn whole_name(&self) -> Vec<String> {
        let info = &self.info;
        let rest = [info.serial_number(), info.manufacturer_id(), info.model()];
        std::iter::once(self.label()).chain(rest.map(|text| trimmed(text).to_owned())).collect()
    }

    /// The token as a subject of messages.
    pub(super) fn name(&self) -> String {
        format!("token '{}'", self.label())
    }

    /// A URI to paste for an object on it.
    pub(super) fn uri(&self, object: &ObjectFilter) -> String {
        let mut filter = TokenFilter { token: Some(self.label()), ..TokenFilter::default() };
        if self.label().is_empty() {
            filter.serial = Some(trimmed(self.info.serial_number()).to_owned());
        }
        pasteable(&filter, object)
    }

    /// What its flags, when they were read last, say about the tries that are left.
    pub(super) fn tries(&self) -> Tries {
        if self.info.user_pin_locked() {
            Tries::None
        } else if self.info.user_pin_final_try() {
            Tries::One
        } else if self.info.user_pin_count_low() {
            Tries::Few
        } else {
            Tries::Unknown
        }
    }
}

fn text_fits(wanted: &Option<String>, field: &str) -> bool {
    wanted.as_ref().is_none_or(|wanted| wanted.trim_end_matches(' ') == trimmed(field))
}
