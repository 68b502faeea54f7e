//! By which name we were called, and from which page: what keeps other sites in the same browser out.

use std::net::IpAddr;

use axum::http::{HeaderMap, Uri, header};
use url::Url;

/// Answers only those who call this machine by its address, as `localhost`, or by the name in the file: a page elsewhere
/// whose name leads here (DNS rebinding) would call it by that name.
pub(super) fn is_own_host(uri: &Uri, headers: &HeaderMap, url: Option<&Url>) -> bool {
    authority(uri, headers).is_some_and(|authority| is_literal(authority) || is_of(authority, url))
}

/// Whether nobody was called by any name: a page in a browser always says one, and so cannot ask like this; what balances
/// loads asks for our health in HTTP/1.0 without.
pub(super) fn names_nobody(uri: &Uri, headers: &HeaderMap) -> bool {
    uri.authority().is_none() && !headers.contains_key(header::HOST)
}

/// Whether a change was asked for by a page of ours. A browser says where a POST comes from in one of two headers; where
/// neither stands, it is no browser of these years, and is not believed.
pub(super) fn is_own_origin(uri: &Uri, headers: &HeaderMap, url: Option<&Url>) -> bool {
    let site = headers.get("sec-fetch-site").map(|site| site.as_bytes() == b"same-origin");
    let origin = headers.get(header::ORIGIN).map(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        let of_file = url.is_some_and(|url| url.origin().ascii_serialization() == origin);
        let authority = authority(uri, headers).filter(|authority| is_literal(authority));
        of_file || authority.is_some_and(|authority| origin.eq_ignore_ascii_case(&format!("http://{authority}")))
    });
    match (site, origin) {
        (Some(site), Some(origin)) => site && origin,
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => false,
    }
}

/// Whether this page was loaded by way of a certificate: then the cookie may be for such ways alone.
pub(super) fn is_encrypted(uri: &Uri, headers: &HeaderMap, url: Option<&Url>) -> bool {
    match headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()) {
        Some(origin) if origin != "null" => origin.starts_with("https://"),
        _ => is_by_encrypted_name(uri, headers, url),
    }
}

/// Whether it was asked for by the name in the file, to which only encrypted ways lead.
pub(super) fn is_by_encrypted_name(uri: &Uri, headers: &HeaderMap, url: Option<&Url>) -> bool {
    let by_name = authority(uri, headers).is_some_and(|authority| is_of(authority, url));
    by_name && url.is_some_and(|url| url.scheme() == "https")
}

/// Whether it came by way of a proxy, as far as that tells of itself: then whoever asks may be anywhere.
pub(super) fn is_forwarded(headers: &HeaderMap) -> bool {
    ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"]
        .iter()
        .any(|name| headers.contains_key(*name))
}

fn authority<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let mut hosts = headers.get_all(header::HOST).into_iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    // Of two names nobody knows which one was looked at on the way here.
    if hosts.next().is_some() {
        return None;
    }
    // Likewise where the address itself names one: whoever stands in between may have looked at either.
    match (host, uri.authority().map(|authority| authority.as_str())) {
        (Some(host), Some(other)) if !host.eq_ignore_ascii_case(other) => None,
        (host, other) => host.or(other),
    }
}

/// The name without its port and without the brackets of an address.
fn name(authority: &str) -> &str {
    let name = match authority.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
        _ => authority,
    };
    name.trim_start_matches('[').trim_end_matches(']')
}

