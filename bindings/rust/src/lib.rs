// SPDX-License-Identifier: LGPL-2.1-or-later
//! Receive TCP payload by zero copy, on NIC queues that zcrxd leases, without privilege: libzcrx-client for Rust.
//!
//! ```no_run
//! use std::io::Write;
//! use std::net::TcpListener;
//! use zcrx::{Client, Event, Lease, Queue};
//!
//! fn main() -> std::io::Result<()> {
//!     let client = Client::connect()?;
//!     let lease = Lease::acquire(&client)?;
//!     let queue = Queue::register(&lease, 0)?;
//!     let listener = TcpListener::bind("[::]:9999")?;
//!     queue.steer(&lease, &listener)?;
//!     let (socket, _) = listener.accept()?;
//!     let _stream = queue.receive(&socket, 0)?;
//!     while let Some(event) = queue.wait(None)? {
//!         match event {
//!             Event::Data { span, .. } => std::io::stdout().write_all(&span)?, // and back to the NIC
//!             Event::Failed { error, .. } => return Err(error.into()),
//!             Event::Eof { .. } => break,
//!             _ => (),
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! There are two layers, which zcrx-client(7) compares: a [`Queue`] is a ring of the library's own, with a loop; a
//! [`Pool`] is the buffers of a queue on an io_uring of the program's. Either gives [`Span`]s: payload where the NIC has
//! put it, that goes back when it is dropped, in whatever thread.
//!
//! Threads: [`Client`] and [`Lease`] stay in the one that made them. A [`Queue`] or [`Pool`] may be sent to another once
//! it is registered, and its [`Stream`]s stay there. A [`Span`] goes anywhere. The compiler holds programs to it.
//!
//! With several queues in a lease, one for each thread: register all of them, [`Lease::steer`], and receive each accepted
//! socket on the queue that [`Lease::find_queue`] names.
//!
//! Of libzcrx-client, what is not here: clients that do not block, dma-bufs, areas of the program's own, queues on
//! several rings, requests of the program's on a queue's ring.
//!
//! The crate needs libzcrx-client of the same minor version, which pkg-config finds or ZCRX_CLIENT_LIB_DIR names, and no
//! other crate; neither liburing nor libsystemd is used or seen by it. Its examples are whole programs: `receive`,
//! `threads` with several queues, and `ring` on an io_uring of its own.

mod client;
mod error;
mod event;
mod lease;
mod pool;
mod queue;
mod span;
mod stream;
mod sys;

pub use client::Client;
pub use error::{Error, Result};
pub use event::Event;
pub use lease::{Lease, LeaseOptions};
pub use pool::{Next, Pool, PoolOptions, nudge};
pub use queue::{Counter, Queue, QueueOptions};
pub use span::Span;
pub use stream::Stream;
