//! `auth`.

use super::lines;
use crate::config::auth::auth;
use crate::domain::auth::Auth;
use crate::domain::aws::AwsSigV4;
use crate::domain::oauth2::{ClientAuth, Encoding, Grant, OAuth2};

fn read(table: &str) -> (Option<Auth>, Vec<String>) {
    lines(&format!("auth = {{ {table} }}"), &[("KEY", "k1\n")], |mut section| {
        let url = url::Url::parse("https://crm.example.com/").expect("a URL");
        auth(section.take("auth").expect("the key"), Some(&url))
    })
}

#[test]
fn each_type_is_read() {
    for (table, header) in [
        ("type = 'bearer', token = '${KEY}'", "authorization: Bearer k1"),
        ("type = 'basic', username = 'a', password = 'b'", "authorization: Basic YTpi"),
        ("type = 'basic', username = 'a', password = ''", "authorization: Basic YTo="),
        ("type = 'header', name = 'X-Api-Key', value = 'k'", "x-api-key: k"),
        ("type = 'header', name = 'Authorization', value = 'k', scheme = 'Token'", "authorization: Token k"),
        ("type = 'header', name = 'a', value = 'k', scheme = ''", "a: k"),
    ] {
        let (auth, said) = read(table);
        assert_eq!(said, [""; 0], "{table}");
        let (name, value) = auth.expect(table).header().expect("a header");
        assert_eq!(format!("{name}: {}", value.expose()), header);
    }
    let (auth, said) = read("type = 'query', name = 'api_token', value = 'a b'");
    let auth = auth.expect("a parameter");
    assert_eq!(auth.query().map(|(name, value)| (name, value.expose())), Some(("api_token", "a b")));
    assert_eq!(said, [""; 0]);
}

#[test]
fn mistakes_say_what_to_write_and_no_secret() {
    for (table, told) in [
        ("token = 'hunter2'", "auth.type: is missing (write type = \"bearer\""),
        (
            "type = 'baerer', token = 'hunter2'",
            "auth.type: is no type of authentication (did you mean \"bearer\"? there is",
        ),
        (
            "type = 'x', token = 'hunter2'",
            "auth.type: is no type of authentication (there is \"bearer\", \"basic\", \"header\", \"query\", \"oauth2\", \"aws_sigv4\")",
        ),
        ("type = 'bearer'", "auth.token: is missing (write token = \"${CRM_TOKEN}\""),
        ("type = 'bearer', token = ' '", "auth.token: must not be empty"),
        ("type = 'bearer', token = \"hunter2\\nx: y\"", "auth.token: cannot stand in a header"),
        (
            "type = 'bearer', token = 'a', tokn = 'hunter2'",
            "auth.tokn: `auth` has no key of this name (did you mean `token`?)",
        ),
        ("type = 'basic', username = 'hunter2:x', password = 'y'", "auth.username: must not hold a colon"),
        ("type = 'basic', username = 'a'", "auth.password: is missing"),
        ("type = 'header', value = 'hunter2'", "auth.name: is missing"),
        ("type = 'header', name = 'a b', value = 'hunter2'", "auth.name: is not a header's name"),
        (
            "type = 'header', name = 'webhook-id', value = 'hunter2'",
            "auth.name: leadhook sets the header webhook-id itself",
        ),
        ("type = 'header', name = 'a', value = 'x', scheme = \"a\\nb\"", "auth.scheme: cannot stand in a header"),
        ("type = 'query', name = '', value = 'hunter2'", "auth.name: must not be empty"),
    ] {
        let (auth, said) = read(table);
        assert!(said.len() == 1 && said[0].contains(told), "\n{table}\n  said {said:#?}\n  not  {told}");
        assert!(auth.is_none() || table.contains("tokn"), "{table}");
        assert!(!said[0].contains("hunter2"), "{said:?}");
    }
    let said =
        lines("auth = 'hunter2'", &[], |mut section| auth(section.take("auth").expect("the key"), None).is_none()).1;
    assert!(said[0].contains("must be a table, and this is text"), "{said:?}");
}

