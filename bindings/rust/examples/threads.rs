// SPDX-License-Identifier: LGPL-2.1-or-later
//! Receives files over TCP by zero copy, on several queues with a thread for each:
//!
//!     threads PORT DIRECTORY [CONNECTIONS]
//!
//! The NIC spreads the connections over the queues; each socket is sent to the thread of the queue on which its packets
//! arrive, and what comes through it is written to a file in DIRECTORY from where the NIC has put it. Ends when so many
//! CONNECTIONS have been stored, or when killed. The variable QUEUES says how many queues (2), INTERFACE may name the NIC.

mod common;

use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{env, io};

use zcrx::{Client, Event, LeaseOptions, Queue, Stream};

/// A thread as the one that accepts knows it.
struct Worker {
    sockets: Sender<(usize, TcpStream)>,
    /// Polled, unlike a channel.
    bell: UnixStream,
    thread: JoinHandle<io::Result<()>>,
}

impl Worker {
    fn new(queue: Queue, directory: &Path) -> io::Result<Self> {
        let (sockets, from) = channel();
        let (bell, heard) = UnixStream::pair()?;
        heard.set_nonblocking(true)?;
        let directory = directory.to_path_buf();
        let thread = thread::spawn(move || work(&queue, from, heard, &directory));
        Ok(Self { sockets, bell, thread })
    }

    fn give(&mut self, number: usize, socket: TcpStream) -> Result<(), Box<dyn Error>> {
        self.sockets.send((number, socket))?;
        Ok(self.bell.write_all(&[0])?)
    }

    /// When it is done with what it has.
    fn finish(self) -> Result<(), Box<dyn Error>> {
        drop((self.sockets, self.bell));
        Ok(self.thread.join().map_err(|_| "a thread has panicked")??)
    }
}

/// The file goes with the stream.
type Streams<'queue> = HashMap<usize, (Stream<'queue>, File)>;

fn handle(streams: &mut Streams, event: Event) -> io::Result<()> {
    match event {
        Event::Data { token, span, .. } => match streams.get_mut(&token) {
            Some((_, file)) => file.write_all(&span)?,
            None => unreachable!("events end with the stream"),
        },
        Event::Eof { token, offset } => {
            println!("{token}: {offset} bytes");
            streams.remove(&token);
        }
        Event::Failed { token, error, .. } => {
            eprintln!("{token}: {error}");
            streams.remove(&token);
        }
        Event::LeaseGone { error } => eprintln!("The lease has ended: {error}."),
        _ => (),
    }
    Ok(())
}

/// Until no more sockets can come, and all that came are at their end.
fn work(
    queue: &Queue,
    sockets: Receiver<(usize, TcpStream)>,
    mut heard: UnixStream,
    directory: &Path,
) -> io::Result<()> {
    let (mut streams, mut more) = (Streams::new(), true);
    while more || !streams.is_empty() {
        // Once nobody can ring it any more, it would be readable for ever.
        common::wait_for(if more { [queue.poll_fd()?, heard.as_fd()] } else { [queue.poll_fd()?; 2] })?;
        while matches!(heard.read(&mut [0; 64]), Ok(1..)) {}
        more = loop {
            match sockets.try_recv() {
                Ok((number, socket)) => {
                    let file = File::create(directory.join(number.to_string()))?;
                    streams.insert(number, (queue.receive(&socket, number)?, file));
                }
                Err(why) => break why == TryRecvError::Empty,
            }
        };
        while let Some(event) = queue.wait(Some(Duration::ZERO))? {
            handle(&mut streams, event)?;
        }
    }
    Ok(())
}

fn run(port: u16, directory: PathBuf, connections: usize) -> Result<(), Box<dyn Error>> {
    let client = Client::connect()?;
    let mut wanted = LeaseOptions::new();
    wanted.queues(env::var("QUEUES").map_or(Ok(2), |n| n.parse())?);
    if let Ok(name) = env::var("INTERFACE") {
        wanted.interface(&name);
    }
    let lease = wanted.acquire(&client)?;
    // All that asks zcrxd is done here, before the threads take their queues over.
    let queues = (0..lease.queues()).map(|i| Queue::register(&lease, i)).collect::<Result<Vec<_>, _>>()?;
    let listener = TcpListener::bind(("::", port)).or_else(|_| TcpListener::bind(("0.0.0.0", port)))?;
    lease.steer(&listener)?;
    let workers = queues.into_iter().map(|queue| Worker::new(queue, &directory));
    let mut workers = workers.collect::<io::Result<Vec<_>>>()?;
    println!("listening");
    for number in 0..connections {
        let (socket, _) = listener.accept()?;
        let index = lease.find_queue(&socket).unwrap_or(0); // of none that is ours, by copying
        workers[index as usize].give(number, socket)?;
    }
    workers.into_iter().try_for_each(Worker::finish)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().collect();
    let (Some(port), Some(directory)) = (arguments.get(1).and_then(|port| port.parse().ok()), arguments.get(2)) else {
        eprintln!("usage: threads PORT DIRECTORY [CONNECTIONS]");
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
