// SPDX-License-Identifier: LGPL-2.1-or-later
use std::ffi::{c_int, c_void};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::ptr::{self, NonNull};
use std::time::Duration;

use crate::error::{Error, Result, check, invalid, to_c};
use crate::event::Event;
use crate::lease::Lease;
use crate::stream::Stream;
use crate::sys;

/// What of a queue can be chosen before it is registered; what is not set is as zcrxd recommends it.
#[derive(Clone, Debug, Default)]
pub struct QueueOptions {
    area_size: Option<usize>,
    buffer_length: Option<usize>,
    huge_pages: bool,
    numa_node: Option<i32>,
    completions: Option<u32>,
    join: bool,
}

impl QueueOptions {
    /// As zcrxd recommends.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes of the memory where payload is put, rounded up to whole pages.
    pub fn area_size(&mut self, bytes: usize) -> &mut Self {
        self.area_size = Some(bytes);
        self
    }

    /// Bytes of each buffer: a power of two, at least a page; more than one needs huge pages, and the NIC's help.
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

    /// Entries of the completion queue.
    pub fn completions(&mut self, entries: u32) -> &mut Self {
        self.completions = Some(entries);
        self
    }

    /// Payload that lies side by side is one event.
    pub fn join(&mut self, join: bool) -> &mut Self {
        self.join = join;
        self
    }

    /// Has zcrxd bind the lease's queue `index` to memory and a ring of this process.
    pub fn register(&self, lease: &Lease, index: u32) -> Result<Queue> {
        let mut raw = ptr::null_mut();
        // SAFETY: the lease is alive, and `raw` is there to be written to.
        lease.client().check(unsafe { sys::zcrx_queue_new(lease.raw(), index, &mut raw) })?;
        let queue = Queue { raw: NonNull::new(raw).ok_or_else(|| Error::bare(-12))?, lease: lease.raw() };
        self.set(lease, &queue)?;
        // SAFETY: the queue is alive.
        lease.client().check(unsafe { sys::zcrx_queue_register(queue.raw()) })?;
        Ok(queue)
    }

    fn set(&self, lease: &Lease, queue: &Queue) -> Result<()> {
        let set = |result| lease.client().check(result).map(|_| ());
        if let Some(bytes) = self.area_size {
            // SAFETY: the queue is alive, here and in all that follow.
            set(unsafe { sys::zcrx_queue_set_area_size(queue.raw(), bytes) })?;
        }
        if let Some(bytes) = self.buffer_length {
            // SAFETY: as above.
            set(unsafe { sys::zcrx_queue_set_buffer_length(queue.raw(), bytes) })?;
        }
        if let Some(node) = self.numa_node {
            // SAFETY: as above.
            set(unsafe { sys::zcrx_queue_set_numa_node(queue.raw(), node) })?;
        }
        if let Some(entries) = self.completions {
            // SAFETY: as above.
            set(unsafe { sys::zcrx_queue_set_completions(queue.raw(), entries) })?;
        }
        // SAFETY: as above.
        set(unsafe { sys::zcrx_queue_set_huge_pages(queue.raw(), self.huge_pages.into()) })?;
        // SAFETY: as above.
        set(unsafe { sys::zcrx_queue_set_join(queue.raw(), self.join.into()) })
    }
}

/// What keeps a queue or pool from receiving by zero copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Counter {
    /// How often the NIC found no free buffer, and dropped packets. From Linux 7.2 on.
    StarvedNic,
    /// How often the kernel had to copy, and found no free buffer.
    StarvedCopy,
    /// How often the completion queue was full.
    CompletionsFull,
    /// How often the refill ring had no room for what was returned.
    RefillFull,
    /// Bytes that the kernel copied. From Linux 7.2 on.
    Copied,
}

impl Counter {
    pub(crate) fn number(self) -> sys::zcrx_counter {
        match self {
            Self::StarvedNic => sys::ZCRX_COUNTER_STARVED_NIC,
            Self::StarvedCopy => sys::ZCRX_COUNTER_STARVED_COPY,
            Self::CompletionsFull => sys::ZCRX_COUNTER_COMPLETIONS_FULL,
            Self::RefillFull => sys::ZCRX_COUNTER_REFILL_FULL,
            Self::Copied => sys::ZCRX_COUNTER_COPIED,
        }
    }
}

