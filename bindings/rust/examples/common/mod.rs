// SPDX-License-Identifier: LGPL-2.1-or-later
//! What std lacks.

use std::ffi::{c_int, c_short, c_ulong};
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

/// struct pollfd.
#[repr(C)]
struct PollFd {
    fd: RawFd,
    events: c_short,
    revents: c_short,
}

unsafe extern "C" {
    fn poll(fds: *mut PollFd, count: c_ulong, timeout: c_int) -> c_int;
}

/// Until one of them is readable, or a signal comes.
pub fn wait_for(fds: [BorrowedFd; 2]) -> io::Result<()> {
    const POLLIN: c_short = 1;
    let mut fds = fds.map(|fd| PollFd { fd: fd.as_raw_fd(), events: POLLIN, revents: 0 });
    // SAFETY: the array is there, and as long as is said.
    match unsafe { poll(fds.as_mut_ptr(), 2, -1) } {
        -1 if io::Error::last_os_error().kind() != ErrorKind::Interrupted => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
