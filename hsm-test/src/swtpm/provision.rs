//! Keys and parents, by tpm2-tools. Each call may leave objects and sessions behind, and there is room for three of
//! each, so all are flushed afterwards.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::key::{Key, Template};
use super::parent::Parent;
use super::{Swtpm, factory};
use crate::files::{create_directory, read, write};
use crate::pki::Leaf;
use crate::{openssl, tool};

/// What makes a key a parent, as in the TCG's templates H-1 and H-2.
const STORAGE: &str =
    "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt";

impl Swtpm {
    /// A key below the owner's primary key; the same one whenever the same is asked for.
    ///
    /// # Panics
    /// When tpm2-tools are not installed, or the TPM takes no such template.
    pub fn key(&self, template: &Template) -> Key {
        self.key_under(template, Parent::OWNER)
    }

    /// A key below another parent, which is there already where it is a persistent one.
    ///
    /// # Panics
    /// When the TPM takes no such template, or there is no such parent.
    pub fn key_under(&self, template: &Template, parent: Parent) -> Key {
        let fingerprint = openssl::sha256(format!("{template:?} {parent:?}").as_bytes());
        let fingerprint = &openssl::hex(&fingerprint)[..16];
        let directory = self.dir().join("keys").join(fingerprint);
        let key = Key { template: *template, parent, directory };
        let lasts = self.common && parent.lasts();
        if key.public_key().exists() || lasts && factory::take(fingerprint, key.dir()) {
            return key;
        }
        self.create(&key);
        if lasts {
            factory::keep(fingerprint, key.dir());
        }
        key
    }

    /// Puts a key at a persistent handle of its hierarchy.
    ///
    /// # Panics
    /// When there is something at that handle already, or the key is of the null hierarchy.
    pub fn persist(&self, key: &Key, handle: u32) {
        let context = self.load(key);
        self.evict_control(key.parent, &context, handle);
    }

    /// Takes the owner's object at a persistent handle away.
    ///
    /// # Panics
    /// When there is none.
    pub fn evict(&self, handle: u32) {
        let mut evict = self.tpm2("evictcontrol");
        evict.args(["-Q", "-C", "o", "-c", &hex(handle)]);
        self.run(self.authorise(&mut evict, "-P", Parent::OWNER.hierarchy));
    }

    /// Makes the storage key of a persistent parent and puts it at its handle; a password is for what is below it.
    ///
    /// # Panics
    /// When the parent is not a persistent one, or the handle is taken.
    pub fn make_parent(&mut self, parent: Parent, password: Option<&str>) {
        let handle = parent.persistent.expect("a persistent parent");
        let context = self.context("parent");
        let mut create = self.create_primary(parent);
        create.args(password.iter().flat_map(|password| ["-p", password]));
        self.run(create.arg("-c").arg(&context));
        self.evict_control(parent, &context, handle);
        if let Some(password) = password {
            self.passwords.insert(handle, password.into());
        }
    }

    /// Gives a hierarchy that has none a password: `Parent::OWNER.hierarchy` or one of its siblings, or
    /// [`Parent::LOCKOUT`].
    ///
    /// # Panics
    /// When the TPM refuses.
    pub fn set_hierarchy_password(&mut self, hierarchy: u32, password: &str) {
        self.run(self.tpm2("changeauth").args(["-c", &hex(hierarchy), password]));
        self.passwords.insert(hierarchy, password.into());
    }

    /// The leaf certificate that the lab's PKI has issued to a key, PEM.
    pub fn certificate(&self, key: &Key) -> PathBuf {
        let path = key.directory.join("leaf.pem");
        if !path.exists() {
            write(&path, &self.pki().leaf(&Leaf::of(&key.public_key_pem())));
        }
        path
    }

    /// The same with the intermediate after it, PEM.
    pub fn chain(&self, key: &Key) -> PathBuf {
        let path = key.directory.join("chain.pem");
        let parts = [self.certificate(key), self.pki().intermediate_pem_path()];
        write(&path, &parts.map(|part| read(&part)).concat());
        path
    }