fn aws(table: &str, url: &str) -> (Option<AwsSigV4>, Vec<String>) {
    let text = format!("auth = {{ type = 'aws_sigv4', {table} }}");
    let (read, said) = lines(&text, &[("KEY", "k1\n")], |mut section| {
        let url = url::Url::parse(url).expect("a URL");
        auth(section.take("auth").expect("the key"), Some(&url))
    });
    (read.and_then(|auth| auth.aws().cloned()), said)
}

#[test]
fn a_key_of_aws_is_good_where_its_host_says() {
    const KEY: &str = "access_key_id = 'AKID', secret_access_key = '${KEY}'";
    for (table, url, region, service) in [
        (KEY.to_owned(), "https://sqs.sa-east-1.amazonaws.com/1/leads", "sa-east-1", "sqs"),
        (format!("{KEY}, region = 'us-east-1'"), "https://sqs.sa-east-1.amazonaws.com/1/leads", "us-east-1", "sqs"),
        (format!("{KEY}, region = 'local', service = 'sqs'"), "http://127.0.0.1:4566/1/leads", "local", "sqs"),
        (KEY.to_owned(), "https://sqs-url.unset.invalid/", "unset", "unset"),
    ] {
        let (read, said) = aws(&table, url);
        assert_eq!(said, [""; 0], "{url}");
        let read = read.expect("a key");
        assert_eq!((read.region.as_str(), read.service.as_str()), (region, service), "{url}");
        assert_eq!((read.access_key_id.expose(), read.secret_access_key.expose()), ("AKID", "k1"));
    }
    let ending = aws(&format!("{KEY}, session_token = '${{KEY}}'"), "https://sqs.sa-east-1.amazonaws.com/1/leads").0;
    assert_eq!(ending.expect("a key").session_token.expect("a token").expose(), "k1");
}

#[test]
fn mistakes_in_a_key_of_aws_say_what_to_write() {
    const SQS: &str = "https://sqs.sa-east-1.amazonaws.com/1/leads";
    for (table, url, told) in [
        (
            "secret_access_key = 'hunter2'",
            SQS,
            "auth.access_key_id: is missing (write access_key_id = \"${AWS_ACCESS_KEY_ID}\"",
        ),
        ("access_key_id = 'hunter2'", SQS, "auth.secret_access_key: is missing (write secret_access_key = \"${"),
        ("access_key_id = 'hunter2/x', secret_access_key = 'k'", SQS, "auth.access_key_id: is no id of a key"),
        (
            "access_key_id = 'a', secret_access_key = 'hunter2', service = 'sqs'",
            "https://sqs.example.com/1/leads",
            "auth.region: is missing (write region = \"sa-east-1\": the url's host does not say it",
        ),
        (
            "access_key_id = 'a', secret_access_key = 'hunter2', region = 'sa-east-1'",
            "https://sqs.example.com/1/leads",
            "auth.service: is missing (write service = \"sqs\": the url's host does not say it",
        ),
        (
            "access_key_id = 'a', secret_access_key = 'hunter2', region = 'São Paulo'",
            SQS,
            "auth.region: is no region of AWS's (write it as AWS does, for example \"sa-east-1\"",
        ),
        (
            "access_key_id = 'a', secret_access_key = 'hunter2', token = 'x'",
            SQS,
            "auth.token: `auth` has no key of this name",
        ),
        (
            "access_key_id = 'a', secret_access_key = 'b', session_token = \"hunter2\\nx\"",
            SQS,
            "session_token: cannot stand in a header",
        ),
    ] {
        let (read, said) = aws(table, url);
        assert!(said.len() == 1 && said[0].contains(told), "\n{table}\n  said {said:#?}\n  not  {told}");
        assert!(read.is_none() || told.contains("no key of"), "{table}");
        assert!(!said[0].contains("hunter2"), "{said:?}");
    }
}

fn oauth2(table: &str) -> (Option<OAuth2>, Vec<String>) {
    let (auth, said) = read(&format!("type = 'oauth2', {table}"));
    let oauth2 = auth.map(|auth| match auth {
        Auth::OAuth2(oauth2) => *oauth2,
        other => panic!("{}", other.kind()),
    });
    (oauth2, said)
}

