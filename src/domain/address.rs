//! What an address is for, as IANA's registries of special-purpose addresses say.
//!
//! A destination's host name may lead anywhere: what its owner says today, somebody else may say tomorrow, and a name that leads to
//! this machine or to its network would make leadhook post into places that nobody outside can reach. Which addresses a name
//! may not lead to is decided here; where names are looked up, in [`crate::http_client`].

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// What an address is for, if it is none of the public internet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Special {
    /// Where a cloud hands out credentials to whoever asks from within: never a destination.
    Metadata,
    /// This machine.
    Loopback,
    /// No address at all, which many systems take for this machine.
    Unspecified,
    /// A private network: RFC 1918, and unique local addresses of IPv6.
    Private,
    /// The link that this machine is on.
    LinkLocal,
    /// Carrier-grade NAT: 100.64.0.0/10.
    Shared,
    /// Many at once.
    Multicast,
    /// For documentation and measurements: nobody is there.
    Example,
    /// Kept for later, given back, or with a meaning of its own.
    Reserved,
}

impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Special::Metadata => "where a cloud hands out credentials",
            Special::Loopback => "this machine itself",
            Special::Unspecified => "no address",
            Special::Private => "a private network",
            Special::LinkLocal => "the local link",
            Special::Shared => "a provider's own network",
            Special::Multicast => "a multicast address",
            Special::Example => "an address for documentation and measurements",
            Special::Reserved => "a reserved address",
        })
    }
}

/// Where clouds answer whoever asks: instance metadata and credentials.
const METADATA_V4: [[u8; 4]; 8] = [
    // AWS, Google, Azure, Oracle, DigitalOcean, Hetzner, IBM, OpenStack
    [169, 254, 169, 254],
    // AWS: containers, and pods
    [169, 254, 170, 2],
    [169, 254, 170, 23],
    // Tencent
    [169, 254, 0, 23],
    // Scaleway
    [169, 254, 42, 42],
    // Alibaba
    [100, 100, 100, 200],
    // Azure's wire server
    [168, 63, 129, 16],
    // Oracle, the older ones
    [192, 0, 0, 192],
];

/// The same over IPv6.
const METADATA_V6: [[u16; 8]; 5] = [
    // AWS: instances, and pods
    [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254],
    [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23],
    // Google
    [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254],
    // Scaleway
    [0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42],
    // OpenStack
    [0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe],
];

/// What the address is for; `None`: the public internet. An IPv6 address that stands for one of IPv4, by whatever way of
/// carrying one in the other, is for what that is for.
pub fn special(ip: IpAddr) -> Option<Special> {
    match ip {
        IpAddr::V4(ip) => of_v4(ip),
        IpAddr::V6(ip) => of_v6(ip),
    }
}

fn of_v4(ip: Ipv4Addr) -> Option<Special> {
    if METADATA_V4.contains(&ip.octets()) {
        return Some(Special::Metadata);
    }
    match ip.octets() {
        [0, 0, 0, 0] => Some(Special::Unspecified),
        [127, ..] => Some(Special::Loopback),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Some(Special::Private),
        [169, 254, ..] => Some(Special::LinkLocal),
        [100, 64..=127, ..] => Some(Special::Shared),
        // Port control and TURN by anycast are of the public internet.
        [192, 0, 0, 9 | 10] => None,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [198, 18..=19, ..] => Some(Special::Example),
        [0, ..] | [192, 0, 0, _] | [192, 88, 99, _] | [240..=255, ..] => Some(Special::Reserved),
        [224..=239, ..] => Some(Special::Multicast),
        _ => None,
    }
}

