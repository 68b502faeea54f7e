//! Dead letters: why, and what to do.

use super::Word;

pub(super) const WORDS: &[Word] = &[
    (
        "dead.what",
        [
            "What was given up on. It stays here until somebody sends it again or drops it.",
            "O que foi abandonado. Fica aqui até alguém reenviar ou descartar.",
        ],
    ),
    ("dead.none", ["There are no dead letters.", "Não há entregas mortas."]),
    ("dead.none_fit", ["No dead letter fits this.", "Nenhuma entrega morta corresponde a isto."]),
    ("dead.count", ["{n} dead letters, by reason", "{n} entregas mortas, por motivo"]),
    ("dead.count.one", ["{n} dead letter", "{n} entrega morta"]),
    ("dead.destination", ["Destination", "Destino"]),
    ("dead.any", ["any", "qualquer"]),
    ("dead.error", ["Error holds", "Erro contém"]),
    ("dead.since", ["Not older than", "De até"]),
    ("dead.filter", ["Filter", "Filtrar"]),
    ("dead.all", ["All", "Todas"]),
    ("dead.n", ["How many", "Quantas"]),
    ("dead.why", ["Why", "Motivo"]),
    ("dead.last", ["Last answer", "Última resposta"]),
    ("dead.newest", ["The newest first", "As mais novas primeiro"]),
    ("dead.more", ["the first 100; filter to see others", "as primeiras 100; filtre para ver outras"]),
    ("dead.died", ["Died", "Morreu"]),
    ("dead.lead", ["Lead", "Lead"]),
    ("dead.for", ["For", "Para"]),
    ("dead.unread", ["could not be read", "não pôde ser lido"]),
    ("dead.overtaken", ["overtaken", "ultrapassada"]),
    ("dead.look", ["See why", "Ver por quê"]),
    ("dead.retry_all", ["Send {n} again…", "Reenviar {n}…"]),
    (
        "dead.retry_ask",
        [
            "All that fit are sent again now. Those that a later event of the same lead has overtaken are left out.",
            "Todas as que correspondem são reenviadas agora. As ultrapassadas por um evento posterior do mesmo lead ficam de fora.",
        ],
    ),
    ("dead.overtaken_too", ["also the {n} overtaken ones", "também as {n} ultrapassadas"]),
    ("dead.retry_yes", ["Send them again", "Reenviar"]),
    ("dead.drop_all", ["Drop {n}…", "Descartar {n}…"]),
    (
        "dead.drop_ask",
        [
            "All that fit are dropped for good: they are never sent.",
            "Todas as que correspondem são descartadas de vez: nunca serão enviadas.",
        ],
    ),
    ("dead.drop_yes", ["Drop them for good", "Descartar de vez"]),
    ("death.unread", ["its details could not be read", "não foi possível ler os detalhes"]),
    ("letter.title", ["Why lead {id} did not arrive", "Por que o lead {id} não chegou"]),
    ("letter.why", ["Why", "Motivo"]),
    ("letter.died", ["given up", "abandonado"]),
    ("letter.what_to_do", ["What to do", "O que fazer"]),
    ("letter.where", ["Where in the file", "Onde no arquivo"]),
    (
        "letter.reload",
        [
            "After a change: check the file, then let the service read it again (leadhook reload, or restart it), come back here and send it again.",
            "Depois de mudar: confira o arquivo, faça o serviço lê-lo de novo (leadhook reload, ou reinicie), volte aqui e reenvie.",
        ],
    ),
    ("letter.retry", ["Send it again", "Reenviar"]),
    ("letter.retry_overtaken", ["Send it all the same", "Reenviar mesmo assim"]),
    (
        "letter.overtaken",
        [
            "A later event of this lead was accepted there since: sending this one now would turn the clock back.",
            "Um evento posterior deste lead já foi aceito lá: reenviar este agora faria o relógio voltar.",
        ],
    ),
    ("letter.drop", ["Drop…", "Descartar…"]),
    ("letter.drop_ask", ["It is dropped for good, and never sent.", "É descartado de vez e nunca será enviado."]),
    ("letter.drop_yes", ["Drop it for good", "Descartar de vez"]),
    ("letter.attempts", ["Attempts", "Tentativas"]),
    (
        "letter.attempt",
        ["Attempt {attempt}: {said}, {outcome} ({ms} ms)", "Tentativa {attempt}: {said}, {outcome} ({ms} ms)"],
    ),
    ("letter.request", ["As it would be sent now", "Como seria enviado agora"]),
    (
        "mend.given_up",
        [
            "{destination} said {said}, and would say so again. Its answer stands below: mend what it does not take there, or change what is sent in the file. Then send it again.",
            "{destination} respondeu {said} e responderia o mesmo de novo. A resposta está abaixo: corrija lá o que não é aceito, ou mude no arquivo o que é enviado. Depois reenvie.",
        ],
    ),
    (
        "mend.attempts_exhausted",
        [
            "Every attempt failed, the last with {said}. See that {destination} works: its page sends a sample. Then send it again.",
            "Todas as tentativas falharam, a última com {said}. Verifique se {destination} funciona: a página dele envia uma amostra. Depois reenvie.",
        ],
    ),
    (
        "mend.too_old",
        [
            "It waited for {destination} longer than max_age allows. If it is still wanted there, send it again: it gets its full time.",
            "Esperou por {destination} mais do que max_age permite. Se ainda for útil lá, reenvie: terá de novo o tempo todo.",
        ],
    ),
    (
        "mend.unrenderable",
        [
            "No request could be made of it for {destination}: {said}. Mend the template in the file, have the file read again, then send it again.",
            "Não foi possível montar a requisição para {destination}: {said}. Corrija o modelo no arquivo, faça o arquivo ser lido de novo e reenvie.",
        ],
    ),
    (
        "mend.too_large",
        [
            "It is larger than {destination} takes: {said}. Raise max_body, or send fewer fields, have the file read again, then send it again.",
            "É maior do que {destination} aceita: {said}. Aumente max_body ou envie menos campos, faça o arquivo ser lido de novo e reenvie.",
        ],
    ),
    (
        "mend.unread",
        [
            "WeClever's answer for this lead could not be read: {said}. When it is mended there, read it again with the button below.",
            "Não foi possível ler a resposta do WeClever para este lead: {said}. Quando estiver corrigida lá, leia de novo com o botão abaixo.",
        ],
    ),
    (
        "seek.what",
        [
            "Nobody knows whether the step {step} got through: look at {destination} for what it makes ({mark}).",
            "Ninguém sabe se a etapa {step} chegou: procure em {destination} o que ela cria ({mark}).",
        ],
    ),
    ("seek.missing", ["It is not there: make the call again", "Não está lá: chamar de novo"]),
    ("seek.there", ["It is there: go on behind it", "Está lá: continuar depois dela"]),
    ("notice.retried", ["{n} dead letters are sent again.", "{n} entregas mortas são reenviadas."]),
    ("notice.retried.one", ["It is sent again now.", "Está sendo reenviado agora."]),
    (
        "notice.settled_already",
        [
            "Nothing was done: it is no dead letter any more. This is how its lead stands now.",
            "Nada foi feito: já não é uma entrega morta. É assim que o lead está agora.",
        ],
    ),
    ("notice.dropped", ["{n} dead letters were dropped.", "{n} entregas mortas foram descartadas."]),
    ("notice.dropped.one", ["It was dropped for good.", "Foi descartado de vez."]),
    (
        "notice.not_dropped",
        [
            "Nothing was dropped: there are {n} now, and not as many as were shown. Look again.",
            "Nada foi descartado: agora são {n}, e não tantas quanto foi mostrado. Veja de novo.",
        ],
    ),
    ("notice.bad_since", ["Write an age such as 2h or 3d.", "Escreva uma idade, como 2h ou 3d."]),
    (
        "notice.step_done",
        ["The step counts as done, and the delivery goes on.", "A etapa conta como feita, e a entrega continua."],
    ),
];
