// SPDX-License-Identifier: LGPL-2.1-or-later
//! As much of io_uring as the example needs, by system calls alone; a program would take a crate for it.

use std::ffi::{c_int, c_long, c_void};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

const SYS_SETUP: c_long = 425; // on every architecture
const SYS_ENTER: c_long = 426;
const SYS_REGISTER: c_long = 427;
const SETUP_CQSIZE: u32 = 1 << 3;
const SETUP_NO_SQARRAY: u32 = 1 << 16;
const ENTER_GETEVENTS: u32 = 1;
const REGISTER_ENABLE_RINGS: u32 = 12;
const OFFSET_RINGS: i64 = 0;
const OFFSET_SQES: i64 = 0x1000_0000;

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn mmap(address: *mut c_void, size: usize, protection: c_int, flags: c_int, fd: c_int, offset: i64) -> *mut c_void;
    fn munmap(address: *mut c_void, size: usize) -> c_int;
}

/// struct io_uring_sqe.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Sqe {
    pub opcode: u8,
    pub flags: u8,
    pub ioprio: u16,
    pub fd: i32,
    pub offset: u64,
    pub address: u64,
    pub length: u32,
    pub op_flags: u32,
    pub user_data: u64,
    pub buffer: u16,
    pub personality: u16,
    pub file_index: u32, // zcrx_ifq_idx of IORING_OP_RECV_ZC
    pub more: [u64; 2],
}

/// struct io_uring_cqe with what IORING_SETUP_CQE32 adds.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Cqe {
    pub user_data: u64,
    pub result: i32,
    pub flags: u32,
    pub more: [u64; 2],
}

/// Where things are in the mapping: head, tail, mask, entries, (flags, dropped, array) or (overflow, cqes, flags).
#[repr(C)]
#[derive(Default)]
struct Offsets {
    head: u32,
    tail: u32,
    mask: u32,
    entries: u32,
    others: [u32; 4],
    address: u64,
}

/// struct io_uring_params.
#[repr(C)]
#[derive(Default)]
struct Params {
    sq_entries: u32,
    cq_entries: u32,
    flags: u32,
    others: [u32; 7],
    sq: Offsets,
    cq: Offsets,
}

struct Mapping {
    at: *mut u8,
    size: usize,
}

impl Mapping {
    fn new(ring: &OwnedFd, size: usize, offset: i64) -> io::Result<Self> {
        const READ_WRITE: c_int = 3;
        const SHARED_POPULATE: c_int = 0x8001;
        // SAFETY: a new mapping, where there is none.
        let at = unsafe { mmap(ptr::null_mut(), size, READ_WRITE, SHARED_POPULATE, ring.as_raw_fd(), offset) };
        if at.addr() == usize::MAX {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { at: at.cast(), size })
    }

    /// A number that the kernel reads or writes, too.
    fn number(&self, offset: u32) -> &AtomicU32 {
        // SAFETY: the kernel says where it is in the mapping, which lives as long as this.
        unsafe { AtomicU32::from_ptr(self.at.add(offset as usize).cast()) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: what new() has mapped, to which nothing refers any more.
        unsafe { munmap(self.at.cast(), self.size) };
    }
}

pub struct Ring {
    fd: OwnedFd,
    params: Params,
    rings: Mapping,
    sqes: Mapping,
    pending: u32,
}

fn check(result: c_long) -> io::Result<u32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as u32) }
}

impl Ring {
    pub fn new(entries: u32, completions: u32, flags: u32) -> io::Result<Self> {
        let flags = flags | SETUP_CQSIZE | SETUP_NO_SQARRAY;
        let mut params = Params { flags, cq_entries: completions, ..Params::default() };
        // SAFETY: the parameters are there to be read and written to.
        let fd = check(unsafe { syscall(SYS_SETUP, entries, &raw mut params) })?;
        // SAFETY: a new descriptor, of which nobody else knows.
        let fd = unsafe { OwnedFd::from_raw_fd(fd as i32) };
        let rings = params.cq.others[1] as usize + params.cq_entries as usize * size_of::<Cqe>();
        let rings = Mapping::new(&fd, rings, OFFSET_RINGS)?;
        let sqes = Mapping::new(&fd, params.sq_entries as usize * size_of::<Sqe>(), OFFSET_SQES)?;
        Ok(Self { fd, params, rings, sqes, pending: 0 })
    }

    /// From here on it is this thread's.
    pub fn enable(&self) -> io::Result<()> {
        let nothing = ptr::null::<c_void>();
        // SAFETY: the ring is open, and nothing is read.
        check(unsafe { syscall(SYS_REGISTER, self.fd.as_raw_fd(), REGISTER_ENABLE_RINGS, nothing, 0) }).map(|_| ())
    }

    fn enter(&mut self, wait: u32) -> io::Result<()> {
        let (fd, nothing) = (self.fd.as_raw_fd(), ptr::null::<c_void>());
        // SAFETY: the ring is open, and every entry below its tail has been written.
        self.pending -= check(unsafe { syscall(SYS_ENTER, fd, self.pending, wait, ENTER_GETEVENTS, nothing, 0) })?;
        Ok(())
    }

    /// Submits, and waits for a completion.
    pub fn wait(&mut self) -> io::Result<()> {
        match self.enter(1) {
            // Completions overflowed, and want to be taken first.
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ResourceBusy) => Ok(()),
            result => result,
        }
    }

    pub fn push(&mut self, sqe: Sqe) -> io::Result<()> {
        if self.pending == self.params.sq_entries {
            self.enter(0)?;
        }
        let tail = self.rings.number(self.params.sq.tail);
        let index = tail.load(Ordering::Relaxed);
        // SAFETY: an entry of the mapping, which the kernel reads once the tail is behind it, and has read before if it
        // was used before: there are no more pending than entries.
        unsafe { self.sqes.at.cast::<Sqe>().add((index & (self.params.sq_entries - 1)) as usize).write(sqe) };
        tail.store(index.wrapping_add(1), Ordering::Release);
        self.pending += 1;
        Ok(())
    }

    /// The next completion, if there is one.
    pub fn pop(&mut self) -> Option<Cqe> {
        let head = self.rings.number(self.params.cq.head);
        let index = head.load(Ordering::Relaxed);
        if index == self.rings.number(self.params.cq.tail).load(Ordering::Acquire) {
            return None;
        }
        // SAFETY: the kernel says where they are in the mapping.
        let cqes = unsafe { self.rings.at.add(self.params.cq.others[1] as usize) }.cast::<Cqe>();
        // SAFETY: one of them, which the kernel has written, and leaves alone until the head is behind it.
        let cqe = unsafe { cqes.add((index & (self.params.cq_entries - 1)) as usize).read() };
        head.store(index.wrapping_add(1), Ordering::Release);
        Some(cqe)
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
