//! The ARNs of CreateSession: a trust anchor, a profile and a role. The first two may be aliases,
//! so that their resource need not be a UUID (Roles Anywhere User Guide, "Using aliases").

use std::fmt;

/// Longest ARN of a trust anchor or profile, in characters.
const LONGEST: usize = 1011;
/// Longest ARN of a role (IAM API, `RoleArn`).
const LONGEST_ROLE: usize = 2048;

/// An ARN of one of the three kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arn {
    text: String,
    partition: String,
    region: String,
}

/// What an ARN must name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// `rolesanywhere`, `profile/…` or `alias/profile/…`
    Profile,
    /// `iam`, `role/…`, with its path
    Role,
    /// `rolesanywhere`, `trust-anchor/…` or `alias/trust-anchor/…`
    TrustAnchor,
}

/// What is wrong with an ARN.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ArnError(String);

impl Arn {
    /// Reads an ARN of that kind.
    ///
    /// # Errors
    /// When it is not an ARN, or one of something else.
    pub fn parse(text: &str, resource: Resource) -> Result<Self, ArnError> {
        let wrong = |what: &str| Err(ArnError(what.to_owned()));
        let longest = if resource == Resource::Role { LONGEST_ROLE } else { LONGEST };
        if text.len() > longest {
            return Err(ArnError(format!("it is longer than {longest} characters")));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return wrong("it holds a space or another character that ARNs do not have");
        }
        let fields: Vec<_> = text.splitn(6, ':').collect();
        let ["arn", partition, service, region, account, name] = fields[..] else {
            return wrong("it is not of the form arn:partition:service:region:account:resource");
        };
        if partition != "aws" && !partition.starts_with("aws-") {
            return wrong("its partition is neither aws nor begins with aws-");
        }
        if service != resource.service() {
            return Err(ArnError(format!("its service is not {}", resource.service())));
        }
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return wrong("its account is not a number of 12 digits");
        }
        let global = resource == Resource::Role;
        if region.is_empty() != global || !region.bytes().all(is_region_byte) {
            let wanted =
                if global { "it must have no region" } else { "it has no well-formed region" };
            return wrong(wanted);
        }
        resource.check(name)?;
        Ok(Self { text: text.into(), partition: partition.into(), region: region.into() })
    }

    /// The region field; empty in the ARN of a role.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The partition field, such as `aws` or `aws-us-gov`.
    #[must_use]
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// The ARN as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_region_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

impl Resource {
    fn service(self) -> &'static str {
        match self {
            Self::Profile | Self::TrustAnchor => "rolesanywhere",
            Self::Role => "iam",
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::Profile => "profile/",
            Self::Role => "role/",
            Self::TrustAnchor => "trust-anchor/",
        }
    }

    fn check(self, name: &str) -> Result<(), ArnError> {
        let alias = name.strip_prefix("alias/").filter(|_| self != Self::Role);
        let Some(own) = alias.unwrap_or(name).strip_prefix(self.kind()) else {
            return Err(ArnError(format!("its resource does not begin with {}", self.kind())));
        };
        if own.is_empty() || own.ends_with('/') {
            return Err(ArnError("its resource has no name".to_owned()));
        }
        if alias.is_some() && !is_alias(own) {
            return Err(ArnError("its alias is not a valid name".to_owned()));
        }
        Ok(())
    }
}

