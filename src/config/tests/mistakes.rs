//! Each mistake, with its place.

use super::*;

/// Puts one line in the place of another and expects exactly this mistake.
fn one(old: &str, new: &str, told: &str) {
    assert!(GOOD.contains(old), "{old}");
    let text = GOOD.replacen(old, new, 1);
    schema::sees(&text, told);
    let said = said(read(&text));
    assert!(said.len() == 1 && said[0].starts_with(told), "\n{new}\n  said {said:#?}\n  not  {told}");
}

#[test]
fn the_source() {
    for (line, told) in [
        ("platfrom = 1", "2:1: source.platfrom: `source` has no key of this name"),
        ("poll_evry = '5s'", "2:1: source.poll_evry: `source` has no key of this name (did you mean `poll_every`?)"),
        ("base_url = 'api.weclever.co'", "2:12: source.base_url: is not a whole URL"),
        ("base_url = 'ftp://a'", "2:12: source.base_url: must begin with https:// or http://"),
        ("base_url = 'https://'", "2:12: source.base_url: is not a URL: empty host"),
        ("base_url = 'https://u:p@a'", "2:12: source.base_url: must not carry a user"),
        ("base_url = 'https://a/?b'", "2:12: source.base_url: must not have a query"),
        ("base_url = 'https://a/#b'", "2:12: source.base_url: has a fragment"),
        ("username = 'u'", "4:9: source.token: is set, and so is `username`"),
        ("token_time = '5'", "4:9: source.token: is set, and so is `token_time`"),
        ("auth_header = 'a b'", "2:15: source.auth_header: is not a header's name"),
        ("auth_header = 'Host'", "2:15: source.auth_header: leadhook sets the header host itself"),
        ("auth_scheme = \"a\\nb\"", "2:15: source.auth_scheme: cannot stand in a header"),
        ("encode_plus = 'true'", "2:15: source.encode_plus: must be true or false, and this is text"),
        (
            "timezone = 'Sao_Paulo'",
            "2:12: source.timezone: is not a time zone that leadhook knows (did you mean \"America/Sao_Paulo\"?)",
        ),
        (
            "timezone = 'America/Sao_Paolo'",
            "2:12: source.timezone: is not a time zone that leadhook knows (did you mean \"America/Sao_Paulo\"?)",
        ),
        (
            "timezone = '-03:00'",
            "2:12: source.timezone: is not a time zone that leadhook knows (write a name of the IANA",
        ),
        ("poll_every = '0s'", "2:14: source.poll_every: must be longer than nothing"),
        ("poll_every = 60", "2:14: source.poll_every: must be a duration in quotes, and this is a number"),
        ("poll_every = '60'", "2:14: source.poll_every: `60` is not a duration (write whole numbers with a unit"),
        ("overlap = '7d'", "2:11: source.overlap: `overlap` must be shorter than `sweep`"),
        ("sweep = '1h'", "2:9: source.sweep: `overlap` must be shorter than `sweep`"),
        ("lookback = '8d'", "2:12: source.lookback: `lookback` must be longer than `overlap`, and not longer"),
        ("lookback = '2h'", "2:12: source.lookback: `lookback` must be longer than `overlap`, and not longer"),
        ("recheck = '1m'", "2:11: source.recheck: must be a list, and this is text"),
        ("recheck = ['1m', '1']", "2:18: source.recheck[1]: `1` is not a duration"),
        (
            "recheck = ['3m', '60s']",
            "2:18: source.recheck[1]: is not more than the age before it (ages grow: write more",
        ),
        ("watch = ['name', 'lead.name']", "2:18: source.watch[1]: `lead.name` begins with `lead`"),
        ("watch = ['name', 'name']", "2:18: source.watch[1]: stands here twice (take one out)"),
        ("watch = ['csat.']", "2:10: source.watch[0]: `csat.` is no path (write names with dots between"),
        ("stale_after = '0s'", "2:15: source.stale_after: must be longer than nothing"),
        ("stale_after = '60s'", "2:15: source.stale_after: `stale_after` must be longer than `poll_every`"),
        ("heartbeat_url = 'hc-ping.com/x'", "2:17: source.heartbeat_url: is not a whole URL"),
        ("sweep = '20y'", "2:9: source.sweep: `20y` is not a duration"),
        ("start = 'yesterday'", "2:9: source.start: `yesterday` is neither `now` nor a date"),
        ("concurrency = 0", "2:15: source.concurrency: is out of range (write a whole number from 1 to 1024)"),
        ("concurrency = 1025", "2:15: source.concurrency: is out of range"),
        ("concurrency = 1.5", "2:15: source.concurrency: must be a whole number, and this is a number"),
        ("concurrency = '5'", "2:15: source.concurrency: must be a whole number, and this is text"),
        ("rate = '5'", "2:8: source.rate: `5` is not a rate"),
        ("rate = '0/s'", "2:8: source.rate: `0/s` would send nothing at all"),
        ("rate = 50", "2:8: source.rate: must be a rate in quotes, and this is a number (write for example \"50/s\")"),
        ("timeout = '0ms'", "2:11: source.timeout: must be longer than nothing"),
        ("give_up_after = true", "2:17: source.give_up_after: must be text, and this is true or false"),
    ] {
        one("platform_id = \"p\"", &format!("{line}\nplatform_id = 'p'"), told);
    }
    for (line, told) in [
        (
            "",
            "1:1: source.platform_id: is missing (write platform_id = \"my-platform\", or set LEADHOOK_SOURCE__PLATFORM_ID)",
        ),
        ("platform_id = 5", "2:15: source.platform_id: must be text, and this is a number"),
        ("platform_id = ' '", "2:15: source.platform_id: must not be empty"),
        ("platform_id = \"a\\nb\"", "2:15: source.platform_id: must not hold control characters"),
        ("platform_id = ['p']", "2:15: source.platform_id: must be text, and this is a list"),
    ] {
        one("platform_id = \"p\"", line, told);
    }
    for (line, told) in [
        ("", "1:1: source.username: is missing"),
        ("username = 'u'", "1:1: source.password: is missing"),
        ("password = 'u'", "1:1: source.username: is missing"),
        ("token = ''", "3:9: source.token: must not be empty"),
        ("token = \"a\\nb\"", "3:9: source.token: cannot stand in a header"),
    ] {
        one("token = \"t\"", line, told);
    }
}

