// SPDX-License-Identifier: LGPL-2.1-or-later
use std::ffi::{c_char, c_int, c_uint};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::ptr::{self, NonNull};
use std::time::{Duration, SystemTime};

use crate::client::{Client, microseconds};
use crate::error::{Error, Result, from_c, to_c};
use crate::sys;

/// What to ask for, and how the lease is come by.
#[derive(Clone, Debug, Default)]
pub struct LeaseOptions {
    interface: Option<String>,
    queues: Option<u32>,
    name: Option<String>,
    time_to_live: Option<Duration>,
    backends: Option<String>,
    hardware_queue: Option<u32>,
}

impl LeaseOptions {
    /// One queue of any interface, of zcrxd's.
    pub fn new() -> Self {
        Self::default()
    }

    /// Of that interface, instead of any that has queues free.
    pub fn interface(&mut self, name: &str) -> &mut Self {
        self.interface = Some(name.to_string());
        self
    }

    /// How many: at least 1.
    pub fn queues(&mut self, count: u32) -> &mut Self {
        self.queues = Some(count);
        self
    }

    /// Shown to people.
    pub fn name(&mut self, name: &str) -> &mut Self {
        self.name = Some(name.to_string());
        self
    }

    /// After which the lease ends, unless renewed; without, it is as long as the policy allows.
    pub fn time_to_live(&mut self, time: Duration) -> &mut Self {
        self.time_to_live = Some(time);
        self
    }

    /// Where the lease may come from, in order of preference, such as `zcrxd,copy`: see zcrx_lease_set_backends(3).
    pub fn backends(&mut self, list: &str) -> &mut Self {
        self.backends = Some(list.to_string());
        self
    }

    /// Which one the backend `direct` takes, as ethtool counts them.
    pub fn hardware_queue(&mut self, index: u32) -> &mut Self {
        self.hardware_queue = Some(index);
        self
    }

    /// Leases the queues.
    pub fn acquire(&self, client: &Client) -> Result<Lease> {
        let lease = self.make(client)?;
        // SAFETY: the lease is alive.
        client.check(unsafe { sys::zcrx_lease_acquire(lease.raw()) })?;
        Ok(lease)
    }

    /// Takes over the lease that `zcrxctl run` left in the environment.
    pub fn inherit(&self, client: &Client) -> Result<Lease> {
        let lease = self.make(client)?;
        // SAFETY: the lease is alive.
        client.check(unsafe { sys::zcrx_lease_inherit(lease.raw()) })?;
        Ok(lease)
    }

    /// Takes part in a persistent lease of the same user.
    pub fn open(&self, client: &Client, id: &str) -> Result<Lease> {
        let (lease, id) = (self.make(client)?, to_c(id)?);
        // SAFETY: the lease is alive, and the id until the end of the call.
        client.check(unsafe { sys::zcrx_lease_open(lease.raw(), id.as_ptr()) })?;
        Ok(lease)
    }

    /// Takes part in a lease of which another process has sent its handle and its id.
    pub fn attach(&self, client: &Client, id: &str, handle: BorrowedFd<'_>) -> Result<Lease> {
        let (lease, id) = (self.make(client)?, to_c(id)?);
        // SAFETY: the lease is alive, and the id until the end of the call; the handle is duplicated by it.
        client.check(unsafe { sys::zcrx_lease_attach(lease.raw(), id.as_ptr(), handle.as_raw_fd()) })?;
        Ok(lease)
    }

