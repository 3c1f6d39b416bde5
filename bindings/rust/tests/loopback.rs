// SPDX-License-Identifier: LGPL-2.1-or-later
//! The crate over loopback, where there is no zcrxd: the backend that copies. What needs a NIC is tests/rust of zcrxd.

use std::io::{ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use zcrx::{Client, Event, Lease, LeaseOptions, Queue, QueueOptions, Span, Stream};

const AREA: usize = 1 << 20;
const LONG: Option<Duration> = Some(Duration::from_secs(10));
const SHORT: Option<Duration> = Some(Duration::from_millis(50));

fn lease() -> Lease {
    LeaseOptions::new().backends("copy").acquire(&Client::new().unwrap()).unwrap()
}

fn queue() -> Queue {
    QueueOptions::new().area_size(AREA).register(&lease(), 0).unwrap()
}

/// Who sends, and who receives.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (sender, listener.accept().unwrap().0)
}

/// Bytes of which every place shows.
fn bytes(count: usize) -> Vec<u8> {
    (0..count as u64).map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
}

fn send(mut sender: TcpStream, data: Vec<u8>) -> JoinHandle<()> {
    thread::spawn(move || sender.write_all(&data).unwrap())
}

/// What comes up to the last event, in order, and that.
fn read_all(queue: &Queue) -> (Vec<u8>, Event) {
    let (mut received, mut first) = (Vec::new(), None);
    loop {
        match queue.wait(LONG).unwrap().expect("an event in time") {
            Event::Data { offset, span, .. } => {
                assert_eq!(offset, *first.get_or_insert(offset) + received.len() as u64);
                received.extend_from_slice(&span);
            }
            last => return (received, last),
        }
    }
}