#[test]
fn the_ratings() {
    for (lines, told) in [
        ("low_maks = 2", "2:1: csat.low_maks: `csat` has no key of this name (did you mean `low_max`?)"),
        (
            "low_max = 6",
            "2:11: csat.low_max: lies outside of the scale from 1 to 5 (write low_max = N, with a score from 1 to 5)",
        ),
        ("low_max = 0", "2:11: csat.low_max: lies outside of the scale from 1 to 5"),
        ("low_max = '2'", "2:11: csat.low_max: must be a number, and this is text (write a score, for example 2)"),
        ("low_max = nan", "2:11: csat.low_max: is out of range"),
        ("scale = [0, 10]\nlow_max = 11", "3:11: csat.low_max: lies outside of the scale from 0 to 10"),
        (
            "scale = [5, 9]",
            "2:9: csat.scale: leaves out 2, up to which a score is low where `low_max` is not set (write low_max = N",
        ),
        ("scale = [5, 1]", "2:9: csat.scale: must begin with the lowest score (write the lowest score and the highest"),
        ("scale = [3, 3]", "2:9: csat.scale: must begin with the lowest score"),
        ("scale = [1, 2, 3]", "2:9: csat.scale: must be two numbers"),
        ("scale = []", "2:9: csat.scale: must be two numbers"),
        ("scale = '1-5'", "2:9: csat.scale: must be a list, and this is text (write a list, for example [1, 5])"),
        ("scale = [1, 101]", "2:13: csat.scale[1]: is out of range (write a whole number from -100 to 100)"),
        ("scale = [0.5, 5]", "2:10: csat.scale[0]: must be a whole number"),
        ("direction = 'left'", "2:13: csat.direction: is neither \"up\" nor \"down\" (write \"up\" where the highest"),
        ("low_words = 'ruim'", "2:13: csat.low_words: must be a list, and this is text"),
        ("low_words = [1]", "2:14: csat.low_words[0]: must be text"),
        ("low_words = ['']", "2:14: csat.low_words[0]: must not be empty"),
        ("low_words = ['...']", "2:14: csat.low_words[0]: holds neither a word nor a face"),
        ("low_words = ['Não foi', 'nao FOI!']", "2:25: csat.low_words[1]: stands here or in `low_words` already"),
        (
            "low_words = ['xis']\nhigh_words = ['Xis']",
            "3:15: csat.high_words[0]: stands here or in `low_words` already",
        ),
    ] {
        let text = format!("[csat]\n{lines}\n{GOOD}");
        schema::sees(&text, told);
        let said = said(read(&text));
        assert!(said.len() == 1 && said[0].starts_with(told), "\n{lines}\n  said {said:#?}\n  not  {told}");
    }
}

