//! Believable people from all over Brazil, one for each lead, the same one each time.
//!
//! Nobody here exists: names are drawn, addresses are at example.com, and no Brazilian mobile number begins with 900.

use fastrand::Rng;

/// Whoever is behind a lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// What the conversation calls them.
    pub first_name: &'static str,
    /// First name and one or two surnames.
    pub name: String,
    /// An address at example.com.
    pub email: String,
    /// A mobile number with country and area code, in digits: `+5511900123456`.
    pub phone: String,
    /// The two letters of a state.
    pub state: &'static str,
    /// One of the five regions.
    pub regional: &'static str,
}

impl Person {
    /// Draws a person.
    pub fn draw(dice: &mut Rng) -> Person {
        let (first_name, first_plain) = pick(dice, FIRST_NAMES);
        let (last, last_plain) = pick(dice, SURNAMES);
        let (middle, _) = pick(dice, SURNAMES);
        let (state, regional, area) = place(dice);
        let name = if dice.bool() && middle != last {
            [first_name, middle, last].join(" ")
        } else {
            [first_name, last].join(" ")
        };
        let email = match dice.u32(0..3) {
            0 => format!("{first_plain}.{last_plain}@example.com"),
            1 => format!("{first_plain}{last_plain}{}@example.com", dice.u32(70..100)),
            _ => format!("{last_plain}.{first_plain}{}@example.com", dice.u32(1..1000)),
        };
        let phone = format!("+55{area}900{:06}", dice.u32(0..1_000_000));
        Person { first_name, name, email, phone, state, regional }
    }
}

/// One of a table that is never empty.
pub(super) fn pick<T: Copy>(dice: &mut Rng, table: &[T]) -> T {
    table[dice.usize(0..table.len())]
}

/// A state, its region and its area code; the busy ones more often.
fn place(dice: &mut Rng) -> (&'static str, &'static str, u32) {
    let all: u32 = PLACES.iter().map(|place| place.3).sum();
    let mut ticket = dice.u32(0..all);
    for &(state, regional, area, weight) in PLACES {
        if ticket < weight {
            return (state, regional, area);
        }
        ticket -= weight;
    }
    ("SP", "Sudeste", 11)
}

/// State, region, area code, and how many of a hundred or so live there.
const PLACES: &[(&str, &str, u32, u32)] = &[
    ("SP", "Sudeste", 11, 16),
    ("SP", "Sudeste", 19, 6),
    ("RJ", "Sudeste", 21, 9),
    ("MG", "Sudeste", 31, 10),
    ("ES", "Sudeste", 27, 2),
    ("RS", "Sul", 51, 6),
    ("PR", "Sul", 41, 6),
    ("SC", "Sul", 48, 4),
    ("BA", "Nordeste", 71, 7),
    ("PE", "Nordeste", 81, 5),
    ("CE", "Nordeste", 85, 5),
    ("MA", "Nordeste", 98, 3),
    ("PB", "Nordeste", 83, 2),
    ("RN", "Nordeste", 84, 2),
    ("AL", "Nordeste", 82, 1),
    ("SE", "Nordeste", 79, 1),
    ("PI", "Nordeste", 86, 1),
    ("PA", "Norte", 91, 4),
    ("AM", "Norte", 92, 2),
    ("RO", "Norte", 69, 1),
    ("TO", "Norte", 63, 1),
    ("AC", "Norte", 68, 1),
    ("AP", "Norte", 96, 1),
    ("RR", "Norte", 95, 1),
    ("GO", "Centro-Oeste", 62, 4),
    ("DF", "Centro-Oeste", 61, 2),
    ("MT", "Centro-Oeste", 65, 2),
    ("MS", "Centro-Oeste", 67, 2),
];

/// As written, and as it stands in an address.
const FIRST_NAMES: &[(&str, &str)] = &[
    ("Ana", "ana"),
    ("João", "joao"),
    ("Maria", "maria"),
    ("José", "jose"),
    ("Beatriz", "beatriz"),
    ("Antônio", "antonio"),
    ("Luíza", "luiza"),
    ("Gabriel", "gabriel"),
    ("Júlia", "julia"),
    ("Rafael", "rafael"),
    ("Camila", "camila"),
    ("Felipe", "felipe"),
    ("Letícia", "leticia"),
    ("Thiago", "thiago"),
    ("Fernanda", "fernanda"),
    ("Vinícius", "vinicius"),
    ("Patrícia", "patricia"),
    ("Marcos", "marcos"),
    ("Aline", "aline"),
    ("Cauã", "caua"),
    ("Conceição", "conceicao"),
    ("Sebastião", "sebastiao"),
    ("Raimunda", "raimunda"),
    ("Francisco", "francisco"),
    ("Yasmin", "yasmin"),
    ("Davi", "davi"),
    ("Mônica", "monica"),
    ("Édson", "edson"),
    ("Jussara", "jussara"),
    ("Wellington", "wellington"),
    ("Iracema", "iracema"),
    ("Otávio", "otavio"),
];

/// As written, and as it stands in an address.
const SURNAMES: &[(&str, &str)] = &[
    ("Silva", "silva"),
    ("Santos", "santos"),
    ("Oliveira", "oliveira"),
    ("Souza", "souza"),
    ("Pereira", "pereira"),
    ("Araújo", "araujo"),
    ("Conceição", "conceicao"),
    ("Gonçalves", "goncalves"),
    ("Magalhães", "magalhaes"),
    ("Ribeiro", "ribeiro"),
    ("Simões", "simoes"),
    ("Carvalho", "carvalho"),
    ("D'Ávila", "davila"),
    ("Nakamura", "nakamura"),
    ("Schneider", "schneider"),
    ("Guimarães", "guimaraes"),
    ("Nóbrega", "nobrega"),
    ("Bezerra", "bezerra"),
    ("Assunção", "assuncao"),
    ("Teixeira", "teixeira"),
    ("Moreira", "moreira"),
    ("Luz", "luz"),
    ("Zanetti", "zanetti"),
    ("Cavalcanti", "cavalcanti"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_the_same_each_time_and_cannot_be_called() {
        for seed in 0..500 {
            let person = Person::draw(&mut Rng::with_seed(seed));
            assert_eq!(person, Person::draw(&mut Rng::with_seed(seed)));
            assert!(person.email.is_ascii() && person.email.ends_with("@example.com"), "{}", person.email);
            assert!(person.phone.len() == 14 && &person.phone[5..8] == "900", "{}", person.phone);
            assert!(person.name.starts_with(person.first_name));
        }
    }

    #[test]
    fn all_five_regions_are_lived_in() {
        let mut dice = Rng::with_seed(7);
        let regions: std::collections::BTreeSet<_> = (0..1000).map(|_| Person::draw(&mut dice).regional).collect();
        assert_eq!(regions.into_iter().collect::<Vec<_>>(), ["Centro-Oeste", "Nordeste", "Norte", "Sudeste", "Sul"]);
    }
}
