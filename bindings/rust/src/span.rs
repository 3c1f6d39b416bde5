// SPDX-License-Identifier: LGPL-2.1-or-later
use std::ffi::c_void;
use std::ops::Deref;
use std::ptr::NonNull;
use std::{fmt, slice};

use crate::sys;

/// Whom a span is given back to.
enum Owner {
    /// With a reference to it, so that it is there.
    Queue(NonNull<sys::zcrx_queue>),
    /// Which lives until its last span is back, whoever else has dropped it.
    Pool(NonNull<sys::zcrx_pool>),
}

/// Payload where the NIC has put it, as a slice of bytes. Dropped, it gives its buffer back to the NIC, in whatever
/// thread: so keep none longer than needed, or the NIC has nowhere to put more.
///
/// It may outlive its [`Queue`](crate::Queue) or [`Pool`](crate::Pool), and keeps the hardware queue as long as it is
/// one of a `Queue`. A slice of it cannot outlive it:
///
/// ```compile_fail
/// fn outlive(span: zcrx::Span) -> &'static [u8] {
///     &span
/// }
/// ```
pub struct Span {
    data: NonNull<u8>,
    length: usize,
    owner: Owner,
}

// SAFETY: zcrx-client.h has buffers returned, and the last reference to a queue dropped, in any thread.
unsafe impl Send for Span {}
// SAFETY: what is shared of it is memory that nobody writes to until it is returned, which takes the span itself.
unsafe impl Sync for Span {}

impl Span {
    /// # Safety
    ///
    /// Nothing else returns what lies at `data`: `length` bytes in a buffer of that queue, and out.
    pub(crate) unsafe fn of_queue(queue: NonNull<sys::zcrx_queue>, data: *mut c_void, length: usize) -> Option<Self> {
        let data = NonNull::new(data.cast())?;
        // SAFETY: the queue is alive, as its buffer is out. The reference is given back with the span.
        unsafe { sys::zcrx_queue_ref(queue.as_ptr()) };
        Some(Self { data, length, owner: Owner::Queue(queue) })
    }

    /// # Safety
    ///
    /// As of [`Span::of_queue`], of that pool.
    pub(crate) unsafe fn of_pool(pool: NonNull<sys::zcrx_pool>, span: &sys::zcrx_span) -> Option<Self> {
        Some(Self { data: NonNull::new(span.data.cast())?, length: span.length, owner: Owner::Pool(pool) })
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let data = self.data.as_ptr().cast();
        match self.owner {
            Owner::Queue(queue) => {
                // SAFETY: the span has a reference to the queue, and returns its buffer once, here.
                unsafe { sys::zcrx_queue_return(queue.as_ptr(), data) };
                // SAFETY: this is that reference; nothing uses it afterwards.
                unsafe { sys::zcrx_queue_unref(queue.as_ptr()) };
            }
            // SAFETY: a pool lives until its last span is returned; this one is, once, here.
            Owner::Pool(pool) => unsafe {
                sys::zcrx_pool_return(pool.as_ptr(), data);
            },
        }
    }
}

impl Deref for Span {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: so many bytes are there, and are not written to, until the span is returned; it is borrowed here.
        unsafe { slice::from_raw_parts(self.data.as_ptr(), self.length) }
    }
}

impl AsRef<[u8]> for Span {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Span {
    /// How much; payload is not for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Span({} bytes)", self.length)
    }
}
