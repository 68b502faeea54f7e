//! The places that a template's text can end up in.

use std::borrow::Cow;

use super::escape;

/// Where a template's text goes, which decides how what a lead says is escaped in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Place {
    /// Nothing means anything there: a JSON string, plain text.
    Plain,
    /// A part of a URL's path or query: percent-encoded, all but unreserved characters.
    UrlPart,
    /// A header's value: control characters become spaces.
    Header,
    /// A value of `application/x-www-form-urlencoded`.
    Form,
    /// Text or an attribute of XML 1.0. What XML forbids is left out.
    Xml,
    /// Slack's mrkdwn: `&`, `<` and `>` as entities, so that nobody and no channel is mentioned.
    Slack,
    /// Discord's markdown, without mentions and masked links.
    Discord,
    /// The markdown of an Adaptive Card's TextBlock in Microsoft Teams.
    Teams,
    /// The text of a Google Chat message.
    GoogleChat,
}

impl Place {
    /// All places.
    pub const ALL: [Place; 9] = [
        Place::Plain,
        Place::UrlPart,
        Place::Header,
        Place::Form,
        Place::Xml,
        Place::Slack,
        Place::Discord,
        Place::Teams,
        Place::GoogleChat,
    ];

    /// The name under which the file asks for this place with `escape`; `None`: the place follows from the key.
    pub fn as_escape(self) -> Option<&'static str> {
        match self {
            Place::Plain => Some("none"),
            Place::Slack => Some("slack"),
            Place::Discord => Some("discord"),
            Place::Teams => Some("teams"),
            Place::GoogleChat => Some("google-chat"),
            Place::UrlPart | Place::Header | Place::Form | Place::Xml => None,
        }
    }

    /// The place that `escape = "..."` asks for.
    pub fn from_escape(name: &str) -> Option<Place> {
        Place::ALL.into_iter().find(|place| place.as_escape() == Some(name))
    }

    /// The text, so that it is shown as it is there and means nothing.
    pub fn escape(self, text: &str) -> Cow<'_, str> {
        match self {
            Place::Plain => Cow::Borrowed(text),
            Place::UrlPart => escape::url(text),
            Place::Header => escape::header(text),
            Place::Form => escape::form(text),
            Place::Xml => escape::xml(text),
            Place::Slack => escape::slack(text),
            Place::Discord => escape::discord(text),
            Place::Teams => escape::teams(text),
            Place::GoogleChat => escape::google_chat(text),
        }
    }

    /// Chat rooms: text there is markup inside a JSON string.
    pub(super) fn is_chat(self) -> bool {
        matches!(self, Place::Slack | Place::Discord | Place::Teams | Place::GoogleChat)
    }
}
