//! The least that a credential process could be: a program that only starts and prints, as much as credentials are.

use std::io::Write as _;

fn main() {
    let line = [b'x'; 1100];
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(&line).and_then(|()| stdout.write_all(b"\n"));
}