#[test]
fn the_destinations() {
    for (line, told) in [
        (
            "secrets = ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw']",
            "7:11: destinations.crm.secrets: is set, and so is `secret`",
        ),
        ("when = 'x'", "7:1: destinations.crm.when: `destinations.crm` has no key of this name"),
        ("allow_private = 'yes'", "7:17: destinations.crm.allow_private: must be true or false, and this is text"),
        ("preset = 'slak'", "7:10: destinations.crm.preset: there is no preset `slak` (did you mean `slack`?)"),
        ("preset = './mine.toml'", "7:10: destinations.crm.preset: the preset file ./mine.toml cannot be read"),
        (
            "preset = 'slack'\nsettings = { a = '1' }",
            "8:14: destinations.crm.settings.a: the preset has no setting of this name",
        ),
        ("method = 'GET'", "7:10: destinations.crm.method: is not a method that carries an event"),
        ("body = '{{ lead.name'", "7:17: destinations.crm.body: unexpected end of input"),
        ("body = { a = ['{{ lead.name | uper }}'] }", "7:31: destinations.crm.body.a[0]: there is no filter `uper`"),
        ("body = '{}'\ncontent_type = 'application/json'", "7:8: destinations.crm.body: JSON with holes in it"),
        ("body = { a = 1 }\ncontent_type = 'text/xml'", "8:16: destinations.crm.content_type: a table is sent as"),
        ("body = '{}'\ncontent_type = 'application/x-ndjson'", "7:8: destinations.crm.body: JSON with holes in it"),
        (
            "body = 'a={{ lead.name }}'\nheaders = { content-type = 'application/x-www-form-urlencoded' }",
            "5:1: destinations.crm: a text body's content type stands under `headers`",
        ),
        (
            "body_file = '/dev/zero'",
            "7:13: destinations.crm.body_file: the file /dev/zero cannot be read: it is no file",
        ),
        ("body = 'x'\nbody_file = 'y'", "8:13: destinations.crm.body_file: is set, and so is `body`"),
        ("body_file = 'nowhere.json'", "7:13: destinations.crm.body_file: the file nowhere.json cannot be read"),
        ("headers = { a = '{{ nothing }}' }", "7:21: destinations.crm.headers.a: no event has `nothing`"),
        ("body = { a = '{{ lead.nam }}' }\nescape = 'slak'", "8:10: destinations.crm.escape: is no way to escape"),
        (
            "auth = { type = 'bearer', token = 'x' }\nheaders = { authorization = 'y' }",
            "7:8: destinations.crm.auth: sets the header authorization, and so does `headers`",
        ),
        ("max_body = '28'", "7:12: destinations.crm.max_body: `28` is not a size"),
        ("wrap = 'sns'", "7:8: destinations.crm.wrap: is nothing that a request can be put into (did you mean `sqs`?)"),
        ("wrap = 'sqs'", "5:1: destinations.crm.auth: is missing (write auth = { type = \"aws_sigv4\""),
        (
            "wrap = 'sqs'\nauth = { type = 'bearer', token = 'x' }",
            "8:8: destinations.crm.auth: is not what SQS asks for (write type = \"aws_sigv4\")",
        ),
        (
            "preset = 'sqs'\nauth = { access_key_id = 'a', secret_access_key = 'b' }",
            "8:8: destinations.crm.auth.region: is missing (write region = \"sa-east-1\": the url's host does not say it",
        ),
        (
            "preset = 'sqs'\nauth = { access_key_id = 'a', secret_access_key = 'b', region = 'c' }\nmethod = 'PUT'",
            "9:10: destinations.crm.method: is not how a message is put into a queue (take it out)",
        ),
        (
            "preset = 'sqs'\nauth = { access_key_id = 'a', secret_access_key = 'b', region = 'c' }\nsteps = [{ name = 'a' }]",
            "5:15: destinations.crm.wrap: is set, and so is `steps` (take one of the two out",
        ),
        (
            "preset = 'sqs'\nauth = { access_key_id = 'a', secret_access_key = 'b', region = 'c' }\nheaders = { a = '1', b = '1', c = '1', d = '1', e = '1', f = '1', g = '1', h = '1' }",
            "9:11: destinations.crm.headers: has more than 7 headers, and a message has no more attributes",
        ),
        ("over_max_body = 'drop'", "7:17: destinations.crm.over_max_body: says nothing that can be done"),
        ("headers = ['a']", "7:11: destinations.crm.headers: must be a table, and this is a list"),
        ("headers = { a = 1 }", "7:17: destinations.crm.headers.a: must be text, and this is a number"),
        ("headers = { 'a b' = 'c' }", "7:13: destinations.crm.headers.\"a b\": is not a header's name"),
        ("headers = { a = \"a\\nb\" }", "7:17: destinations.crm.headers.a: cannot stand in a header"),
        (
            "headers = { Webhook-Id = 'x' }",
            "7:13: destinations.crm.headers.Webhook-Id: leadhook sets the header webhook-id itself",
        ),
        ("headers = { content-length = '1' }", "7:13: destinations.crm.headers.content-length: leadhook sets"),
        ("headers = { A = '1', a = '2' }", "7:22: destinations.crm.headers.a: this header is set twice"),
        ("timeout = '0s'", "7:11: destinations.crm.timeout: must be longer than nothing"),
        ("concurrency = -1", "7:15: destinations.crm.concurrency: is out of range"),
        ("rate = '1/d'", "7:8: destinations.crm.rate: `1/d` is not a rate"),
        ("rate = '1/0s'", "7:8: destinations.crm.rate: `1/0s` is not a rate"),
        ("rate_per_contact = '24/d'", "7:20: destinations.crm.rate_per_contact: `24/d` is not a rate"),
        ("rate_per_contact = 24", "7:20: destinations.crm.rate_per_contact: must be a rate in quotes"),
        ("rate_per_contact = '501/24h'", "7:20: destinations.crm.rate_per_contact: `501/24h` counts more than 500"),
        ("rate_per_contact = {}", "7:20: destinations.crm.rate_per_contact.limit: is missing"),
        (
            "rate_per_contact = { limit = '0/h' }",
            "7:30: destinations.crm.rate_per_contact.limit: `0/h` would send nothing at all",
        ),
        (
            "rate_per_contact = { limit = '1/h', by = '{{ leed.email }}' }",
            "7:46: destinations.crm.rate_per_contact.by: no event has `leed.email`",
        ),
        ("rate_per_contact = { limit = '1/h', by = '{{ lead. }}' }", "7:52: destinations.crm.rate_per_contact.by: "),
        ("rate_per_contact = { limit = '1/h', bye = '' }", "7:37: destinations.crm.rate_per_contact.bye: "),
        ("max_age = '7 days'", "7:11: destinations.crm.max_age: `7 days` is not a duration"),
        ("retry = '5s'", "7:9: destinations.crm.retry: must be a table, and this is text"),
        ("retry = { jitter = 1.5 }", "7:20: destinations.crm.retry.jitter: is out of range (write a share from 0 to 1"),
        ("retry = { jitter = nan }", "7:20: destinations.crm.retry.jitter: is out of range"),
        ("retry = { jitter = 'x' }", "7:20: destinations.crm.retry.jitter: must be a number, and this is text"),
        ("retry = { factor = 0.5 }", "7:20: destinations.crm.retry.factor: is out of range"),
        ("retry = { attempts = 0 }", "7:22: destinations.crm.retry.attempts: is out of range"),
        ("retry = { initial = '0s' }", "7:21: destinations.crm.retry.initial: must be longer than nothing"),
        ("retry = { initial = '2h' }", "7:21: destinations.crm.retry.initial: the first wait, `initial`, is longer"),
        ("retry = { schedule = ['5s', 5] }", "7:29: destinations.crm.retry.schedule[1]: must be a duration in quotes"),
        ("retry = { schedule = '5s' }", "7:22: destinations.crm.retry.schedule: must be a list, and this is text"),
        (
            "retry = { schedule = ['5s'], max = '1h' }",
            "7:22: destinations.crm.retry.schedule: a schedule says every wait",
        ),
        (
            "retry = { schedul = ['5s'] }",
            "7:11: destinations.crm.retry.schedul: `destinations.crm.retry` has no key of this name (did you mean `schedule`?)",
        ),
        ("retry.jitter = 2", "7:16: destinations.crm.retry.jitter: is out of range"),
        (
            "[destinations.crm.retry]\njitter = 2\n[destinations.other]\nurl = 'https://x/'",
            "8:10: destinations.crm.retry.jitter: is out of range",
        ),
    ] {
        let line = format!("https://crm.example.com/hooks\"\n{line}");
        one("https://crm.example.com/hooks\"", &line, told);
    }
    for (line, told) in [
        ("secret = 5", "7:10: destinations.crm.secret: must be text"),
        ("secret = ''", "7:10: destinations.crm.secret: a signing secret starts with `whsec_`"),
        ("secret = 'whsec_c2hvcnQ='", "7:10: destinations.crm.secret: a signing secret holds 24 to 64 bytes"),
        ("secrets = []", "7:11: destinations.crm.secrets: must not be empty"),
        ("secrets = ['x']", "7:12: destinations.crm.secrets[0]: a signing secret starts with"),
    ] {
        one("secret = \"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD\"", line, told);
    }
    one("url = \"https://crm.example.com/hooks\"", "", "5:1: destinations.crm.url: is missing");
    for url in [
        "http://169.254.169.254/latest",
        "http://0xa9fea9fe/{{ id }}",
        "https://[::ffff:169.254.169.254]/",
        "http://2852039166",
        "http://168.63.129.16/{{ id }}",
    ] {
        let told =
            "6:7: destinations.crm.url: leads to where a cloud hands out credentials, and nothing is ever sent there";
        one("url = \"https://crm.example.com/hooks\"", &format!("url = '{url}'"), told);
    }
}

