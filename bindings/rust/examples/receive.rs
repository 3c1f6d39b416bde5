// SPDX-License-Identifier: LGPL-2.1-or-later
//! Receives files over TCP by zero copy:
//!
//!     receive PORT DIRECTORY [CONNECTIONS]
//!
//! What comes through each connection is written to a file in DIRECTORY, from where the NIC has put it, by a second
//! thread: spans are sent there, and go back to the NIC when they are dropped there. Ends when so many CONNECTIONS have
//! been stored, or when killed. The variable INTERFACE may name the NIC.

mod common;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::error::Error;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::{env, thread};

use zcrx::{Client, Counter, Event, LeaseOptions, Queue, Span, Stream};

/// For the thread that writes.
enum Work {
    Write(usize, Span),
    Close(usize),
}

fn write(directory: &Path, work: Receiver<Work>) -> io::Result<()> {
    let mut files: HashMap<usize, (File, usize)> = HashMap::new();
    for one in work {
        match one {
            Work::Write(number, span) => {
                let (file, size) = match files.entry(number) {
                    Entry::Occupied(entry) => entry.into_mut(),
                    Entry::Vacant(entry) => entry.insert((File::create(directory.join(number.to_string()))?, 0)),
                };
                file.write_all(&span)?;
                *size += span.len();
            }
            Work::Close(number) => println!("{number}: {} bytes", files.remove(&number).map_or(0, |(_, size)| size)),
        }
    }
    Ok(())
}

struct Receiving<'queue> {
    queue: &'queue Queue,
    streams: HashMap<usize, Stream<'queue>>,
    accepted: usize,
    work: Sender<Work>,
}

impl Receiving<'_> {
    fn accept(&mut self, listener: &TcpListener) -> Result<(), Box<dyn Error>> {
        loop {
            match listener.accept() {
                Ok((socket, _)) => {
                    self.streams.insert(self.accepted, self.queue.receive(&socket, self.accepted)?);
                    self.accepted += 1;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn handle(&mut self, event: Event) -> Result<(), Box<dyn Error>> {
        match event {
            Event::Data { token, span, .. } => self.work.send(Work::Write(token, span))?,
            Event::Eof { token, .. } => self.end(token)?,
            Event::Failed { token, error, .. } => {
                eprintln!("{token}: {error}");
                self.end(token)?;
            }
            Event::LeaseGone { error } => eprintln!("The lease has ended: {error}."),
            _ => (),
        }
        Ok(())
    }

    fn end(&mut self, token: usize) -> Result<(), Box<dyn Error>> {
        self.streams.remove(&token);
        Ok(self.work.send(Work::Close(token))?)
    }
}

fn serve(queue: &Queue, listener: &TcpListener, connections: usize, work: Sender<Work>) -> Result<(), Box<dyn Error>> {
    let mut receiving = Receiving { queue, streams: HashMap::new(), accepted: 0, work };
    let fds = [queue.poll_fd()?, listener.as_fd()];
    listener.set_nonblocking(true)?;
    while receiving.accepted < connections || !receiving.streams.is_empty() {
        common::wait_for(fds)?;
        receiving.accept(listener)?;
        while let Some(event) = queue.wait(Some(std::time::Duration::ZERO))? {
            receiving.handle(event)?;
        }
    }
    Ok(())
}

fn run(port: u16, directory: PathBuf, connections: usize) -> Result<(), Box<dyn Error>> {
    let client = Client::connect()?;
    let mut wanted = LeaseOptions::new();
    if let Ok(name) = env::var("INTERFACE") {
        wanted.interface(&name);
    }
    let lease = wanted.acquire(&client)?;
    let queue = Queue::register(&lease, 0)?;
    let listener = TcpListener::bind(("::", port)).or_else(|_| TcpListener::bind(("0.0.0.0", port)))?;
    queue.steer(&lease, &listener)?;
    println!("listening");
    let (sender, work) = channel();
    let writer = thread::spawn(move || write(&directory, work));
    let served = serve(&queue, &listener, connections, sender);
    writer.join().map_err(|_| "the thread that writes has panicked")??;
    served?;
    if let Ok(bytes) = queue.counter(Counter::Copied) {
        println!("{bytes} bytes were copied");
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().collect();
    let (Some(port), Some(directory)) = (arguments.get(1).and_then(|port| port.parse().ok()), arguments.get(2)) else {
        eprintln!("usage: receive PORT DIRECTORY [CONNECTIONS]");
        return ExitCode::from(2);
    };
    let connections = arguments.get(3).and_then(|n| n.parse().ok()).unwrap_or(usize::MAX);
    match run(port, directory.into(), connections) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
