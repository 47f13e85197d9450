use hsm_test::piv::*;

#[test]
fn smoke() {
    let pcscd = Pcscd::start();
    let card = YubiKey::V5_7.insert(&pcscd);
    for algorithm in [
        Algorithm::P256,
        Algorithm::P384,
        Algorithm::Rsa2048,
        Algorithm::Rsa3072,
        Algorithm::Rsa4096,
        Algorithm::Ed25519,
    ] {
        let t = std::time::Instant::now();
        let key = card.key(&Template::of(algorithm));
        eprintln!("{algorithm:?} {:?}", t.elapsed());
        for m in [opensc_module(), ykcs11_module()] {
            let o = card
                .command("pkcs11-tool")
                .arg("--module")
                .arg(m)
                .args(["-O"])
                .output()
                .expect("x");
            eprintln!("{}", super::said(&o));
        }
        let o = card.yubico_piv_tool("status").output().expect("x");
        eprintln!("{}", super::said(&o));
    }
    card.key(&Template { stored: Stored::Gzip, ..Template::P256 });
    let o = card.yubico_piv_tool("read-certificate").args(["-s", "9a"]).output().expect("x");
    eprintln!("{}", super::said(&o));
    eprintln!("{:?}", card.log().of("PUT-DATA").collect::<Vec<_>>());
}
#[test]
fn plain() {
    let pcscd = Pcscd::start();
    let t = std::time::Instant::now();
    let card = PlainCard::NEW.insert(&pcscd);
    eprintln!("plain {:?}", t.elapsed());
    for algorithm in [Algorithm::P256, Algorithm::Rsa2048] {
        let key = card.key(&Template::of(algorithm));
        eprintln!("{algorithm:?} {:?}", t.elapsed());
    }
    let o = card
        .command("pkcs11-tool")
        .arg("--module")
        .arg(opensc_module())
        .args(["-O"])
        .output()
        .expect("x");
    eprintln!("{}", super::said(&o));
}