    fn make(&self, client: &Client) -> Result<Lease> {
        let mut raw = ptr::null_mut();
        // SAFETY: the client is alive, and `raw` is there to be written to.
        client.check(unsafe { sys::zcrx_lease_new(client.raw(), &mut raw) })?;
        let raw = NonNull::new(raw).ok_or_else(|| Error::bare(-12))?;
        let lease = Lease { raw, client: client.share() };
        for (text, set) in [
            (&self.interface, sys::zcrx_lease_set_interface as unsafe extern "C" fn(_, _) -> c_int),
            (&self.name, sys::zcrx_lease_set_name),
            (&self.backends, sys::zcrx_lease_set_backends),
        ] {
            if let Some(text) = text {
                let text = to_c(text)?;
                // SAFETY: the lease is alive, and the text until the end of the call, which copies it.
                client.check(unsafe { set(lease.raw(), text.as_ptr()) })?;
            }
        }
        for (number, set) in [
            (self.queues, sys::zcrx_lease_set_queues as unsafe extern "C" fn(_, _) -> c_int),
            (self.hardware_queue, sys::zcrx_lease_set_hardware_queue),
        ] {
            if let Some(number) = number {
                // SAFETY: the lease is alive.
                client.check(unsafe { set(lease.raw(), number) })?;
            }
        }
        if let Some(time) = self.time_to_live {
            // SAFETY: the lease is alive.
            client.check(unsafe { sys::zcrx_lease_set_time_to_live(lease.raw(), microseconds(time)) })?;
        }
        Ok(lease)
    }
}

/// Queues of a NIC in this process's hands, until this is dropped and nobody else has its handle, its time is up, or an
/// administrator revokes it.
///
/// It stays in the thread of its [`Client`].
#[derive(Debug)]
pub struct Lease {
    raw: NonNull<sys::zcrx_lease>,
    client: Client,
}

impl Lease {
    /// One queue of any interface. [`LeaseOptions`] has more to ask for.
    pub fn acquire(client: &Client) -> Result<Self> {
        LeaseOptions::new().acquire(client)
    }

