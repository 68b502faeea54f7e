//! What stands around every page.

use super::Word;

pub(super) const WORDS: &[Word] = &[
    ("skip", ["Skip to the content", "Ir para o conteúdo"]),
    ("nav.label", ["Pages", "Páginas"]),
    ("nav.overview", ["Overview", "Visão geral"]),
    ("nav.dead", ["Dead letters", "Entregas mortas"]),
    ("search.label", ["Find a lead or an event", "Buscar um lead ou um evento"]),
    ("search.hint", ["Lead number or id", "Número do lead ou id"]),
    ("search.go", ["Find", "Buscar"]),
    ("search.nothing", ["“{query}” is no lead's number and no id.", "“{query}” não é número de lead nem id."]),
    (
        "search.what",
        [
            "Enter the number that WeClever gives a lead (123456), or an id that begins with evt_ or dead_.",
            "Informe o número que o WeClever dá ao lead (123456) ou um id que começa com evt_ ou dead_.",
        ],
    ),
    ("sign_in", ["Sign in", "Entrar"]),
    ("sign_out", ["Sign out", "Sair"]),
    ("live.on", ["Live", "Ao vivo"]),
    ("live.off", ["Not connected, trying again", "Sem conexão, tentando de novo"]),
    ("foot.zone", ["Times are those of {zone}", "Horários de {zone}"]),
    ("foot.store", ["store {size}", "dados {size}"]),
    ("not_found.title", ["There is no such page", "Esta página não existe"]),
    ("not_found.what", ["The address may have been cut off.", "O endereço pode ter sido cortado."]),
    ("back", ["To the overview", "Para a visão geral"]),
    ("unavailable.title", ["This cannot be shown now", "Isto não pode ser mostrado agora"]),
    ("none", ["none", "nenhum"]),
    ("yes", ["yes", "sim"]),
    ("no", ["no", "não"]),
];
