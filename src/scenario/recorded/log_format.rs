//! Formats of access logs: NGINX's `log_format`, Apache's `LogFormat`, and JSON lines.

use std::borrow::Cow;

/// How a line is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Format {
    /// Fields between texts.
    Text(Vec<Part>),
    /// A JSON object in each line.
    Json,
}

/// A part of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// What stands there in every line.
    Literal(String),
    /// A field by its name.
    Field(String),
    /// Whatever comes after.
    Rest,
}

/// The common part of the common and the combined format of both servers.
const COMBINED: &str =
    r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent"#;

impl Format {
    /// The combined format, and whatever may follow it.
    pub(super) fn combined() -> Format {
        let mut parts = nginx(COMBINED);
        parts.push(Part::Rest);
        Format::Text(parts)
    }

    /// A format as the server's configuration has it, or `combined`, or `json`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Format, String> {
        let parts = match text.trim() {
            "combined" | "common" => return Ok(Format::combined()),
            "json" => return Ok(Format::Json),
            text if text.contains('%') && !text.contains('$') => apache(text)?,
            text => nginx(text),
        };
        let fields = parts.iter().filter(|part| matches!(part, Part::Field(_)));
        if fields.count() == 0 {
            return Err(format!("`{text}` has no field"));
        }
        let adjacent =
            (parts.windows(2)).find(|pair| matches!(pair, [Part::Field(_), Part::Field(_)]));
        match adjacent {
            Some([Part::Field(one), Part::Field(other)]) => Err(format!(
                "nothing stands between the fields {one} and {other}, so nobody can tell them apart"
            )),
            _ => Ok(Format::Text(parts)),
        }
    }
}

/// The fields of one line.
#[derive(Debug)]
pub(super) enum Fields<'l> {
    Text(Vec<(&'l str, &'l str)>),
    Json(serde_json::Map<String, serde_json::Value>),
}

impl<'l> Fields<'l> {
    /// The fields of a line; `None` when it is not laid out so.
    pub(super) fn of(format: &'l Format, line: &'l str) -> Option<Fields<'l>> {
        let Format::Text(parts) = format else {
            return serde_json::from_str(line).ok().map(Fields::Json);
        };
        let mut fields = Vec::with_capacity(parts.len() / 2);
        let mut rest = line;
        for (index, part) in parts.iter().enumerate() {
            match part {
                Part::Literal(text) => rest = rest.strip_prefix(text.as_str())?,
                Part::Rest => return Some(Fields::Text(fields)),
                Part::Field(name) => {
                    let end = match parts.get(index + 1) {
                        Some(Part::Literal(next)) => rest.find(next.as_str())?,
                        // The last figure before whatever comes after.
                        Some(Part::Rest) => rest.find(' ').unwrap_or(rest.len()),
                        _ => rest.len(),
                    };
                    fields.push((name.as_str(), &rest[..end]));
                    rest = &rest[end..];
                }
            }
        }
        rest.trim().is_empty().then_some(Fields::Text(fields))
    }

    /// A field by its name. `-` and nothing are no value.
    pub(super) fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let value = match self {
            Fields::Text(fields) => {
                let found = fields.iter().find(|(of, _)| *of == name);
                found.map(|(_, value)| Cow::Borrowed(*value))
            }
            Fields::Json(object) => match object.get(name)? {
                serde_json::Value::String(text) => Some(Cow::Borrowed(text.as_str())),
                serde_json::Value::Number(number) => Some(Cow::Owned(number.to_string())),
                _ => None,
            },
        };
        value.filter(|value| !matches!(value.trim(), "" | "-"))
    }
}

/// NGINX: `$name` and `${name}`.
fn nginx(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        literal.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (name, end) = match after.strip_prefix('{') {
            Some(inner) => {
                let end = inner.find('}').unwrap_or(inner.len());
                (&inner[..end], (end + 2).min(after.len()))
            }
            None => {
                let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
                let end = after.find(|letter| !is_name(letter)).unwrap_or(after.len());
                (&after[..end], end)
            }
        };
        flush(&mut literal, &mut parts);
        parts.push(Part::Field(name.to_owned()));
        rest = &after[end..];
    }
    literal.push_str(rest);
    flush(&mut literal, &mut parts);
    parts
}

