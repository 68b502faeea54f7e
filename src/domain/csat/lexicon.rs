//! What words and faces mean, in Portuguese, English and Spanish, without accents and in small letters.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use super::text::{Kind, Piece, pieces};

/// What a word, a few of them, or a face mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// From 1 for the worst to 5 for the best.
    Level(u8),
    /// Turns what follows into its contrary: not, nothing, hardly.
    Not,
    /// Makes what follows stronger: very.
    Very,
    /// `bem`, which is "very" before a rating and "well" alone.
    Well,
    /// A name for ratings: grade, score.
    Label,
    /// What ratings are counted in: stars, points.
    Unit,
    /// Between a number and the highest that there is: of, out of.
    Of,
    /// Says nothing about how it was.
    Filler,
    /// Can be said of good and bad alike.
    Unclear,
}

/// The words of a user's own, beside those built in.
#[derive(Clone, Debug, PartialEq, Default)]
pub(super) struct Words {
    levels: BTreeMap<String, u8>,
    /// The words of the longest.
    longest: usize,
}

impl Words {
    pub(super) fn add(&mut self, phrase: &str, level: u8) {
        let key = key(phrase);
        self.longest = self.longest.max(key.split(' ').count());
        self.levels.insert(key, level);
    }

    /// The meaning of the longest phrase that these pieces begin with, and how many pieces it takes.
    pub(super) fn longest(&self, pieces: &[Piece]) -> Option<(usize, Meaning)> {
        let mut key = String::new();
        let mut found = None;
        for (i, piece) in pieces.iter().take(self.longest.max(LONGEST)).enumerate() {
            if i > 0 {
                key.push(' ');
            }
            key.push_str(&piece.text);
            let meaning = self.levels.get(&key).map(|level| Meaning::Level(*level));
            if let Some(meaning) = meaning.or_else(|| BUILT_IN.get(key.as_str()).copied()) {
                found = Some((i + 1, meaning));
            }
        }
        found
    }
}

/// The level that this word or face has by itself, if it has one.
pub(super) fn level(phrase: &str) -> Option<u8> {
    match BUILT_IN.get(key(phrase).as_str()) {
        Some(Meaning::Level(level)) => Some(*level),
        Some(Meaning::Well) => Some(4),
        _ => None,
    }
}

/// Everything built in that has a level.
#[cfg(test)]
pub(super) fn levels() -> impl Iterator<Item = (&'static str, u8)> {
    BUILT_IN.iter().filter_map(|(phrase, meaning)| match meaning {
        Meaning::Level(level) => Some((phrase.as_str(), *level)),
        _ => None,
    })
}

/// A phrase as it is looked up: its words with one blank between them.
pub(super) fn key(phrase: &str) -> String {
    let pieces = pieces(phrase);
    let words = pieces.iter().filter(|piece| piece.kind != Kind::Mark).map(|piece| piece.text.as_str());
    words.collect::<Vec<_>>().join(" ")
}

/// The words of the longest phrase below.
const LONGEST: usize = 5;

static BUILT_IN: LazyLock<HashMap<String, Meaning>> = LazyLock::new(|| {
    let levels = (1..).zip([WORST, BAD, MIDDLING, GOOD, BEST]).map(|(n, words)| (Meaning::Level(n), words));
    let others = [
        (Meaning::Not, NOT),
        (Meaning::Very, VERY),
        (Meaning::Well, "bem"),
        (Meaning::Label, LABELS),
        (Meaning::Unit, UNITS),
        (Meaning::Of, OF),
        (Meaning::Filler, FILLERS),
        (Meaning::Unclear, "um pouco, un poco, a little"),
    ];
    let all = levels.chain(others);
    all.flat_map(|(meaning, words)| words.split(',').map(move |word| (key(word), meaning))).collect()
});

const WORST: &str = "
    pessimo, pessima, horrivel, terrivel, horroroso, horrorosa, pavoroso, lamentavel, vergonhoso, o pior, a pior,
    pior, lixo, um lixo, odiei, detestei, merda, porcaria, terrible, horrible, awful, worst, the worst, dreadful,
    atrocious, abysmal, horrendous, hated, hated it, very poor, pesimo, pesima, malisimo, malisima, fatal,
    horrendo, odie, lo peor, peor, basura, nao gostei nada, no me gusto nada, 😡, 😠, 🤬, 👿, 🤮, 🤢, 👎";

