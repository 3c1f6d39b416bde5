// SPDX-License-Identifier: LGPL-2.1-or-later
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::ptr::NonNull;

use crate::error::{Result, check};
use crate::queue::Queue;
use crate::sys;

/// A connection that is received from, in the thread of its queue. Dropped, it stops at once, and what was not
/// delivered may be lost: see [`Stream::stop`].
///
/// What fails with `EALREADY` has ended or stopped.
#[derive(Debug)]
pub struct Stream<'queue> {
    raw: NonNull<sys::zcrx_stream>,
    /// Which cannot leave the thread meanwhile.
    queue: &'queue Queue,
}

impl<'queue> Stream<'queue> {
    /// # Safety
    ///
    /// It is a stream of that queue, and nobody else frees it.
    pub(crate) unsafe fn new(raw: NonNull<sys::zcrx_stream>, queue: &'queue Queue) -> Self {
        Self { raw, queue }
    }

    /// Its queue.
    pub fn queue(&self) -> &'queue Queue {
        self.queue
    }

    /// What the kernel has received already still comes, and then nothing until [`Stream::resume`].
    pub fn pause(&self) -> Result<()> {
        // SAFETY: the stream lives until it is dropped, here and in all that follow.
        check(unsafe { sys::zcrx_stream_pause(self.raw.as_ptr()) }).map(|_| ())
    }

    /// After [`Stream::pause`].
    pub fn resume(&self) -> Result<()> {
        // SAFETY: as above.
        check(unsafe { sys::zcrx_stream_resume(self.raw.as_ptr()) }).map(|_| ())
    }

    /// How many buffers of it the program may have, or it pauses; 0: any number.
    pub fn set_limit(&self, buffers: u32) -> Result<()> {
        // SAFETY: as above.
        check(unsafe { sys::zcrx_stream_set_limit(self.raw.as_ptr(), buffers) }).map(|_| ())
    }

    /// Stops without loss: what the kernel has received already still comes, and then [`Event::Stopped`](crate::Event).
    pub fn stop(&self) -> Result<()> {
        // SAFETY: as above.
        check(unsafe { sys::zcrx_stream_stop(self.raw.as_ptr()) }).map(|_| ())
    }

    /// Takes it up after [`Event::Stopped`](crate::Event), for so many more bytes, or without bound.
    pub fn go_on(&self, bytes: Option<u64>) -> Result<()> {
        // SAFETY: as above.
        check(unsafe { sys::zcrx_stream_continue(self.raw.as_ptr(), bytes.unwrap_or(0)) }).map(|_| ())
    }
}

/// The library's duplicate of the socket. It is not to be read from, unless the stream has stopped.
impl AsFd for Stream<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: it is open as long as the stream, which is borrowed.
        unsafe { BorrowedFd::borrow_raw(sys::zcrx_stream_get_socket(self.raw.as_ptr())) }
    }
}

impl AsRawFd for Stream<'_> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        // SAFETY: it is freed once, here, in the thread of its queue, which is borrowed.
        unsafe { sys::zcrx_stream_free(self.raw.as_ptr()) };
    }
}
