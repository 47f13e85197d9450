//! What names a key and no other of all that are in sight: as few attributes of its token as are
//! enough, and the module where the same token is there through two, or would not be asked.

use std::path::PathBuf;

use crate::key::uri::{ObjectFilter, Pkcs11Uri, TokenFilter, pasteable_in};
use crate::signer::hosted::list::Module;
use crate::signer::{Settings, modules};
use crate::wire::list::Token;

/// All that is in sight.
pub struct Names<'a> {
    modules: &'a [Module],
    /// The modules that are asked for a key whose URI does not name one.
    unnamed: Vec<PathBuf>,
}

impl<'a> Names<'a> {
    /// Among these modules.
    #[must_use]
    pub fn of(modules: &'a [Module], settings: &Settings) -> Self {
        let settings = Settings { module: None, ..settings.clone() };
        let unnamed = modules::to_ask(&settings, &Pkcs11Uri::default()).unwrap_or_default();
        Self { modules, unnamed }
    }

    /// The URI to paste for an object of that token; `None` where none can be written.
    #[must_use]
    pub fn uri(&self, module: &Module, token: &Token, object: &ObjectFilter) -> Option<String> {
        let all = || self.modules.iter().flat_map(tokens);
        let is_asked = self.unnamed.contains(&module.path)
            && self.unnamed.iter().all(|path| self.modules.iter().any(|m| m.path == *path));
        let filters = filters(token);
        let unique = filters.iter().find(|f| is_asked && all().filter(|t| fits(f, t)).count() == 1);
        if let Some(filter) = unique {
            return pasteable_in(None, filter, object);
        }
        let own = |filter: &&TokenFilter| tokens(module).filter(|t| fits(filter, t)).count() == 1;
        let whole = whole(token);
        let filter = filters.iter().find(own).unwrap_or(&whole);
        pasteable_in(Some(&module.path), filter, object)
    }
}

fn tokens(module: &Module) -> impl Iterator<Item = &Token> {
    module.tokens.iter().flatten().map(|token| &token.facts)
}

/// From the fewest attributes to the most; a number of a slot means something in its module only.
fn filters(token: &Token) -> [TokenFilter; 3] {
    let whole = TokenFilter { slot_id: None, ..whole(token) };
    let (token, serial) = (whole.token.clone(), whole.serial.clone());
    let least = match &token {
        Some(_) => TokenFilter { token: token.clone(), ..TokenFilter::default() },
        None => TokenFilter { serial: serial.clone(), ..TokenFilter::default() },
    };
    let both = TokenFilter { token, serial, ..TokenFilter::default() };
    [least, both, whole]
}

/// Everything that a URI can say about a token. An empty field, and one with a NUL in it, cannot
/// be said.
#[must_use]
pub fn whole(token: &Token) -> TokenFilter {
    let text = |field: &str| Some(field.to_owned()).filter(|f| !f.is_empty() && !f.contains('\0'));
    TokenFilter {
        token: text(&token.label),
        serial: text(&token.serial),
        model: text(&token.model),
        manufacturer: text(&token.manufacturer),
        slot_id: Some(token.slot),
        ..TokenFilter::default()
    }
}

/// Whether a token looks as a URI wants it, as far as is told of one.
#[must_use]
pub fn fits(filter: &TokenFilter, token: &Token) -> bool {
    let text = |wanted: &Option<String>, field: &str| wanted.as_ref().is_none_or(|w| w == field);
    text(&filter.token, &token.label)
        && text(&filter.serial, &token.serial)
        && text(&filter.model, &token.model)
        && text(&filter.manufacturer, &token.manufacturer)
}

/// Whether two modules show one token.
pub(super) fn is_same(one: &Token, other: &Token) -> bool {
    !one.serial.is_empty() && fits(&TokenFilter { slot_id: None, ..whole(one) }, other)
}
