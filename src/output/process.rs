//! The JSON of the `credential_process` contract (AWS SDKs and Tools Reference Guide, "Process
//! credential provider"): one object, compact, and a newline.

use jiff::Timestamp;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::credentials::Credentials;

/// Members in the order in which AWS's own helper writes them.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document<'a> {
    version: u8,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    session_token: &'a str,
    expiration: String,
}

/// The document, with its newline.
///
/// # Errors
/// Never for valid credentials; JSON text cannot fail otherwise.
pub fn document(credentials: &Credentials) -> serde_json::Result<Zeroizing<Vec<u8>>> {
    let document = Document {
        version: 1,
        access_key_id: &credentials.access_key_id,
        secret_access_key: credentials.secret_access_key.expose(),
        session_token: credentials.session_token.expose(),
        expiration: whole_seconds(credentials.expiration).to_string(),
    };
    // Reserved in one piece: a buffer that grows would leave copies behind.
    let mut json = Zeroizing::new(Vec::with_capacity(8192));
    serde_json::to_writer(&mut *json, &document)?;
    json.push(b'\n');
    Ok(json)
}

/// Some SDKs read nothing finer.
fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn the_document_is_what_sdks_read() {
        let document = document(&Credentials {
            access_key_id: "ASIAEXAMPLE".into(),
            secret_access_key: Secret::new("s/+".into()),
            session_token: Secret::new("t==".into()),
            expiration: "2026-11-22T14:00:00.75+01:00".parse().expect("time"),
        });
        assert_eq!(
            String::from_utf8_lossy(&document.expect("document")),
            "{\"Version\":1,\"AccessKeyId\":\"ASIAEXAMPLE\",\"SecretAccessKey\":\"s/+\",\
             \"SessionToken\":\"t==\",\"Expiration\":\"2026-11-22T13:00:00Z\"}\n"
        );
    }
}
