//! A destination's token, for a person: looked at, tried, and had by signing in. None of it ever tells a token.

use serde::{Deserialize, Serialize};

use super::{Operator, Refusal, Verb, unknown_destination};
use crate::domain::oauth2::request::Ask;
use crate::domain::secret::Secret;
use crate::tokens::{Keeper, NoToken, Standing};

/// How does it stand with a destination's token?
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenShow {
    /// The destination.
    pub name: String,
}

/// Have a token now, if there is none that is good.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenAsk {
    /// The destination.
    pub name: String,
}

/// Have tokens for the code that a sign-in has brought.
#[derive(Clone, Serialize, Deserialize)]
pub struct SignIn {
    /// The destination.
    pub name: String,
    /// The code: good once, and not for long.
    pub code: String,
    /// As the browser was sent away with it.
    pub redirect_url: Option<String>,
    /// What shows that the code is ours.
    pub verifier: Option<String>,
}

/// How it stands with a destination's token after that.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenReply {
    /// The destination.
    pub destination: String,
    /// How it stands.
    #[serde(flatten)]
    pub standing: Standing,
    /// Why what was asked for has not come of it.
    pub failed: Option<String>,
    /// Whether trying again later may help.
    #[serde(default)]
    pub later: bool,
}

impl Verb for TokenShow {
    const PATH: &'static str = "auth/show";
    type Reply = TokenReply;

    async fn run(self, operator: &Operator) -> Result<TokenReply, Refusal> {
        let keeper = operator.keeper(&self.name)?;
        Ok(reply(self.name, keeper, Ok(())).await)
    }
}

impl Verb for TokenAsk {
    const PATH: &'static str = "auth/ask";
    type Reply = TokenReply;

    async fn run(self, operator: &Operator) -> Result<TokenReply, Refusal> {
        let keeper = operator.keeper(&self.name)?;
        let end = keeper.ask_anew().await;
        Ok(reply(self.name, keeper, end).await)
    }
}

impl Verb for SignIn {
    const PATH: &'static str = "auth/sign-in";
    type Reply = TokenReply;

    async fn run(self, operator: &Operator) -> Result<TokenReply, Refusal> {
        let keeper = operator.keeper(&self.name)?;
        let (code, verifier) = (Secret::new(self.code), self.verifier.map(Secret::new));
        let end = keeper.sign_in(Ask::Code { code, redirect_url: self.redirect_url, verifier }).await;
        Ok(reply(self.name, keeper, end).await)
    }
}

async fn reply(destination: String, keeper: Keeper, end: Result<(), NoToken>) -> TokenReply {
    let standing = keeper.standing().await;
    let later = end.as_ref().is_err_and(|none| !none.needs_person);
    TokenReply { destination, standing, failed: end.err().map(|none| none.said), later }
}

impl Operator {
    fn keeper(&self, name: &str) -> Result<Keeper, Refusal> {
        if !self.is_in_file(name) {
            return Err(unknown_destination(name, &self.config()));
        }
        self.tokens.of(name).ok_or_else(|| {
            let file = match self.health {
                Some(_) => "the file that the service goes by (`leadhook reload` has it read the file again)",
                None => "the file",
            };
            Refusal::Usage(format!(
                "{name} has no auth of type \"oauth2\" in {file}: there is no token to be had for it"
            ))
        })
    }
}
