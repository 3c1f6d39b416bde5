// SPDX-License-Identifier: LGPL-2.1-or-later
use std::ffi::c_int;
use std::ptr::{self, NonNull};
use std::time::Duration;

use crate::error::{Error, Result, from_c, to_c};
use crate::sys;

/// A connection to zcrxd, and the account of what failed last.
///
/// It belongs to the thread that made it, with its leases: neither [`Send`] nor [`Sync`]. Queues go to other threads.
/// A connection that breaks is made again by the next call that needs it; leases outlive a restart of zcrxd.
///
/// Calls wait for zcrxd; see [`Client::set_timeout`].
#[derive(Debug)]
pub struct Client {
    raw: NonNull<sys::zcrx_client>,
}

impl Client {
    /// Not connected, for leases of other backends than zcrxd, and of those where zcrxd is one of several.
    pub fn new() -> Result<Self> {
        let mut raw = ptr::null_mut();
        // SAFETY: `raw` is there to be written to.
        let result = unsafe { sys::zcrx_client_new(&mut raw) };
        NonNull::new(raw).filter(|_| result >= 0).map(|raw| Self { raw }).ok_or_else(|| Error::bare(result))
    }

    /// Connects to zcrxd at its usual socket.
    pub fn connect() -> Result<Self> {
        let client = Self::new()?;
        // SAFETY: the client is alive; NULL stands for the usual socket.
        client.check(unsafe { sys::zcrx_client_connect(client.raw(), ptr::null()) })?;
        Ok(client)
    }

    /// Connects to zcrxd at another socket.
    pub fn connect_to(path: &str) -> Result<Self> {
        let client = Self::new()?;
        let path = to_c(path)?;
        // SAFETY: the client is alive, and the path until the end of the call, which copies it.
        client.check(unsafe { sys::zcrx_client_connect(client.raw(), path.as_ptr()) })?;
        Ok(client)
    }

    /// How long zcrxd may take for an answer: 45 seconds, unless set. What is asked for may be done nevertheless.
    pub fn set_timeout(&self, limit: Duration) -> Result<()> {
        // SAFETY: the client is alive.
        self.check(unsafe { sys::zcrx_client_set_timeout(self.raw(), microseconds(limit).max(1)) })?;
        Ok(())
    }

    pub(crate) fn raw(&self) -> *mut sys::zcrx_client {
        self.raw.as_ptr()
    }

    /// One more reference to the same client, for what is made of it.
    pub(crate) fn share(&self) -> Self {
        // SAFETY: the client is alive. The reference is given back when the new object is dropped.
        unsafe { sys::zcrx_client_ref(self.raw()) };
        Self { raw: self.raw }
    }

    /// Of what was called in the thread of the client, which this is: nobody else has it.
    pub(crate) fn check(&self, result: c_int) -> Result<c_int> {
        if result >= 0 {
            return Ok(result);
        }
        // SAFETY: the client is alive; what it says stays until its next call, and is copied before.
        let message = unsafe { from_c(sys::zcrx_client_error(self.raw())) };
        // SAFETY: as above.
        let id = unsafe { from_c(sys::zcrx_client_error_id(self.raw())) };
        Err(Error::new(result, message.unwrap_or_default(), id))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: this is the reference that the object has; nothing uses it afterwards.
        unsafe { sys::zcrx_client_unref(self.raw()) };
    }
}

pub(crate) fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