#[test]
fn the_routes() {
    one("name = \"all\"", "", "9:1: routes[0].name: is missing");
    one("name = \"all\"", "name = ''", "10:8: routes[0].name: must not be empty");
    one(
        "name = \"all\"",
        "when = 'csat.low and'\nname='x'",
        "10:8: routes[0].when: unexpected the end of the condition (write for example csat.low",
    );
    one("name = \"all\"", "when = 'mapped_statu == 1'\nname='x'", "10:9: routes[0].when: no event has `mapped_statu`");
    let form =
        GOOD.replacen("[[routes]]", "body = 'a=1'\ncontent_type = 'application/x-www-form-urlencoded'\n[[routes]]", 1);
    let told = said(read(&form.replacen("name = \"all\"", "name = 'all'\nbody = 'b={{ lead.name }}'", 1)));
    assert!(told[0].contains("as text/plain, and what goes there is application/x-www-form-urlencoded"), "{told:?}");
    one("name = \"all\"", "body = { a = '{{ x. }}' }\nname='x'", "10:21: routes[0].body.a: ");
    for (line, told) in [
        ("on = []", "11:6: routes[0].on: must not be empty"),
        ("on = 'lead.finalized'", "11:6: routes[0].on: must be a list, and this is text (write a list, for example"),
        (
            "on = ['lead.finalised']",
            "11:7: routes[0].on[0]: `lead.finalised` is no event type (did you mean \"lead.finalized\"?)",
        ),
        ("on = ['ops.sauce.stale']", "11:7: routes[0].on[0]: `ops.sauce.stale` is no event type (did you mean"),
        ("on = ['lead.finalized', 'lead.finalized']", "11:25: routes[0].on[1]: stands here twice"),
        ("on = [5]", "11:7: routes[0].on[0]: must be text"),
    ] {
        one("on = [\"lead.finalized\"]", line, told);
    }
    for (line, told) in [
        ("to = []", "12:6: routes[0].to: must not be empty"),
        ("to = ['crn']", "12:7: routes[0].to[0]: there is no destination `crn` (did you mean `crm`?)"),
        ("to = ['elsewhere']", "12:7: routes[0].to[0]: there is no destination `elsewhere` (there is `crm`)"),
        ("to = ['crm', 'crm']", "12:14: routes[0].to[1]: stands here twice"),
        (
            "to = ['crm']\n[[routes]]\nname='all'\non=['lead.finalized']\nto=['crm']",
            "14:6: routes[1].name: another route has this name already, in line 10",
        ),
    ] {
        one("to = [\"crm\"]", line, told);
    }
    one(
        "[[routes]]",
        "[routes]",
        "9:1: routes: each route is an entry of a list (write [[routes]], with two brackets)",
    );
}

