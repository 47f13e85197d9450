//! What the options and the environment mean: values that have been checked,
//! in an order that finds what is wrong before a device is touched.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::certificate::Certificate;
use crate::cli::{value, warn};
use crate::deadline::Deadline;
use crate::error::{Error, Usage};
use crate::exchange::arn::Resource;
use crate::exchange::endpoint::{Endpoint, EndpointError, Variant, check_region};
use crate::exchange::http::Roots;
use crate::exchange::roles_anywhere::Session;
use crate::identity::Identity;
use crate::identity::named::{Files, Named};
use crate::key::KeyRef;
use crate::key::tpm::{TpmKey, TpmRef};
use crate::key::uri::PinAttribute;
use crate::signer::{Settings, tpm};

mod cached;
mod options;
mod parts;

pub use options::{Options, demanded};
pub(super) use parts::Parts;

/// What the options and the environment mean, all of it checked.
pub(super) struct Plan {
    pub(super) named: Named,
    pub(super) session: Session,
    pub(super) endpoint: Endpoint,
    pub(super) roots: Roots,
}

impl Plan {
    pub(super) fn of(options: &Options) -> Result<Self, Error> {
        options.hosts.check_memory()?;
        let deadline = deadline(options)?;
        let session = session(options)?;
        let endpoint = endpoint(options, &session.region)?;
        let named = named(options, deadline)?;
        Ok(Self { named, session, endpoint, roots: roots(options) })
    }

    /// The key, and its certificate from the files or from the device.
    pub(super) fn identity(&self, files: Files, now: SystemTime) -> Result<Identity, Error> {
        let identity = self.named.identity(files, now)?;
        warn_near_the_end(&identity.chain().leaf, now);
        Ok(identity)
    }
}

fn deadline(options: &Options) -> Result<Deadline, Usage> {
    let person = value::duration("--answer-timeout", &options.answer_timeout)?;
    let deadline = Deadline::after(value::duration("--timeout", &options.timeout)?);
    Ok(deadline.with_a_person(person))
}

fn named(options: &Options, deadline: Deadline) -> Result<Named, Usage> {
    let (key, certificate) = references(options)?;
    let settings = settings(options, deadline)?;
    let a_module = settings.module.is_some() || settings.default_module.is_some();
    let init_args = options.pkcs11_init_args.as_deref();
    let init_args = init_args_for(&key, certificate.as_ref(), a_module, init_args)?;
    let settings = Settings { init_args, ..settings };
    Ok(Named { key, certificate, intermediates: options.intermediates.clone(), settings })
}

fn settings(options: &Options, deadline: Deadline) -> Result<Settings, Usage> {
    let wait = options.wait.as_deref();
    Ok(Settings {
        init_args: None,
        module: options.pkcs11_lib.clone(),
        default_module: path_in("KEYANCHOR_PKCS11_LIB"),
        pin_file: path_in("KEYANCHOR_PIN_FILE"),
        pin: options.pin.rules()?,
        login: true,
        wait: wait.map_or(Ok(Duration::ZERO), |text| value::duration("--wait", text))?,
        debug: options.debug,
        sandbox: options.hosts.sandbox()?,
        strict_memory: options.hosts.strict_memory,
        deadline,
    })
}

fn roots(options: &Options) -> Roots {
    let only = options.ca_bundle.clone().or_else(|| path_in("AWS_CA_BUNDLE"));
    Roots { only, also: options.ca_file.clone() }
}