fn of_v6(ip: Ipv6Addr) -> Option<Special> {
    let parts = ip.segments();
    if METADATA_V6.contains(&parts) {
        return Some(Special::Metadata);
    }
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match parts {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some(Special::Unspecified),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some(Special::Loopback),
        // Mapped, translated (RFC 2765), and by NAT64: as good as what they stand for.
        [0, 0, 0, 0, 0, 0xffff, a, b] | [0, 0, 0, 0, 0xffff, 0, a, b] | [0x64, 0xff9b, 0, 0, 0, 0, a, b] => {
            of_v4(v4(a, b))
        }
        // Compatible: given up long ago, so never more than reserved.
        [0, 0, 0, 0, 0, 0, a, b] => of_v4(v4(a, b)).or(Some(Special::Reserved)),
        // A NAT64 of one's own: what is behind it, nobody can tell.
        [0x64, 0xff9b, 1, ..] => Some(Special::Private),
        // 6to4, and Teredo with its server and, turned over, its client.
        [0x2002, a, b, ..] => of_v4(v4(a, b)),
        [0x2001, 0, a, b, _, _, c, d] => of_v4(v4(a, b)).or(of_v4(v4(!c, !d))),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] | [0x2001, 2, 0, ..] => Some(Special::Example),
        // Of what was given to protocols, these are of the public internet: anycast, AMT, AS112, ORCHIDv2, drones' ids.
        [0x2001, 1, 0, 0, 0, 0, 0, 1..=3] | [0x2001, 3, ..] | [0x2001, 4, 0x112, ..] | [0x2001, 0x20..=0x3f, ..] => {
            None
        }
        [0x2001, 0..=0x1ff, ..] => Some(Special::Reserved),
        [0xfc00..=0xfdff, ..] => Some(Special::Private),
        [0xfe80..=0xfebf, ..] => Some(Special::LinkLocal),
        // Site-local: given up, and used all the same.
        [0xfec0..=0xfeff, ..] => Some(Special::Private),
        [0xff00..=0xffff, ..] => Some(Special::Multicast),
        [0x2000..=0x3fff, ..] => None,
        // Nothing else is given out yet.
        _ => Some(Special::Reserved),
    }
}

/// Why nothing may be sent to an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub struct NotAllowed {
    /// The address.
    pub ip: IpAddr,
    /// What it is for.
    pub special: Special,
}

impl fmt::Display for NotAllowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NotAllowed { ip, special } = self;
        match special {
            Special::Metadata => {
                write!(f, "{ip}, {special}; nothing is ever sent there: find out who has led it to that")
            }
            _ => write!(f, "{ip}, {special}; write allow_private = true at this destination if that is meant"),
        }
    }
}

/// Whether something may be sent to an address that a name, or an answer, has led to. `private`: to such as the public
/// internet does not have, too.
///
/// # Errors
/// What speaks against it.
pub fn judge(ip: IpAddr, private: bool) -> Result<(), NotAllowed> {
    match special(ip) {
        Some(special) if special == Special::Metadata || !private => Err(NotAllowed { ip, special }),
        _ => Ok(()),
    }
}

/// The address that a URL names by its numbers, in whatever spelling: `127.1`, `0x7f.1` and `2130706433` are one. `None` for a
/// name.
pub fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        // The hosts of schemes that the parser does not know, as brokers have them, it leaves as they are.
        Host::Domain(name) => match Host::parse(name).ok()? {
            Host::Ipv4(ip) => Some(ip.into()),
            Host::Domain(_) | Host::Ipv6(_) => None,
        },
        Host::Ipv4(ip) => Some(ip.into()),
        Host::Ipv6(ip) => Some(ip.into()),
    }
}

