//! Plain HTTP, byte by byte, as a browser and as somebody who means ill would send it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::Service;

/// What came back.
#[derive(Clone, Debug)]
pub struct Heard {
    pub status: u16,
    /// In their order, the names in small letters.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Heard {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// `name=value` of the cookie that it sets.
    pub fn cookie(&self) -> Option<String> {
        Some(self.header("set-cookie")?.split(';').next()?.to_owned())
    }

    /// The value of a hidden field of the page.
    #[track_caller]
    pub fn hidden(&self, name: &str) -> String {
        let mark = format!("name=\"{name}\" value=\"");
        let at = self.body.find(&mark).unwrap_or_else(|| panic!("no field {name} in {}", self.body)) + mark.len();
        self.body[at..].split('"').next().unwrap().to_owned()
    }
}

/// Where a service is asked, without a word of its own but `Host` and the end of the connection.
#[derive(Clone)]
pub struct Asking {
    pub address: String,
    headers: Vec<(String, String)>,
}

impl Asking {
    pub fn of(service: &Service) -> Asking {
        let notice = service.notice().unwrap();
        Asking { address: notice["address"].as_str().unwrap().to_owned(), headers: Vec::new() }
    }

    /// With a header for everything that is asked from now on.
    pub fn with(&self, name: &str, value: &str) -> Asking {
        let mut headers = self.headers.clone();
        headers.push((name.into(), value.into()));
        Asking { headers, ..self.clone() }
    }

    /// As a page of the service itself asks.
    #[allow(clippy::wrong_self_convention)] // it says from where, not of what
    pub fn from_its_page(&self) -> Asking {
        self.with("Origin", &format!("http://{}", self.address))
    }

    pub fn get(&self, path: &str) -> Heard {
        self.ask(&format!("GET {path}"), "")
    }

    /// Sends a form.
    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Heard {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.with("Content-Type", "application/x-www-form-urlencoded").ask(&format!("POST {path}"), &form)
    }

    #[track_caller]
    pub fn ask(&self, line: &str, body: &str) -> Heard {
        let mut request = format!("{line} HTTP/1.1\r\nConnection: close\r\n");
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request.push_str(&format!("Host: {}\r\n", self.address));
        }
        for (name, value) in &self.headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{line}: no answer: {answer}"));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap();
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect();
        Heard { status, headers, body: body.to_owned() }
    }
}
