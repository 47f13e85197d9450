//! The certificate, what leads on from it, and whether it is the key's; and a signature, for one who
//! wants it.

use std::time::{Instant, SystemTime};

use jiff::Timestamp;

use crate::certificate::Certificate;
use crate::doctor::sheet::Sheet;
use crate::error::Error;
use crate::identity::named::{Files, Named};
use crate::identity::{self, Chain, Identity, chain, rules};
use crate::output::doctor::{Facts, Name};
use crate::signer::Signer;

/// Below so many days somebody should see to a new certificate.
const SOON: i64 = 7;

const DAY: i64 = 24 * 60 * 60;

/// What is signed to see whether it can be: nothing that any service would take.
const MESSAGE: &[u8] = b"keyanchor doctor: a signature that is verified, and thrown away";

pub(super) fn examine(
    named: &Named,
    files: Result<Files, identity::Error>,
    key: Option<Box<dyn Signer>>,
    sheet: &mut Sheet,
) {
    let now = SystemTime::now();
    let mut files = match files {
        Ok(files) => files,
        Err(error) => {
            sheet.fail(Name::Certificate, None, error);
            return skip(
                sheet,
                named,
                "the certificate cannot be read",
                &[Name::Pair, Name::Chain],
            );
        }
    };
    let Some(signer) = key else { return without_the_key(named, &files, now, sheet) };
    if let Err(error) = named.complete(&mut files, &*signer) {
        return no_certificate(named, error, sheet);
    }
    let pool = files.pool.clone();
    match Chain::of(&*signer, files.found.clone(), files.pool, now, &|_| Ok(())) {
        Err(error @ identity::Error::KeyDiffers { .. }) => {
            match chain::certain_leaf(&files.found) {
                Some(leaf) => leaf_keeps_the_rules(leaf, now, sheet),
                None => sheet.skip(Name::Certificate, "none of those in the file is the key's"),
            }
            sheet.fail(Name::Pair, None, error);
            skip(sheet, named, "the certificate is not the key's", &[Name::Chain]);
        }
        Err(error) => no_certificate(named, error, sheet),
        Ok(chain) => {
            leaf_keeps_the_rules(&chain.leaf, now, sheet);
            belong_together(&chain, &*signer, sheet);
            leads_on(&chain, &pool, now, sheet);
            signature(named, chain, signer, now, sheet);
        }
    }
}

fn no_certificate(named: &Named, error: identity::Error, sheet: &mut Sheet) {
    if matches!(error, identity::Error::Key(crate::signer::Error::LoginNeeded)) {
        let because = "it cannot be seen without a login: add --login";
        return skip(sheet, named, because, &[Name::Certificate, Name::Pair, Name::Chain]);
    }
    sheet.fail(Name::Certificate, None, error);
    skip(sheet, named, "there is no certificate", &[Name::Pair, Name::Chain]);
}

/// What a file alone can tell.
fn without_the_key(named: &Named, files: &Files, now: SystemTime, sheet: &mut Sheet) {
    match chain::certain_leaf(&files.found) {
        Some(leaf) => leaf_keeps_the_rules(leaf, now, sheet),
        None => sheet.skip(Name::Certificate, "it is looked for beside the key"),
    }
    skip(sheet, named, "there is no key to hold it against", &[Name::Pair, Name::Chain]);
}

/// Those, and the signature where one was asked for.
fn skip(sheet: &mut Sheet, named: &Named, because: &str, steps: &[Name]) {
    steps.iter().for_each(|step| sheet.skip(*step, because));
    if named.settings.login {
        sheet.skip(Name::Signature, because);
    }
}

fn leaf_keeps_the_rules(leaf: &Certificate, now: SystemTime, sheet: &mut Sheet) {
    let seconds = |time| Timestamp::try_from(time).unwrap_or(Timestamp::MAX).as_second();
    let days_left = (seconds(leaf.not_after()) - seconds(now)).div_euclid(DAY);
    let not_after = Timestamp::from_second(seconds(leaf.not_after())).unwrap_or(Timestamp::MAX);
    let facts =
        Facts::Certificate { subject: leaf.subject(), not_after: not_after.to_string(), days_left };
    match rules::check(leaf, now) {
        Err(error) => sheet.fail(Name::Certificate, Some(facts), error),
        Ok(()) if days_left < SOON => {
            let about = format!("it expires in {days_left} days");
            sheet.warn(Name::Certificate, facts, about, "have a new one issued");
        }
        Ok(()) => sheet.ok(Name::Certificate, facts),
    }
}

fn belong_together(chain: &Chain, signer: &dyn Signer, sheet: &mut Sheet) {
    let (reference, kind) = (chain.leaf.subject(), signer.public_key().to_string());
    sheet.ok(Name::Pair, Facts::Pair { subject: reference, kind });
}

/// What was given to lead on must do so. Whether the last issuer is the trust anchor only the service
/// knows.
fn leads_on(chain: &Chain, pool: &[Certificate], now: SystemTime, sheet: &mut Sheet) {
    let last = chain.intermediates.last().unwrap_or(&chain.leaf);
    let facts = Facts::Chain {
        intermediates: chain.intermediates.iter().map(Certificate::subject).collect(),
        issuer: last.issuer(),
    };
    let astray = |of: &Certificate, reason: String| {
        Error::from(identity::Error::Astray { subject: format!("'{}'", of.subject()), reason })
    };
    if let Some(stale) = chain.intermediates.iter().find(|issuer| !issuer.is_valid_at(now)) {
        let reason = format!("'{}' is not valid now", stale.subject());
        return sheet.fail(Name::Chain, Some(facts), astray(&chain.leaf, reason));
    }
    let has_the_root = pool.iter().any(|root| last.is_signed_by(root));
    if chain.intermediates.is_empty() && !pool.is_empty() && !has_the_root {
        let reason = format!("none of them has signed it; its issuer is '{}'", last.issuer());
        return sheet.fail(Name::Chain, Some(facts), astray(last, reason));
    }
    sheet.ok(Name::Chain, facts);
}

/// By the usual etiquette, and verified with the leaf's own key. It is sent nowhere.
fn signature(
    named: &Named,
    chain: Chain,
    signer: Box<dyn Signer>,
    now: SystemTime,
    sheet: &mut Sheet,
) {
    if !named.settings.login {
        return;
    }
    let start = Instant::now();
    let kind = signer.public_key().to_string();
    let made = Identity::prove(signer, vec![chain.leaf], chain.intermediates, now)
        .and_then(|identity| identity.unlock().and_then(|()| identity.sign(MESSAGE)));
    match made {
        Err(error) => sheet.fail(Name::Signature, None, error),
        Ok(_) => {
            let milliseconds = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
            sheet.ok(Name::Signature, Facts::Signature { kind, milliseconds });
        }
    }
}