/// Whether the URL names by its numbers where a cloud hands out credentials.
pub fn is_metadata(url: &Url) -> bool {
    literal(url).and_then(special) == Some(Special::Metadata)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ip: &str) -> Option<Special> {
        special(ip.parse().unwrap_or_else(|_| panic!("{ip}")))
    }

    /// <https://www.iana.org/assignments/iana-ipv4-special-registry> and
    /// <https://www.iana.org/assignments/iana-ipv6-special-registry>: the first and the last of each block, and, with `+`, its
    /// neighbours, which are not of it.
    #[test]
    fn every_block_of_the_registries() {
        use Special::*;
        for (first, last, what) in [
            ("0.0.0.1", "0.255.255.255", Some(Reserved)),
            ("10.0.0.0", "10.255.255.255", Some(Private)),
            ("100.64.0.0", "100.127.255.255", Some(Shared)),
            ("127.0.0.0", "127.255.255.255", Some(Loopback)),
            ("169.254.0.0", "169.254.255.255", Some(LinkLocal)),
            ("172.16.0.0", "172.31.255.255", Some(Private)),
            ("192.0.0.0", "192.0.0.8", Some(Reserved)),
            ("192.0.0.9", "192.0.0.10", None),
            ("192.0.0.11", "192.0.0.255", Some(Reserved)),
            ("192.0.2.0", "192.0.2.255", Some(Example)),
            ("192.31.196.0", "192.31.196.255", None),
            ("192.52.193.0", "192.52.193.255", None),
            ("192.88.99.0", "192.88.99.255", Some(Reserved)),
            ("192.168.0.0", "192.168.255.255", Some(Private)),
            ("192.175.48.0", "192.175.48.255", None),
            ("198.18.0.0", "198.19.255.255", Some(Example)),
            ("198.51.100.0", "198.51.100.255", Some(Example)),
            ("203.0.113.0", "203.0.113.255", Some(Example)),
            ("224.0.0.0", "239.255.255.255", Some(Multicast)),
            ("240.0.0.0", "255.255.255.255", Some(Reserved)),
            // What lies between them.
            ("1.0.0.0", "9.255.255.255", None),
            ("11.0.0.0", "100.63.255.255", None),
            ("100.128.0.0", "126.255.255.255", None),
            ("128.0.0.0", "169.253.255.255", None),
            ("169.255.0.0", "172.15.255.255", None),
            ("172.32.0.0", "191.255.255.255", None),
            ("192.0.1.0", "192.0.1.255", None),
            ("192.0.3.0", "192.88.98.255", None),
            ("192.88.100.0", "192.167.255.255", None),
            ("192.169.0.0", "198.17.255.255", None),
            ("198.20.0.0", "198.51.99.255", None),
            ("198.51.101.0", "203.0.112.255", None),
            ("203.0.114.0", "223.255.255.255", None),
            // IPv6
            ("::1", "::1", Some(Loopback)),
            ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", Some(Private)),
            ("100::", "100::ffff:ffff:ffff:ffff", Some(Reserved)),
            ("100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff", Some(Reserved)),
            ("2001:1::", "2001:1::", Some(Reserved)),
            ("2001:1::1", "2001:1::3", None),
            ("2001:1::4", "2001:1:ffff:ffff:ffff:ffff:ffff:ffff", Some(Reserved)),
            ("2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", Some(Example)),
            ("2001:3::", "2001:3:ffff:ffff:ffff:ffff:ffff:ffff", None),
            ("2001:4:112::", "2001:4:112:ffff:ffff:ffff:ffff:ffff", None),
            ("2001:4:113::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff", Some(Reserved)),
            ("2001:20::", "2001:3f:ffff:ffff:ffff:ffff:ffff:ffff", None),
            ("2001:40::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", Some(Reserved)),
            ("2001:200::", "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", None),
            ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", Some(Example)),
            ("2001:db9::", "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None),
            ("2003::", "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None),
            ("2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff", None),
            ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", Some(Example)),
            ("3fff:1000::", "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None),
            ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(Reserved)),
            ("4000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(Reserved)),
            ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(Private)),
            ("fe00::", "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(Reserved)),
            ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(LinkLocal)),
            ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(Private)),
            ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(Multicast)),
        ] {
            for ip in [first, last] {
                assert_eq!(of(ip), what, "{ip}");
            }
        }
        assert_eq!((of("0.0.0.0"), of("::")), (Some(Unspecified), Some(Unspecified)));
    }

    #[test]
    fn whatever_carries_an_ipv4_address_is_for_what_that_is_for() {
        use Special::*;
        let inner = |ip: &str| -> Ipv4Addr { ip.parse().expect("an address") };
        for (ip, what) in [
            ("127.0.0.1", Some(Loopback)),
            ("10.1.2.3", Some(Private)),
            ("192.168.0.1", Some(Private)),
            ("169.254.169.254", Some(Metadata)),
            ("169.254.1.1", Some(LinkLocal)),
            ("100.64.0.1", Some(Shared)),
            ("0.0.0.0", Some(Unspecified)),
            ("255.255.255.255", Some(Reserved)),
            ("93.184.216.34", None),
        ] {
            let [a, b, c, d] = inner(ip).octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            for carried in [
                format!("::ffff:{ip}"),
                format!("::ffff:0:{high:x}:{low:x}"),
                format!("64:ff9b::{ip}"),
                format!("2002:{high:x}:{low:x}::1"),
                format!("2001:0:{high:x}:{low:x}:0:0:{:x}:{:x}", !0x5db8u16, !0xd822u16),
                format!("2001:0:5db8:d822:8000:f227:{:x}:{:x}", !high, !low),
            ] {
                assert_eq!(of(&carried), what, "{carried} for {ip}");
            }
            if ip != "0.0.0.0" {
                assert_eq!(of(&format!("::{high:x}:{low:x}")), what.or(Some(Reserved)), "compatible, {ip}");
            }
        }
    }

    #[test]
    fn clouds_hand_out_nothing() {
        for ip in [
            "169.254.169.254",
            "169.254.170.2",
            "169.254.170.23",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::",
            "::a9fe:a9fe",
        ] {
            let ip = ip.parse().expect("an address");
            assert_eq!(special(ip), Some(Special::Metadata), "{ip}");
            assert!(judge(ip, true).is_err() && judge(ip, false).is_err());
        }
        let private = "10.0.0.7".parse().expect("an address");
        assert_eq!(judge(private, true), Ok(()));
        let said = judge(private, false).expect_err("private").to_string();
        assert_eq!(
            said,
            "10.0.0.7, a private network; write allow_private = true at this destination if that is meant"
        );
    }

    #[test]
    fn an_address_is_known_in_every_spelling() {
        for spelling in [
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "0xA9.0xFE.0xA9.0xFE",
            "0251.0376.0251.0376",
            "025177524776",
            "169.254.43518",
            "169.16689662",
            "169.254.169.254.",
            "[::ffff:169.254.169.254]",
            "[::ffff:a9fe:a9fe]",
            "[0:0:0:0:0:ffff:a9fe:a9fe]",
            "[64:ff9b::169.254.169.254]",
            "[fd00:0ec2:0000::0254]",
            "%31%36%39.254.169.254",
            // Full-width digits and the ideographic full stop.
            "１６９。254.169.254",
        ] {
            let url = Url::parse(&format!("http://{spelling}/latest/meta-data"))
                .unwrap_or_else(|e| panic!("{spelling}: {e}"));
            assert!(is_metadata(&url), "{spelling}: {url}");
        }
        for name in ["http://metadata.google.internal/", "http://a169.254.169.254.nip.io/", "http://168.63.129.17/"] {
            assert!(!is_metadata(&Url::parse(name).expect("a URL")), "{name}");
        }
    }

    proptest::proptest! {
        /// Whatever std knows for certain is known here as well.
        #[test]
        fn nothing_that_std_knows_is_missed(v4: [u8; 4], v6: [u16; 8]) {
            let v4 = Ipv4Addr::from(v4);
            if v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_unspecified() || v4.is_multicast()
                || v4.is_broadcast() || v4.is_documentation()
            {
                proptest::prop_assert!(special(v4.into()).is_some(), "{}", v4);
            }
            let v6 = Ipv6Addr::from(v6);
            if v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_multicast() {
                proptest::prop_assert!(special(v6.into()).is_some(), "{}", v6);
            }
        }
    }
}
