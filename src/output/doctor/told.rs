//! What was seen at a step, in a few words. Foreign text in it is escaped by whoever shows it.

use std::fmt;

use crate::output::doctor::facts::{Cache, Facts, Host};

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Card { card, reader, firmware, .. } => {
                write!(f, "{card}{}, reader {reader}", after(", firmware ", firmware.as_ref()))
            }
            Self::Certificate { subject, not_after, days_left } => {
                let day = not_after.split('T').next().unwrap_or_default();
                let state = if *days_left < 0 { "expired on" } else { "valid until" };
                write!(f, "{subject}, {state} {day}")
            }
            Self::Chain { intermediates, issuer } => {
                let along = match intermediates.len() {
                    0 => "the leaf alone".to_owned(),
                    1 => "1 intermediate certificate".to_owned(),
                    many => format!("{many} intermediate certificates"),
                };
                write!(f, "{along}, up to {issuer}")
            }
            Self::Clock { service_ahead: 0 } => f.write_str("as the service's"),
            Self::Clock { service_ahead } => {
                let how = if *service_ahead > 0 { "slow" } else { "fast" };
                write!(f, "{} s {how}", service_ahead.unsigned_abs())
            }
            Self::Connection { address, milliseconds } => {
                let address = address.as_deref().unwrap_or("through the proxy");
                write!(f, "{address} in {milliseconds} ms")
            }
            Self::Directory { path, mode, cache, .. } => directory(f, path.as_ref(), mode, cache),
            Self::Endpoint { url, from, http_status, milliseconds } => {
                write!(f, "{url} (from {from})")?;
                let (Some(status), Some(time)) = (http_status, milliseconds) else { return Ok(()) };
                write!(f, " refused an unsigned request with {status} in {time} ms")
            }
            Self::Installation { version, hosts } => installation(f, version, hosts),
            Self::Key { reference, kind } => write!(f, "{reference}, {kind}"),
            Self::MemoryLock { bytes: None } => f.write_str("no limit"),
            Self::MemoryLock { bytes: Some(bytes) } => write!(f, "{} KiB", bytes / 1024),
            Self::Module { path, milliseconds, .. } => write!(f, "{path} in {milliseconds} ms"),
            Self::Name { host, addresses } => write!(f, "{host} is {}", addresses.join(", ")),
            Self::Pair { subject, kind } => {
                write!(f, "{subject} certifies this key of type {kind}")
            }
            Self::Pin { tries, configured } => pin(f, *tries, configured.as_ref()),
            Self::Proxy { url: Some(url), from, .. } => {
                write!(f, "{url}{}", after(" (from ", from.as_ref()))?;
                f.write_str(if from.is_some() { ")" } else { "" })
            }
            Self::Proxy { excepted: true, .. } => f.write_str("none for this host"),
            Self::Proxy { .. } => f.write_str("none"),
            Self::Signature { kind, milliseconds } => {
                write!(f, "made with {kind} and verified, in {milliseconds} ms")
            }
            Self::Tls { version, issuer, roots } => {
                let version = version.map_or("no handshake".to_owned(), |v| format!("TLS {v}"));
                let issuer = after(", certificate of ", issuer.as_ref());
                write!(f, "{version}{issuer}, CA certificates: {}", roots.join(", "))
            }
            Self::Token { label, serial, model, .. } => {
                write!(f, "{label}, {model}, serial {serial}")
            }
            Self::Tpm { tcti } => f.write_str(tcti),
        }
    }
}

fn after(word: &str, text: Option<impl fmt::Display>) -> String {
    text.map_or(String::new(), |text| format!("{word}{text}"))
}

fn directory(
    f: &mut fmt::Formatter<'_>,
    path: Option<&String>,
    mode: &Option<String>,
    cache: &Cache,
) -> fmt::Result {
    let Some(path) = path else { return f.write_str("none") };
    let state = if cache.on { "on" } else { "off" };
    write!(f, "{path}{}, cache {state}", after(", mode ", mode.as_ref()))
}

fn installation(f: &mut fmt::Formatter<'_>, version: &str, hosts: &[Host]) -> fmt::Result {
    write!(f, "version {version}")?;
    for Host { program, problem } in hosts {
        let state = if problem.is_some() { " does not start" } else { "" };
        write!(f, ", {program}{state}")?;
    }
    Ok(())
}

fn pin(f: &mut fmt::Formatter<'_>, tries: Option<u32>, configured: Option<&String>) -> fmt::Result {
    match configured {
        Some(place) => write!(f, "configured: {place}")?,
        None => f.write_str("none is configured: a person is asked")?,
    }
    match tries {
        Some(tries) => write!(f, "; {tries} tries are left"),
        None => Ok(()),
    }
}
