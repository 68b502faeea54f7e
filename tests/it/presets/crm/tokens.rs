//! Where a CRM gives out tokens.

use serde_json::{Value, json};

use super::{Answer, Call, answer};

pub const CLIENT_ID: &str = "client-1";
pub const CLIENT_SECRET: &str = "client-secret-1";

/// An OAuth2 server with one client, whose tokens are `access-1`, `access-2` and so on.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The refresh tokens that are good; empty: by client credentials.
    good: Vec<String>,
    /// A refresh token is good once; see [`Tokens::rotating`].
    rotates: bool,
    strict: bool,
    /// How many have been given out.
    given: usize,
    /// The access token that lets in.
    access: String,
    /// Said beside the token.
    also: Value,
}

impl Tokens {
    fn new(good: Vec<String>, rotates: bool, strict: bool) -> Tokens {
        let also = json!({"token_type": "Bearer"});
        Tokens { good, rotates, strict, given: 0, access: String::new(), also }
    }

    /// By client credentials.
    pub fn of_client() -> Tokens {
        Tokens::new(Vec::new(), false, false)
    }

    /// By this refresh token, which stays.
    pub fn lasting(first: &str) -> Tokens {
        Tokens::new(vec![first.to_owned()], false, false)
    }

    /// By this refresh token, and by a new one each time: the one before is good until the new one, or the access token
    /// that came with it, is used.
    pub fn rotating(first: &str) -> Tokens {
        Tokens::new(vec![first.to_owned()], true, false)
    }

    /// The same, but the one before is not good any more.
    pub fn rotating_at_once(first: &str) -> Tokens {
        Tokens::new(vec![first.to_owned()], true, true)
    }

    /// These too stand in each answer: `{"expires_in": 7200}`.
    pub fn saying(mut self, also: Value) -> Tokens {
        self.also.as_object_mut().unwrap().extend(also.as_object().unwrap().clone());
        self
    }

    /// No access token lets in until a new one is asked for.
    pub fn expire(&mut self) {
        self.access = String::new();
    }

    /// Whether this request may come in.
    pub fn let_in(&mut self, call: &Call, scheme: &str) -> bool {
        let good = !self.access.is_empty() && call.header("authorization") == format!("{scheme} {}", self.access);
        if good && self.good.len() > 1 {
            self.good.remove(0);
        }
        good
    }

    /// A request for a token, as a form or as JSON.
    pub fn answer(&mut self, call: &Call) -> Answer {
        let (form, json) = (call.form(), call.json());
        let said = |name: &str| form.get(name).cloned().or_else(|| json[name].as_str().map(str::to_owned));
        let refused = |error: &str| answer(400, json!({"error": error, "error_description": "said so"}));
        if call.method != "POST"
            || (said("client_id"), said("client_secret")) != (Some(CLIENT_ID.into()), Some(CLIENT_SECRET.into()))
        {
            return answer(401, json!({"error": "invalid_client"}));
        }
        let mut tokens = json!({});
        match said("grant_type").as_deref() {
            Some("client_credentials") if self.good.is_empty() => {}
            Some("refresh_token") => {
                let Some(at) = said("refresh_token").and_then(|token| self.good.iter().position(|good| *good == token))
                else {
                    return refused("invalid_grant");
                };
                if self.rotates {
                    let next = format!("refresh-{}", self.given + 2);
                    tokens["refresh_token"] = json!(next);
                    let this = self.good.swap_remove(at);
                    self.good = if self.strict { vec![next] } else { vec![this, next] };
                }
            }
            _ => return refused("unsupported_grant_type"),
        }
        self.given += 1;
        self.access = format!("access-{}", self.given);
        tokens["access_token"] = json!(self.access);
        tokens.as_object_mut().unwrap().extend(self.also.as_object().unwrap().clone());
        answer(200, tokens)
    }
}
