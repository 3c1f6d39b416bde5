// SPDX-License-Identifier: LGPL-2.1-or-later
//! Receives files over TCP by zero copy on a plain io_uring, beside its other requests:
//!
//!     ring PORT DIRECTORY [CONNECTIONS]
//!
//! What comes through each connection is written to a file in DIRECTORY, from where the NIC has put it. The ring is made
//! by system calls (uring.rs); neither liburing nor a crate of that kind is used. Ends when so many CONNECTIONS have been
//! stored, or when killed. The variable INTERFACE may name the NIC.

mod uring;

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::fs::File;
use std::io::{self, Write};
use std::net::TcpListener;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::PathBuf;
use std::process::ExitCode;

use uring::{Cqe, Ring, Sqe};
use zcrx::{Client, Counter, Lease, LeaseOptions, Next, Pool};

const OP_POLL_ADD: u8 = 6;
const OP_TIMEOUT: u8 = 11;
const OP_ACCEPT: u8 = 13;
const OP_RECV_ZC: u8 = 58;
const ACCEPT_MULTISHOT: u16 = 1;
const RECV_MULTISHOT: u16 = 2;
const CQE_F_MORE: u32 = 2;
const SOCK_CLOEXEC: u32 = 0o2000000;
const POLLRDHUP: u32 = 0x2000;
const SOME: u32 = 64; // spans of one connection, after which it is nudged

/// struct __kernel_timespec: 4 ms.
static DELAY: [i64; 2] = [0, 4_000_000];

// The low bits of user_data; the rest is the number of a connection.
const ACCEPT: u64 = 0;
const RECEIVE: u64 = 1;
const RETRY: u64 = 2;
const LEASE: u64 = 3;
const KINDS: u64 = 4;

struct Connection {
    socket: OwnedFd,
    file: File,
    received: usize,
    spans: u32, // since it was nudged
}

struct Server<'pool> {
    ring: Ring,
    pool: &'pool Pool,
    listener: TcpListener,
    directory: PathBuf,
    connections: HashMap<u64, Connection>,
    accepted: u64,
    stored: u64,
}

