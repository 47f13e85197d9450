//! Which proxy stands between this computer and the service: the HTTP library's own rules, asked
//! beforehand.

use hyper::Uri;
use hyper_util::client::proxy::matcher::Matcher;

use crate::exchange::endpoint::Endpoint;

/// The variables that name a proxy for https, the more important first.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// What stands between.
#[derive(Debug, PartialEq, Eq)]
pub enum Between {
    /// A proxy is named, and not for this host: by NO_PROXY, or because it is this computer.
    Excepted,
    /// No variable names a proxy.
    Nothing,
    /// A proxy.
    Proxy {
        /// Its URL without user and password.
        url: String,
        /// Its host, without the brackets of IPv6.
        host: String,
        /// Its port.
        port: u16,
        /// The variable that names it.
        variable: &'static str,
    },
    /// A variable that the HTTP library does not understand, and ignores.
    Unclear {
        /// Its name; what it holds may be a password.
        variable: &'static str,
    },
}

/// What stands between this computer and that endpoint.
#[must_use]
pub fn between(endpoint: &Endpoint) -> Between {
    let value = |name: &&'static str| Some((*name, std::env::var(name).ok()?));
    let set = VARIABLES.iter().filter_map(value).find(|(_, value)| !value.is_empty());
    let Some((variable, value)) = set else { return Between::Nothing };
    let Ok(target) = endpoint.operation("").as_str().parse::<Uri>() else {
        return Between::Nothing;
    };
    if endpoint.is_this_computer() {
        return Between::Excepted;
    }
    let understood = Matcher::builder().all(value.as_str()).build().intercept(&target).is_some();
    match Matcher::from_system().intercept(&target) {
        _ if !understood => Between::Unclear { variable },
        None => Between::Excepted,
        Some(proxy) => named(proxy.uri(), variable),
    }
}

fn named(uri: &Uri, variable: &'static str) -> Between {
    let port = uri.port_u16().unwrap_or(match uri.scheme_str() {
        Some("https") => 443,
        Some("http") => 80,
        _ => 1080,
    });
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    Between::Proxy { url: uri.to_string().trim_end_matches('/').to_owned(), host, port, variable }
}