#[test]
fn oauth2_is_read() {
    let (read, said) = oauth2("token_url = 'https://a.example.com/token', client_id = 'id', client_secret = '${KEY}'");
    let own = read.expect("right");
    assert_eq!(said, [""; 0]);
    assert_eq!(
        (own.grant, own.client_auth, own.encoding),
        (Grant::ClientCredentials, ClientAuth::Body, Encoding::Form)
    );
    assert_eq!(own.client_secret.as_ref().map(|secret| secret.expose()), Some("k1"));
    assert_eq!((own.scheme.as_str(), &own.scope, own.expires_in), ("Bearer", &None, None));
    assert!(own.redirect_url.is_none() && own.authorize.is_none());

    let (read, said) = oauth2(
        "token_url = 'http://127.0.0.1:1/token', client_id = 'id', grant = 'refresh_token', refresh_token = '${KEY}',
         scope = 'a b', account = 'main', client_secret = 's', client_auth = 'basic', encoding = 'json',
         token_params = { audience = 'x', n = 1 }, authorize_url = 'https://a.example.com/authorize',
         authorize_params = { access_type = 'offline' }, pkce = false, scheme = 'Zoho-oauthtoken',
         base_url_at = '/instance_url', expires_in = '1h'",
    );
    let signed_in = read.expect("right");
    assert_eq!(said, [""; 0]);
    assert_eq!((signed_in.client_auth, signed_in.encoding), (ClientAuth::Basic, Encoding::Json));
    assert_eq!(signed_in.refresh_token.as_ref().map(|token| token.expose()), Some("k1"));
    let params: Vec<_> = signed_in.token_params.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    assert_eq!(params, [("audience", "x"), ("n", "1")]);
    let authorize = signed_in.authorize.expect("a page");
    assert_eq!(authorize.params, [("access_type".to_owned(), "offline".to_owned())]);
    assert!(!authorize.pkce);
    assert_eq!(signed_in.redirect_url.expect("one").as_str(), "http://127.0.0.1:8788/callback");
}

#[test]
fn mistakes_in_oauth2_say_what_to_write() {
    const OWN: &str = "token_url = 'https://a.example.com/', client_id = 'id', client_secret = 'hunter2'";
    const BY_HAND: &str = "token_url = 'https://a.example.com/', client_id = 'id', grant = 'refresh_token'";
    for (table, told) in [
        ("client_id = 'a', client_secret = 'b'".to_owned(), "auth.token_url: is missing (write token_url = \"https://"),
        ("token_url = 'https://a', client_secret = 'b'".to_owned(), "auth.client_id: is missing"),
        (
            "token_url = 'https://a', client_id = 'b'".to_owned(),
            "auth.client_secret: is missing (write client_secret = \"${",
        ),
        (format!("{BY_HAND}, client_auth = 'basic'"), "auth.client_secret: is missing"),
        (
            "token_url = 'http://a.example.com/hunter2', client_id = 'a', client_secret = 'b'".to_owned(),
            "auth.token_url: must begin with https://: secrets go there",
        ),
        (
            format!("{OWN}, grant = 'password'"),
            "auth.grant: is no way for giving tokens (there is `client_credentials`, `refresh_token`)",
        ),
        (format!("{OWN}, grant = 'client_credential'"), "(did you mean `client_credentials`?)"),
        (format!("{OWN}, client_auth = 'header'"), "auth.client_auth: is no way of showing who leadhook is"),
        (format!("{OWN}, encoding = 'xml'"), "auth.encoding: is no way of writing a request for a token"),
        (
            format!("{OWN}, refresh_token = 'hunter2'"),
            "auth.refresh_token: goes with tokens of a person's sign-in alone (write grant =",
        ),
        (format!("{OWN}, pkce = true"), "auth.pkce: goes with tokens of a person's sign-in alone"),
        (format!("{BY_HAND}, pkce = true"), "auth.pkce: goes with `authorize_url`"),
        (format!("{BY_HAND}, authorize_params = {{}}"), "auth.authorize_params: goes with `authorize_url`"),
        (format!("{BY_HAND}, authorize_url = 'http://a.example.com/'"), "auth.authorize_url: must begin with https://"),
        (
            format!("{BY_HAND}, redirect_url = 'http://a.example.com/'"),
            "auth.redirect_url: must begin with https://, or lead to this machine",
        ),
        (format!("{OWN}, scheme = 'a b'"), "auth.scheme: cannot stand before a token"),
        (
            format!("{OWN}, base_url_at = 'instance_url'"),
            "auth.base_url_at: is not a JSON Pointer (write \"/instance_url\"",
        ),
        (format!("{OWN}, token_params = {{ a = [] }}"), "auth.token_params.a: must be a text, a number"),
        (
            format!("{OWN}, expire_in = '1h'"),
            "auth.expire_in: `auth` has no key of this name (did you mean `expires_in`?)",
        ),
    ] {
        let (read, said) = oauth2(&table);
        assert!(said.len() == 1 && said[0].contains(told), "\n{table}\n  said {said:#?}\n  not  {told}");
        assert!(read.is_none() || told.contains("no key") || told.contains("goes with"), "{table}");
        assert!(!said[0].contains("hunter2"), "{said:?}");
    }
}

