//! The book: one page for each subject, embedded, as Markdown and as HTML that is safe to show.

use std::collections::BTreeMap;
use std::fmt::Write;

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd};

/// A page of the book: a file of the `docs` folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Its name, as `coalmine docs SUBJECT` takes it: that of the file, without `.md`.
    pub subject: &'static str,
    /// What it tells, in one line.
    pub line: &'static str,
    /// The page, in Markdown. It begins with its title.
    pub text: &'static str,
}

/// The book has no page on this subject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the book has no page `{subject}`: {advice}")]
pub struct UnknownSubject {
    /// The subject asked for.
    pub subject: String,
    /// The nearest subject, or all that there are.
    pub advice: String,
}

/// In the order in which they are best read.
const PAGES: &[Page] = &[
    page(
        "lab",
        "The page of `coalmine lab`: its rooms, its links, who may use it, its API",
        include_str!("../../docs/lab.md"),
    ),
    page(
        "numbers",
        "How each number of a report is computed, in the order in which it is",
        include_str!("../../docs/numbers.md"),
    ),
    page(
        "controllers",
        "How Flagger, Argo Rollouts, Kayenta and staged rollouts count",
        include_str!("../../docs/controllers.md"),
    ),
    page(
        "commands",
        "Every option of every command, in few words",
        include_str!("../../docs/commands.md"),
    ),
    page(
        "scenarios",
        "How to write a scenario",
        include_str!("../../docs/scenarios.md"),
    ),
    page(
        "fields",
        "Every field of a scenario, with its default",
        include_str!("../../docs/fields.md"),
    ),
    page(
        "gates",
        "What can decide at a check: what each gate promises, and when it errs",
        include_str!("../../docs/gates.md"),
    ),
    page(
        "faults",
        "What can be wrong with a release, and how a scenario says it",
        include_str!("../../docs/faults.md"),
    ),
    page(
        "planning",
        "How long a canary has to run, from closed forms",
        include_str!("../../docs/planning.md"),
    ),
    page(
        "tuning",
        "How settings are found that keep what is asked of them",
        include_str!("../../docs/tuning.md"),
    ),
    page(
        "checking",
        "Clauses for continuous integration, and how few trials decide them",
        include_str!("../../docs/checking.md"),
    ),
    page(
        "calibration",
        "What a gate's level is worth, measured",
        include_str!("../../docs/calibration.md"),
    ),
    page(
        "flagger",
        "Flagger's files: what is followed, and whose queries are answered",
        include_str!("../../docs/flagger.md"),
    ),
    page(
        "manifests",
        "Files of meshes and ingresses, drafted into a scenario",
        include_str!("../../docs/manifests.md"),
    ),
    page(
        "replay",
        "Recorded figures judged again: what each source holds and cannot tell",
        include_str!("../../docs/replay.md"),
    ),
    page(
        "live",
        "One rollout over real sockets: how the parts talk",
        include_str!("../../docs/live.md"),
    ),
    page(
        "conformance",
        "Does the simulator tell the truth? Live and virtual time, compared",
        include_str!("../../docs/conformance.md"),
    ),
    page(
        "sweep",
        "One experiment on many machines",
        include_str!("../../docs/sweep.md"),
    ),
    page(
        "sweep-engines",
        "The same on Kubernetes, Slurm and GNU parallel",
        include_str!("../../docs/sweep-engines.md"),
    ),
    page(
        "results",
        "What a run stores: files and columns",
        include_str!("../../docs/results.md"),
    ),
    page(
        "recording",
        "What a recording of a rollout holds",
        include_str!("../../docs/recording.md"),
    ),
    page(
        "performance",
        "What it costs in time and memory, measured",
        include_str!("../../docs/performance.md"),
    ),
];

const fn page(subject: &'static str, line: &'static str, text: &'static str) -> Page {
    Page {
        subject,
        line,
        text,
    }
}

/// All pages, in the order in which they are best read.
pub fn pages() -> &'static [Page] {
    PAGES
}

