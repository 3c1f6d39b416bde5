// SPDX-License-Identifier: LGPL-2.1-or-later
use std::ptr::NonNull;
use std::time::SystemTime;

use crate::error::{Error, from_c};
use crate::lease::time_of;
use crate::span::Span;
use crate::sys;

/// What [`Queue::wait`](crate::Queue::wait) tells. `token` is that of the stream; `offset` is how many bytes of the
/// stream were delivered before.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// Payload.
    Data {
        /// Of the stream.
        token: usize,
        /// Where in the stream it begins.
        offset: u64,
        /// Where the NIC has put it.
        span: Span,
    },
    /// The peer has sent everything. The last one of the stream.
    Eof {
        /// Of the stream.
        token: usize,
        /// How many bytes there were.
        offset: u64,
    },
    /// Why the stream cannot go on. The last one of it.
    Failed {
        /// Of the stream.
        token: usize,
        /// How many bytes there were.
        offset: u64,
        /// Why.
        error: Error,
    },
    /// As [`Stream::stop`](crate::Stream::stop) or a bound wanted it; the next byte is the first one in the socket. The
    /// last one of the stream, unless that is resumed by [`Stream::go_on`](crate::Stream::go_on).
    Stopped {
        /// Of the stream.
        token: usize,
        /// How many bytes there were.
        offset: u64,
    },
    /// The lease has ended; streams go on, copied by the kernel, unless the number is `ENODEV`. Comes once.
    LeaseGone {
        /// Why.
        error: Error,
    },
    /// The lease was revoked. Comes once, if there is any grace.
    LeaseEnding {
        /// When it ends at the latest.
        deadline: SystemTime,
    },
    /// What this version of the crate does not know.
    Other,
}

impl Event {
    /// # Safety
    ///
    /// The library has given the event just now, of that queue, and it is taken no second time.
    pub(crate) unsafe fn take(queue: NonNull<sys::zcrx_queue>, event: &sys::zcrx_event) -> Self {
        let (token, offset) = (event.userdata as usize, event.offset);
        // SAFETY: NULL, or a string that stays until the next event, and is copied.
        let error = || Error::new(event.error, unsafe { from_c(event.message) }.unwrap_or_default(), None);
        match event.r#type {
            sys::ZCRX_EVENT_DATA => {
                // SAFETY: an event of this kind gives away a buffer of the queue, with so many bytes.
                let span = unsafe { Span::of_queue(queue, event.data, event.length) };
                span.map_or(Self::Other, |span| Self::Data { token, offset, span })
            }
            sys::ZCRX_EVENT_EOF => Self::Eof { token, offset },
            sys::ZCRX_EVENT_ERROR => Self::Failed { token, offset, error: error() },
            sys::ZCRX_EVENT_STOPPED => Self::Stopped { token, offset },
            sys::ZCRX_EVENT_LEASE_GONE => Self::LeaseGone { error: error() },
            sys::ZCRX_EVENT_LEASE_ENDING => Self::LeaseEnding { deadline: time_of(event.deadline_usec) },
            _ => Self::Other,
        }
    }
}