/// One queue of a lease, with a ring and memory of the library's.
///
/// It may be sent to another thread, and belongs to that which first calls [`Queue::receive`] or [`Queue::wait`] on it:
/// the kernel takes no other, and says `EEXIST` there. What is asked of zcrxd takes the [`Lease`] too, which stays in
/// the thread of its client: do that before the queue is sent away, or steer the lease.
///
/// ```compile_fail
/// fn share(queue: &zcrx::Queue) {
///     std::thread::scope(|scope| scope.spawn(|| queue.wait(None)).join()).unwrap();
/// }
/// ```
#[derive(Debug)]
pub struct Queue {
    raw: NonNull<sys::zcrx_queue>,
    /// To compare with: the queue has a reference to it, but it is another thread's, maybe.
    lease: *mut sys::zcrx_lease,
}

// SAFETY: zcrx-client.h lets a registered queue belong to another thread than its client, one at a time; what works
// on the client takes a lease as well, which cannot be there. The reference may be dropped in any.
unsafe impl Send for Queue {}

impl Queue {
    /// With memory as zcrxd recommends it. [`QueueOptions`] has what can be chosen.
    pub fn register(lease: &Lease, index: u32) -> Result<Self> {
        QueueOptions::new().register(lease, index)
    }

    pub(crate) fn raw(&self) -> *mut sys::zcrx_queue {
        self.raw.as_ptr()
    }

    /// Of what takes place in the thread of the client.
    fn asked(&self, lease: &Lease, ask: impl FnOnce() -> c_int) -> Result<()> {
        if self.lease != lease.raw() {
            return Err(invalid("The queue is one of another lease."));
        }
        lease.client().check(ask()).map(|_| ())
    }

    /// Has the connections that `socket` accepts, or is, steered to this queue, as long as the socket is open.
    pub fn steer(&self, lease: &Lease, socket: impl AsFd) -> Result<()> {
        let socket = socket.as_fd().as_raw_fd();
        // SAFETY: the queue is alive, and the socket open.
        self.asked(lease, || unsafe { sys::zcrx_queue_steer_socket(self.raw(), socket) })
    }

    /// How its NAPI is polled; nanoseconds, and what is none stays: see zcrx_queue_tune(3).
    pub fn tune(
        &self,
        lease: &Lease,
        defer_hard_irqs: Option<u32>,
        gro_flush_timeout: Option<u32>,
        irq_suspend_timeout: Option<u32>,
    ) -> Result<()> {
        let [a, b, c] = [defer_hard_irqs, gro_flush_timeout, irq_suspend_timeout].map(|n| n.map_or(-1, i64::from));
        // SAFETY: the queue is alive.
        self.asked(lease, || unsafe { sys::zcrx_queue_tune(self.raw(), a, b, c) })
    }

    /// Which CPUs its interrupt may go to: a list such as `0-3,8`.
    pub fn set_irq_affinity(&self, lease: &Lease, cpus: &str) -> Result<()> {
        let cpus = to_c(cpus)?;
        // SAFETY: the queue is alive, and the list until the end of the call.
        self.asked(lease, || unsafe { sys::zcrx_queue_set_irq_affinity(self.raw(), cpus.as_ptr()) })
    }

