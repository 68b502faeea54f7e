//! What was said: a conversation between a shop's assistant and a person, in Brazilian Portuguese, of 4 to 20 messages.

use std::borrow::Cow;

use fastrand::Rng;

use super::people::pick;

/// Who said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The assistant.
    Shop,
    /// The lead.
    Person,
}

/// What kind of thing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Words.
    Text,
    /// A photo, behind a link.
    Photo,
    /// A voice message, behind a link.
    Voice,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Who sent it.
    pub side: Side,
    /// What it is.
    pub kind: Kind,
    /// What it says; a photo or a voice message may say nothing.
    pub text: Cow<'static, str>,
}

impl Line {
    fn new(side: Side, text: impl Into<Cow<'static, str>>) -> Line {
        Line { side, kind: Kind::Text, text: text.into() }
    }
}

/// A shop of some trade, and what it asks.
struct Trade {
    greeting: &'static str,
    wishes: &'static [&'static str],
    /// A question and the answers that people give.
    questions: &'static [(&'static str, &'static [&'static str])],
}

/// Draws the conversation of somebody called `first_name`.
pub fn draw(dice: &mut Rng, first_name: &str) -> Vec<Line> {
    let trade = &TRADES[dice.usize(0..TRADES.len())];
    let asked = dice.usize(0..=trade.questions.len());
    let mut lines = Vec::with_capacity(20);
    lines.push(Line::new(Side::Person, pick(dice, OPENINGS)));
    lines.push(Line::new(Side::Shop, trade.greeting.replace("{nome}", first_name)));
    lines.push(Line::new(Side::Person, pick(dice, trade.wishes)));
    for (question, answers) in &trade.questions[..asked] {
        lines.push(Line::new(Side::Shop, *question));
        lines.push(Line::new(Side::Person, pick(dice, answers)));
    }
    if dice.u32(0..4) == 0 {
        let (kind, text) = if dice.bool() { (Kind::Photo, "Segue a foto") } else { (Kind::Voice, "") };
        lines.push(Line { side: Side::Person, kind, text: Cow::Borrowed(text) });
    }
    lines.push(Line::new(Side::Shop, pick(dice, CLOSINGS).replace("{nome}", first_name)));
    if dice.bool() {
        lines.push(Line::new(Side::Person, pick(dice, THANKS)));
    }
    lines
}

const OPENINGS: &[&str] = &[
    "Oi, bom dia!",
    "Boa tarde, vi o anúncio de vocês no Instagram",
    "Olá, tudo bem?",
    "oi",
    "Boa noite, ainda tem alguém aí?",
    "Oii 😊 queria uma informação",
];

const CLOSINGS: &[&str] = &[
    "Perfeito, {nome}! Um consultor vai chamar você ainda hoje. Posso ajudar em mais alguma coisa?",
    "Prontinho, {nome}, está tudo anotado. De 1 a 5, que nota você dá para este atendimento?",
    "Obrigado pelo contato, {nome}! Qualquer dúvida é só chamar aqui.",
    "Agendado! Vou enviar um lembrete um dia antes. Até lá, {nome}! 👋",
];

const THANKS: &[&str] = &[
    "Obrigada!",
    "valeu 👍",
    "Fico no aguardo então",
    "Show, muito obrigado pela atenção",
    "ok",
    "Demorou, mas resolveu",
];