/// The page on a subject.
///
/// # Errors
/// There is none; says what may have been meant.
pub fn find(subject: &str) -> Result<&'static Page, UnknownSubject> {
    let asked = subject.trim().trim_end_matches(".md");
    let found = PAGES.iter().find(|page| page.subject == asked);
    found.ok_or_else(|| UnknownSubject {
        subject: subject.to_owned(),
        advice: advice(asked),
    })
}

fn advice(asked: &str) -> String {
    let near = PAGES
        .iter()
        .map(|page| (strsim::jaro_winkler(asked, page.subject), page.subject))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match near {
        Some((_, subject)) => format!("did you mean `{subject}`?"),
        None => {
            let all: Vec<&str> = PAGES.iter().map(|page| page.subject).collect();
            format!("there are {}", all.join(", "))
        }
    }
}

impl Page {
    /// Its title: the page's first heading, as plain text.
    pub fn title(&self) -> String {
        let first = self.text.lines().next().unwrap_or_default();
        first.trim_start_matches('#').trim().replace('`', "")
    }

    /// The page as HTML that is safe to show: as [`html`], and links within it lead to its headings.
    pub fn html(&self) -> String {
        render(self.text, Some(self.subject))
    }
}

/// Markdown as HTML that is safe to show, whoever wrote it: raw HTML in it is shown as text, comments
/// are left out, links lead to pages of the book (`gates.md#cusum` becomes `#book=gates&at=cusum`)
/// or over https to elsewhere, and every other link and image is its text alone. Headings have the
/// ids that such links name, after `book-`; tables and code can be scrolled with the keyboard.
pub fn html(text: &str) -> String {
    render(text, None)
}

/// The name of a heading in links to it: its words in small letters, joined by hyphens.
pub fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|letter| letter.is_alphanumeric() || [' ', '-', '_'].contains(letter));
    let name: String = kept.flat_map(char::to_lowercase).collect();
    name.replace(' ', "-")
}

fn render(text: &str, subject: Option<&str>) -> String {
    let events: Vec<Event<'_>> = Parser::new_ext(text, Options::ENABLE_TABLES).collect();
    let mut safe = Safe {
        subject,
        links: Vec::new(),
        anchors: BTreeMap::new(),
        in_comment: false,
        out: Vec::with_capacity(events.len()),
    };
    for (place, event) in events.iter().enumerate() {
        safe.take(event, &events[place..]);
    }
    let mut out = String::new();
    pulldown_cmark::html::push_html(&mut out, safe.out.into_iter());
    // Pages that show this allow styles from files only.
    for side in ["left", "center", "right"] {
        let inline = format!(" style=\"text-align: {side}\"");
        out = out.replace(&inline, &format!(" class=\"{side}\""));
    }
    out
}

/// What wraps a table, so that a narrow page scrolls it instead of itself.
const WIDE: &str = "<div class=\"wide\" role=\"region\" aria-label=\"Table\" tabindex=\"0\">\n";

/// Replaces whatever a page must not show as it is written.
struct Safe<'s, 'e> {
    /// The page that links without a file lead to.
    subject: Option<&'s str>,
    /// The open links: whether each has a tag that must be closed.
    links: Vec<bool>,
    /// How often each name of a heading has been given.
    anchors: BTreeMap<String, usize>,
    /// Whether a comment has begun that has not ended.
    in_comment: bool,
    out: Vec<Event<'e>>,
}

