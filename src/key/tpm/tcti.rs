//! How a TPM is reached, in the words that tpm2-tools and other programs have for it: the kind of a
//! TCTI, and its parameters. Only those that the device host's library can follow are read; it would
//! fill in what it does not understand, and go to another TPM.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A way to a TPM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tcti {
    /// `device:/dev/tpmrm0`, or the path alone.
    Device(PathBuf),
    /// `mssim:host=127.0.0.1,port=2321`: the simulator of the TPM's makers.
    Mssim(Server),
    /// `swtpm:host=127.0.0.1,port=2321`
    Swtpm(Server),
    /// `tabrmd:bus_name=com.intel.tss2.Tabrmd,bus_type=system`: a resource manager on the D-Bus.
    Tabrmd {
        /// `bus_name`
        bus_name: String,
        /// `bus_type=session`, and not `system`.
        session: bool,
    },
}

/// Where a TPM listens. The port after it has to be its control channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// A name or an address.
    pub host: String,
    /// A TCP port.
    pub port: u16,
}

/// What is wrong with a TCTI.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TctiError {
    /// No path of a device.
    #[error("'device:' must be followed by an absolute path")]
    Device,
    /// Not a kind with parameters.
    #[error("it is neither an absolute path nor a kind with its parameters")]
    Malformed,
    /// A parameter that the kind does not have, has twice, or cannot have with this value.
    #[error("'{kind}:' takes {parameters}, once each and separated by commas")]
    Parameters {
        /// The kind.
        kind: &'static str,
        /// What it takes.
        parameters: &'static str,
    },
    /// A socket in the file system.
    #[error("'swtpm:path=' cannot be used: the TPM's library would go to port 2321 and not say so")]
    SwtpmPath,
    /// A kind that this version cannot follow, or that nobody has.
    #[error("'{0}:' is not a way to a TPM that keyanchor has")]
    Unsupported(String),
}

/// Longest TCTI that is read, in bytes.
const LONGEST: usize = 1024;

/// What the TPM's library assumes as well.
const PORT: u16 = 2321;
const BUS_NAME: &str = "com.intel.tss2.Tabrmd";

impl FromStr for Tcti {
    type Err = TctiError;

    fn from_str(text: &str) -> Result<Self, TctiError> {
        if text.len() > LONGEST || text.chars().any(char::is_control) {
            return Err(TctiError::Malformed);
        }
        if text.starts_with('/') {
            return Ok(Self::Device(text.into()));
        }
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        match kind {
            "device" if rest.starts_with('/') => Ok(Self::Device(rest.into())),
            "device" => Err(TctiError::Device),
            "mssim" => server("mssim", rest).map(Self::Mssim),
            "swtpm" if rest.split(',').any(|parameter| parameter.starts_with("path=")) => {
                Err(TctiError::SwtpmPath)
            }
            "swtpm" => server("swtpm", rest).map(Self::Swtpm),
            "tabrmd" => tabrmd(rest),
            other => Err(unsupported(other)),
        }
    }
}

/// A kind is shown only if it could be one.
fn unsupported(kind: &str) -> TctiError {
    let like_a_kind = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if (1..=32).contains(&kind.len()) && kind.bytes().all(like_a_kind) {
        TctiError::Unsupported(kind.into())
    } else {
        TctiError::Malformed
    }
}

fn server(kind: &'static str, text: &str) -> Result<Server, TctiError> {
    let wrong = TctiError::Parameters { kind, parameters: "host=NAME and port=NUMBER" };
    let Some([host, port]) = parameters(text, ["host", "port"]) else { return Err(wrong) };
    let host = host.unwrap_or("localhost");
    let port = match port {
        Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => digits.parse().ok(),
        Some(_) => None,
        None => Some(PORT),
    };
    let host_like = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
    // The control channel is on the port after it.
    match port.filter(|port| (1..u16::MAX).contains(port)) {
        Some(port) if host.bytes().all(host_like) => Ok(Server { host: host.into(), port }),
        _ => Err(wrong),
    }
}