const TRADES: &[Trade] = &[
    Trade {
        greeting: "Olá, {nome}! Aqui é a Lia, assistente da Solar do Vale ☀️ Como posso ajudar?",
        wishes: &[
            "Quero saber quanto custa colocar placa solar em casa",
            "Minha conta de luz tá vindo um absurdo, queria um orçamento",
            "Vocês atendem sítio?",
        ],
        questions: &[
            (
                "Qual é o valor médio da sua conta de luz?",
                &["uns 450 reais", "R$ 780,00 no último mês", "entre 300 e 400"],
            ),
            ("O imóvel é próprio ou alugado?", &["Próprio", "é da minha mãe, mas moro aqui", "alugado 😕"]),
            ("O telhado é de que material?", &["Telha de barro", "fibrocimento", "É laje", "não sei dizer"]),
            (
                "Bate sombra no telhado em algum horário?",
                &["Não, é bem aberto", "de tarde tem uma árvore", "Acho que não"],
            ),
            (
                "Prefere financiar ou pagar à vista?",
                &["Financiar em 60x se der", "À vista com desconto", "depende do valor"],
            ),
            (
                "Em qual melhor horário o técnico pode visitar?",
                &["Sábado de manhã", "depois das 18h", "Qualquer dia às 9h"],
            ),
            (
                "Pode confirmar o seu e-mail para eu enviar a proposta?",
                &["confirmo sim", "é esse mesmo do cadastro", "Isso"],
            ),
        ],
    },
    Trade {
        greeting: "Oi, {nome}! Sou o assistente da AutoCentro Ipiranga 🚗 Está procurando um carro novo ou seminovo?",
        wishes: &[
            "Seminovo, até 60 mil",
            "Vi um Onix 2022 prata no site, ainda está disponível?",
            "Queria trocar o meu carro, vocês pegam na troca?",
        ],
        questions: &[
            (
                "Temos sim! Você já é nosso cliente?",
                &["Ainda não", "comprei aí em 2019", "Não, foi indicação de um amigo"],
            ),
            ("Tem algum carro para dar na troca?", &["Tenho um Gol 2014", "não", "Um HB20 2017, único dono"]),
            ("Quanto pensa em dar de entrada?", &["20 mil", "Queria sem entrada", "o valor do meu carro mais 5 mil"]),
            ("Prefere câmbio manual ou automático?", &["Automático!", "tanto faz", "manual mesmo"]),
            (
                "Deseja agendar um test-drive?",
                &["Sim, pode ser sábado", "Quero ver as fotos primeiro", "pode ser amanhã 10h?"],
            ),
            ("Quer que eu simule o financiamento em 48x?", &["Quero sim", "Não precisa", "faz em 36 e 48 por favor"]),
        ],
    },
    Trade {
        greeting: "Olá, {nome}, bem-vindo à Faculdade Horizonte! 🎓 Sobre qual curso você quer saber?",
        wishes: &[
            "Enfermagem noturno",
            "Queria saber a mensalidade de Administração EAD",
            "Vocês aceitam transferência? Faço Direito em outra faculdade",
        ],
        questions: &[
            ("Você já concluiu o ensino médio?", &["Sim, em 2021", "termino esse ano", "Já, faz tempo rs"]),
            ("Fez o Enem nos últimos três anos?", &["Fiz, tirei 640", "não fiz", "Fiz mas fui mal"]),
            ("Prefere presencial, semipresencial ou EAD?", &["EAD, trabalho o dia todo", "Presencial", "semi"]),
            ("Tem interesse em bolsa ou financiamento?", &["Bolsa com certeza", "Vocês têm FIES?", "os dois"]),
            (
                "Em qual polo ficaria melhor para você?",
                &["o mais perto do centro", "Zona norte", "Tanto faz, é EAD né"],
            ),
            (
                "Posso inscrever você no vestibular deste sábado?",
                &["Pode!", "sábado não consigo", "quanto custa a inscrição?"],
            ),
            ("Qual documento prefere enviar primeiro?", &["RG", "O histórico, já tenho em PDF", "vou mandar depois"]),
        ],
    },
    Trade {
        greeting: "Oi, {nome}! 💙 Você está falando com a Clínica Bem Viver. É a sua primeira vez com a gente?",
        wishes: &[
            "Preciso remarcar minha consulta de quinta",
            "Vocês atendem Unimed?",
            "Já liguei três vezes e ninguém atende!!",
        ],
        questions: &[
            (
                "Qual especialidade você procura?",
                &["Dermatologista", "ortopedia, dor no joelho", "Pediatra pra minha filha"],
            ),
            ("A consulta é particular ou por convênio?", &["Unimed", "Particular", "Bradesco Saúde, pode?"]),
            ("Prefere manhã ou tarde?", &["manhã, bem cedo", "Tarde", "o que tiver primeiro"]),
            ("Temos horário na terça às 8h20. Pode ser?", &["Pode sim", "Não tem antes?", "terça eu trabalho 😩"]),
            ("Quem será o paciente?", &["Eu mesmo", "meu filho de 6 anos", "Minha avó, ela tem 82 anos"]),
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversations_have_4_to_20_messages_and_both_sides_speak() {
        let lengths: std::collections::BTreeSet<usize> = (0..2000)
            .map(|seed| {
                let lines = draw(&mut Rng::with_seed(seed), "Luíza");
                assert!(lines.iter().any(|line| line.side == Side::Shop && line.text.contains("Luíza")));
                assert!(lines.iter().all(|line| !line.text.contains('{')));
                lines.len()
            })
            .collect();
        assert!(lengths.first() == Some(&4) && lengths.last() <= Some(&20), "{lengths:?}");
    }
}