fn path_in(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Sessions end with their own time, and the next one is refused when the certificate has ended.
fn warn_near_the_end(leaf: &Certificate, now: SystemTime) {
    let left = leaf.not_after().duration_since(now).unwrap_or_default().as_secs() / 60;
    match left {
        0..=119 => warn(&format!("the certificate expires in {left} minutes")),
        120..=1440 => warn(&format!("the certificate expires in {} hours", left / 60)),
        _ => {}
    }
}

/// Without a key the certificate's place is the key's too, and a PIN that only the certificate's
/// URI has is for both, unless they name different tokens.
fn references(options: &Options) -> Result<(KeyRef, Option<KeyRef>), Usage> {
    let key = value::one_of("--key, --pkcs11-uri and --private-key", options.key.clone())?;
    let certificate = options.certificate.as_deref();
    let text = key.as_deref().or(certificate).unwrap_or_default();
    let mut key_ref =
        value::reference(if key.is_some() { "--key" } else { "--certificate" }, text)?;
    let mut certificate =
        certificate.map(|text| value::reference("--certificate", text)).transpose()?;
    if let (KeyRef::Pkcs11(key), Some(KeyRef::Pkcs11(certificate))) =
        (&mut key_ref, &mut certificate)
        // Both have just been read, and nobody else has them.
        && let (Some(key), Some(certificate)) = (Arc::get_mut(key), Arc::get_mut(certificate))
        && key.pin.is_none()
        && key.token.agrees_with(&certificate.token)
    {
        key.pin = certificate.pin.take();
    }
    if let Some(KeyRef::Piv(_) | KeyRef::Tpm(_)) = &certificate {
        certificate = beside_its_key(certificate, key.is_some())?;
    }
    if let KeyRef::File(path) = &key_ref
        && tpm::is_key_file(path)
    {
        key_ref = KeyRef::Tpm(Arc::new(TpmRef::of(TpmKey::File(path.clone()))));
    }
    let shows_pin = |reference: &KeyRef| match reference {
        KeyRef::File(_) => false,
        KeyRef::Piv(reference) => matches!(reference.pin, Some(PinAttribute::Value(_))),
        KeyRef::Pkcs11(uri) => matches!(uri.pin, Some(PinAttribute::Value(_))),
        KeyRef::Tpm(reference) => matches!(reference.pin, Some(PinAttribute::Value(_))),
    };
    if shows_pin(&key_ref) || certificate.as_ref().is_some_and(shows_pin) {
        warn("other users can see a pin-value in the list of processes; use pin-source");
    }
    Ok((key_ref, certificate))
}

/// A TPM and a card keep a certificate only beside its key: where no other key is named it is read
/// there.
fn beside_its_key(
    certificate: Option<KeyRef>,
    a_key_is_named: bool,
) -> Result<Option<KeyRef>, Usage> {
    match certificate {
        Some(KeyRef::Tpm(_)) if a_key_is_named => Err(value::wrong(
            "--certificate takes no key of a TPM".to_owned(),
            "a certificate in a TPM is named beside its key".to_owned(),
            "write --key \"tpm:handle=0x81…;cert-nv=0x01…\", and leave --certificate out",
        )),
        Some(KeyRef::Piv(_)) if a_key_is_named => Err(value::wrong(
            "--certificate takes no slot of a card".to_owned(),
            "a certificate in a card is read from the slot of its key".to_owned(),
            "leave --certificate out, or give a file",
        )),
        _ => Ok(None),
    }
}

/// The text for C_Initialize is for one module: that of the key, or that of the certificate where
/// the key is a file. It must be named, since what one module wants makes another fail.
fn init_args_for(
    key: &KeyRef,
    certificate: Option<&KeyRef>,
    a_module_is_named: bool,
    text: Option<&str>,
) -> Result<Option<String>, Usage> {
    let Some(text) = text else { return Ok(None) };
    let text = value::init_args("--pkcs11-init-args", text)?;
    let uri = match (key, certificate) {
        (KeyRef::Pkcs11(uri), _)
        | (KeyRef::File(_) | KeyRef::Piv(_) | KeyRef::Tpm(_), Some(KeyRef::Pkcs11(uri))) => uri,
        (KeyRef::File(_) | KeyRef::Piv(_) | KeyRef::Tpm(_), _) => return Ok(None),
    };
    if a_module_is_named || uri.names_a_module() {
        return Ok(Some(text));
    }
    Err(value::wrong(
        "--pkcs11-init-args is for one module, and none is named".to_owned(),
        "all modules that are registered would be asked, and each wants another text or none"
            .to_owned(),
        "name the module with --pkcs11-lib",
    ))
}

fn session(options: &Options) -> Result<Session, Usage> {
    // None of them is missing here.
    let text = |option: &Option<String>| option.clone().unwrap_or_default();
    let (anchor, profile) = (text(&options.trust_anchor_arn), text(&options.profile_arn));
    let trust_anchor = value::arn("--trust-anchor-arn", &anchor, Resource::TrustAnchor)?;
    let profile = value::arn("--profile-arn", &profile, Resource::Profile)?;
    let role = value::arn("--role-arn", &text(&options.role_arn), Resource::Role)?;
    if trust_anchor.region() != profile.region() {
        return Err(value::wrong(
            "the trust anchor and the profile are in different regions".to_owned(),
            format!("{} and {}", trust_anchor.region(), profile.region()),
            "give a trust anchor and a profile of one region",
        ));
    }
    if [&profile, &role].iter().any(|arn| arn.partition() != trust_anchor.partition()) {
        return Err(value::wrong(
            "the ARNs are of different partitions".to_owned(),
            format!(
                "{}, {} and {}",
                trust_anchor.partition(),
                profile.partition(),
                role.partition()
            ),
            "give a trust anchor, a profile and a role of one partition",
        ));
    }
    let region = options.region.as_deref().map_or(trust_anchor.region(), plain_region).to_owned();
    if region != trust_anchor.region() {
        warn("--region is not the trust anchor's region");
    }
    let session_name = options.role_session_name.as_deref().map(value::session_name).transpose()?;
    let duration = value::session_duration(&options.session_duration)?;
    Ok(Session { trust_anchor, profile, role, region, duration, session_name })
}

/// `fips-us-east-1` and `us-east-1-fips` are old names of regions with their FIPS endpoints.
fn plain_region(region: &str) -> &str {
    let region = region.strip_prefix("fips-").unwrap_or(region);
    region.strip_suffix("-fips").unwrap_or(region)
}

/// An endpoint that is given counts before one from the environment, and both before the region's.
fn endpoint(options: &Options, region: &str) -> Result<Endpoint, Usage> {
    let fips_region = options.region.as_deref().is_some_and(|named| named != region);
    let variant = Variant {
        fips: options.fips || fips_region || switch("AWS_USE_FIPS_ENDPOINT")?,
        dual_stack: options.dual_stack || switch("AWS_USE_DUALSTACK_ENDPOINT")?,
    };
    let given = given_endpoint(options)?;
    if given.is_some() && variant != Variant::default() {
        return Err(value::wrong(
            "an endpoint is given, and FIPS or dual-stack is asked for as well".to_owned(),
            "only the region's own endpoints have these variants".to_owned(),
            "leave one of them out; AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT count too",
        ));
    }
    let endpoint = check_region(region).and_then(|()| match &given {
        Some((_, url)) => Endpoint::given(url),
        None => Endpoint::of_region(region, variant),
    });
    endpoint.map_err(|error| {
        let hint = match &error {
            EndpointError::Region { .. } => "write a region such as eu-central-1",
            EndpointError::NoVariant { .. } => "leave --dual-stack out",
            EndpointError::Malformed { .. } => "write it as https://host or https://host:port",
            EndpointError::NotSecure { .. } => {
                "use https; plain http is for loopback addresses such as 127.0.0.1 only"
            }
        };
        Usage { what: error.to_string(), cause: None, hint: Some(hint.to_owned()) }
    })
}

/// An endpoint that is given, and by which option or variable.
fn given_endpoint(options: &Options) -> Result<Option<(&'static str, String)>, Usage> {
    let ignored = switch("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")?;
    let given = options.endpoint.clone().map(|url| ("--endpoint", url));
    let variables = ["AWS_ENDPOINT_URL_ROLESANYWHERE", "AWS_ENDPOINT_URL"];
    let set = || variables.into_iter().find_map(|name| Some((name, environment(name)?)));
    Ok(given.or_else(|| if ignored { None } else { set() }))
}

fn switch(variable: &str) -> Result<bool, Usage> {
    value::switch(variable, environment(variable))
}

fn environment(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|value| !value.is_empty())
}