    /// Loads a key for the tools: a file with its context, good until the TPM is restarted.
    ///
    /// # Panics
    /// When the TPM does not take it.
    pub fn load(&self, key: &Key) -> PathBuf {
        let context = self.context("key");
        let mut load = self.tpm2("load");
        load.arg("-Q").arg("-C").arg(self.parent_context(key.parent)).arg("-c").arg(&context);
        load.arg("-u").arg(key.public()).arg("-r").arg(key.private());
        self.run(self.authorise_below(&mut load, key.parent));
        context
    }

    /// Runs one of the tools, and flushes what it has left.
    pub(super) fn run(&self, command: &mut Command) -> String {
        let said = tool::run(command);
        self.flush();
        said
    }

    /// A parent in the tools' words: its handle, or a file with its context.
    pub(super) fn parent_context(&self, parent: Parent) -> String {
        if let Some(handle) = parent.persistent {
            return hex(handle);
        }
        let kind = if parent.rsa { "rsa" } else { "ecc" };
        let context = self.context(&format!("{}-{kind}", hex(parent.hierarchy)));
        if !context.exists() {
            self.run(self.create_primary(parent).arg("-c").arg(&context));
        }
        context.display().to_string()
    }

    /// Adds the password of what the key hangs below. A primary key has none: its hierarchy's is for making it.
    pub(super) fn authorise_below<'a>(
        &self,
        command: &'a mut Command,
        parent: Parent,
    ) -> &'a mut Command {
        match parent.persistent {
            Some(handle) => self.authorise(command, "-P", handle),
            None => command,
        }
    }

    /// Adds the password of that handle with that option, where there is one.
    pub(super) fn authorise<'a>(
        &self,
        command: &'a mut Command,
        option: &str,
        handle: u32,
    ) -> &'a mut Command {
        match self.passwords.get(&handle) {
            Some(password) => command.args([option, password]),
            None => command,
        }
    }

    /// Contexts do not survive a restart or a reset.
    pub(super) fn forget_contexts(&self) {
        let contexts = self.dir().join("contexts");
        if contexts.exists() {
            fs::remove_dir_all(&contexts).expect("the directory is ours");
        }
    }

    fn context(&self, name: &str) -> PathBuf {
        let contexts = self.dir().join("contexts");
        create_directory(&contexts);
        contexts.join(name)
    }

    fn create(&self, key: &Key) {
        create_directory(key.dir());
        let template = &key.template;
        let mut create = self.tpm2("create");
        create.arg("-Q").arg("-C").arg(self.parent_context(key.parent)).args(["-g", "sha256"]);
        create.args(["-G", &template.kind(), "-a", &template.attributes()]);
        create.args(template.password.iter().flat_map(|password| ["-p", password]));
        create.arg("-u").arg(key.public()).arg("-r").arg(key.private());
        self.run(self.authorise_below(&mut create, key.parent));
        key.write_public_key();
    }

    fn create_primary(&self, parent: Parent) -> Command {
        let mut create = self.tpm2("createprimary");
        create.args(["-Q", "-C", &hex(parent.hierarchy), "-g", "sha256", "-G", parent.kind()]);
        self.authorise(create.args(["-a", STORAGE]), "-P", parent.hierarchy);
        create
    }

    fn evict_control(&self, parent: Parent, context: &Path, handle: u32) {
        let platform = parent.hierarchy == Parent::PLATFORM.hierarchy;
        // objects of the endorsement hierarchy are kept in the owner's room
        let (by, letter) = if platform { (Parent::PLATFORM, "p") } else { (Parent::OWNER, "o") };
        let mut evict = self.tpm2("evictcontrol");
        evict.args(["-Q", "-C", letter, "-c"]).arg(context);
        self.run(self.authorise(&mut evict, "-P", by.hierarchy).arg(hex(handle)));
    }
}

/// A handle as the tools and people write it.
pub(super) fn hex(handle: u32) -> String {
    format!("{handle:#x}")
}
