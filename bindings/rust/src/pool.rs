// SPDX-License-Identifier: LGPL-2.1-or-later
use std::ffi::c_void;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr::{self, NonNull};

use crate::error::{Error, Result, check, invalid};
use crate::lease::Lease;
use crate::queue::Counter;
use crate::span::Span;
use crate::sys;

/// What of a pool can be chosen before it is registered; what is not set is as zcrxd recommends it.
#[derive(Clone, Debug, Default)]
pub struct PoolOptions {
    area_size: Option<usize>,
    buffer_length: Option<usize>,
    huge_pages: bool,
    numa_node: Option<i32>,
}

impl PoolOptions {
    /// As zcrxd recommends.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes of the memory where payload is put, rounded up to whole pages.
    pub fn area_size(&mut self, bytes: usize) -> &mut Self {
        self.area_size = Some(bytes);
        self
    }

    /// Bytes of each buffer: a power of two, at least a page.
    pub fn buffer_length(&mut self, bytes: usize) -> &mut Self {
        self.buffer_length = Some(bytes);
        self
    }

    /// Takes the memory from huge pages.
    pub fn huge_pages(&mut self, huge: bool) -> &mut Self {
        self.huge_pages = huge;
        self
    }

    /// Where the memory should be, instead of beside the NIC.
    pub fn numa_node(&mut self, node: i32) -> &mut Self {
        self.numa_node = Some(node);
        self
    }

    /// Has zcrxd bind the lease's queue `index` to memory of this process and to `ring`, which was made with
    /// [`Pool::ring_flags`] and has not been enabled. Enable it afterwards, in the thread that will use it.
    pub fn register(&self, lease: &Lease, index: u32, ring: impl AsFd) -> Result<Pool> {
        let mut raw = ptr::null_mut();
        // SAFETY: the lease is alive, and `raw` is there to be written to.
        lease.client().check(unsafe { sys::zcrx_pool_new(lease.raw(), index, &mut raw) })?;
        let pool = Pool { raw: NonNull::new(raw).ok_or_else(|| Error::bare(-12))?, lease: lease.raw() };
        self.set(lease, &pool)?;
        // SAFETY: the pool is alive, and the ring open; it is duplicated.
        lease.client().check(unsafe { sys::zcrx_pool_register(pool.raw(), ring.as_fd().as_raw_fd()) })?;
        Ok(pool)
    }

    fn set(&self, lease: &Lease, pool: &Pool) -> Result<()> {
        let set = |result| lease.client().check(result).map(|_| ());
        if let Some(bytes) = self.area_size {
            // SAFETY: the pool is alive, here and in all that follow.
            set(unsafe { sys::zcrx_pool_set_area_size(pool.raw(), bytes) })?;
        }
        if let Some(bytes) = self.buffer_length {
            // SAFETY: as above.
            set(unsafe { sys::zcrx_pool_set_buffer_length(pool.raw(), bytes) })?;
        }
        if let Some(node) = self.numa_node {
            // SAFETY: as above.
            set(unsafe { sys::zcrx_pool_set_numa_node(pool.raw(), node) })?;
        }
        // SAFETY: as above.
        set(unsafe { sys::zcrx_pool_set_huge_pages(pool.raw(), self.huge_pages.into()) })
    }
}

/// What to do when a receive has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Next {
    /// Arm it again, as soon as the completion queue has been emptied.
    Arm,
    /// Call [`Pool::flush`], then arm it again.
    Flush,
    /// No buffer is free: arm it again when a span was dropped, or some milliseconds later.
    Wait,
    /// The peer has sent everything, or what was to be received at most has come.
    End,
    /// There is no remedy.
    Failed,
}

/// The buffers of one queue of a lease on an io_uring of the program's, whatever crate that is of.
///
/// Requests and completions are the program's: IORING_OP_RECV_ZC with IORING_RECV_MULTISHOT, and [`Pool::id`] as
/// `zcrx_ifq_idx`. Its completions are given to [`Pool::take`], and what that does not make a span of to [`Pool::next`].
/// As kernels up to 7.2 can forget the last of many wake-ups, call [`nudge`](crate::nudge) for each socket that has had
/// 64 spans or more since, when the completion queue is empty, before waiting.
///
/// It may be sent to the thread that has the ring. The example `ring` is a whole program.
#[derive(Debug)]
pub struct Pool {
    raw: NonNull<sys::zcrx_pool>,
    /// To compare with.
    lease: *mut sys::zcrx_lease,
}

// SAFETY: zcrx-client.h lets a pool be used in any thread, and take(), next() and flush() in the one that has the ring:
// as it is not Sync, only one thread has it. What works on the client takes a lease, which cannot leave its thread.
unsafe impl Send for Pool {}

