//! What this thread, and all that it starts from now on, may still do: open the files that are named
//! (Landlock), and make the system calls of a program that signs (seccomp). Nothing takes it back.
//! Each is as much as the kernel has, and no error where it has none.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

mod calls;
mod files;

/// What is allowed beside what every program needs. A path that is not there is passed over.
#[derive(Default)]
pub struct Allowance {
    /// Files and folders that are read, and run.
    pub read: Vec<PathBuf>,
    /// Those that are also written, with all that is made and removed in a folder.
    pub write: Vec<PathBuf>,
    /// Folders of which nothing is allowed by what every program needs, such as the user's home: where the
    /// system's folders contain one, all but the way to it is.
    pub closed: Vec<PathBuf>,
    /// Whether there may be sockets of the internet, and not of this computer only.
    pub internet: bool,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// Whether files are limited, as far as the kernel can do that.
    pub files: bool,
    /// Whether system calls are.
    pub calls: bool,
}

impl Sandbox {
    /// Goes in, with this thread: those that run already stay outside.
    #[must_use]
    pub fn enter(allowance: &Allowance) -> Self {
        Self { files: files::limit(allowance), calls: calls::limit(allowance.internet) }
    }

    /// Whether there is any.
    #[must_use]
    pub fn holds(self) -> bool {
        self.files || self.calls
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io;
    use std::net::{TcpListener, UdpSocket};
    use std::os::unix::net::UnixStream;
    use std::path::Path;
    use std::thread;

    use super::*;

    /// What a thread of its own says that is in there.
    fn inside<T: Send>(allowance: Allowance, say: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let there = scope.spawn(move || {
                assert!(Sandbox::enter(&allowance).holds(), "this kernel has neither");
                say()
            });
            there.join().expect("it says")
        })
    }

    fn refused<T>(answer: io::Result<T>) -> bool {
        answer.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    }

    fn write(path: &Path) -> io::Result<File> {
        File::options().create(true).append(true).open(path)
    }

    #[test]
    fn only_what_is_named_can_be_opened() {
        let [read, both, neither] = [(); 3].map(|()| tempfile::tempdir().expect("folder"));
        let file = |folder: &tempfile::TempDir| folder.path().join("file");
        for folder in [&read, &both, &neither] {
            write(&file(folder)).expect("file");
        }
        let allowance = Allowance {
            read: vec![read.path().into(), "/no/such/folder".into()],
            write: vec![both.path().into()],
            ..Allowance::default()
        };
        inside(allowance, || {
            assert!(File::open(file(&read)).is_ok() && refused(write(&file(&read))));
            assert!(write(&file(&both)).is_ok() && write(&both.path().join("new")).is_ok());
            assert!(refused(File::open(file(&neither))) && refused(write(&file(&neither))));
            assert!(File::open("/etc/passwd").is_ok() && refused(write(Path::new("/etc/passwd"))));
            assert!(write(Path::new("/dev/null")).is_ok());
        });
        assert!(File::open(file(&neither)).is_ok(), "other threads are outside");
    }

    /// What Landlock does not limit, since nothing is opened: seen on a file that can be written.
    #[test]
    fn no_file_is_changed_by_its_path_and_none_is_opened_to_others() {
        use std::fs::Permissions;
        use std::os::unix::fs::{PermissionsExt, lchown};
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("file");
        write(&file).expect("file");
        let mode = |mode| Permissions::from_mode(mode);
        let chown = |file: &Path| lchown(file, None, Some(rustix::process::getgid().as_raw()));
        assert!(std::fs::set_permissions(&file, mode(0o600)).is_ok() && chown(&file).is_ok());
        let write = vec![folder.path().into()];
        inside(Allowance { write, ..Allowance::default() }, || {
            assert!(refused(std::fs::set_permissions(&file, mode(0o4755))));
            assert!(refused(std::fs::set_permissions(&file, mode(0o600))));
            assert!(refused(chown(&file)));
            let now = rustix::fs::Timespec { tv_sec: 1, tv_nsec: 0 };
            let times = rustix::fs::Timestamps { last_access: now, last_modification: now };
            let flags = rustix::fs::AtFlags::empty();
            let dated = rustix::fs::utimensat(rustix::fs::CWD, &file, &times, flags);
            assert!(refused(dated.map_err(io::Error::from)));
            let attribute = rustix::fs::XattrFlags::empty();
            let set = rustix::fs::setxattr(&file, "user.test", b"1", attribute);
            assert!(refused(set.map_err(io::Error::from)));
            let open = File::options().write(true).open(&file).expect("it may be written");
            for open_to_others in [0o4700, 0o2700, 0o620, 0o602] {
                assert!(refused(open.set_permissions(mode(open_to_others))), "{open_to_others:o}");
            }
            assert!(open.set_permissions(mode(0o640)).is_ok(), "as databases do");
            assert!(open.set_modified(std::time::SystemTime::now()).is_ok());
        });
        let mode = std::fs::metadata(&file).expect("file").permissions().mode();
        assert_eq!(mode & 0o7777, 0o640);
    }

    #[test]
    fn no_namespace_is_made_and_programs_are_started_all_the_same() {
        let unshared = || std::process::Command::new("unshare").args(["-U", "true"]).output();
        let python = "import ctypes,os,sys; p=ctypes.CDLL(None,use_errno=True).syscall(56,0x10000011,0,0,0,0); \
                      os._exit(0) if p==0 else sys.exit(ctypes.get_errno() if p<0 else 0)";
        let cloned = || std::process::Command::new("python3").args(["-c", python]).output();
        assert!(cloned().is_ok_and(|output| output.status.success()), "outside it can be made");
        inside(Allowance::default(), || {
            assert!(unshared().is_ok_and(|output| !output.status.success()));
            let output = cloned().expect("python3 starts");
            assert_eq!(output.status.code(), Some(13), "{output:?}");
            assert!(std::process::Command::new("true").status().is_ok_and(|it| it.success()));
        });
    }

    #[test]
    fn sockets_are_those_of_this_computer_unless_others_are_allowed() {
        inside(Allowance::default(), || {
            assert!(refused(TcpListener::bind("127.0.0.1:0")));
            assert!(refused(UdpSocket::bind("[::1]:0")));
            assert!(UnixStream::pair().is_ok() && UnixStream::connect("/no/such").is_err());
        });
        let internet = Allowance { internet: true, ..Allowance::default() };
        inside(internet, || assert!(TcpListener::bind("127.0.0.1:0").is_ok()));
    }
}