/// 1 to 256 characters: a letter, then letters, digits, `_`, `-` and single `/`.
fn is_alias(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-/".contains(&byte);
    name.len() <= 256
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(allowed)
        && !name.contains("//")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANCHOR: &str = "arn:aws:rolesanywhere:us-east-1:111122223333:trust-anchor/aaaaaaaa-bbbb";

    #[test]
    fn canonical_and_alias_arns_are_read() {
        let anchor = Arn::parse(ANCHOR, Resource::TrustAnchor).expect("anchor");
        assert_eq!((anchor.region(), anchor.partition()), ("us-east-1", "aws"));
        for (arn, resource) in [
            (
                "arn:aws-us-gov:rolesanywhere:us-gov-west-1:111122223333:alias/trust-anchor/a/b-c_1",
                Resource::TrustAnchor,
            ),
            (
                "arn:aws-cn:rolesanywhere:cn-north-1:111122223333:alias/profile/lab",
                Resource::Profile,
            ),
            ("arn:aws:rolesanywhere:us-east-1:111122223333:profile/1", Resource::Profile),
            ("arn:aws:iam::111122223333:role/some/path/Name", Resource::Role),
        ] {
            assert_eq!(Arn::parse(arn, resource).map(|arn| arn.to_string()), Ok(arn.to_owned()));
        }
    }

    #[test]
    fn other_arns_are_refused() {
        for (arn, resource) in [
            ("aaaaaaaa-bbbb", Resource::TrustAnchor),
            ("arn:aws:rolesanywhere:us-east-1:111122223333:profile/1", Resource::TrustAnchor),
            ("arn:aws:iam::111122223333:role/Name", Resource::Profile),
            ("arn:aws:iam:us-east-1:111122223333:role/Name", Resource::Role),
            ("arn:aws:iam::1111:role/Name", Resource::Role),
            ("arn:aws:iam::111122223333:user/Name", Resource::Role),
            ("arn:aws:iam::111122223333:role/", Resource::Role),
            ("arn:aws:iam::111122223333:alias/role/x", Resource::Role),
            ("arn:oops:rolesanywhere:us-east-1:111122223333:profile/1", Resource::Profile),
            ("arn:aws:rolesanywhere::111122223333:profile/1", Resource::Profile),
            ("arn:aws:rolesanywhere:us east:111122223333:profile/1", Resource::Profile),
            ("arn:aws:rolesanywhere:evil.example/:111122223333:profile/1", Resource::Profile),
            ("arn:aws:rolesanywhere:us-east-1:111122223333:alias/profile/1a", Resource::Profile),
            ("arn:aws:rolesanywhere:us-east-1:111122223333:alias/profile/a//b", Resource::Profile),
        ] {
            assert!(Arn::parse(arn, resource).is_err(), "{arn}");
        }
    }

    #[test]
    fn an_arn_is_read_up_to_its_longest() {
        for (start, resource, longest) in [
            ("arn:aws:iam::111122223333:role/", Resource::Role, LONGEST_ROLE),
            (ANCHOR, Resource::TrustAnchor, LONGEST),
        ] {
            let arn = format!("{start}{}", "x".repeat(longest - start.len()));
            assert!(Arn::parse(&arn, resource).is_ok(), "{longest}");
            let error = Arn::parse(&format!("{arn}x"), resource).expect_err("too long");
            assert_eq!(error.to_string(), format!("it is longer than {longest} characters"));
        }
    }

    fn resource() -> impl Strategy<Value = Resource> {
        prop_oneof![Just(Resource::Profile), Just(Resource::Role), Just(Resource::TrustAnchor)]
    }

    proptest! {
        #[test]
        fn what_is_read_is_printed_as_it_was(
            partition in "aws(-[a-z]{1,8})?", region in "[a-z]{2}-[a-z]{4}-[1-9]",
            account in "[0-9]{12}", name in "[!-~]{0,40}[!-.0-~]", resource in resource(),
        ) {
            let region = if resource == Resource::Role { "" } else { &region };
            let (service, kind) = (resource.service(), resource.kind());
            let arn = format!("arn:{partition}:{service}:{region}:{account}:{kind}{name}");
            let parsed = Arn::parse(&arn, resource).expect("an ARN");
            prop_assert_eq!((parsed.partition(), parsed.region()), (&*partition, region));
            prop_assert_eq!(parsed.to_string(), arn);
        }

        #[test]
        fn what_is_read_has_no_blank_and_is_not_too_long(
            text in "(arn:aws:(iam:|rolesanywhere:us-east-1):111122223333:)?(role/|profile/)?.{0,60}",
            resource in resource(),
        ) {
            if let Ok(arn) = Arn::parse(&text, resource) {
                prop_assert!(arn.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
                prop_assert!(arn.as_str().len() <= LONGEST_ROLE);
            }
        }
    }
}