impl Server<'_> {
    fn arm_accept(&mut self) -> io::Result<()> {
        self.ring.push(Sqe {
            opcode: OP_ACCEPT,
            ioprio: ACCEPT_MULTISHOT,
            fd: self.listener.as_raw_fd(),
            op_flags: SOCK_CLOEXEC,
            user_data: ACCEPT,
            ..Sqe::default()
        })
    }

    /// What makes a receive zero copy: the pool's number.
    fn arm_receive(&mut self, number: u64) -> io::Result<()> {
        let Some(connection) = self.connections.get(&number) else { return Ok(()) };
        self.ring.push(Sqe {
            opcode: OP_RECV_ZC,
            ioprio: RECV_MULTISHOT,
            fd: connection.socket.as_raw_fd(),
            file_index: self.pool.id(),
            user_data: number * KINDS + RECEIVE,
            ..Sqe::default()
        })
    }

    fn arm_retry(&mut self, number: u64) -> io::Result<()> {
        self.ring.push(Sqe {
            opcode: OP_TIMEOUT,
            address: (&raw const DELAY).addr() as u64,
            length: 1,
            user_data: number * KINDS + RETRY,
            ..Sqe::default()
        })
    }

    fn accepted(&mut self, cqe: &Cqe) -> io::Result<()> {
        if cqe.result < 0 {
            return Err(io::Error::from_raw_os_error(-cqe.result));
        }
        // SAFETY: the kernel has made this descriptor for this completion, which is looked at once.
        let socket = unsafe { OwnedFd::from_raw_fd(cqe.result) };
        let (number, path) = (self.accepted, self.directory.join(self.accepted.to_string()));
        self.accepted += 1;
        self.connections.insert(number, Connection { socket, file: File::create(path)?, received: 0, spans: 0 });
        self.arm_receive(number)?;
        if cqe.flags & CQE_F_MORE == 0 { self.arm_accept() } else { Ok(()) }
    }

    fn received(&mut self, number: u64, cqe: &Cqe) -> Result<(), Box<dyn Error>> {
        // SAFETY: a completion of this ring, whose receives name this pool; each is looked at once.
        if let Some(span) = unsafe { self.pool.take(cqe) }? {
            if let Some(connection) = self.connections.get_mut(&number) {
                connection.file.write_all(&span)?;
                connection.received += span.len();
                connection.spans += 1;
            }
            return Ok(()); // and the span back to the NIC
        }
        match self.pool.next(cqe.result) {
            Next::Flush => {
                self.pool.flush()?;
                self.arm_receive(number)?;
            }
            Next::Arm => self.arm_receive(number)?,
            Next::Wait => self.arm_retry(number)?,
            end => {
                if end != Next::End {
                    eprintln!("{number}: cannot receive: {}", io::Error::from_raw_os_error(-cqe.result));
                }
                println!("{number}: {} bytes", self.connections.remove(&number).map_or(0, |c| c.received));
                self.stored += 1;
            }
        }
        Ok(())
    }

    /// The kernel may have forgotten to tell that there is more: see zcrx_pool_nudge(3).
    fn nudge(&mut self) -> Result<(), Box<dyn Error>> {
        for connection in self.connections.values_mut().filter(|c| c.spans >= SOME) {
            zcrx::nudge(&connection.socket)?;
            connection.spans = 0;
        }
        Ok(())
    }

    fn serve(&mut self, lease: &Lease, connections: u64) -> Result<(), Box<dyn Error>> {
        let (fd, opcode) = (lease.as_raw_fd(), OP_POLL_ADD);
        self.ring.push(Sqe { opcode, fd, op_flags: POLLRDHUP, user_data: LEASE, ..Sqe::default() })?;
        self.arm_accept()?;
        while self.stored < connections {
            self.ring.wait()?;
            while let Some(cqe) = self.ring.pop() {
                match cqe.user_data % KINDS {
                    ACCEPT => self.accepted(&cqe)?,
                    RECEIVE => self.received(cqe.user_data / KINDS, &cqe)?,
                    RETRY => self.arm_receive(cqe.user_data / KINDS)?,
                    _ => eprintln!("The lease has ended: {}.", lease.end_reason().ok_or("nobody knows why")?),
                }
            }
            self.nudge()?;
        }
        Ok(())
    }
}

fn run(port: u16, directory: PathBuf, connections: u64) -> Result<(), Box<dyn Error>> {
    let client = Client::connect()?;
    let mut wanted = LeaseOptions::new();
    if let Ok(name) = env::var("INTERFACE") {
        wanted.interface(&name);
    }
    let lease = wanted.acquire(&client)?;
    let ring = Ring::new(256, 4096, Pool::ring_flags())?;
    let pool = Pool::register(&lease, 0, &ring)?;
    ring.enable()?;
    let listener = TcpListener::bind(("::", port)).or_else(|_| TcpListener::bind(("0.0.0.0", port)))?;
    pool.steer(&lease, &listener)?;
    println!("listening");
    let connected = HashMap::new();
    let mut server = Server { ring, pool: &pool, listener, directory, connections: connected, accepted: 0, stored: 0 };
    server.serve(&lease, connections)?;
    if let Ok(bytes) = pool.counter(Counter::Copied) {
        println!("{bytes} bytes were copied");
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().collect();
    let (Some(port), Some(directory)) = (arguments.get(1).and_then(|port| port.parse().ok()), arguments.get(2)) else {
        eprintln!("usage: ring PORT DIRECTORY [CONNECTIONS]");
        return ExitCode::from(2);
    };
    let connections = arguments.get(3).and_then(|n| n.parse().ok()).unwrap_or(u64::MAX);
    match run(port, directory.into(), connections) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