fn tabrmd(text: &str) -> Result<Tcti, TctiError> {
    let wrong = TctiError::Parameters {
        kind: "tabrmd",
        parameters: "bus_name=NAME and bus_type=system or session",
    };
    let Some([name, kind]) = parameters(text, ["bus_name", "bus_type"]) else { return Err(wrong) };
    let name = name.unwrap_or(BUS_NAME);
    let name_like = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    match kind.unwrap_or("system") {
        kind @ ("session" | "system") if name.bytes().all(name_like) => {
            Ok(Tcti::Tabrmd { bus_name: name.into(), session: kind == "session" })
        }
        _ => Err(wrong),
    }
}

/// The values of two parameters in any order, neither of them empty; `None` where there is anything
/// else.
fn parameters<'a>(text: &'a str, names: [&str; 2]) -> Option<[Option<&'a str>; 2]> {
    let mut values = [None, None];
    for parameter in text.split(',').filter(|_| !text.is_empty()) {
        let (name, value) = parameter.split_once('=').filter(|(_, value)| !value.is_empty())?;
        let place = names.iter().position(|known| *known == name)?;
        if values.get_mut(place)?.replace(value).is_some() {
            return None;
        }
    }
    Some(values)
}

/// With all its parameters, as the TPM's library reads it.
impl fmt::Display for Tcti {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(path) => write!(f, "device:{}", path.display()),
            Self::Mssim(Server { host, port }) => write!(f, "mssim:host={host},port={port}"),
            Self::Swtpm(Server { host, port }) => write!(f, "swtpm:host={host},port={port}"),
            Self::Tabrmd { bus_name, session } => {
                let bus_type = if *session { "session" } else { "system" };
                write!(f, "tabrmd:bus_name={bus_name},bus_type={bus_type}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Tcti {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn refused(text: &str) -> TctiError {
        text.parse::<Tcti>().expect_err(text)
    }

    #[test]
    fn each_kind_is_read_with_its_parameters_in_any_order() {
        for (text, printed) in [
            ("/dev/tpm0", "device:/dev/tpm0"),
            ("device:/dev/tpmrm0", "device:/dev/tpmrm0"),
            ("swtpm", "swtpm:host=localhost,port=2321"),
            ("swtpm:", "swtpm:host=localhost,port=2321"),
            ("swtpm:port=7,host=::1", "swtpm:host=::1,port=7"),
            ("mssim:host=tpm.example", "mssim:host=tpm.example,port=2321"),
            ("tabrmd", "tabrmd:bus_name=com.intel.tss2.Tabrmd,bus_type=system"),
            ("tabrmd:bus_type=session", "tabrmd:bus_name=com.intel.tss2.Tabrmd,bus_type=session"),
        ] {
            assert_eq!(read(text).to_string(), printed);
        }
    }

    #[test]
    fn what_the_library_would_fill_in_is_refused() {
        for text in ["swtpm:path=/run/tpm.sock", "swtpm:port=1,path=/run/tpm.sock"] {
            assert_eq!(refused(text), TctiError::SwtpmPath, "{text}");
        }
        for text in [
            "swtpm:host=",
            "swtpm:port=0",
            "swtpm:port=65535",
            "swtpm:port=+1",
            "swtpm:port=1,port=2",
            "swtpm:host=a b",
            "swtpm:127.0.0.1:2321",
            "mssim:path=/x",
            "mssim:host=a,",
            "tabrmd:bus_type=none",
            "tabrmd:bus_name=a/b",
        ] {
            assert!(matches!(refused(text), TctiError::Parameters { .. }), "{text}");
        }
        assert_eq!(refused("device"), TctiError::Device);
        assert_eq!(refused("device:tpm0"), TctiError::Device);
        for kind in ["cmd", "libtpms", "pcap", "spi-helper", "tbs"] {
            let error = refused(&format!("{kind}:cat"));
            assert_eq!(error, TctiError::Unsupported(kind.into()));
        }
        for text in ["", ":", "a b:", "device:/dev/\n", "libtss2-tcti-device.so.0"] {
            assert_eq!(refused(text), TctiError::Malformed, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_as_the_same(
            text in "((device:)?/[!-~]{0,12}|(swtpm|mssim):(host=[a-z.:0-9]{1,9})?(,?port=[0-9]{1,5})?|.{0,9})",
        ) {
            if let Ok(tcti) = text.parse::<Tcti>() {
                prop_assert_eq!(tcti.to_string().parse(), Ok(tcti));
            }
        }
    }
}
