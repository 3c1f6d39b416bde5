// SPDX-License-Identifier: LGPL-2.1-or-later
use std::ffi::{CStr, CString, c_char, c_int};
use std::{fmt, io};

/// What went wrong: a number of `errno`, a sentence for people that says what was being done, to what, and what to do
/// about it, and the Varlink error if zcrxd refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    number: i32,
    message: String,
    id: Option<String>,
}

/// Of everything here that may fail.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// `number` as the library returns it, negative; an empty message is replaced by what that number means.
    pub(crate) fn new(number: c_int, message: String, id: Option<String>) -> Self {
        let number = number.saturating_neg();
        let message = if message.is_empty() { io::Error::from_raw_os_error(number).to_string() } else { message };
        Self { number, message, id }
    }

    /// Where the account of errors may be another thread's.
    pub(crate) fn bare(number: c_int) -> Self {
        Self::new(number, String::new(), None)
    }

    /// The number of `errno`, such as `EPERM`: positive.
    pub fn raw_os_error(&self) -> i32 {
        self.number
    }

    /// The same as std has it.
    pub fn kind(&self) -> io::ErrorKind {
        io::Error::from_raw_os_error(self.number).kind()
    }

    /// The Varlink error that zcrxd answered with, such as `io.zcrx.Manager.NoQueueAvailable`.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        io::Error::new(error.kind(), error)
    }
}

/// Of what the library says no more than a number about.
pub(crate) fn check(result: c_int) -> Result<c_int> {
    if result < 0 { Err(Error::bare(result)) } else { Ok(result) }
}

const EINVAL: c_int = 22;

pub(crate) fn invalid(message: &str) -> Error {
    Error::new(-EINVAL, message.to_string(), None)
}

pub(crate) fn to_c(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| invalid("A text has a zero byte in it."))
}

/// # Safety
///
/// `text` is NULL or a C string that stays as it is during the call.
pub(crate) unsafe fn from_c(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: it is no NULL, and so a string by the contract of this function.
    Some(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}