    pub(crate) fn raw(&self) -> *mut sys::zcrx_lease {
        self.raw.as_ptr()
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    fn check(&self, result: c_int) -> Result<()> {
        self.client.check(result).map(|_| ())
    }

    /// What zcrxd and zcrxctl call it by.
    pub fn id(&self) -> String {
        // SAFETY: the lease is alive; its strings live as long, and are copied.
        unsafe { from_c(sys::zcrx_lease_get_id(self.raw())) }.unwrap_or_default()
    }

    /// The NIC.
    pub fn interface(&self) -> String {
        // SAFETY: as of the id.
        unsafe { from_c(sys::zcrx_lease_get_interface(self.raw())) }.unwrap_or_default()
    }

    /// Where it is from: `zcrxd`, or another one of those that were allowed.
    pub fn backend(&self) -> String {
        // SAFETY: as of the id.
        unsafe { from_c(sys::zcrx_lease_get_backend(self.raw())) }.unwrap_or_default()
    }

    /// How many queues it has.
    pub fn queues(&self) -> u32 {
        // SAFETY: the lease is alive.
        unsafe { sys::zcrx_lease_get_queues(self.raw()) }
    }

    /// Bytes that the area of a queue has unless set.
    pub fn area_size(&self) -> usize {
        // SAFETY: the lease is alive.
        unsafe { sys::zcrx_lease_get_area_size(self.raw()) }
    }

    /// Bytes that zcrxd recommends; more than [`Lease::area_size`] if the policy has cut that.
    pub fn recommended_area_size(&self) -> usize {
        // SAFETY: the lease is alive.
        unsafe { sys::zcrx_lease_get_recommended_area_size(self.raw()) }
    }

    /// The index on the NIC of one of its queues.
    pub fn hardware_queue(&self, index: u32) -> Result<u32> {
        // SAFETY: the lease is alive.
        self.client.check(unsafe { sys::zcrx_lease_get_hardware_queue(self.raw(), index) }).map(|n| n as u32)
    }

    /// Whether it has ended; streams go on, copied by the kernel.
    pub fn has_ended(&self) -> bool {
        // SAFETY: the lease is alive.
        unsafe { sys::zcrx_lease_has_ended(self.raw()) > 0 }
    }

    /// Why it has ended, if it has.
    pub fn end_reason(&self) -> Option<Error> {
        let mut reason = ptr::null();
        // SAFETY: the lease is alive, and `reason` is there to be written to.
        let number = unsafe { sys::zcrx_lease_get_end_reason(self.raw(), &mut reason) };
        // SAFETY: it is NULL still, or what the lease has, which is copied.
        let reason = unsafe { from_c(reason) };
        (number < 0).then(|| Error::new(number, reason.unwrap_or_default(), None))
    }

    /// When it ends at the latest, if it was revoked.
    pub fn ending(&self) -> Option<SystemTime> {
        let mut deadline = 0;
        // SAFETY: the lease is alive, and `deadline` is there to be written to.
        let ending = unsafe { sys::zcrx_lease_get_ending(self.raw(), &mut deadline) } > 0;
        ending.then(|| time_of(deadline))
    }

    /// Has the connections that `socket` accepts, or is, spread over all queues of the lease. Each has to be registered.
    pub fn steer(&self, socket: impl AsFd) -> Result<()> {
        let socket = socket.as_fd().as_raw_fd();
        // SAFETY: the lease is alive, and the socket open.
        self.check(unsafe { sys::zcrx_lease_steer_socket(self.raw(), socket) })
    }

    /// The index of the queue that has to receive from a connection; none: it arrives on no queue that is registered
    /// here, so any will do, by copying.
    pub fn find_queue(&self, socket: impl AsFd) -> Option<u32> {
        let socket = socket.as_fd().as_raw_fd();
        // SAFETY: the lease is alive, and the socket open.
        u32::try_from(unsafe { sys::zcrx_lease_find_queue(self.raw(), socket) }).ok()
    }

    /// For [`Lease::find_queue`] with drivers that change NAPI ids: see zcrx_lease_refresh_napi_ids(3).
    pub fn refresh_napi_ids(&self) -> Result<()> {
        // SAFETY: the lease is alive.
        self.check(unsafe { sys::zcrx_lease_refresh_napi_ids(self.raw()) })
    }

    /// The flows that were steered, by id, in that order.
    pub fn flows(&self) -> Vec<String> {
        self.texts(sys::zcrx_lease_get_flow_id)
    }

    /// Removes a flow.
    pub fn remove_flow(&self, id: &str) -> Result<()> {
        let id = to_c(id)?;
        // SAFETY: the lease is alive, and the id until the end of the call.
        self.check(unsafe { sys::zcrx_lease_remove_flow(self.raw(), id.as_ptr()) })
    }

    /// Of what was steered last: a sentence for each flow that a rule of somebody else takes, or may take.
    pub fn taken(&self) -> Vec<String> {
        self.texts(sys::zcrx_lease_get_taken)
    }

    /// Of what was steered last: flows for which there is no room yet, the first 16 of them.
    pub fn left_out(&self) -> Vec<String> {
        self.texts(sys::zcrx_lease_get_left_out)
    }

    fn texts(&self, get: unsafe extern "C" fn(*mut sys::zcrx_lease, c_uint) -> *const c_char) -> Vec<String> {
        // SAFETY: the lease is alive; what it gives stays until it is asked for something else, and is copied.
        (0..).map_while(|index| unsafe { from_c(get(self.raw(), index)) }).collect()
    }

    /// A new time to live, from now.
    pub fn renew(&self, time: Duration) -> Result<()> {
        // SAFETY: the lease is alive.
        self.check(unsafe { sys::zcrx_lease_renew(self.raw(), microseconds(time)) })
    }

    /// Ends it, whoever else has its handle, and waits until its queues are free again. Drop its queues, streams and
    /// spans first.
    pub fn release(self) -> Result<()> {
        // SAFETY: the lease is alive, and is dropped afterwards.
        self.check(unsafe { sys::zcrx_lease_release(self.raw()) })
    }
}

/// The handle: it polls as hung up when the lease has ended, and a process that has a copy has the lease.
impl AsFd for Lease {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: a lease that was got has a handle, which is closed when it is dropped or released.
        unsafe { BorrowedFd::borrow_raw(sys::zcrx_lease_get_fd(self.raw())) }
    }
}

impl AsRawFd for Lease {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // SAFETY: this is the reference that the object has; nothing uses it afterwards.
        unsafe { sys::zcrx_lease_unref(self.raw()) };
    }
}

/// Of CLOCK_REALTIME in microseconds.
pub(crate) fn time_of(microseconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_micros(microseconds)).unwrap_or(SystemTime::UNIX_EPOCH)
}
