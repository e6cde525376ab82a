//! A lab of its own, on a free port; it ends with this value.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// The program, serving its page.
#[derive(Debug)]
pub(crate) struct Lab {
    child: Child,
    /// The page's address, without the token.
    pub(crate) address: String,
    /// What starts load.
    pub(crate) token: String,
}

impl Lab {
    pub(crate) fn open() -> Lab {
        let mut child = Command::new(env!("CARGO_BIN_EXE_coalmine"))
            .arg("lab")
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()
            .expect("the program");
        let out = child.stdout.take().expect("its output");
        let mut lines = BufReader::new(out).lines();
        let found = lines.by_ref().find_map(|line| {
            let line = line.ok()?;
            let begin = line.find("http://")?;
            let whole = line[begin..].split_whitespace().next()?;
            let (address, token) = whole.split_once("#token=")?;
            Some((address.to_owned(), token.to_owned()))
        });
        std::thread::spawn(move || lines.for_each(drop));
        let (address, token) = found.expect("an address with a token");
        Lab {
            child,
            address,
            token,
        }
    }

    /// The page with this state: what stands after the `#`.
    pub(crate) fn page(&self, state: &str) -> String {
        format!("{}#{state}", self.address)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