impl<'e> Safe<'_, 'e> {
    fn raw(&mut self, html: String) {
        self.out.push(Event::Html(CowStr::from(html)));
    }

    /// Takes an event; `rest` begins with it.
    fn take(&mut self, event: &Event<'e>, rest: &[Event<'e>]) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                let name = self.fresh(&anchor(&heading(rest)));
                self.raw(format!("<{level} id=\"book-{name}\" tabindex=\"-1\">"));
            }
            Event::End(TagEnd::Heading(level)) => self.raw(format!("</{level}>\n")),
            Event::Start(Tag::Link { dest_url, .. }) => {
                let tag = self.link(dest_url);
                self.links.push(tag.is_some());
                let tag = tag.map(|tag| Event::InlineHtml(CowStr::from(tag)));
                self.out.extend(tag);
            }
            Event::End(TagEnd::Link) => {
                let closes = self.links.pop().unwrap_or(false);
                let tag = closes.then_some(Event::InlineHtml(CowStr::Borrowed("</a>")));
                self.out.extend(tag);
            }
            Event::Start(Tag::Table(_)) => {
                self.raw(WIDE.to_owned());
                self.out.push(event.clone());
            }
            Event::End(TagEnd::Table) => {
                self.out.push(event.clone());
                self.raw("</div>\n".to_owned());
            }
            Event::Start(Tag::CodeBlock(_)) => self.raw("<pre tabindex=\"0\"><code>".to_owned()),
            Event::Html(text) | Event::InlineHtml(text) => self.written(text),
            Event::Start(Tag::Image { .. } | Tag::HtmlBlock)
            | Event::End(TagEnd::Image | TagEnd::HtmlBlock) => {}
            other => self.out.push(other.clone()),
        }
    }

    /// HTML that somebody wrote: text, unless it is a comment.
    fn written(&mut self, text: &CowStr<'e>) {
        let begins = text.trim_start().starts_with("<!--");
        let hidden = self.in_comment || begins;
        self.in_comment = hidden && !text.contains("-->");
        if !hidden {
            self.out.push(Event::Text(text.clone()));
        }
    }

    /// A name that no heading has yet.
    fn fresh(&mut self, name: &str) -> String {
        let given = self.anchors.entry(name.to_owned()).or_default();
        *given += 1;
        match *given {
            1 => name.to_owned(),
            again => format!("{name}-{}", again - 1),
        }
    }

    /// The tag of a link to a place that may be shown.
    fn link(&self, to: &str) -> Option<String> {
        let mut out = String::new();
        if to.starts_with("https://") {
            let to = escaped(to);
            write!(out, "<a href=\"{to}\" rel=\"noopener noreferrer\">").ok()?;
            return Some(out);
        }
        let (file, at) = to.split_once('#').unwrap_or((to, ""));
        let subject = match file.strip_suffix(".md") {
            Some(named) => {
                let named = named.rsplit_once('/').map_or(named, |(_, name)| name);
                find(named).ok()?.subject
            }
            None if file.is_empty() => self.subject?,
            None => return None,
        };
        write!(out, "<a href=\"#book={subject}").ok()?;
        if !at.is_empty() {
            write!(out, "&amp;at={}", escaped(at)).ok()?;
        }
        out.push_str("\">");
        Some(out)
    }
}

