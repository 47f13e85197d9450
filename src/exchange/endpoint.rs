//! Where the service is: the host of a region in its partition, or one that the user gives.
//! Figures of botocore's `partitions.json` (November 2026).

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

/// Longest URL that is taken, in bytes.
const LONGEST: usize = 2048;

/// How much of what was given an error shows, in characters.
const LONGEST_SHOWN: usize = 200;

/// A base URL, to which the path of an operation is appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(Url);

/// Variants of the regional endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Variant {
    /// FIPS 140 validated.
    pub fips: bool,
    /// IPv4 and IPv6.
    pub dual_stack: bool,
}

/// Why there is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The URL does not parse, or has parts that an endpoint cannot have.
    #[error("'{url}' is not the URL of an endpoint")]
    Malformed {
        /// The URL as it was given.
        url: String,
    },
    /// The partition has no such endpoints.
    #[error("the partition {partition} has no {what} endpoints")]
    NoVariant {
        /// The partition's name.
        partition: &'static str,
        /// Such as `dual-stack`.
        what: &'static str,
    },
    /// `http:` to something else than this computer.
    #[error("'{url}' is not https")]
    NotSecure {
        /// The URL as it was given.
        url: String,
    },
    /// Not the form of a region.
    #[error("'{region}' is not a region")]
    Region {
        /// The region as it was given.
        region: String,
    },
}

struct Partition {
    name: &'static str,
    /// How its regions begin; the first partition whose prefix fits is the one.
    prefixes: &'static [&'static str],
    suffix: &'static str,
    dual_stack: Option<&'static str>,
}

/// Longer prefixes first: `us-gov-` is not a region of `aws`. What fits none is taken for `aws`,
/// as the SDKs do with regions that are newer than they are.
const PARTITIONS: [Partition; 8] = [
    Partition {
        name: "aws-us-gov",
        prefixes: &["us-gov-"],
        suffix: "amazonaws.com",
        dual_stack: Some("api.aws"),
    },
    Partition {
        name: "aws-iso-b",
        prefixes: &["us-isob-"],
        suffix: "sc2s.sgov.gov",
        dual_stack: None,
    },
    Partition {
        name: "aws-iso-f",
        prefixes: &["us-isof-"],
        suffix: "csp.hci.ic.gov",
        dual_stack: None,
    },
    Partition {
        name: "aws-iso-e",
        prefixes: &["eu-isoe-"],
        suffix: "cloud.adc-e.uk",
        dual_stack: None,
    },
    Partition { name: "aws-iso", prefixes: &["us-iso-"], suffix: "c2s.ic.gov", dual_stack: None },
    Partition {
        name: "aws-cn",
        prefixes: &["cn-"],
        suffix: "amazonaws.com.cn",
        dual_stack: Some("api.amazonwebservices.com.cn"),
    },
    Partition {
        name: "aws-eusc",
        prefixes: &["eusc-"],
        suffix: "amazonaws.eu",
        dual_stack: Some("api.amazonwebservices.eu"),
    },
    Partition {
        name: "aws",
        prefixes: &[""],
        suffix: "amazonaws.com",
        dual_stack: Some("api.aws"),
    },
];

impl Endpoint {
    /// The endpoint of `rolesanywhere` in a region.
    ///
    /// # Errors
    /// When that is no region, or its partition has no such variant.
    pub fn of_region(region: &str, variant: Variant) -> Result<Self, EndpointError> {
        check_region(region)?;
        let partition = partition(region);
        let suffix = match (variant.dual_stack, partition.dual_stack) {
            (false, _) => partition.suffix,
            (true, Some(suffix)) => suffix,
            (true, None) => {
                let what = "dual-stack";
                return Err(EndpointError::NoVariant { partition: partition.name, what });
            }
        };
        let fips = if variant.fips { "-fips" } else { "" };
        Self::given(&format!("https://rolesanywhere{fips}.{region}.{suffix}"))
    }

