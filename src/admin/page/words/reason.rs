//! Why nothing came back, and why a broker refused: the sentences of [`NoAnswer`](crate::domain::outcome::NoAnswer) and
//! [`Refusal`](crate::domain::outcome::Refusal), which attempts are kept with.

use super::Word;

pub(super) const WORDS: &[Word] = &[
    ("reason.timeout", ["no answer in time", "sem resposta a tempo"]),
    ("reason.dns", ["the host name could not be resolved", "o nome do servidor não foi encontrado"]),
    ("reason.not_allowed", ["it leads where nothing may be sent", "leva a um lugar para onde nada pode ser enviado"]),
    ("reason.connect", ["no connection could be made", "não foi possível conectar"]),
    ("reason.tls", ["no secure connection could be made", "não foi possível fazer uma conexão segura"]),
    (
        "reason.reset",
        ["the connection was closed before an answer came", "a conexão foi encerrada antes de chegar uma resposta"],
    ),
    ("reason.protocol", ["the answer could not be understood", "não foi possível entender a resposta"]),
    (
        "reason.interrupted",
        ["leadhook was stopped before an answer came", "o leadhook foi parado antes de chegar uma resposta"],
    ),
    ("reason.no_token", ["no token", "sem token"]),
    (
        "reason.no_files",
        [
            "leadhook may open no more files, so no connection could be made; raise the limit (`ulimit -n`, LimitNOFILE=)",
            "o leadhook não pode abrir mais arquivos nem conexões; aumente o limite (`ulimit -n`, LimitNOFILE=)",
        ],
    ),
    ("reason.not_there", ["there is nothing there that takes it", "não há nada lá que a receba"]),
    ("reason.denied", ["the broker does not let us", "o broker não nos permite"]),
    (
        "reason.too_large",
        [
            "the message is too large for the broker; write a smaller `max_body`, fewer `fields` or payload = \"thin\"",
            "a mensagem é grande demais para o broker; escreva um `max_body` menor, menos `fields` ou payload = \"thin\"",
        ],
    ),
    ("reason.busy", ["the broker has no room for it now", "o broker não tem espaço agora"]),
    ("reason.unfit", ["the broker can never take this message", "o broker nunca pode receber esta mensagem"]),
    ("reason.refused", ["the broker refused it", "o broker recusou"]),
];
