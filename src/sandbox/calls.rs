//! The system calls that are refused, all with EACCES: what reaches other computers or other
//! processes, what changes the system, and what would go round that.

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::SeccompCmpOp::{Eq, MaskedEq, Ne};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};

/// Those that are refused whatever their arguments are.
const REFUSED: [libc::c_long; 29] = [
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_io_uring_setup,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_request_key,
    libc::SYS_setns,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
];

/// Changes to a file by its path: Landlock limits what is opened, and none of these opens anything. Calls by
/// a descriptor stay, which databases make; but for attributes, where an access control list is one.
const CHANGES: [libc::c_long; 10] = [
    libc::SYS_fchmodat,
    libc::SYS_fchownat,
    libc::SYS_fremovexattr,
    libc::SYS_fsetxattr,
    libc::SYS_lremovexattr,
    libc::SYS_lsetxattr,
    libc::SYS_removexattr,
    libc::SYS_setxattr,
    // fchmodat2 and setxattrat, which have one number on all processors.
    452,
    463,
];

/// The older forms, which newer processors do not have.
#[cfg(target_arch = "x86_64")]
const OLDER_CHANGES: [libc::c_long; 6] = [
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_futimesat,
    libc::SYS_lchown,
    libc::SYS_utime,
    libc::SYS_utimes,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER_CHANGES: [libc::c_long; 0] = [];

/// removexattrat and file_setattr.
const NEWER_CHANGES: [libc::c_long; 2] = [466, 469];

/// Bits of a mode that no file of a token needs: set-user-ID, set-group-ID, writable by others.
const MODES: [u64; 4] = [0o4000, 0o2000, 0o020, 0o002];

/// Flags of clone(2) that make a namespace: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
const NAMESPACES: [u64; 7] =
    [0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000];

/// Typing into the terminal on behalf of the person, which a shell would obey.
const TYPING: [libc::Ioctl; 2] = [libc::TIOCSTI, libc::TIOCLINUX];

/// Processors of this kind have each call under a second number too.
const SECOND_NUMBER: Option<i64> =
    if cfg!(target_arch = "x86_64") { Some(0x4000_0000) } else { None };

/// Whether the limits hold.
pub(super) fn limit(internet: bool) -> bool {
    let programs = program(internet).and_then(|program| Ok([no_clone3()?, program]));
    programs.is_ok_and(|programs| programs.iter().all(|program| apply_filter(program).is_ok()))
}

/// clone3 has its flags in memory, where no filter can look: who is told that there is none takes clone.
fn no_clone3() -> Result<BpfProgram, BackendError> {
    let rules = [libc::SYS_clone3, libc::SYS_clone3 | SECOND_NUMBER.unwrap_or(0)];
    let rules = rules.map(|call| (call, Vec::new())).into();
    let refuse = SeccompAction::Errno(libc::ENOSYS.cast_unsigned());
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, std::env::consts::ARCH.try_into()?)?
        .try_into()
}

fn program(internet: bool) -> Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = REFUSED.map(|call| (call, Vec::new())).into();
    let changes = CHANGES.into_iter().chain(OLDER_CHANGES).chain(NEWER_CHANGES);
    rules.extend(changes.map(|call| (call, Vec::new())));
    // Without a path it is futimens, by a descriptor.
    rules.insert(libc::SYS_utimensat, vec![SeccompRule::new(vec![is_not_null(1)?])?]);
    rules.insert(libc::SYS_fchmod, any_bit(1, &MODES)?);
    rules.insert(libc::SYS_clone, any_bit(0, &NAMESPACES)?);
    rules.insert(libc::SYS_socket, vec![sockets(internet)?]);
    let typing = TYPING.map(|what| is(1, Eq, what).and_then(|is| SeccompRule::new(vec![is])));
    rules.insert(libc::SYS_ioctl, typing.into_iter().collect::<Result<_, _>>()?);
    if let Some(second) = SECOND_NUMBER {
        let again: Vec<_> =
            rules.iter().map(|(call, rule)| (call | second, rule.clone())).collect();
        rules.extend(again);
    }
    let refuse = SeccompAction::Errno(libc::EACCES.cast_unsigned());
    let processor = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, processor)?.try_into()
}

/// All kinds but those of this computer, and of the internet where that is allowed.
fn sockets(internet: bool) -> Result<SeccompRule, BackendError> {
    let mut allowed = vec![libc::AF_UNIX];
    if internet {
        allowed.extend([libc::AF_INET, libc::AF_INET6]);
    }
    let others = allowed.into_iter().map(|kind| is(0, Ne, kind.unsigned_abs().into()));
    SeccompRule::new(others.collect::<Result<_, _>>()?)
}

/// One rule for each bit, which fits where it is set.
fn any_bit(argument: u8, bits: &[u64]) -> Result<Vec<SeccompRule>, BackendError> {
    let set = |bit: &u64| SeccompRule::new(vec![is(argument, MaskedEq(*bit), *bit)?]);
    bits.iter().map(set).collect()
}

fn is_not_null(argument: u8) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, Qword, Ne, 0)
}

/// A condition about an argument, of which the kernel looks at the lower half.
fn is(argument: u8, how: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, Dword, how, value)
}