    /// An endpoint that the user gives: a VPC endpoint, a proxy, a laboratory.
    ///
    /// # Errors
    /// When it is no URL, has a query or credentials in it, or is plain http to another computer.
    pub fn given(url: &str) -> Result<Self, EndpointError> {
        let malformed = || EndpointError::Malformed { url: without_user(url) };
        if url.len() > LONGEST {
            return Err(malformed());
        }
        let parsed = Url::parse(url).map_err(|_| malformed())?;
        // An international name is longer once it is encoded.
        if parsed.as_str().len() > LONGEST {
            return Err(malformed());
        }
        let plain = parsed.query().is_none()
            && parsed.fragment().is_none()
            && parsed.username().is_empty()
            && parsed.password().is_none()
            && parsed.has_host();
        let endpoint = Self(parsed);
        match endpoint.0.scheme() {
            "https" if plain => Ok(endpoint),
            "http" if plain && endpoint.is_loopback() => Ok(endpoint),
            "http" if plain => Err(EndpointError::NotSecure { url: without_user(url) }),
            _ => Err(malformed()),
        }
    }

    /// Whether it is this computer, by an address: a name could lead elsewhere.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        address.is_ok_and(|address| address.is_loopback())
    }

    /// Whether it is this computer by any name: then no proxy is in between.
    #[must_use]
    pub fn is_this_computer(&self) -> bool {
        self.is_loopback() || self.0.host_str() == Some("localhost")
    }

    /// The value of the Host header: with the port unless it is the scheme's own.
    #[must_use]
    pub fn host(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        self.0.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Host and port as a resolver takes them: no brackets around IPv6.
    #[must_use]
    pub fn place(&self) -> (String, u16) {
        let host = self.0.host_str().unwrap_or_default().trim_matches(['[', ']']);
        (host.to_owned(), self.0.port_or_known_default().unwrap_or_default())
    }

    /// Whether it is plain http.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// The URL of an operation, below a path that the endpoint may have.
    #[must_use]
    pub fn operation(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", self.0.path().trim_end_matches('/')));
        url
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

/// A user's name and password are not for the screen.
fn without_user(url: &str) -> String {
    url.rsplit_once('@').map_or_else(|| shortened(url), |(_, rest)| shortened(&format!("…@{rest}")))
}

/// What stands in the middle of a sentence must leave room for its end.
fn shortened(text: &str) -> String {
    let end = text.char_indices().nth(LONGEST_SHOWN).map(|(end, _)| end);
    end.and_then(|end| text.get(..end)).map_or_else(|| text.to_owned(), |text| format!("{text}…"))
}

/// Words and a number, joined by hyphens. A region becomes part of a host name and of what is signed:
/// nothing else may be in it.
///
/// # Errors
/// When it is not of that form.
pub fn check_region(region: &str) -> Result<(), EndpointError> {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let word = |part: &str| !part.is_empty() && part.bytes().all(letter);
    let well_formed = region.len() <= 40
        && region.split('-').count() >= 3
        && region.split('-').all(word)
        && region.ends_with(|last: char| last.is_ascii_digit());
    if well_formed { Ok(()) } else { Err(EndpointError::Region { region: shortened(region) }) }
}

fn partition(region: &str) -> &'static Partition {
    let fits =
        |partition: &&Partition| partition.prefixes.iter().any(|prefix| region.starts_with(prefix));
    let [.., commercial] = &PARTITIONS;
    PARTITIONS.iter().find(fits).unwrap_or(commercial)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(region: &str, fips: bool, dual_stack: bool) -> String {
        let endpoint = Endpoint::of_region(region, Variant { fips, dual_stack });
        endpoint.map_or_else(|error| error.to_string(), |endpoint| endpoint.host())
    }

    #[test]
    fn each_partition_has_its_hosts() {
        assert_eq!(host("us-east-1", false, false), "rolesanywhere.us-east-1.amazonaws.com");
        assert_eq!(host("eu-central-1", false, true), "rolesanywhere.eu-central-1.api.aws");
        assert_eq!(host("us-west-2", true, false), "rolesanywhere-fips.us-west-2.amazonaws.com");
        assert_eq!(host("us-gov-east-1", true, true), "rolesanywhere-fips.us-gov-east-1.api.aws");
        assert_eq!(host("cn-north-1", false, false), "rolesanywhere.cn-north-1.amazonaws.com.cn");
        assert_eq!(
            host("cn-north-1", false, true),
            "rolesanywhere.cn-north-1.api.amazonwebservices.com.cn"
        );
        assert_eq!(
            host("eusc-de-east-1", false, true),
            "rolesanywhere.eusc-de-east-1.api.amazonwebservices.eu"
        );
        assert_eq!(
            host("eu-isoe-west-1", false, false),
            "rolesanywhere.eu-isoe-west-1.cloud.adc-e.uk"
        );
        assert_eq!(
            host("us-isof-south-1", false, false),
            "rolesanywhere.us-isof-south-1.csp.hci.ic.gov"
        );
        assert_eq!(
            host("us-isof-south-1", false, true),
            "the partition aws-iso-f has no dual-stack endpoints"
        );
        assert_eq!(host("mars-north-1", false, false), "rolesanywhere.mars-north-1.amazonaws.com");
    }

    #[test]
    fn a_region_cannot_smuggle_a_host() {
        for region in
            ["evil.example/us-east-1", "us-east-1.evil", "us-east", "", "US-EAST-1", "us--1"]
        {
            assert!(
                matches!(
                    Endpoint::of_region(region, Variant::default()),
                    Err(EndpointError::Region { .. })
                ),
                "{region}"
            );
        }
    }

    #[test]
    fn plain_http_stays_on_this_computer() {
        for url in [
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "https://vpce-1.example",
            "https://example:8443/prefix/",
        ] {
            assert!(Endpoint::given(url).is_ok(), "{url}");
        }
        for url in ["http://localhost:8080", "http://example", "http://127.0.0.1.example"] {
            assert!(matches!(Endpoint::given(url), Err(EndpointError::NotSecure { .. })), "{url}");
        }
        for url in [
            "example",
            "ftp://127.0.0.1",
            "https://a?b=c",
            "https://user@a",
            "https://:p@a",
            "file:///x",
        ] {
            assert!(matches!(Endpoint::given(url), Err(EndpointError::Malformed { .. })), "{url}");
        }
    }

    #[test]
    fn what_is_too_long_is_refused_and_not_shown_whole() {
        let url = format!("https://{}.example", "x".repeat(LONGEST));
        let error = Endpoint::given(&url).expect_err("too long").to_string();
        let grows = format!("https://{}", "\u{e9}.".repeat(400));
        assert!(grows.len() < LONGEST && Endpoint::given(&grows).is_err());
        assert!(error.ends_with("x…' is not the URL of an endpoint"), "{error}");
        assert!(error.len() < 300);
        let error = check_region(&"x".repeat(5000)).expect_err("too long").to_string();
        assert!(error.ends_with("x…' is not a region"), "{error}");
    }

    #[test]
    fn a_password_in_a_url_is_not_shown() {
        for url in ["https://user:s3cret@a.example", "http://user:s3cret@a.example", "user:s3cret@"]
        {
            let error = Endpoint::given(url).expect_err(url).to_string();
            assert!(!error.contains("s3cret") && !error.contains("user"), "{error}");
        }
    }

    #[test]
    fn a_path_of_the_endpoint_comes_before_that_of_the_operation() {
        let url =
            |endpoint: &str| Endpoint::given(endpoint).expect(endpoint).operation("/sessions");
        assert_eq!(url("https://a.example").as_str(), "https://a.example/sessions");
        assert_eq!(url("https://a.example:8443/x/").as_str(), "https://a.example:8443/x/sessions");
        assert_eq!(Endpoint::given("https://a.example:443").expect("url").host(), "a.example");
        assert_eq!(
            Endpoint::given("https://a.example:8443").expect("url").host(),
            "a.example:8443"
        );
    }
}