fn next_span(queue: &Queue) -> Span {
    match queue.wait(LONG).unwrap() {
        Some(Event::Data { span, .. }) => span,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_sent_is_received() {
    let (queue, (sender, receiver)) = (queue(), pair());
    let data = bytes(3 * AREA);
    let sending = send(sender, data.clone());
    let stream = queue.receive(&receiver, 77).unwrap();
    drop(receiver);
    let (received, last) = read_all(&queue);
    sending.join().unwrap();
    assert!(received == data);
    assert!(matches!(last, Event::Eof { token: 77, offset } if offset == data.len() as u64), "{last:?}");
    assert_eq!(queue.received(), data.len() as u64);
    assert_eq!(queue.buffers() as usize * queue.buffer_length(), AREA);
    assert!(stream.as_raw_fd() >= 0);
}

/// In which they are dropped: more than the area holds comes only because they go back from there.
#[test]
fn spans_go_back_from_another_thread() {
    let (queue, (sender, receiver)) = (queue(), pair());
    let data = bytes(4 * AREA);
    let sending = send(sender, data.clone());
    let (to, from) = channel::<Span>();
    let collecting = thread::spawn(move || {
        let mut all = Vec::new();
        from.iter().for_each(|span| all.extend_from_slice(&span));
        all
    });
    let _stream = queue.receive(&receiver, 0).unwrap();
    while let Event::Data { span, .. } = queue.wait(LONG).unwrap().unwrap() {
        to.send(span).unwrap();
    }
    drop(to);
    assert!(collecting.join().unwrap() == data);
    sending.join().unwrap();
}

/// Without a drop there is nowhere to put more; with it there is.
#[test]
fn a_dropped_span_is_what_more_is_put_into() {
    let (queue, (sender, receiver)) = (queue(), pair());
    let sending = send(sender, bytes(2 * AREA));
    let _stream = queue.receive(&receiver, 0).unwrap();
    let mut held = Vec::new();
    while let Some(event) = queue.wait(SHORT).unwrap() {
        match event {
            Event::Data { span, .. } => held.push(span),
            other => panic!("{other:?}"),
        }
    }
    let size: usize = held.iter().map(|span| span.len()).sum();
    assert!(0 < size && size <= AREA, "{size}");
    held.clear();
    let (rest, _) = read_all(&queue);
    assert_eq!(size + rest.len(), 2 * AREA);
    sending.join().unwrap();
}

#[test]
fn a_span_outlives_everything() {
    let client = Client::new().unwrap();
    let lease = LeaseOptions::new().backends("copy").acquire(&client).unwrap();
    let queue = Queue::register(&lease, 0).unwrap();
    let (mut sender, receiver) = pair();
    sender.write_all(b"payload").unwrap();
    let stream = queue.receive(&receiver, 0).unwrap();
    let span = next_span(&queue);
    drop(stream);
    drop(queue);
    drop(lease);
    drop(client);
    let length = thread::spawn(move || (span.len(), span.to_vec())).join().unwrap();
    assert_eq!(length, (7, b"payload".to_vec()));
}

#[test]
fn a_queue_receives_in_the_thread_that_it_was_sent_to() {
    let (lease, (mut sender, receiver)) = (lease(), pair());
    let queue = Queue::register(&lease, 0).unwrap();
    sender.write_all(b"there").unwrap();
    let receiving = thread::spawn(move || {
        let _stream = queue.receive(&receiver, 0).unwrap();
        next_span(&queue)
    });
    assert_eq!(&receiving.join().unwrap()[..], b"there");
    assert_eq!((lease.queues(), lease.backend().as_str()), (1, "copy"));
}

#[test]
fn no_event_in_time() {
    let (queue, (_sender, receiver)) = (queue(), pair());
    let _stream = queue.receive(&receiver, 0).unwrap();
    assert!(queue.wait(Some(Duration::ZERO)).unwrap().is_none());
    assert!(queue.wait(SHORT).unwrap().is_none());
    assert!(queue.poll_fd().unwrap().as_raw_fd() >= 0);
}

#[test]
fn so_many_bytes_and_then_more() {
    let (queue, (mut sender, receiver)) = (queue(), pair());
    sender.write_all(b"headerbody").unwrap();
    let stream = queue.receive_bounded(&receiver, 3, 6).unwrap();
    let (received, last) = read_all(&queue);
    assert_eq!(received, b"header");
    assert!(matches!(last, Event::Stopped { token: 3, offset: 6 }), "{last:?}");
    stream.go_on(Some(4)).unwrap();
    assert_eq!(read_all(&queue).0, b"body");
}

#[test]
fn pause_resume_and_drop() {
    let (queue, (mut sender, receiver)) = (queue(), pair());
    let stream: Stream = queue.receive(&receiver, 0).unwrap();
    stream.pause().unwrap();
    sender.write_all(b"later").unwrap();
    assert!(queue.wait(SHORT).unwrap().is_none());
    stream.resume().unwrap();
    assert_eq!(&next_span(&queue)[..], b"later");
    drop(stream);
    sender.write_all(b"nobody").unwrap();
    assert!(queue.wait(SHORT).unwrap().is_none());
}

#[test]
fn failures_say_what_and_why() {
    let missing = Client::connect_to("/nonexistent/socket").unwrap_err();
    assert_eq!((missing.raw_os_error(), missing.kind(), missing.id()), (2, ErrorKind::NotFound, None));
    assert!(missing.to_string().contains("/nonexistent/socket"), "{missing}");
    let shown = std::io::Error::from(missing.clone());
    assert_eq!((shown.kind(), shown.to_string()), (ErrorKind::NotFound, missing.to_string()));

    let client = Client::new().unwrap();
    let wrong = LeaseOptions::new().backends("nonsense").acquire(&client).unwrap_err();
    assert!(wrong.to_string().contains("nonsense"), "{wrong}");
    assert!(LeaseOptions::new().name("a\0b").acquire(&client).unwrap_err().to_string().contains("zero byte"));

    let lease = lease();
    let none = Queue::register(&lease, 7).unwrap_err();
    assert!(none.to_string().contains("no queue 7"), "{none}");
    let closed = queue().receive(std::io::stdin(), 0).unwrap_err();
    assert!(!closed.to_string().is_empty());
}

#[test]
fn a_queue_of_another_lease_is_refused() {
    let (one, two) = (lease(), lease());
    let queue = Queue::register(&one, 0).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    assert!(queue.steer(&two, &listener).unwrap_err().to_string().contains("another lease"));
    queue.steer(&one, &listener).unwrap();
}

#[test]
fn a_released_lease_tells_those_who_have_its_handle() {
    let lease = lease();
    assert!(!lease.has_ended() && lease.end_reason().is_none() && lease.ending().is_none());
    let handle = lease.as_fd().try_clone_to_owned().unwrap();
    lease.release().unwrap();
    let mut said = String::new();
    std::io::Read::read_to_string(&mut std::fs::File::from(handle), &mut said).unwrap();
    assert!(said.contains("released"), "{said}");
}
