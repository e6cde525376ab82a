//! The files of the page, embedded, packed once, and named by what they hold so that a browser need
//! not ask for them twice.

use std::hash::Hasher;
use std::io::Write;
use std::sync::OnceLock;

use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use siphasher::sip128::{Hasher128, SipHasher24};

use super::refusal::Refusal;

/// A file of the page.
struct Asset {
    path: &'static str,
    kind: &'static str,
    plain: &'static [u8],
}

/// The files by their paths; `/` is the page.
const ASSETS: &[Asset] = &[
    asset("/", HTML, include_bytes!("page/index.html")),
    asset("/api.js", SCRIPT, include_bytes!("page/api.js")),
    asset("/app.js", SCRIPT, include_bytes!("page/app.js")),
    asset("/book.js", SCRIPT, include_bytes!("page/book.js")),
    asset("/chart.js", SCRIPT, include_bytes!("page/chart.js")),
    asset("/clock.js", SCRIPT, include_bytes!("page/clock.js")),
    asset("/curve.js", SCRIPT, include_bytes!("page/curve.js")),
    asset("/dom.js", SCRIPT, include_bytes!("page/dom.js")),
    asset("/dots.js", SCRIPT, include_bytes!("page/dots.js")),
    asset("/flow.js", SCRIPT, include_bytes!("page/flow.js")),
    asset("/format.js", SCRIPT, include_bytes!("page/format.js")),
    asset("/gate.js", SCRIPT, include_bytes!("page/gate.js")),
    asset("/icon.svg", IMAGE, include_bytes!("page/icon.svg")),
    asset("/knobs.js", SCRIPT, include_bytes!("page/knobs.js")),
    asset("/lessons.js", SCRIPT, include_bytes!("page/lessons.js")),
    asset("/live.js", SCRIPT, include_bytes!("page/live.js")),
    asset("/own.js", SCRIPT, include_bytes!("page/own.js")),
    asset("/play.js", SCRIPT, include_bytes!("page/play.js")),
    asset("/predict.js", SCRIPT, include_bytes!("page/predict.js")),
    asset("/rooms.css", STYLE, include_bytes!("page/rooms.css")),
    asset("/stage.js", SCRIPT, include_bytes!("page/stage.js")),
    asset("/state.js", SCRIPT, include_bytes!("page/state.js")),
    asset("/style.css", STYLE, include_bytes!("page/style.css")),
    asset("/theme.js", SCRIPT, include_bytes!("page/theme.js")),
    asset("/trouble.js", SCRIPT, include_bytes!("page/trouble.js")),
    asset(
        "/vendor/uPlot.LICENSE.txt",
        TEXT,
        include_bytes!("page/vendor/uPlot.LICENSE.txt"),
    ),
    asset(
        "/vendor/uPlot.css",
        STYLE,
        include_bytes!("page/vendor/uPlot.css"),
    ),
    asset(
        "/vendor/uPlot.js",
        SCRIPT,
        include_bytes!("page/vendor/uPlot.js"),
    ),
];

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const IMAGE: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

const fn asset(path: &'static str, kind: &'static str, plain: &'static [u8]) -> Asset {
    Asset { path, kind, plain }
}

/// A file as it goes out.
struct Packed {
    asset: &'static Asset,
    packed: Vec<u8>,
    tag: String,
}

fn packed() -> &'static [Packed] {
    static PACKED: OnceLock<Vec<Packed>> = OnceLock::new();
    PACKED.get_or_init(|| ASSETS.iter().map(pack).collect())
}

fn pack(asset: &'static Asset) -> Packed {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to memory does not fail.
    let _ = encoder.write_all(asset.plain);
    let packed = encoder.finish().unwrap_or_default();
    let mut hasher = SipHasher24::new();
    hasher.write(asset.plain);
    let tag = format!("\"{:032x}\"", hasher.finish128().as_u128());
    Packed { asset, packed, tag }
}

/// The file that is asked for.
pub(super) async fn serve(request: Request) -> Response {
    let path = request.uri().path();
    let found = packed().iter().find(|one| one.asset.path == path);
    let Some(found) = found else {
        return Refusal::Missing(format!("there is nothing at `{path}`")).into_response();
    };
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return Refusal::Method("GET, HEAD").into_response();
    }
    let mut headers = HeaderMap::new();
    let mut put = |name, value: &str| {
        if let Ok(value) = value.parse() {
            headers.insert(name, value);
        }
    };
    // Asked for again each time, and sent again only where it has changed.
    put(header::CACHE_CONTROL, "no-cache");
    put(header::ETAG, &found.tag);
    put(header::VARY, "accept-encoding");
    let known = request.headers().get(header::IF_NONE_MATCH);
    let known = known.and_then(|known| known.to_str().ok());
    if known.is_some_and(|known| known.split(',').any(|tag| tag.trim() == found.tag)) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    put(header::CONTENT_TYPE, found.asset.kind);
    if takes_gzip(request.headers()) {
        put(header::CONTENT_ENCODING, "gzip");
        return (headers, found.packed.as_slice()).into_response();
    }
    (headers, found.asset.plain).into_response()
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let taken = headers.get(header::ACCEPT_ENCODING);
    let taken = taken.and_then(|taken| taken.to_str().ok()).unwrap_or("");
    taken.split(',').any(|one| {
        let (name, weight) = one.split_once(';').unwrap_or((one, ""));
        let refused = ["q=0", "q=0.0", "q=0.00", "q=0.000"].contains(&weight.trim());
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        let of = |path: PathBuf| match path.is_dir() {
            true => files(&path),
            false => vec![path],
        };
        entries.flat_map(|entry| of(entry.path())).collect()
    }

    #[test]
    fn every_file_of_the_page_is_embedded_under_its_own_name() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lab/page");
        let address = |path: PathBuf| {
            let name = path.strip_prefix(&root).unwrap().display().to_string();
            (name != "index.html").then_some(format!("/{name}"))
        };
        let there: BTreeSet<String> = (files(&root).into_iter())
            .map(|path| address(path).unwrap_or_else(|| "/".to_owned()))
            .collect();
        let embedded: BTreeSet<String> = ASSETS.iter().map(|asset| asset.path.to_owned()).collect();
        assert_eq!(embedded, there);
        assert_eq!(embedded.len(), ASSETS.len());
        for one in packed() {
            let path = match one.asset.path {
                "/" => "/index.html",
                path => path,
            };
            let text = fs::read(root.join(&path[1..])).unwrap();
            assert_eq!(one.asset.plain, text, "{path}");
            let kind = match path.rsplit('.').next().unwrap() {
                "html" => "text/html",
                "js" => "text/javascript",
                "css" => "text/css",
                "svg" => "image/svg+xml",
                _ => "text/plain",
            };
            assert!(one.asset.kind.starts_with(kind), "{path}");
        }
    }

    #[test]
    fn the_whole_page_is_small() {
        let all: usize = packed().iter().map(|one| one.packed.len()).sum();
        assert!(all < 200_000, "{all} bytes");
    }
}
