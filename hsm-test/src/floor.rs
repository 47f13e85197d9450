//! What the floor program needs to know of CreateSession: the request that is signed, and where the answer has the
//! credentials. Independent of the server's own reading of it, which judges it like any other client's.

/// A request before its signature.
#[derive(Debug)]
pub struct Canonical {
    /// Headers in the order of their names; all are signed.
    pub headers: Vec<(&'static str, String)>,
    /// The string to sign, without its first line, the algorithm.
    pub to_sign: String,
    scope: String,
}

/// The request of a session at `date` (`YYYYMMDDTHHMMSSZ`). `chain` is base64 of DER, the leaf first.
pub fn canonical(
    host: &str,
    date: &str,
    chain: &[String],
    body: &str,
    sha256: impl Fn(&[u8]) -> String,
) -> Canonical {
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("host", host.to_owned()),
        ("x-amz-date", date.to_owned()),
        ("x-amz-x509", chain.first().cloned().unwrap_or_default()),
    ];
    if chain.len() > 1 {
        headers.push(("x-amz-x509-chain", chain[1..].join(",")));
    }
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let names = names(&headers);
    let request = format!("POST\n/sessions\n\n{lines}\n{names}\n{}", sha256(body.as_bytes()));
    let scope = format!("{}/us-east-1/rolesanywhere/aws4_request", &date[..8]);
    let to_sign = format!("{date}\n{scope}\n{}", sha256(request.as_bytes()));
    Canonical { headers, to_sign, scope }
}

/// The Authorization header: `algorithm` is RSA or ECDSA, the serial decimal, the signature hexadecimal.
pub fn authorization(
    algorithm: &str,
    serial: &str,
    request: &Canonical,
    signature: &str,
) -> String {
    let (scope, names) = (&request.scope, names(&request.headers));
    format!(
        "AWS4-X509-{algorithm}-SHA256 Credential={serial}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
}

/// The output of a credential process, from the whole HTTP answer; nothing where it grants nothing.
pub fn credentials(answer: &str) -> Option<String> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    if !head.starts_with("HTTP/1.1 201 ") {
        return None;
    }
    let granted: serde_json::Value = serde_json::from_str(body).ok()?;
    let credentials = granted.pointer("/credentialSet/0/credentials")?;
    let output = serde_json::json!({
        "Version": 1,
        "AccessKeyId": credentials.get("accessKeyId")?,
        "SecretAccessKey": credentials.get("secretAccessKey")?,
        "SessionToken": credentials.get("sessionToken")?,
        "Expiration": credentials.get("expiration")?,
    });
    Some(format!("{output}\n"))
}

/// `r ‖ s` of P-256 as a DER SEQUENCE.
pub fn ecdsa_der(raw: &[u8]) -> Vec<u8> {
    let integer = |half: &[u8]| {
        let start = half.iter().position(|byte| *byte != 0).unwrap_or(half.len() - 1);
        let zero = if half[start] & 0x80 == 0 { vec![] } else { vec![0] };
        let bytes = [zero.as_slice(), &half[start..]].concat();
        [&[2, u8::try_from(bytes.len()).unwrap_or(u8::MAX)], bytes.as_slice()].concat()
    };
    let (r, s) = raw.split_at(raw.len() / 2);
    let body = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(body.len()).unwrap_or(u8::MAX)], body.as_slice()].concat()
}

fn names(headers: &[(&str, String)]) -> String {
    let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
    names.join(";")
}
