//! What a page is made of beside its text: one stylesheet, one script, one picture, all in the binary.
//!
//! Each has the digest of its content in its name. So a browser may keep it for ever, and never has an old one.

use std::sync::OnceLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

struct Asset {
    stem: &'static str,
    ending: &'static str,
    kind: &'static str,
    text: &'static str,
}

const ASSETS: [Asset; 4] = [
    Asset { stem: "page", ending: "css", kind: "text/css; charset=utf-8", text: include_str!("assets/page.css") },
    Asset { stem: "page", ending: "js", kind: "text/javascript; charset=utf-8", text: include_str!("assets/page.js") },
    Asset { stem: "icon", ending: "svg", kind: "image/svg+xml", text: include_str!("assets/icon.svg") },
    Asset {
        stem: "sign-in",
        ending: "js",
        kind: "text/javascript; charset=utf-8",
        text: include_str!("assets/sign-in.js"),
    },
];

/// A year: it never changes under this name.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Where `page.css` is to be had, `None` where there is no such thing.
pub(super) fn path(name: &str) -> Option<String> {
    named().iter().find(|(asset, _)| name == format!("{}.{}", asset.stem, asset.ending)).map(|(_, file)| at(file))
}

fn at(file: &str) -> String {
    format!("/assets/{file}")
}

fn named() -> &'static [(&'static Asset, String)] {
    static NAMED: OnceLock<Vec<(&'static Asset, String)>> = OnceLock::new();
    NAMED.get_or_init(|| ASSETS.iter().map(|asset| (asset, named_by_content(asset))).collect())
}

fn named_by_content(asset: &Asset) -> String {
    let digest = Sha256::digest(asset.text.as_bytes());
    let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{}.{digest}.{}", asset.stem, asset.ending)
}

/// `GET /assets/{file}`
pub(super) async fn asset(Path(file): Path<String>) -> Response {
    match named().iter().find(|(_, name)| *name == file) {
        Some((asset, _)) => {
            ([(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, FOR_EVER)], asset.text).into_response()
        }
        None => (StatusCode::NOT_FOUND, "there is no such file\n").into_response(),
    }
}

/// `GET /favicon.ico`, which browsers ask for by themselves where a page is no page of ours.
pub(super) async fn icon() -> Response {
    asset(Path(named_by_content(&ASSETS[2]))).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_under_the_name_of_its_content() {
        for name in ["page.css", "page.js", "icon.svg"] {
            let path = path(name).expect("it is there");
            let (stem, ending) = name.split_once('.').expect("a dot");
            assert!(path.starts_with(&format!("/assets/{stem}.")) && path.ends_with(ending), "{path}");
        }
        assert_eq!(path("page.exe"), None);
    }

    /// What the policy of contents forbids is not tried: it would only be a line in the browser's console.
    #[test]
    fn nothing_is_asked_of_another_host() {
        for asset in &ASSETS {
            let text = asset.text.replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("://") && !text.contains("@import"), "{}.{}", asset.stem, asset.ending);
        }
    }
}