#[test]
fn the_rest() {
    for (text, told) in [
        ("[sources]\n[source]", "1:2: sources: the file has no key of this name (did you mean `source`?)"),
        ("colour = 1\n[source]", "1:1: colour: the file has no key of this name (there is `source`, `csat`, `store`"),
        ("store = 'data'\n[source]", "1:9: store: must be a table, and this is text (write it as a section, [store])"),
        ("[store]\npath = ''\n[source]", "2:8: store.path: must not be empty"),
        ("[store]\nmax_bytes = '10'\n[source]", "2:13: store.max_bytes: `10` is not a size"),
        ("[store]\nmax_bytes = '1MB'\n[source]", "2:13: store.max_bytes: `1MB` is too little to work with"),
        ("[store]\nencryption_key = 'k'\n[source]", "2:18: store.encryption_key: is no key of 32 bytes in base64"),
        (
            "[store]\nencryption_key = ['MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=', 'k']\n[source]",
            "2:67: store.encryption_key[1]: is no key of 32 bytes in base64",
        ),
        ("[store]\nencryption_key = []\n[source]", "2:18: store.encryption_key: must not be empty"),
        ("[store]\nencryption_key = 7\n[source]", "2:18: store.encryption_key: must be text"),
        ("[store]\nretention = '0s'\n[source]", "2:13: store.retention: must be longer than nothing"),
        ("[store]\nretention = 30\n[source]", "2:13: store.retention: must be a duration in quotes"),
        (
            "[admin]\nlisten = '0.0.0.0:8787'\n[source]",
            "2:10: admin.listen: `0.0.0.0:8787` can be reached from other machines, and no `token` says who may ask (write token",
        ),
        (
            "[admin]\nurl = 'https://leadhook.example.com'\n[source]",
            "2:7: admin.url: people reach it from other machines, and no `token` says who may ask (write token",
        ),
        ("[admin]\nurl = 'leadhook.example.com'\n[source]", "2:7: admin.url: is not a whole URL"),
        ("[admin]\nurl = 'http://localhost/x'\n[source]", "2:7: admin.url: must end behind the host"),
        ("[admin]\nurl = 'http://localhost/?x'\n[source]", "2:7: admin.url: must end behind the host"),
        ("[admin]\nurl = 'http://u:p@localhost'\n[source]", "2:7: admin.url: must not carry a user and a password"),
        (
            "[admin]\nlisten = 8787\n[source]",
            "2:10: admin.listen: must be an address of this machine with a port in quotes",
        ),
        (
            "[admin]\ntoken = 'nineteen-characters'\n[source]",
            "2:9: admin.token: is shorter than 20 characters, and could be guessed (make one with `openssl rand -base64 32`)",
        ),
        (
            "[admin]\ntoken = 'a blank in twenty characters'\n[source]",
            "2:9: admin.token: must be letters, digits and signs",
        ),
        ("[admin]\ntoken = ' '\n[source]", "2:9: admin.token: must not be empty"),
        ("[admin]\ntoken = '${NOT_SET}'\n[source]", "2:10: admin.token: the environment variable NOT_SET is not set"),
        (
            "[destinations.\"a b\"]\nurl = 'https://x/'\n[source]",
            "1:15: destinations.\"a b\": is no name for a destination",
        ),
    ] {
        one("[source]", text, told);
    }
}

