//! A real browser without a window: Debian's Chromium, driven by its own driver over the W3C's WebDriver protocol.
//!
//! That protocol is HTTP and JSON and has been a standard since 2018; what is needed of it is written down here, so there is
//! no crate, no package of npm and no download between the test and the browser that Debian keeps up to date.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use leadhook::http_client::client_builder;
use serde_json::{Value, json};

/// Nothing that is waited for takes so long, even on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(40);

/// What a test needs that cannot have it.
const WANTED: &str =
    "On Debian: apt-get install chromium chromium-driver (elsewhere: let CHROMEDRIVER and CHROMIUM name them)";

/// The name that WebDriver gives to a found element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// One browser with one window, and nothing in it of another test. It is gone when this is.
pub struct Browser {
    driver: Driver,
    client: reqwest::Client,
    session: String,
}

/// The driver's process. The browser is in its process group.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = Command::new("kill")
            .args(["-s", "KILL", "--", &format!("-{}", self.0.id())])
            .stderr(Stdio::null())
            .status();
        let _ = self.0.wait();
    }
}

impl Browser {
    /// A browser of somebody who reads this language (`pt-BR`), at a desk.
    ///
    /// # Panics
    /// Where there is no Chromium: then the test can prove nothing, and says what to install.
    pub async fn start(language: &str) -> Browser {
        let (driver, port) = driver();
        let client = client_builder().timeout(PATIENCE).build().unwrap();
        let mut browser = Browser { driver, client, session: format!("http://127.0.0.1:{port}/session") };
        let mut options = json!({
            "args": [
                "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-extensions",
                "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps",
                "--no-first-run", "--hide-scrollbars", "--window-size=1280,900", "--force-color-profile=srgb",
            ],
            "prefs": { "intl.accept_languages": language, "intl.selected_languages": language },
        });
        if let Some(binary) = std::env::var_os("CHROMIUM") {
            options["binary"] = json!(binary.to_str().unwrap());
        }
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let begun = browser.ask("", Some(wanted)).await.unwrap_or_else(|why| panic!("no Chromium: {why}\n{WANTED}"));
        let id = begun["sessionId"].as_str().expect("a session has an id");
        browser.session = format!("{}/{id}", browser.session);
        browser.desk().await;
        browser
    }

    /// The same, at this address.
    pub async fn open(url: &str, language: &str) -> Browser {
        let browser = Browser::start(language).await;
        browser.go(url).await;
        browser
    }

    /// Goes to an address, as somebody who types it.
    pub async fn go(&self, url: &str) {
        self.must("/url", Some(json!({ "url": url }))).await;
    }

    /// Loads the page again.
    pub async fn reload(&self) {
        self.must("/refresh", Some(json!({}))).await;
    }

    /// Where it is.
    pub async fn address(&self) -> String {
        self.must("/url", None).await.as_str().unwrap_or_default().to_owned()
    }

    /// A window of 1280 by 900.
    pub async fn desk(&self) {
        self.size(1280, 900, false).await;
    }

    /// A phone's, of 360 by 740.
    pub async fn phone(&self) {
        self.size(360, 740, true).await;
    }