const TWO: &str = r#"
[source]
platform_id = "p"
token = "t"

[destinations.one]
url = "https://crm.example.com/a"
secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
auth = { type = "oauth2", token_url = "https://a.example.com/", client_id = "id", grant = "refresh_token", refresh_token = "r1" }

[destinations.two]
url = "https://crm.example.com/b"
secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
auth = { type = "oauth2", token_url = "https://a.example.com/", client_id = "id", grant = "refresh_token", refresh_token = "r2" }

[[routes]]
name = "all"
on = ["lead.finalized"]
to = ["one", "two"]
"#;

#[test]
fn one_token_begins_with_one_refresh_token() {
    let said = super::said(super::read(TWO));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("14:8: destinations.two.auth: begins with another refresh token than `one`"),
        "{said:?}"
    );
    for right in [
        TWO.replace("\"r2\"", "\"r1\""),
        TWO.replace(", refresh_token = \"r2\"", ""),
        TWO.replace("refresh_token = \"r2\"", "refresh_token = \"r2\", account = \"b\""),
    ] {
        assert_eq!(super::said(super::read(&right)), [""; 0], "{right}");
    }
}

/// A preset's `auth` that the file adds to, or replaces.
#[test]
fn a_presets_auth_is_merged_key_by_key() {
    const PRESET: &str = r#"
        [destination]
        url = "https://crm.example.com/a"
        [destination.auth]
        type = "oauth2"
        token_url = "https://a.example.com/"
        grant = "refresh_token"
        authorize_url = "https://a.example.com/authorize"
        scope = "leads"
        token_params = { a = "1", b = "2" }
    "#;
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("mine.toml"), PRESET).expect("a preset");
    let file = |auth: &str| {
        let text = format!(
            "{}\n[destinations.one]\npreset = \"./mine.toml\"\nauth = {{ {auth} }}\n[[routes]]\nname = \"all\"\non = [\"lead.finalized\"]\nto = [\"one\"]\n",
            "[source]\nplatform_id = \"p\"\ntoken = \"t\"\n"
        );
        crate::config::parse(&directory.path().join("leadhook.toml"), &text, &crate::config::Environment::default())
    };
    let auth = |auth: &str| {
        let config = file(auth).unwrap_or_else(|mistakes| panic!("{mistakes}")).config;
        config.destinations[0].form.auth.clone().expect("an auth")
    };
    for mine in ["", "type = \"oauth2\", "] {
        let merged = auth(&format!("{mine}client_id = \"id\", scope = \"more\", token_params = {{ a = \"3\" }}"));
        let merged = merged.oauth2().expect("oauth2");
        assert_eq!(
            (merged.grant, merged.client_id.as_str(), merged.scope.as_deref()),
            (Grant::RefreshToken, "id", Some("more"))
        );
        assert_eq!(merged.token_params.len(), 1, "a table in it is one key");
        assert!(merged.authorize.is_some());
    }
    assert_eq!(auth("type = \"bearer\", token = \"t\"").kind(), "bearer");
    let said = file("type = \"oauth2\"").expect_err("no client_id").to_string();
    assert!(
        said.contains("destinations.one.auth.client_id: is missing") && said.contains("leadhook.toml:7:8"),
        "{said}"
    );
}