#[test]
fn what_is_no_toml_is_told_with_its_place() {
    for (text, told) in [
        ("[source", "1:8: this is not TOML"),
        ("[source]\nplatform_id = \n", "2:15: this is not TOML"),
        ("a = 1\na = 2\n", "2:1: this is not TOML: duplicate key"),
        ("[source]\ntimeout = 30s\n", "2:11: this is not TOML"),
    ] {
        let said = said(read(text));
        assert!(said.len() == 1 && said[0].starts_with(told), "{said:?} should be {told}");
    }
    let shown = read("[source]\ntimeout = 30s\n").expect_err("no TOML").render(false);
    assert!(shown.contains("2 | timeout = 30s"), "{shown}");
    assert!(shown.contains("leadhook.toml:2:11"), "{shown}");
}

#[test]
fn several_are_told_together_in_the_order_of_the_file() {
    let text = "[source]\nplatfrom_id = 'p'\npassword = \"${NOT_SET}\"\npoll_every = '0s'\n\n[destinations.crm]\nurl = 'x'\nretry = { jitter = 3, factr = 1 }\n\n[[routes]]\non = ['lead.finalise']\nto = ['crm', 'cmr']\n";
    let said = said(read(text));
    let places: Vec<String> = said.iter().map(|said| said.split(": ").take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        places,
        [
            "1:1 source.platform_id",
            "1:1 source.username",
            "2:1 source.platfrom_id",
            "3:13 source.password",
            "4:14 source.poll_every",
            "7:7 destinations.crm.url",
            "8:20 destinations.crm.retry.jitter",
            "8:23 destinations.crm.retry.factr",
            "10:1 routes[0].name",
            "11:7 routes[0].on[0]",
            "12:14 routes[0].to[1]",
        ],
        "{said:#?}"
    );
    assert!(said.iter().any(|said| said.contains("did you mean `platform_id`?")), "{said:#?}");
}