impl Pool {
    /// The `flags` of struct io_uring_params that the ring needs, and to which others may be added.
    pub fn ring_flags() -> u32 {
        // SAFETY: it gives a number, and does nothing else.
        unsafe { sys::zcrx_pool_get_ring_flags() }
    }

    /// With memory as zcrxd recommends it. See [`PoolOptions::register`].
    pub fn register(lease: &Lease, index: u32, ring: impl AsFd) -> Result<Self> {
        PoolOptions::new().register(lease, index, ring)
    }

    fn raw(&self) -> *mut sys::zcrx_pool {
        self.raw.as_ptr()
    }

    /// Has the connections that `socket` accepts, or is, steered to this queue, as long as the socket is open.
    pub fn steer(&self, lease: &Lease, socket: impl AsFd) -> Result<()> {
        if self.lease != lease.raw() {
            return Err(invalid("The pool is one of another lease."));
        }
        // SAFETY: the pool is alive, and the socket open.
        lease.client().check(unsafe { sys::zcrx_pool_steer_socket(self.raw(), socket.as_fd().as_raw_fd()) })?;
        Ok(())
    }

    /// `zcrx_ifq_idx` of IORING_OP_RECV_ZC.
    pub fn id(&self) -> u32 {
        // SAFETY: the pool is alive.
        unsafe { sys::zcrx_pool_get_id(self.raw()) }
    }

    /// The span that a completion has brought; none if the receive has ended: see [`Pool::next`].
    ///
    /// # Safety
    ///
    /// `cqe` is a completion of 32 bytes (struct io_uring_cqe with what IORING_SETUP_CQE32 adds) of a receive that names
    /// this pool, from the ring that the pool was registered on, and is given here once.
    pub unsafe fn take<T>(&self, cqe: *const T) -> Result<Option<Span>> {
        let mut span = sys::zcrx_span { data: ptr::null_mut(), length: 0, offset: 0 };
        // SAFETY: the pool is alive, the completion as the caller says, and `span` is there to be written to.
        let result = check(unsafe { sys::zcrx_pool_take(self.raw(), cqe.cast::<c_void>(), &mut span) })?;
        if result == 0 {
            return Ok(None);
        }
        // SAFETY: it is out since just now, and nobody else has it.
        Ok(unsafe { Span::of_pool(self.raw, &span) })
    }

    /// What to do about the result of a completion that brought no span.
    pub fn next(&self, result: i32) -> Next {
        // SAFETY: the pool is alive.
        match unsafe { sys::zcrx_pool_next(self.raw(), result) } {
            sys::ZCRX_NEXT_ARM => Next::Arm,
            sys::ZCRX_NEXT_FLUSH => Next::Flush,
            sys::ZCRX_NEXT_WAIT => Next::Wait,
            sys::ZCRX_NEXT_END => Next::End,
            _ => Next::Failed,
        }
    }

    /// Has the kernel take what was returned; whether there was something.
    pub fn flush(&self) -> Result<bool> {
        // SAFETY: the pool is alive.
        Ok(check(unsafe { sys::zcrx_pool_flush(self.raw()) })? > 0)
    }

    /// How often, since it was registered.
    pub fn counter(&self, counter: Counter) -> Result<u64> {
        let mut value = 0;
        // SAFETY: the pool is alive, and `value` is there to be written to.
        check(unsafe { sys::zcrx_pool_get_counter(self.raw(), counter.number(), &mut value) })?;
        Ok(value)
    }

    /// SO_INCOMING_NAPI_ID of the sockets whose packets arrive here; 0 if it is not known.
    pub fn napi_id(&self) -> u32 {
        // SAFETY: the pool is alive.
        unsafe { sys::zcrx_pool_get_napi_id(self.raw()) }
    }

    /// Bytes of each buffer.
    pub fn buffer_length(&self) -> usize {
        // SAFETY: the pool is alive.
        unsafe { sys::zcrx_pool_get_buffer_length(self.raw()) }
    }

    /// How many buffers there are.
    pub fn buffers(&self) -> u32 {
        // SAFETY: the pool is alive.
        unsafe { sys::zcrx_pool_get_buffers(self.raw()) }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // SAFETY: this is the reference that the object has; nothing uses it afterwards. Spans keep their memory.
        unsafe { sys::zcrx_pool_unref(self.raw()) };
    }
}

/// Wakes the receive of a socket if there is something to receive, and does nothing else: see [`Pool`].
pub fn nudge(socket: impl AsFd) -> Result<()> {
    // SAFETY: the socket is open.
    check(unsafe { sys::zcrx_pool_nudge(socket.as_fd().as_raw_fd()) }).map(|_| ())
}
