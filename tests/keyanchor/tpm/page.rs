//! The commands of README are run as they stand there.

use std::process::Command;

use super::lab;
use crate::lab::granted;
use hsm_test::pki::Leaf;

#[test]
fn the_keys_that_readme_makes_give_credentials() {
    let lab = lab();
    let readme = include_str!("../../../README.md");
    let (_, section) = readme.split_once("## A key in a TPM").expect("a section");
    let (_, rest) = section.split_once("```sh\n").expect("commands");
    let (commands, after) = rest.split_once("```").expect("their end");
    // Of a TPM without a resource manager the tools take a place each time.
    let commands = commands.replace('\n', "\ntpm2_flushcontext -t\n");
    let (_, openssl) = after.split_once("(`openssl genpkey").expect("OpenSSL's");
    let (openssl, _) = openssl.split_once("`)").expect("its end");
    let openssl = format!("openssl genpkey{}", openssl.replace("key.pem", "file.pem"));
    let mut shell = Command::new("sh");
    shell.args(["-ec", &format!("{commands}\n{openssl}\ntpm2_flushcontext -t")]);
    let output = shell.current_dir(lab.folder.path()).envs(lab.tpm.command_env()).output();
    let output = output.expect("sh");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let folder = lab.folder.path();
    let chain = |name: &str, public_key_pem: &str| {
        let leaf = lab.tpm.pki().leaf(&Leaf::of(public_key_pem));
        let issuer = std::fs::read_to_string(lab.tpm.pki().intermediate_pem_path());
        let path = folder.join(name);
        std::fs::write(&path, leaf + &issuer.expect("issuer")).expect("chain");
        path
    };
    let at_handle = std::fs::read_to_string(folder.join("key.pem")).expect("key.pem");
    granted(&mut lab.with("tpm:handle=0x81000101", &chain("handle.pem", &at_handle)));
    let file = folder.join("file.pem");
    let mut public = Command::new("openssl");
    public.args(["pkey", "-provider", "tpm2", "-provider", "default", "-pubout", "-in"]).arg(&file);
    let public = public.envs(lab.tpm.command_env()).output().expect("openssl");
    let public = String::from_utf8_lossy(&public.stdout).into_owned();
    granted(&mut lab.with(&file.display().to_string(), &chain("of-file.pem", &public)));
}