    pub async fn size(&self, width: u32, height: u32, mobile: bool) {
        let wanted = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile });
        self.tool("Emulation.setDeviceMetricsOverride", wanted).await;
    }

    /// As somebody who likes it dark, or does not.
    pub async fn dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let wanted = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        self.tool("Emulation.setEmulatedMedia", wanted).await;
    }

    /// Reads another language from the next page on.
    pub async fn language(&self, language: &str) {
        let agent = self.run("return navigator.userAgent").await;
        self.tool("Emulation.setUserAgentOverride", json!({ "userAgent": agent, "acceptLanguage": language })).await;
    }

    /// As if the page had no script.
    pub async fn without_script(&self, without: bool) {
        self.tool("Emulation.setScriptExecutionDisabled", json!({ "value": without })).await;
    }

    /// Clicks as a hand does: the element must be there, in sight and under nothing else.
    #[track_caller]
    pub fn click(&self, selector: &str) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            self.appears(selector).await;
            let began = Instant::now();
            loop {
                // What is kept up to date may be another element by the time it is clicked.
                let Some(element) = self.find(selector).await else { continue };
                match self.ask(&format!("/element/{element}/click"), Some(json!({}))).await {
                    Ok(_) => return,
                    Err(why) => assert!(began.elapsed() < PATIENCE, "{caller}: cannot click {selector}: {why}"),
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Writes into a field, in place of what is in it.
    pub async fn fill(&self, selector: &str, text: &str) {
        self.appears(selector).await;
        let element = self.find(selector).await.expect("it was there just now");
        self.must(&format!("/element/{element}/clear"), Some(json!({}))).await;
        self.must(&format!("/element/{element}/value"), Some(json!({ "text": text }))).await;
    }

    /// Presses keys where the focus is: `"\u{E007}"` is Enter, `"\u{E004}"` Tab.
    pub async fn press(&self, keys: &str) {
        let strokes: Vec<Value> = keys
            .chars()
            .flat_map(|key| [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })])
            .collect();
        let wanted = json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": strokes }] });
        self.must("/actions", Some(wanted)).await;
    }

    /// What is to be read there; empty where there is no such element.
    pub async fn text(&self, selector: &str) -> String {
        self.texts(selector).await.into_iter().next().unwrap_or_default()
    }

    /// The same of each of them, as it is drawn.
    pub async fn texts(&self, selector: &str) -> Vec<String> {
        let script = format!("return [...document.querySelectorAll({selector:?})].map(e => e.innerText.trim())");
        serde_json::from_value(self.run(&script).await).unwrap_or_default()
    }

    /// How many there are.
    pub async fn count(&self, selector: &str) -> usize {
        self.texts(selector).await.len()
    }

    /// The value of an attribute, or `None`.
    pub async fn attribute(&self, selector: &str, name: &str) -> Option<String> {
        let script = format!("return document.querySelector({selector:?})?.getAttribute({name:?})");
        self.run(&script).await.as_str().map(str::to_owned)
    }

    /// Waits until there is such an element.
    #[track_caller]
    pub fn appears(&self, selector: &str) -> impl Future<Output = ()> {
        let script = format!("return !!document.querySelector({selector:?})");
        self.until_true(format!("{selector} appears"), script)
    }

    /// Waits until there is none any more.
    #[track_caller]
    pub fn vanishes(&self, selector: &str) -> impl Future<Output = ()> {
        let script = format!("return !document.querySelector({selector:?})");
        self.until_true(format!("{selector} vanishes"), script)
    }

    /// Waits until this is to be read in one of these elements.
    #[track_caller]
    pub fn says(&self, selector: &str, text: &str) -> impl Future<Output = ()> {
        let script = format!(
            "return [...document.querySelectorAll({selector:?})].some(e => e.innerText.replace(/\\s+/g, ' ').includes({text:?}))"
        );
        self.until_true(format!("{selector} says {text:?}"), script)
    }

    /// Waits until this script returns true. It must begin with `return`.
    #[track_caller]
    pub fn until_true(&self, what: String, script: String) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let began = Instant::now();
            loop {
                // While a page is being left, nothing can be asked of it.
                let end = self.ask("/execute/sync", Some(json!({ "script": script, "args": [] }))).await;
                if end.as_ref().is_ok_and(|value| value == &json!(true)) {
                    return;
                }
                if began.elapsed() > PATIENCE {
                    let seen = self.text("body").await;
                    panic!("{caller}: in vain waited for: {what}; on {}:\n{seen}", self.address().await);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Runs a script in the page and gives what it returns.
    pub async fn run(&self, script: &str) -> Value {
        self.must("/execute/sync", Some(json!({ "script": script, "args": [] }))).await
    }

    /// The whole page as a picture, `target/tmp/page/NAME.png`: for somebody to look at.
    pub async fn screenshot(&self, name: &str) -> PathBuf {
        let page = self.run("const e = document.documentElement; return [e.clientWidth, e.scrollHeight]").await;
        let clip = json!({ "x": 0, "y": 0, "width": page[0], "height": page[1], "scale": 1 });
        let wanted = json!({ "format": "png", "clip": clip, "captureBeyondViewport": true });
        let picture = self.tool("Page.captureScreenshot", wanted).await;
        let bytes = STANDARD.decode(picture["data"].as_str().unwrap_or_default()).unwrap();
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join(format!("{name}.png"));
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// The page is no wider than the window: whatever is wider scrolls within itself.
    #[track_caller]
    pub fn fits(&self) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let script = "const width = document.documentElement.clientWidth;
                const clipped = (e) => { for (let p = e.parentElement; p; p = p.parentElement)
                    if (getComputedStyle(p).overflowX !== 'visible') return true; return false; };
                return document.documentElement.scrollWidth <= width ? [] :
                    [...document.body.querySelectorAll('*')].filter((e) => e.getBoundingClientRect().right > width + 1 && !clipped(e))
                        .map((e) => e.outerHTML.slice(0, 120))";
            let wide = self.run(script).await;
            assert_eq!(wide, json!([]), "{caller}: wider than the window at {}", self.address().await);
        }
    }

    /// Whatever is written can be read: it stands out from what is behind it by 4.5 to 1 at least (WCAG 2.2, AA).
    #[track_caller]
    pub fn contrasts(&self) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let script = "
                const paint = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
                const rgba = (colour) => {
                    paint.clearRect(0, 0, 1, 1);
                    paint.fillStyle = colour;
                    paint.fillRect(0, 0, 1, 1);
                    return [...paint.getImageData(0, 0, 1, 1).data];
                };
                const light = (c) => {
                    const [r, g, b] = c.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
                    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
                };
                const behind = (e) => {
                    for (; e; e = e.parentElement) {
                        const colour = rgba(getComputedStyle(e).backgroundColor);
                        if (colour[3] === 255) return colour;
                    }
                    return [255, 255, 255, 255];
                };
                const faint = [];
                const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
                while (walk.nextNode()) {
                    const e = walk.currentNode.parentElement;
                    if (!walk.currentNode.data.trim() || e.closest('svg, script, .unseen, .skip') || !e.checkVisibility()) continue;
                    const [a, b] = [light(rgba(getComputedStyle(e).color)), light(behind(e))];
                    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
                    if (ratio < 4.5) faint.push(`${walk.currentNode.data.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
                }
                return faint";
            let faint = self.run(script).await;
            assert_eq!(faint, json!([]), "{caller}: hardly to be read at {}", self.address().await);
        }
    }

    /// What was complained of in the console since this was asked last.
    pub async fn complaints(&self) -> Vec<String> {
        let entries = self.must("/se/log", Some(json!({ "type": "browser" }))).await;
        let entries = entries.as_array().cloned().unwrap_or_default();
        let bad = entries.iter().filter(|entry| entry["level"] == "SEVERE" || entry["level"] == "WARNING");
        bad.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Nobody complained in the console; with this it ends.
    #[track_caller]
    pub fn ends(self) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let complaints = self.complaints().await;
            assert!(complaints.is_empty(), "{caller}: the browser complains: {complaints:#?}");
            // Tidier than being killed, which it is in any case.
            let _ = self.client.delete(&self.session).send().await;
            drop(self.driver);
        }
    }

    async fn find(&self, selector: &str) -> Option<String> {
        let found = self.ask("/element", Some(json!({ "using": "css selector", "value": selector }))).await.ok()?;
        found[ELEMENT].as_str().map(str::to_owned)
    }

    /// A command of the browser's own tools.
    async fn tool(&self, command: &str, params: Value) -> Value {
        self.must("/goog/cdp/execute", Some(json!({ "cmd": command, "params": params }))).await
    }

    #[track_caller]
    fn must(&self, path: &str, body: Option<Value>) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        async move { self.ask(path, body).await.unwrap_or_else(|why| panic!("{caller}: {path}: {why}")) }
    }

    async fn ask(&self, path: &str, body: Option<Value>) -> Result<Value, String> {
        let url = format!("{}{path}", self.session);
        let asked = match body {
            Some(body) => self.client.post(url).header("content-type", "application/json").body(body.to_string()),
            None => self.client.get(url),
        };
        let answer = asked.send().await.map_err(|e| format!("the driver does not answer: {e}"))?;
        let good = answer.status().is_success();
        let text = answer.text().await.map_err(|e| e.to_string())?;
        let mut told: Value = serde_json::from_str(&text).map_err(|e| format!("{e}: {text}"))?;
        let value = told["value"].take();
        if good { Ok(value) } else { Err(format!("{}: {}", value["error"], value["message"])) }
    }
}

/// Starts the driver, at whatever port is free.
fn driver() -> (Driver, u16) {
    let program = std::env::var_os("CHROMEDRIVER").unwrap_or_else(|| "chromedriver".into());
    let mut command = Command::new(&program);
    command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    let mut child = command.spawn().unwrap_or_else(|why| panic!("no {}: {why}\n{WANTED}", program.display()));
    let said = BufReader::new(child.stdout.take().expect("it is piped"));
    let driver = Driver(child);
    for line in said.lines() {
        let line = line.expect("the driver speaks UTF-8");
        // ChromeDriver was started successfully on port 40123.
        let port =
            line.split_once("successfully on port ").and_then(|(_, port)| port.trim_end_matches('.').parse().ok());
        if let Some(port) = port {
            return (driver, port);
        }
    }
    panic!("{} ended before it was ready\n{WANTED}", program.display());
}
