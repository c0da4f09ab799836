// SPDX-License-Identifier: GPL-3.0-or-later
//! What addresses mean to the program; nothing here has a window or a file.
use std::net::IpAddr;
use tauri::Url;

const ADDRESS_MAX: usize = 4096; // bytes

/// Schemes beside the web's that pages may hand to the system's programs, as the client writes links with them.
const HANDED_ON: [&str; 4] = ["mailto", "xmpp", "tel", "geo"];

#[derive(Debug, PartialEq)]
pub enum Fate {
    /// The window goes there.
    Stay,
    /// The system's program for it, which is the browser as a rule.
    System,
    Refuse,
}

fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Whether both are of one server. What has no origin (`about:`, `data:`) is of none.
pub fn is_same(one: &Url, other: &Url) -> bool {
    let origin = one.origin();
    origin.is_tuple() && origin == other.origin()
}

/// What a person wrote: a host, with or without `https://`, or a link that signs in, whose code is kept for the first
/// look. `http` is for trying things on one's own machine.
pub fn read(written: &str) -> Option<Url> {
    let written = written.trim();
    if written.is_empty() || written.len() > ADDRESS_MAX {
        return None;
    }
    let has_scheme = written.contains("://");
    let url = Url::parse(&if has_scheme { written.to_owned() } else { format!("https://{written}") }).ok()?;
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    let has_person = !url.username().is_empty() || url.password().is_some();
    (is_safe && url.has_host() && !has_person).then_some(url)
}

/// What is remembered of it: the client stands at the top of its server, and codes are good once.
pub fn top(url: &Url) -> Url {
    let mut top = url.clone();
    top.set_path("/");
    top.set_query(None);
    top.set_fragment(None);
    top
}

/// Where a page may lead the window. Signing in elsewhere leads through pages of other servers, so all of the web is
/// let in; none of it has a way into the program.
pub fn fate_of_page(url: &Url, server: &Url) -> Fate {
    match url.scheme() {
        "https" | "about" => Fate::Stay,
        "http" | "blob" if is_same(url, server) => Fate::Stay,
        scheme if HANDED_ON.contains(&scheme) => Fate::System,
        _ => Fate::Refuse,
    }
}

/// What would be a new window or tab. Files of the server need who is signed in here; they come as downloads.
pub fn fate_of_window(url: &Url, server: &Url) -> Fate {
    match url.scheme() {
        _ if is_same(url, server) => Fate::Stay,
        "https" | "http" => Fate::System,
        _ => match fate_of_page(url, server) {
            Fate::Stay => Fate::Refuse,
            fate => fate,
        },
    }
}

/// The window has no address bar: whose page it shows that is not the server's stands before its title.
pub fn title_of(title: &str, page: &Url, server: &Url) -> String {
    if is_same(page, server) {
        return title.to_owned();
    }
    match page.host_str() {
        Some(host) => format!("{host}: {title}"),
        None => "Trestle".to_owned(),
    }
}

/// How many messages are unread, by the title that the client gives its page: `(3) Trestle`.
pub fn unread_in(title: &str) -> Option<i64> {
    let (count, _) = title.strip_prefix('(')?.split_once(") ")?;
    count.parse().ok().filter(|count| *count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn what_people_write() {
        for (written, meant) in [
            ("chat.example.org", Some("https://chat.example.org/")),
            (" chat.example.org:8443 ", Some("https://chat.example.org:8443/")),
            ("localhost:8080", Some("https://localhost:8080/")),
            ("https://chat.example.org/#code=ab", Some("https://chat.example.org/#code=ab")),
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080/")),
            ("http://[::1]:8080", Some("http://[::1]:8080/")),
            ("http://chat.example.org", None),
            ("http://localhost.example.org", None),
            ("https://you@chat.example.org", None),
            ("file:///etc/passwd", None),
            ("javascript:alert(1)", None),
            ("tauri://localhost", None),
            ("two words", None),
            ("", None),
        ] {
            assert_eq!(read(written).as_ref().map(Url::as_str), meant, "{written}");
        }
        assert_eq!(read(&"a".repeat(ADDRESS_MAX + 1)), None);
    }

    #[test]
    fn a_code_is_not_remembered() {
        assert_eq!(
            top(&url("https://chat.example.org:8443/c/1?a=b#code=ab")).as_str(),
            "https://chat.example.org:8443/"
        );
    }

    #[test]
    fn where_pages_lead() {
        let server = url("https://chat.example.org/");
        for (to, page, window) in [
            ("https://chat.example.org/c/1", Fate::Stay, Fate::Stay),
            ("https://login.example.org/", Fate::Stay, Fate::System),
            ("http://chat.example.org/", Fate::Refuse, Fate::System),
            ("http://127.0.0.1/", Fate::Refuse, Fate::System),
            ("about:blank", Fate::Stay, Fate::Refuse),
            ("blob:https://chat.example.org/1", Fate::Stay, Fate::Stay),
            ("blob:https://other.example.org/1", Fate::Refuse, Fate::Refuse),
            ("mailto:a@example.org", Fate::System, Fate::System),
            ("tauri://localhost/open?address=evil.example.org", Fate::Refuse, Fate::Refuse),
            ("file:///etc/passwd", Fate::Refuse, Fate::Refuse),
            ("data:text/html,a", Fate::Refuse, Fate::Refuse),
            ("javascript:alert(1)", Fate::Refuse, Fate::Refuse),
            ("smb://example.org/", Fate::Refuse, Fate::Refuse),
        ] {
            assert_eq!(fate_of_page(&url(to), &server), page, "page {to}");
            assert_eq!(fate_of_window(&url(to), &server), window, "window {to}");
        }
        let here = url("http://127.0.0.1:8080/");
        assert_eq!(fate_of_page(&url("http://127.0.0.1:8080/c/1"), &here), Fate::Stay);
    }

    #[test]
    fn titles() {
        let server = url("https://chat.example.org/");
        assert_eq!(title_of("(2) Chat", &url("https://chat.example.org/c/1"), &server), "(2) Chat");
        assert_eq!(title_of("Sign in", &url("https://login.example.org/"), &server), "login.example.org: Sign in");
        assert_eq!(title_of("x", &url("about:blank"), &server), "Trestle");
        for (title, unread) in
            [("(2) Chat", Some(2)), ("Chat", None), ("(0) Chat", None), ("(a) Chat", None), ("(2)", None)]
        {
            assert_eq!(unread_in(title), unread, "{title}");
        }
    }
}
