//! What a person sees, without its colours.

use super::*;
use crate::domain::event::EventType;
use crate::domain::retry::Death;

const S: fn(u64) -> Duration = Duration::from_secs;

fn screen() -> Screen {
    Screen::new(["crm", "chat", "legacy"])
}

fn recorded(lead: u64) -> Happening {
    Happening::Recorded {
        lead: LeadId(lead),
        event_id: format!("evt_{lead}"),
        event_type: EventType::LeadFinalized,
        destinations: vec!["crm".into()],
    }
}

fn attempt(
    destination: &str,
    lead: u64,
    attempt: u32,
    in_short: &str,
    outcome: Outcome,
    verdict: Verdict,
) -> Happening {
    Happening::Tried {
        destination: destination.to_owned(),
        lead: LeadId(lead),
        event_id: format!("evt_{lead}"),
        event_type: EventType::LeadFinalized,
        attempt,
        step: None,
        outcome,
        said: String::new(),
        in_short: in_short.to_owned(),
        took: Duration::from_millis(3),
        verdict,
        age: Duration::from_secs(1),
    }
}

fn fine(destination: &str, lead: u64) -> Happening {
    attempt(destination, lead, 1, "200", Outcome::Accepted, Verdict::Delivered)
}

fn attempt_2(destination: &str, lead: u64) -> Happening {
    attempt(destination, lead, 2, "200", Outcome::Accepted, Verdict::Delivered)
}

fn again(ms: u64, counted: bool) -> Verdict {
    Verdict::Again { at: clock::after(Timestamp::UNIX_EPOCH, Duration::from_millis(ms)), counted }
}

fn plain(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect()
}

fn show(screen: &mut Screen, at: Duration, happenings: &[Happening]) -> Vec<String> {
    let lines = happenings.iter().flat_map(|happening| screen.show(at, Timestamp::UNIX_EPOCH, happening));
    plain(&lines.collect::<Vec<_>>())
}

#[test]
fn first_attempts_share_a_line_and_later_ones_have_their_own() {
    let mut screen = screen();
    let first = [
        recorded(100_004),
        fine("crm", 100_004),
        attempt("legacy", 100_004, 1, "500", Outcome::Retry, again(1_040, true)),
        attempt("chat", 100_004, 1, "429", Outcome::Throttled(Some(S(1))), again(1_000, false)),
    ];
    let mut lines = plain(&[screen.header()]);
    lines.extend(show(&mut screen, S(3), &first));
    let later = [
        attempt("legacy", 100_004, 3, "500", Outcome::Retry, Verdict::Dead(Death::AttemptsExhausted)),
        attempt("chat", 100_004, 2, "reset", Outcome::Retry, again(1_500, true)),
    ];
    lines.extend(show(&mut screen, S(4), &later));
    let expected = [
        "         lead    what            crm          chat                       legacy",
        "   3.0s  100004  lead.finalized  ✓ 200 3ms    ✗ 429, rests 1.0s          ✗ 500, again in 1.0s",
        "   4.0s  100004  attempt 3                                               ✗ 500, dead letter",
        "   4.0s  100004  attempt 2                    ✗ reset, again in 1.5s",
    ];
    assert_eq!(lines, expected, "\n{}", lines.join("\n"));
    assert!(screen.rows.is_empty());
}

#[test]
fn a_line_does_not_wait_for_ever() {
    let mut screen = screen();
    assert!(show(&mut screen, S(1), &[recorded(1), fine("crm", 1)]).is_empty());
    assert!(screen.flush(S(1)).is_empty());
    let lines = plain(&screen.flush(S(2)));
    assert_eq!(lines, ["   2.0s  1       lead.finalized  ✓ 200 3ms    · waits                    · waits"]);
    assert!(screen.flush_all(S(3)).is_empty(), "it is said once");
    let lines = show(&mut screen, S(4), &[fine("chat", 1)]);
    assert_eq!(lines, ["   4.0s  1       attempt 1                    ✓ 200 3ms"]);
    show(&mut screen, S(4), &[fine("legacy", 1)]);
    assert!(screen.rows.is_empty());
}

#[test]
fn the_columns_are_named_again_before_they_are_forgotten() {
    let mut screen = screen();
    let lines: Vec<_> = (0..60).flat_map(|lead| show(&mut screen, S(1), &[attempt_2("crm", lead)])).collect();
    let named: Vec<_> = (0..lines.len()).filter(|i| lines[*i].ends_with("legacy")).collect();
    assert_eq!((lines.len(), named), (62, vec![24, 49]));
}

#[test]
fn an_attempt_may_be_told_of_before_its_lead() {
    let mut screen = screen();
    let lines = show(&mut screen, S(1), &[fine("crm", 1), recorded(1), fine("chat", 1), fine("legacy", 1)]);
    assert_eq!(lines, ["   1.0s  1       lead.finalized  ✓ 200 3ms    ✓ 200 3ms                  ✓ 200 3ms"]);
}

#[test]
fn nothing_is_too_wide() {
    let mut screen = screen();
    let long = "it is JSON, but not an object with `lead` (line 1, column 2), and this goes on and on and on for ever";
    let due = clock::after(Timestamp::UNIX_EPOCH, S(1));
    let all = [
        Happening::SetAside { lead: LeadId(100_001), error: String::new(), in_short: long.into(), due },
        Happening::SetAside { lead: LeadId(100_001), error: String::new(), in_short: "status 503".into(), due },
        Happening::ReadFailed { error: String::new(), in_short: "status 503".into() },
        Happening::Failing { destination: "legacy".into() },
        Happening::Recovered { destination: "legacy".into() },
        attempt("legacy", 100_001, 4, "timeout", Outcome::Retry, again(0, false)),
        Happening::Unsent { destination: "crm".into(), lead: LeadId(100_001), death: Death::TooOld },
    ];
    let lines = show(&mut screen, S(9_999), &all);
    assert_eq!(lines.len(), all.len());
    assert_eq!(lines[1], "9999.0s  100001  WeClever: status 503; asked again in 1.0s");
    assert_eq!(lines[2], "9999.0s  list    WeClever: status 503; asked again");
    assert!(lines[0].ends_with('…'), "{}", lines[0]);
    assert!(lines[5].contains("  probe  ") && lines[5].ends_with("✗ timeout, still failing"), "{}", lines[5]);
    for line in lines {
        assert!(line.chars().count() <= WIDTH, "{line}");
    }
}
