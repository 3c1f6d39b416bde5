// SPDX-License-Identifier: LGPL-2.1-or-later
//! src/sys.rs says what zcrx-client.h says: each of its functions is declared again in C after the header, its structures
//! are laid out and its numbers are as there, and a C compiler finds nothing to say.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

#[path = "../src/sys.rs"]
#[allow(dead_code)]
mod sys;

const SOURCE: &str = include_str!("../src/sys.rs");
const ENUMS: [&str; 3] = ["zcrx_counter", "zcrx_next", "zcrx_event_kind"];

/// The C type of one of Rust, qualifiers last: `char const *`.
fn c_type(rust: &str) -> String {
    if let Some(target) = rust.strip_prefix("*mut ") {
        return format!("{} *", c_type(target));
    }
    if let Some(target) = rust.strip_prefix("*const ") {
        return format!("{} const *", c_type(target));
    }
    match rust {
        "c_char" => "char".into(),
        "c_int" => "int".into(),
        "c_uint" => "unsigned int".into(),
        "c_void" => "void".into(),
        "usize" => "size_t".into(),
        "u64" => "uint64_t".into(),
        "u32" => "uint32_t".into(),
        "i64" => "int64_t".into(),
        _ if ENUMS.contains(&rust) => format!("enum {rust}"),
        _ if rust.starts_with("zcrx_") => format!("struct {rust}"),
        _ => panic!("{rust} is no type that this test knows"),
    }
}

/// Each `pub fn` of the block, as C has it; how many there are.
fn functions(c: &mut String) -> usize {
    let block = SOURCE.split("unsafe extern \"C\" {").nth(1).expect("the block of functions");
    let declarations: Vec<_> = block.split("pub fn ").skip(1).collect();
    for declaration in &declarations {
        let (name, rest) = declaration.split_once('(').expect("arguments");
        let (arguments, rest) = rest.split_once(')').expect("their end");
        let returned = rest.split(';').next().and_then(|text| text.trim().strip_prefix("-> ")).expect("a result");
        let arguments: Vec<_> = arguments
            .split(',')
            .filter_map(|argument| argument.split_once(':'))
            .map(|(_, kind)| c_type(kind.trim()))
            .collect();
        let arguments = if arguments.is_empty() { "void".into() } else { arguments.join(", ") };
        writeln!(c, "{} {name}({arguments});", c_type(returned)).unwrap();
    }
    declarations.len()
}

fn numbers(c: &mut String) -> usize {
    let lines = SOURCE.lines().filter_map(|line| line.strip_prefix("pub const "));
    lines
        .map(|line| {
            let (name, value) =
                (line.split(':').next().unwrap(), line.trim_end_matches(';').rsplit(' ').next().unwrap());
            writeln!(c, "_Static_assert({name} == {value}, \"{name}\");").unwrap();
        })
        .count()
}

fn layout(c: &mut String) {
    macro_rules! laid_out {
        ($name:ident: $($field:ident)*) => {
            let _ = |all: &sys::$name| { let sys::$name { $($field: _),* } = all; }; // none is left out
            $({
                let (name, field) = (stringify!($name), stringify!($field).trim_start_matches("r#"));
                let offset = std::mem::offset_of!(sys::$name, $field);
                writeln!(c, "_Static_assert(offsetof(struct {name}, {field}) == {offset}, \"{field}\");").unwrap();
            })*
            let (name, size) = (stringify!($name), size_of::<sys::$name>());
            writeln!(c, "_Static_assert(sizeof(struct {name}) == {size}, \"{name}\");").unwrap();
        };
    }
    laid_out!(zcrx_event: r#type error stream userdata data length message user_data result flags offset area_offset
        deadline_usec);
    laid_out!(zcrx_span: data length offset);
    for name in ENUMS {
        writeln!(c, "_Static_assert(sizeof(enum {name}) == {}, \"{name}\");", size_of::<sys::zcrx_next>()).unwrap();
    }
}

/// What the compiler says.
fn compile(c: &str) -> std::process::Output {
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../libzcrx-client");
    let mut compiler = Command::new("cc")
        .args(["-x", "c", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-"])
        .arg(format!("-I{}", include.display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a C compiler, which rustc links with");
    compiler.stdin.take().unwrap().write_all(c.as_bytes()).unwrap();
    compiler.wait_with_output().unwrap()
}

#[test]
fn declarations_are_those_of_the_header() {
    let mut c = String::from("#include <stddef.h>\n#include \"zcrx-client.h\"\n");
    assert!(functions(&mut c) > 80 && numbers(&mut c) > 10);
    layout(&mut c);
    let said = compile(&c);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}

#[test]
fn a_wrong_declaration_is_found() {
    for wrong in [
        "int zcrx_queue_wait(struct zcrx_queue *, unsigned int, struct zcrx_event const * *);",
        "int zcrx_queue_receive(struct zcrx_queue *, int, struct zcrx_stream * *);",
        "_Static_assert(ZCRX_EVENT_EOF == 1, \"\");",
    ] {
        let said = compile(&format!("#include \"zcrx-client.h\"\n{wrong}\n"));
        assert!(!said.status.success(), "{wrong}");
    }
}