const BAD: &str = "
    ruim, mau, ma, mal, insatisfeito, insatisfeita, insatisfatorio, insatisfatoria, decepcionado, decepcionada,
    decepcionante, fraco, fraca, mal atendido, mal atendida, deixou a desejar, deixa a desejar, desagradavel, bad,
    poor, dissatisfied, unsatisfied, unsatisfactory, disappointed, disappointing, unhappy, lousy, disliked,
    disliked it, malo, mala, insatisfecho, insatisfecha, insatisfactorio, insatisfactoria, deficiente,
    desagradable, 🙁, ☹, 😞, 😟, 😕, 😒, 😢, 😔, 😣, 😖, 😩, 😫, :(, :-(, :'(, =(, :/, :-/";

const MIDDLING: &str = "
    regular, razoavel, mediano, mediana, medio, media, mais ou menos, neutro, neutra, indiferente, aceitavel, ok,
    okay, nem bom nem ruim, nem ruim nem bom, nem boa nem ruim, nem bom nem mau, nem satisfeito nem insatisfeito,
    nem satisfeita nem insatisfeita, nem insatisfeito nem satisfeito, fair, average, neutral, acceptable, so so,
    meh, more or less, neither good nor bad, neither satisfied nor dissatisfied, neither satisfied nor unsatisfied,
    neither dissatisfied nor satisfied, mas o menos, aceptable, razonable, ni bueno ni malo, ni malo ni bueno,
    ni satisfecho ni insatisfecho, ni satisfecha ni insatisfecha, 😐, 😑, 😶";

const GOOD: &str = "
    bom, boa, satisfeito, satisfeita, satisfatorio, satisfatoria, gostei, curti, legal, bacana, bem atendido,
    bem atendida, agradavel, recomendo, contente, good, satisfied, satisfactory, liked, liked it, like it, nice,
    happy, pleased, recommended, bueno, buena, bien, satisfecho, satisfecha, satisfactorio, satisfactoria,
    me gusto, agradable, recomiendo, recomendable, recomendado, contento, contenta, 🙂, ☺, 😊, 😌, 👌, :), :-), =)";

const BEST: &str = "
    otimo, otima, excelente, excelentes, excelencia, maravilhoso, maravilhosa, perfeito, perfeita, fantastico,
    fantastica, sensacional, incrivel, espetacular, excepcional, impecavel, amei, adorei, top, show de bola,
    o melhor, a melhor, bom demais, excellent, great, amazing, awesome, perfect, wonderful, fantastic, outstanding,
    superb, the best, loved, loved it, love it, brilliant, exceptional, delighted, estupendo, estupenda,
    maravilloso, maravillosa, perfecto, perfecta, genial, me encanto, increible, espectacular, buenisimo,
    buenisima, lo mejor, encantado, encantada, 😀, 😃, 😄, 😁, 😍, 🥰, 🤩, 😆, ❤, 💖, 💯, 👏, 👍, :d, :-d, =d, <3";

/// "Never" is not among them: "never was I so well served".
const NOT: &str = "
    nao, nada, nem, pouco, pouca, not, no, isnt, wasnt, arent, werent, dont, didnt, doesnt, hardly, poco, poca,
    tampoco";

const VERY: &str = "
    muito, muita, mto, mt, muitissimo, super, extremamente, totalmente, completamente, bastante, realmente, tao,
    very, extremely, really, so, completely, totally, highly, absolutely, muy, sumamente, tan";

const LABELS: &str = "
    nota, avaliacao, classificacao, pontuacao, resposta, opcao, rating, score, grade, csat, answer, option,
    puntuacion, calificacion, valoracion, respuesta, opcion";

const UNITS: &str = "estrela, estrelas, ponto, pontos, star, stars, point, points, estrella, estrellas, punto, puntos";

const OF: &str = "de, em, of, out of, sobre";

const FILLERS: &str = "
    o, a, um, uma, e, foi, era, esta, estou, fiquei, fui, achei, eu, meu, minha, sua, dou, dei, atendimento,
    servico, experiencia, obrigado, obrigada, cliente, the, an, it, its, is, was, were, i, im, am, my, your, we,
    give, service, support, experience, quite, pretty, fairly, thanks, thank you, customer, did, do, da, com, with,
    and, y, del, con, el, la, es, fue, estoy, estuvo, quede, yo, me, mi, su, doy, atencion, servicio, gracias,
    muchas gracias, muito obrigado, muito obrigada, un, una, 🙏";