    /// Starts to receive from a connected TCP socket, which is duplicated; its events carry `token`.
    ///
    /// The stream stays in this thread, and goes before the queue:
    ///
    /// ```compile_fail
    /// fn keep(lease: &zcrx::Lease, socket: std::net::TcpStream) -> zcrx::Stream<'static> {
    ///     let queue = zcrx::Queue::register(lease, 0).unwrap();
    ///     queue.receive(&socket, 0).unwrap()
    /// }
    /// ```
    pub fn receive(&self, socket: impl AsFd, token: usize) -> Result<Stream<'_>> {
        self.start(|raw, ret| {
            // SAFETY: the queue is alive, `ret` is there to be written to, and the token is a number, not a pointer.
            unsafe { sys::zcrx_queue_receive(raw, socket.as_fd().as_raw_fd(), token as *mut c_void, ret) }
        })
    }

    /// The same of so many bytes, at least 1: after them comes [`Event::Stopped`].
    pub fn receive_bounded(&self, socket: impl AsFd, token: usize, bytes: u64) -> Result<Stream<'_>> {
        let socket = socket.as_fd();
        self.start(|raw, ret| {
            // SAFETY: as above.
            unsafe { sys::zcrx_queue_receive_bounded(raw, socket.as_raw_fd(), bytes, token as *mut c_void, ret) }
        })
    }

    fn start(
        &self,
        call: impl FnOnce(*mut sys::zcrx_queue, *mut *mut sys::zcrx_stream) -> c_int,
    ) -> Result<Stream<'_>> {
        let mut raw = ptr::null_mut();
        check(call(self.raw(), &mut raw))?;
        let raw = NonNull::new(raw).ok_or_else(|| Error::bare(-12))?;
        // SAFETY: the stream was made just now, of this queue, and nobody else has it.
        Ok(unsafe { Stream::new(raw, self) })
    }

    /// The next event; none when the time is over (`None`: it never is), or a signal came.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<Option<Event>> {
        const EINTR: c_int = 4;
        let mut event = ptr::null();
        // SAFETY: the queue is alive, and `event` is there to be written to. What returns before has had its event
        // taken, and no two threads are here.
        let result = unsafe { sys::zcrx_queue_wait(self.raw(), timeout.map_or(-1, milliseconds), &mut event) };
        match result {
            0 => Ok(None),
            r if r == -EINTR => Ok(None),
            r if r < 0 => Err(Error::bare(r)),
            // SAFETY: the library has written an event, which stays until the next call of this function; a span of it
            // is taken here, once.
            _ => Ok(Some(unsafe { Event::take(self.raw, &*event) })),
        }
    }

    /// For event loops, also edge triggered: readable when [`Queue::wait`] should be called with no time to wait, until
    /// it returns none. The library makes it when first asked, which costs something for each stream, so that a queue
    /// is no [`AsFd`].
    pub fn poll_fd(&self) -> Result<BorrowedFd<'_>> {
        // SAFETY: the queue is alive.
        let fd = check(unsafe { sys::zcrx_queue_get_fd(self.raw()) })?;
        // SAFETY: it is open as long as the queue, which is borrowed.
        Ok(unsafe { BorrowedFd::borrow_raw(fd) })
    }

    /// Bytes that were delivered.
    pub fn received(&self) -> u64 {
        // SAFETY: the queue is alive.
        unsafe { sys::zcrx_queue_get_received(self.raw()) }
    }

    /// How often, since it was registered.
    pub fn counter(&self, counter: Counter) -> Result<u64> {
        let mut value = 0;
        // SAFETY: the queue is alive, and `value` is there to be written to.
        check(unsafe { sys::zcrx_queue_get_counter(self.raw(), counter.number(), &mut value) })?;
        Ok(value)
    }

    /// SO_INCOMING_NAPI_ID of the sockets whose packets arrive here; 0 if it is not known.
    pub fn napi_id(&self) -> u32 {
        // SAFETY: the queue is alive.
        unsafe { sys::zcrx_queue_get_napi_id(self.raw()) }
    }

    /// Bytes of each buffer.
    pub fn buffer_length(&self) -> usize {
        // SAFETY: the queue is alive.
        unsafe { sys::zcrx_queue_get_buffer_length(self.raw()) }
    }

    /// How many buffers there are.
    pub fn buffers(&self) -> u32 {
        // SAFETY: the queue is alive.
        unsafe { sys::zcrx_queue_get_buffers(self.raw()) }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: this is the reference that the object has; nothing uses it afterwards. Spans have their own.
        unsafe { sys::zcrx_queue_unref(self.raw()) };
    }
}

/// Rounded up: who waits for less than one does not want to turn around in circles.
fn milliseconds(time: Duration) -> c_int {
    c_int::try_from(time.as_micros().div_ceil(1000)).unwrap_or(c_int::MAX)
}
