//! What an AWS host's name says: which service it is, and in which region.

/// A service in a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// As in `sqs`.
    pub service: String,
    /// As in `sa-east-1`.
    pub region: String,
}

/// Domains below which AWS's services are.
const DOMAINS: [&str; 4] = [".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".on.aws"];

/// What this host's name says; `None`: it is none of AWS's that names both.
///
/// `sqs.sa-east-1.amazonaws.com`, `sqs-fips.us-east-1.amazonaws.com`, `ID.execute-api.sa-east-1.amazonaws.com`,
/// `ID.lambda-url.sa-east-1.on.aws`, `BUCKET.s3.sa-east-1.amazonaws.com`, `ID.sqs.us-east-1.vpce.amazonaws.com` and, as SQS
/// was called at first, `sa-east-1.queue.amazonaws.com`.
pub fn endpoint(host: &str) -> Option<Endpoint> {
    let host = host.to_ascii_lowercase();
    let below = DOMAINS.iter().find_map(|domain| host.strip_suffix(domain))?;
    let below = below.strip_suffix(".vpce").unwrap_or(below);
    let labels: Vec<&str> = below.split('.').collect();
    let at = labels.iter().rposition(|label| is_region(label))?;
    let region = labels[at].to_owned();
    let service = match (at.checked_sub(1).map(|before| labels[before]), labels.get(at + 1)) {
        (_, Some(&"queue")) => "sqs",
        (Some(before), None) => before,
        _ => return None,
    };
    let service = service.strip_suffix("-fips").unwrap_or(service);
    let service = if service == "lambda-url" { "lambda" } else { service };
    Some(Endpoint { service: service.to_owned(), region })
}

/// `sa-east-1`, `us-gov-west-1`, `cn-north-1`
fn is_region(label: &str) -> bool {
    let parts: Vec<&str> = label.split('-').collect();
    let [first, .., last] = parts.as_slice() else { return false };
    let letters = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase());
    let number = !last.is_empty() && last.chars().all(|c| c.is_ascii_digit());
    (2..=4).contains(&first.len()) && parts.len() >= 3 && parts[..parts.len() - 1].iter().all(letters) && number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_say_what_they_are() {
        for (host, service, region) in [
            ("sqs.sa-east-1.amazonaws.com", "sqs", "sa-east-1"),
            ("SQS.us-gov-west-1.amazonaws.com", "sqs", "us-gov-west-1"),
            ("sqs.cn-north-1.amazonaws.com.cn", "sqs", "cn-north-1"),
            ("sqs-fips.us-east-1.amazonaws.com", "sqs", "us-east-1"),
            ("sqs.eu-central-1.api.aws", "sqs", "eu-central-1"),
            ("vpce-0a-1b.sqs.us-east-1.vpce.amazonaws.com", "sqs", "us-east-1"),
            ("sa-east-1.queue.amazonaws.com", "sqs", "sa-east-1"),
            ("abc.execute-api.ap-southeast-2.amazonaws.com", "execute-api", "ap-southeast-2"),
            ("abc.lambda-url.sa-east-1.on.aws", "lambda", "sa-east-1"),
            ("leads.s3.sa-east-1.amazonaws.com", "s3", "sa-east-1"),
            ("events.sa-east-1.amazonaws.com", "events", "sa-east-1"),
        ] {
            assert_eq!(endpoint(host), Some(Endpoint { service: service.into(), region: region.into() }), "{host}");
        }
        for host in [
            "crm.example.com",
            "amazonaws.com",
            "sqs.amazonaws.com",
            "queue.amazonaws.com",
            "sa-east-1.amazonaws.com",
            "sqs.sa-east-1.amazonaws.com.example.com",
            "127.0.0.1",
            "localhost",
        ] {
            assert_eq!(endpoint(host), None, "{host}");
        }
    }
}
