// SPDX-License-Identifier: LGPL-2.1-or-later
//! What the compiler refuses, by the number of its error; beside each what it takes, so that it is this that is refused.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The crate as cargo has built it for this test: the newest one.
fn library(dependencies: &Path) -> PathBuf {
    fs::read_dir(dependencies)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "rlib"))
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("libzcrx-"))
        .max_by_key(|path| fs::metadata(path).unwrap().modified().unwrap())
        .expect("the crate as a library")
}

/// What rustc says of a crate with that in it; nothing: it takes it.
fn compile(name: &str, body: &str) -> String {
    let dependencies = env::current_exe().unwrap().parent().unwrap().to_path_buf();
    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.rs"));
    fs::write(&source, format!("#![allow(unused)]\nuse zcrx::*;\nuse std::net::TcpStream;\n{body}\n")).unwrap();
    let said = Command::new(env::var("RUSTC").unwrap_or_else(|_| "rustc".into()))
        .args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "--out-dir", env!("CARGO_TARGET_TMPDIR")])
        .arg(format!("--extern=zcrx={}", library(&dependencies).display()))
        .arg(&source)
        .output()
        .unwrap();
    String::from_utf8(said.stderr).unwrap()
}

#[track_caller]
fn refuses(name: &str, error: &str, refused: &str, taken: &str) {
    let said = compile(&format!("{name}_taken"), taken);
    assert!(said.is_empty(), "{said}");
    let said = compile(name, refused);
    let found: Vec<_> = said.split("error[").skip(1).map(|rest| &rest[..error.len()]).collect();
    assert!(!found.is_empty() && found.iter().all(|one| *one == error), "{said}");
}

#[test]
fn bytes_that_outlive_their_span() {
    refuses(
        "bytes",
        "E0505",
        "fn f(span: Span) { let bytes: &[u8] = &span; drop(span); println!(\"{}\", bytes.len()); }",
        "fn f(span: Span) { let bytes: &[u8] = &span; println!(\"{}\", bytes.len()); drop(span); }",
    );
}

#[test]
fn a_span_that_is_given_back_twice() {
    refuses("twice", "E0382", "fn f(span: Span) { drop(span); drop(span); }", "fn f(span: Span) { drop(span); }");
}

#[test]
fn a_stream_that_outlives_its_queue() {
    refuses(
        "stream",
        "E0505",
        "fn f(q: Queue, s: TcpStream) { let stream = q.receive(&s, 0).unwrap(); drop(q); stream.pause(); }",
        "fn f(q: Queue, s: TcpStream) { let stream = q.receive(&s, 0).unwrap(); stream.pause(); drop(stream); drop(q); }",
    );
}

#[test]
fn a_queue_that_leaves_the_thread_of_its_streams() {
    refuses(
        "leave",
        "E0505",
        "fn f(q: Queue, s: TcpStream) { let stream = q.receive(&s, 0); std::thread::spawn(move || q.wait(None)); drop(stream); }",
        "fn f(q: Queue, s: TcpStream) { std::thread::spawn(move || { let stream = q.receive(&s, 0); q.wait(None); }); }",
    );
}

#[test]
fn a_queue_in_two_threads() {
    refuses(
        "two",
        "E0277",
        "fn f(q: &Queue) { std::thread::scope(|s| { s.spawn(|| q.wait(None)); }); }",
        "fn f(q: Queue) { std::thread::scope(|s| { s.spawn(move || q.wait(None)); }); }",
    );
}

#[test]
fn a_lease_in_another_thread_than_its_client() {
    refuses(
        "lease",
        "E0277",
        "fn f(lease: Lease) { std::thread::spawn(move || lease.has_ended()); }",
        "fn f(path: String) { std::thread::spawn(move || Lease::acquire(&Client::connect_to(&path).unwrap()).is_ok()); }",
    );
}

#[test]
fn what_goes_where_is_as_the_manual_says() {
    let all = "fn sends<T: Send>() {} fn f() { sends::<Queue>(); sends::<Pool>(); sends::<Span>(); sends::<Error>(); }
        fn shares<T: Sync>() {} fn g() { shares::<Span>(); shares::<Error>(); }";
    assert_eq!(compile("where", all), "");
    for (i, (bound, kind)) in
        [("Sync", "Queue"), ("Sync", "Pool"), ("Send", "Client"), ("Send", "Lease")].iter().enumerate()
    {
        let said = compile(&format!("where{i}"), &format!("fn f<T: {bound}>() {{}} fn g() {{ f::<{kind}>(); }}"));
        assert!(said.contains("error[E0277]"), "{kind}: {said}");
    }
}