fn is_literal(authority: &str) -> bool {
    let name = name(authority);
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

/// Which port a proxy names makes no difference: it is the name that a page elsewhere cannot have.
fn is_of(authority: &str, url: Option<&Url>) -> bool {
    let own = url.and_then(Url::host_str).map(|host| host.trim_start_matches('[').trim_end_matches(']'));
    own.is_some_and(|own| name(authority).trim_end_matches('.').eq_ignore_ascii_case(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")));
        HeaderMap::from_iter::<Vec<_>>(pairs.collect())
    }

    fn own_host(host: &str, url: Option<&Url>) -> bool {
        is_own_host(&Uri::from_static("/metrics"), &headers(&[("host", host)]), url)
    }

    fn file() -> Url {
        Url::parse("https://Leadhook.example.com").expect("a URL")
    }

    #[test]
    fn only_addresses_and_localhost_are_this_machine() {
        for host in ["127.0.0.1:8787", "127.0.0.1", "localhost:8787", "LOCALHOST", "[::1]:8787", "[::1]", "10.0.0.7:80"]
        {
            assert!(own_host(host, None), "{host}");
        }
        for host in ["evil.example:8787", "evil.example", "localhost.evil.example", "", "127.0.0.1.evil.example:80"] {
            assert!(!own_host(host, None), "{host}");
            assert!(!own_host(host, Some(&file())), "{host}");
        }
        assert!(!is_own_host(&Uri::from_static("/"), &HeaderMap::new(), None));
    }

    #[test]
    fn only_where_there_is_no_name_at_all_is_nobody_named() {
        let nobody =
            |uri: &'static str, pairs: &[(&'static str, &str)]| names_nobody(&Uri::from_static(uri), &headers(pairs));
        assert!(nobody("/healthz", &[]));
        assert!(!nobody("http://localhost/healthz", &[]));
        for hosts in [&[("host", "")][..], &[("host", "evil.example")], &[("host", "a"), ("host", "b")]] {
            assert!(!nobody("/healthz", hosts), "{hosts:?}");
        }
    }

    #[test]
    fn an_address_that_names_another_host_is_not_ours() {
        let asked = |uri: &'static str, host| is_own_host(&Uri::from_static(uri), &headers(&[("host", host)]), None);
        assert!(asked("http://127.0.0.1:8787/", "127.0.0.1:8787"));
        assert!(asked("http://LocalHost/", "localhost"));
        for uri in ["http://evil.example/", "http://127.0.0.1:1/", "http://u@127.0.0.1:8787/"] {
            assert!(!asked(uri, "127.0.0.1:8787"), "{uri}");
        }
        assert!(is_own_host(&Uri::from_static("http://localhost:1/"), &HeaderMap::new(), None));
    }

    #[test]
    fn the_name_in_the_file_is_ours_too() {
        for host in ["leadhook.example.com", "LEADHOOK.example.com:443", "leadhook.example.com."] {
            assert!(own_host(host, Some(&file())), "{host}");
            assert!(!own_host(host, None), "{host}");
        }
        for host in
            ["xleadhook.example.com", "leadhook.example.com.evil.example", "example.com", "a@leadhook.example.com"]
        {
            assert!(!own_host(host, Some(&file())), "{host}");
        }
    }

    #[test]
    fn a_change_comes_from_a_page_of_ours() {
        let own = |pairs: &[(&'static str, &str)]| {
            let host = pairs.iter().any(|(name, _)| *name == "host");
            let all = if host { pairs.to_vec() } else { [&[("host", "127.0.0.1:8787")], pairs].concat() };
            is_own_origin(&Uri::from_static("/dead"), &headers(&all), Some(&file()))
        };
        for pairs in [
            &[("origin", "http://127.0.0.1:8787")][..],
            &[("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "same-origin"), ("origin", "http://127.0.0.1:8787")],
            &[("origin", "https://leadhook.example.com")],
            &[("host", "leadhook.example.com"), ("origin", "https://leadhook.example.com")],
            &[("host", "localhost:1"), ("origin", "http://LOCALHOST:1")],
        ] {
            assert!(own(pairs), "{pairs:?}");
        }
        for pairs in [
            &[][..],
            &[("origin", "null")],
            &[("origin", "http://127.0.0.1:9999")],
            &[("origin", "http://localhost:8787")],
            &[("origin", "https://127.0.0.1:8787")],
            &[("origin", "https://evil.example")],
            &[("origin", "http://leadhook.example.com")],
            &[("origin", "https://leadhook.example.com.evil.example")],
            &[("host", "leadhook.example.com"), ("origin", "http://leadhook.example.com")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "cross-site"), ("origin", "http://127.0.0.1:8787")],
            &[("sec-fetch-site", "same-origin"), ("origin", "null")],
            &[("referer", "http://127.0.0.1:8787/dead")],
        ] {
            assert!(!own(pairs), "{pairs:?}");
        }
    }

    #[test]
    fn the_cookie_is_for_encrypted_ways_where_the_page_came_by_one() {
        let encrypted = |pairs: &[(&'static str, &str)]| {
            is_encrypted(&Uri::from_static("/sign-in"), &headers(pairs), Some(&file()))
        };
        assert!(encrypted(&[("host", "127.0.0.1:8787"), ("origin", "https://leadhook.example.com")]));
        assert!(encrypted(&[("host", "leadhook.example.com")]));
        assert!(!encrypted(&[("host", "127.0.0.1:8787"), ("origin", "http://127.0.0.1:8787")]));
        assert!(!encrypted(&[("host", "127.0.0.1:8787")]));
    }
}
