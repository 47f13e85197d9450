//! The system calls that are refused, all with EACCES: what reaches other computers or other
//! processes, what changes the system, and what would go round that.

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::SeccompCmpArgLen::Dword;
use seccompiler::SeccompCmpOp::{Eq, Ne};
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

/// Typing into the terminal on behalf of the person, which a shell would obey.
const TYPING: [libc::Ioctl; 2] = [libc::TIOCSTI, libc::TIOCLINUX];

/// Processors of this kind have each call under a second number too.
const SECOND_NUMBER: Option<i64> =
    if cfg!(target_arch = "x86_64") { Some(0x4000_0000) } else { None };

/// Whether the limits hold.
pub(super) fn limit(internet: bool) -> bool {
    program(internet).is_ok_and(|program| apply_filter(&program).is_ok())
}

fn program(internet: bool) -> Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = REFUSED.map(|call| (call, Vec::new())).into();
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

/// A condition about an argument, of which the kernel looks at the lower half.
fn is(argument: u8, how: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, Dword, how, value)
}