/// The words of the heading that these events begin with.
fn heading(events: &[Event<'_>]) -> String {
    let mut words = String::new();
    for event in events {
        match event {
            Event::End(TagEnd::Heading(_)) => break,
            Event::Text(text) | Event::Code(text) => words.push_str(text),
            _ => {}
        }
    }
    words
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_page_of_the_folder_is_in_the_book_with_a_title_and_a_line() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
        let in_folder: BTreeSet<String> = fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| {
                let name = entry.unwrap().file_name().into_string().unwrap();
                name.strip_suffix(".md").map(str::to_owned)
            })
            .collect();
        let in_book: BTreeSet<String> = PAGES.iter().map(|page| page.subject.to_owned()).collect();
        assert_eq!(in_book, in_folder);
        for page in PAGES {
            assert!(page.text.starts_with("# "), "{}", page.subject);
            assert!(!page.title().is_empty(), "{}", page.subject);
            let length = page.subject.chars().count() + page.line.chars().count();
            assert!(length <= 90, "{}: {length}", page.subject);
        }
    }

    /// Links whose target is this page or another one, as (subject, anchor).
    fn targets(html: &str) -> Vec<(String, String)> {
        html.split("href=\"#book=")
            .skip(1)
            .map(|rest| {
                let to = &rest[..rest.find('"').unwrap()];
                let (subject, at) = to.split_once("&amp;at=").unwrap_or((to, ""));
                (subject.to_owned(), at.to_owned())
            })
            .collect()
    }

    #[test]
    fn links_of_the_book_lead_to_pages_and_headings_that_exist() {
        let mut followed = 0;
        for page in PAGES {
            let html = page.html();
            for (subject, at) in targets(&html) {
                followed += 1;
                let target = find(&subject).unwrap().html();
                let named = format!("id=\"book-{at}\"");
                assert!(
                    at.is_empty() || target.contains(&named),
                    "{}: {subject}#{at}",
                    page.subject
                );
            }
            // What is written as a link to a page of the book is one.
            let written = page.text.matches(".md)").count() + page.text.matches(".md#").count();
            assert!(targets(&html).len() >= written, "{}", page.subject);
        }
        assert!(followed > 30, "{followed}");
    }

    #[test]
    fn an_unknown_subject_is_refused_with_the_nearest_or_all() {
        assert_eq!(find("faults.md").unwrap().subject, "faults");
        assert_eq!(find("fault").unwrap_err().advice, "did you mean `faults`?");
        let error = find("zebra").unwrap_err().to_string();
        assert!(error.contains("gates, faults"), "{error}");
    }

    #[test]
    fn what_is_written_as_html_is_shown_as_text() {
        for (text, wanted) in [
            ("a <b>bold</b> word", "a &lt;b&gt;bold&lt;/b&gt; word"),
            (
                "<script>alert(1)</script>",
                "&lt;script&gt;alert(1)&lt;/script&gt;",
            ),
            ("`<img src=x>`", "<code>&lt;img src=x&gt;</code>"),
            ("```\n<svg onload=x>\n```", "&lt;svg onload=x&gt;"),
            ("# <i>x</i>", "&lt;i&gt;x&lt;/i&gt;"),
            ("| a |\n|---|\n| <hr> |", "&lt;hr&gt;"),
            ("[a](javascript:alert(1))", "<p>a</p>"),
            ("[a](data:text/html,x)", "<p>a</p>"),
            ("[a](//elsewhere)", "<p>a</p>"),
            ("<javascript:alert(1)>", "<p>javascript:alert(1)</p>"),
            ("![picture](https://elsewhere/x.png)", "<p>picture</p>"),
            ("[a](<faults.md#\"onclick=\"x>)", "at=&quot;onclick=&quot;x"),
        ] {
            let html = html(text);
            assert!(html.contains(wanted), "{text}: {html}");
            for forbidden in [
                "<script",
                "<svg",
                "<img",
                "<i>",
                "<b>",
                "<hr",
                "onclick=\"",
                "=\"java",
            ] {
                assert!(!html.contains(forbidden), "{text}: {html}");
            }
        }
        assert_eq!(html("<!-- a\nb -->\n\nc <!-- d --> e"), "<p>c  e</p>\n");
    }

    #[test]
    fn links_headings_and_tables_are_as_the_page_needs_them() {
        for (text, wanted) in [
            ("[a](gates.md)", "<a href=\"#book=gates\">a</a>"),
            (
                "[a](docs/gates.md#cusum)",
                "<a href=\"#book=gates&amp;at=cusum\">a</a>",
            ),
            (
                "[a](https://a.example/?b=1&c)",
                "<a href=\"https://a.example/?b=1&amp;c\" rel=\"noopener noreferrer\">a</a>",
            ),
            (
                "## Two `words`, 3%",
                "<h2 id=\"book-two-words-3\" tabindex=\"-1\">",
            ),
            ("# A\n# A", "id=\"book-a-1\""),
        ] {
            let html = html(text);
            assert!(html.contains(wanted), "{text}: {html}");
        }
        // Without a page, a link within it leads nowhere.
        assert_eq!(html("[a](#b)"), "<p>a</p>\n");
        let within = render("[a](#b)", Some("gates"));
        assert!(within.contains("#book=gates&amp;at=b"), "{within}");
        let table = html("| a | b |\n|---|--:|\n| 1 | 2 |");
        assert!(
            table.starts_with(WIDE) && table.ends_with("</table>\n</div>\n"),
            "{table}"
        );
    }
}
