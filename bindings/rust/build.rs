// SPDX-License-Identifier: LGPL-2.1-or-later
//! Where libzcrx-client is: in ZCRX_CLIENT_LIB_DIR, or where pkg-config says.

use std::env;
use std::process::{Command, exit};

/// Programs need the library of the same minor version, as long as the first number is 0.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"));

fn fail(why: &str) -> ! {
    eprintln!(
        "Cannot find libzcrx-client {VERSION}: {why}. Install its development package (libzcrx-client-dev), or name \
         the directory of libzcrx-client.so in ZCRX_CLIENT_LIB_DIR."
    );
    exit(1);
}

/// What pkg-config prints as directories to look into; the usual ones are left out by it.
fn directories() -> Vec<String> {
    let asked = format!("libzcrx-client >= {VERSION}");
    let program = env::var("PKG_CONFIG").unwrap_or_else(|_| "pkg-config".into());
    match Command::new(&program).args(["--libs-only-L", "--print-errors", &asked]).output() {
        Err(error) => fail(&format!("{program} does not run ({error})")),
        Ok(said) if !said.status.success() => fail(String::from_utf8_lossy(&said.stderr).trim()),
        Ok(said) => String::from_utf8_lossy(&said.stdout)
            .split_whitespace()
            .map(|word| word.trim_start_matches("-L").to_string())
            .collect(),
    }
}

fn main() {
    for name in ["ZCRX_CLIENT_LIB_DIR", "PKG_CONFIG", "PKG_CONFIG_PATH"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    println!("cargo::rerun-if-changed=build.rs");
    let found = match env::var("ZCRX_CLIENT_LIB_DIR") {
        Ok(directory) => vec![directory],
        Err(_) => directories(),
    };
    for directory in found {
        println!("cargo::rustc-link-search=native={directory}");
    }
    println!("cargo::rustc-link-lib=dylib=zcrx-client");
}