/// Apache: `%h`, `%>s`, `%{name}i`.
fn apache(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            literal.push(letter);
            continue;
        }
        let (mut argument, mut directive) = (String::new(), letters.next());
        while let Some('<' | '>') = directive {
            directive = letters.next();
        }
        if directive == Some('{') {
            argument = letters
                .by_ref()
                .take_while(|letter| *letter != '}')
                .collect();
            directive = letters.next();
        }
        let name = match (directive, argument.as_str()) {
            (Some('%'), _) => {
                literal.push('%');
                continue;
            }
            (Some('t'), "") => {
                literal.push('[');
                flush(&mut literal, &mut parts);
                parts.push(Part::Field("time_local".to_owned()));
                literal.push(']');
                continue;
            }
            (Some('h' | 'a'), _) => "remote_addr".to_owned(),
            (Some('l'), _) => "remote_logname".to_owned(),
            (Some('u'), _) => "remote_user".to_owned(),
            (Some('r'), _) => "request".to_owned(),
            (Some('s'), _) => "status".to_owned(),
            (Some('b' | 'B' | 'O'), _) => "body_bytes_sent".to_owned(),
            (Some('v' | 'V'), _) => "host".to_owned(),
            (Some('D'), _) | (Some('T'), "us") => MICROS.to_owned(),
            (Some('T'), "ms") => MILLIS.to_owned(),
            (Some('T'), _) => "request_time".to_owned(),
            (Some('i'), name) => format!("http_{}", snake(name)),
            (Some('o'), name) => format!("sent_http_{}", snake(name)),
            (Some('e' | 'n' | 'C'), name) => name.to_owned(),
            (Some(other), _) => format!("%{other}"),
            (None, _) => return Err(format!("`{text}` ends within a field")),
        };
        flush(&mut literal, &mut parts);
        parts.push(Part::Field(name));
    }
    flush(&mut literal, &mut parts);
    Ok(parts)
}

/// What a request took in microseconds, as Apache writes it.
pub(super) const MICROS: &str = "request_time_us";
/// The same in milliseconds.
pub(super) const MILLIS: &str = "request_time_ms";

fn snake(header: &str) -> String {
    header.to_ascii_lowercase().replace('-', "_")
}

fn flush(literal: &mut String, parts: &mut Vec<Part>) {
    if !literal.is_empty() {
        parts.push(Part::Literal(std::mem::take(literal)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn got(format: &str, line: &str, name: &str) -> Option<String> {
        let format = Format::parse(format).unwrap();
        let fields = Fields::of(&format, line)?;
        fields.get(name).map(Cow::into_owned)
    }

    #[test]
    fn formats_of_both_servers_and_json_are_read() {
        let line = r#"192.0.2.1 - ann [10/Oct/2024:13:55:36 -0700] "GET /a HTTP/1.1" 200 23 "-" "Browser 1.0""#;
        for (name, value) in [
            ("remote_user", "ann"),
            ("time_local", "10/Oct/2024:13:55:36 -0700"),
            ("request", "GET /a HTTP/1.1"),
            ("status", "200"),
            ("body_bytes_sent", "23"),
        ] {
            assert_eq!(got("combined", line, name).as_deref(), Some(value));
        }
        let own = r#"$remote_addr [$time_iso8601] $status rt=${request_time} up="$upstream_addr""#;
        let line =
            r#"192.0.2.1 [2024-10-10T13:55:36+00:00] 503 rt=0.120 up="10.0.0.1:80, 10.0.0.2:80""#;
        assert_eq!(got(own, line, "request_time").as_deref(), Some("0.120"));
        let tries = got(own, line, "upstream_addr").unwrap();
        assert_eq!(tries, "10.0.0.1:80, 10.0.0.2:80");
        assert_eq!(got(own, "something else", "status"), None);
        let apache = r#"%h %l %u %t "%r" %>s %b %D "%{X-Version}o" %{BACKEND}e"#;
        let line =
            r#"192.0.2.1 - - [10/Oct/2024:13:55:36 -0700] "GET /a HTTP/1.1" 200 23 1200 "v2" b1"#;
        for (name, value) in [
            ("status", "200"),
            (MICROS, "1200"),
            ("sent_http_x_version", "v2"),
            ("BACKEND", "b1"),
        ] {
            assert_eq!(got(apache, line, name).as_deref(), Some(value));
        }
        let json = r#"{"response_code":503,"upstream_cluster":"canary","flags":null,"host":"-"}"#;
        assert_eq!(got("json", json, "response_code").as_deref(), Some("503"));
        assert_eq!(
            got("json", json, "upstream_cluster").as_deref(),
            Some("canary")
        );
        assert_eq!(got("json", json, "flags"), None);
        assert_eq!(got("json", json, "host"), None);
    }

    #[test]
    fn formats_that_cannot_be_read_back_are_refused() {
        for text in ["plain", "$a$b", "%h%l", "%h %"] {
            assert!(Format::parse(text).is_err(), "{text}");
        }
    }
}