#[test]
fn an_empty_file_says_what_is_needed() {
    let said = said(read(""));
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("1:1: source.platform_id: is missing"), "{said:?}");
}

#[test]
fn it_looks_like_a_compilers_message() {
    let text = "# é\n[source]\npassword = 'hunter2' # old\npoll_evry = \"5s\" # often\ntimeout = 'ééé'\nusername = 'u'\nplatform_id = \"p\"\n";
    let shown = read(text).expect_err("mistakes").render(false);
    let expected = "\
error: source.poll_evry: `source` has no key of this name
 --> leadhook.toml:4:1
  |
4 | poll_evry = \"**\"
  | ^^^^^^^^^
  |
  = help: did you mean `poll_every`?

error: source.timeout: `ééé` is not a duration
 --> leadhook.toml:5:11
  |
5 | timeout = 'ééé'
  |           ^^^^^
  |
  = help: write whole numbers with a unit, for example 90s, 15m, 48h or 7d

2 mistakes
";
    assert_eq!(shown, expected, "\n{shown}");
    assert!(read(text).expect_err("mistakes").render(true).contains("\u{1b}["));
}

#[test]
fn marks_and_line_ends_of_other_systems_do_not_shift_places() {
    let text = GOOD.replace("\"p\"", "5").replace('\n', "\r\n");
    for text in [text.clone(), format!("\u{feff}{text}")] {
        let mistakes = read(&text).expect_err("one mistake");
        let shown = mistakes.render(false);
        assert!(shown.contains("leadhook.toml:2:15\n") && shown.contains("2 | platform_id = 5\n"), "{shown}");
    }
    let text = GOOD.replace("platform_id = \"p\"", "\tplatform_id\t= 5");
    let shown = read(&text).expect_err("one mistake").render(false);
    assert!(shown.contains("leadhook.toml:2:16\n"), "{shown}");
    let text = format!("\u{feff}{GOOD}").replace("[source]", "[sourse]");
    let shown = read(&text).expect_err("mistakes").render(false);
    assert!(shown.contains("leadhook.toml:1:2\n"), "{shown}");
}

#[test]
fn a_comment_that_is_hidden_leaves_the_mark_where_it_was() {
    let shown = read("['#\n").expect_err("no TOML").render(false);
    assert!(shown.contains("leadhook.toml:1:4\n"), "{shown}");
}
