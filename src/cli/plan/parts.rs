//! What of a plan is there, for one who wants to know what is missing: key and service each alone.

use std::path::Path;

use crate::cli::plan::{
    Options, deadline, endpoint, environment, given_endpoint, named, path_in, plain_region, roots,
    session, settings,
};
use crate::cli::value;
use crate::error::{Error, Usage};
use crate::exchange::arn::Resource;
use crate::exchange::endpoint::Endpoint;
use crate::exchange::http::Roots;
use crate::identity::named::Named;
use crate::signer::Settings;

/// Variables that name a region where neither an option nor an ARN does.
const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// A plan that may lack a half.
pub(in crate::cli) struct Parts {
    /// Key and certificate, where either was named.
    pub(in crate::cli) named: Option<Named>,
    /// The service, and what said so: an option or a variable.
    pub(in crate::cli) endpoint: Option<(Endpoint, &'static str)>,
    pub(in crate::cli) roots: Roots,
    /// The same with the options or variables that name them.
    pub(in crate::cli) trusted: Vec<String>,
    pub(in crate::cli) settings: Settings,
}

impl Parts {
    pub(in crate::cli) fn of(options: &Options) -> Result<Self, Error> {
        options.hosts.check_memory()?;
        let deadline = deadline(options)?;
        let arns = [&options.trust_anchor_arn, &options.profile_arn, &options.role_arn];
        if arns.iter().all(|arn| arn.is_some()) {
            session(options)?;
        }
        let some_key = !options.key.is_empty() || options.certificate.is_some();
        Ok(Self {
            named: some_key.then(|| named(options, deadline.clone())).transpose()?,
            endpoint: service(options)?,
            roots: roots(options),
            trusted: trusted(options),
            settings: settings(options, deadline)?,
        })
    }
}

fn service(options: &Options) -> Result<Option<(Endpoint, &'static str)>, Usage> {
    let given = given_endpoint(options)?.map(|(from, _)| from);
    let Some((region, from)) = region(options)? else {
        // It says all that is asked of it here, and the region decides nothing.
        let from = given.map(|from| Ok((endpoint(options, "us-east-1")?, from)));
        return from.transpose();
    };
    Ok(Some((endpoint(options, &region)?, given.unwrap_or(from))))
}

fn region(options: &Options) -> Result<Option<(String, &'static str)>, Usage> {
    if let Some(region) = &options.region {
        return Ok(Some((plain_region(region).to_owned(), "--region")));
    }
    if let Some(arn) = &options.trust_anchor_arn {
        let arn = value::arn("--trust-anchor-arn", arn, Resource::TrustAnchor)?;
        return Ok(Some((arn.region().to_owned(), "--trust-anchor-arn")));
    }
    let set = |name: &'static str| Some((environment(name)?, name));
    Ok(REGIONS.into_iter().find_map(set))
}

fn trusted(options: &Options) -> Vec<String> {
    let shown = |name: &str, path: &Path| format!("{name} {}", path.display());
    let only = options.ca_bundle.as_ref().map(|path| shown("--ca-bundle", path));
    let only = only.or_else(|| path_in("AWS_CA_BUNDLE").map(|path| shown("AWS_CA_BUNDLE", &path)));
    let also = options.ca_file.as_ref().map(|path| shown("--ca-file", path));
    [only.or(Some("the system's".to_owned())), also].into_iter().flatten().collect()
}
