//! A source file as the checks read it: its text, and its code without comments and literals.

use std::fs;
use std::path::Path;

/// One source file.
pub(crate) struct Source {
    /// From the project's folder, with forward slashes.
    pub(crate) path: String,
    pub(crate) text: String,
    /// The text with comments and literals blanked, line for line.
    pub(crate) code: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Source {
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
            code: blank(text),
        }
    }

    pub(crate) fn complaint(&self, line: usize, rule: &str) -> String {
        format!("{}:{line}: {rule}", self.path)
    }

    /// The room that it is in; `None` for the crate's two roots and outside `src`.
    pub(crate) fn room(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        let room = inside.split('/').next()?.trim_end_matches(".rs");
        (room != "lib" && room != "main").then_some(room)
    }

    /// How many `super` lead from it to the crate's root.
    pub(crate) fn depth(&self) -> usize {
        let steps = self.path.matches('/').count();
        if self.path.ends_with("/mod.rs") {
            steps - 1
        } else {
            steps
        }
    }

    /// The first name after every `prefix` that ends in `::`, with its line; each of them where
    /// braces follow.
    pub(crate) fn names_after(&self, prefix: &str) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for (at, _) in self.code.match_indices(prefix) {
            let before = self.code[..at].chars().next_back();
            if !before.is_some_and(|c| is_name(c) || c == ':') {
                names_at(&self.code, at + prefix.len(), &mut found);
            }
        }
        found
    }

    /// Line, name and number of lines of every function with a body.
    pub(crate) fn functions(&self) -> Vec<(usize, String, usize)> {
        let code = &self.code;
        let mut found = Vec::new();
        for (at, _) in code.match_indices("fn ") {
            if code[..at].chars().next_back().is_some_and(is_name) {
                continue;
            }
            let rest = &code[at..];
            // A semicolon in brackets belongs to an array's type, any other ends a bare signature.
            let mut brackets = 0;
            let end = rest.find(|c| {
                brackets += i32::from(c == '[') - i32::from(c == ']');
                c == '{' || c == ';' && brackets == 0
            });
            let Some(open) = end.filter(|end| rest[*end..].starts_with('{')) else {
                continue;
            };
            let mut depth = 0;
            let close = rest[open..].find(|c| {
                depth += i32::from(c == '{') - i32::from(c == '}');
                depth == 0
            });
            let body = &rest[..open + close.unwrap_or(0)];
            let name = rest[3..].chars().take_while(|c| is_name(*c)).collect();
            found.push((line_of(code, at), name, body.matches('\n').count() + 1));
        }
        found
    }
}

/// Every Rust file under `folder`, in order of path.
pub(crate) fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let inside = path.strip_prefix(root).expect("below the root");
                let text = fs::read_to_string(&path).expect("a readable file");
                found.push(Source::new(
                    &inside.to_string_lossy().replace('\\', "/"),
                    &text,
                ));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// The name at `at`, or the first name of each path in the braces there.
fn names_at(code: &str, at: usize, found: &mut Vec<(usize, String)>) {
    // `super` once more only says that the code stands in an inner module.
    let climbed = code[at..].trim_start_matches("super::");
    let at = code.len() - climbed.len();
    let mut push = |place: usize| {
        let name: String = code[place..].chars().take_while(|c| is_name(*c)).collect();
        if !name.is_empty() {
            found.push((line_of(code, place), name));
        }
    };
    if !code[at..].starts_with('{') {
        return push(at);
    }
    let (mut depth, mut fresh) = (0, true);
    for (i, c) in code[at..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return,
            '}' => depth -= 1,
            ',' if depth == 1 => fresh = true,
            c if fresh && depth == 1 && is_name(c) => {
                push(at + i);
                fresh = false;
            }
            _ => {}
        }
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

pub(crate) fn has_word(line: &str, word: &str) -> bool {
    let within_a_name = |neighbour: Option<char>| neighbour.is_some_and(is_name);
    line.match_indices(word).any(|(at, _)| {
        let after = line[at + word.len()..].chars().next();
        let goes_on = word.ends_with(is_name) && within_a_name(after);
        !goes_on && !within_a_name(line[..at].chars().next_back())
    })
}

/// The text with comments, strings and characters turned into spaces; lines stay where they are.
fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut i = 0;
    while i < chars.len() {
        let length = literal(&chars[i..], i > 0 && is_name(chars[i - 1]));
        for c in &chars[i..i + length.max(1)] {
            code.push(if length > 0 && *c != '\n' { ' ' } else { *c });
        }
        i += length.max(1);
    }
    code
}

/// How many characters the comment or literal that begins here takes; 0 when none does.
fn literal(rest: &[char], in_name: bool) -> usize {
    let next = |i: usize| rest.get(i).copied().unwrap_or(' ');
    match (rest[0], next(1)) {
        ('/', '/') => rest.iter().take_while(|c| **c != '\n').count(),
        ('/', '*') => {
            let (mut depth, mut i) = (1, 2);
            while i < rest.len() && depth > 0 {
                match (next(i), next(i + 1)) {
                    ('*', '/') => (depth, i) = (depth - 1, i + 2),
                    ('/', '*') => (depth, i) = (depth + 1, i + 2),
                    _ => i += 1,
                }
            }
            i.min(rest.len())
        }
        ('"', _) => quoted(rest, '"'),
        ('\'', '\\') => quoted(rest, '\''),
        ('\'', _) if next(2) == '\'' => 3,
        ('r', '"' | '#') if !in_name => raw(rest),
        ('b' | 'c', 'r') if !in_name && raw(&rest[1..]) > 0 => 1 + raw(&rest[1..]),
        _ => 0,
    }
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut i = 1;
    while i < rest.len() && rest[i] != quote {
        i += if rest[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(rest.len())
}

fn raw(rest: &[char]) -> usize {
    let hashes = rest[1..].iter().take_while(|c| **c == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return 0;
    }
    let body = 2 + hashes;
    let closes = |i: &usize| {
        rest[*i] == '"' && rest[i + 1..].iter().take_while(|c| **c == '#').count() >= hashes
    };
    (body..rest.len())
        .find(closes)
        .map_or(rest.len(), |i| i + 1 + hashes)
}
