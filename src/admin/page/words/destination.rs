//! A destination.

use super::Word;

pub(super) const WORDS: &[Word] = &[
    ("at.ok", ["takes what is sent", "recebe o que é enviado"]),
    ("at.failing", ["keeps failing", "continua falhando"]),
    ("at.waiting", ["asked to be left alone", "pediu para esperar"]),
    ("at.paused", ["paused by hand", "pausado manualmente"]),
    ("at.disabled", ["disabled: it answered 410 Gone", "desativado: respondeu 410 Gone"]),
    ("at.not_in_file", ["has left the file", "saiu do arquivo"]),
    ("at.since", ["since", "desde"]),
    ("at.until", ["until", "até"]),
    ("at.do", ["By hand", "Manual"]),
    ("at.pause", ["Pause", "Pausar"]),
    ("at.resume", ["Resume", "Retomar"]),
    ("at.test", ["Send a sample", "Enviar amostra"]),
    ("at.pause_what", ["While paused, what is for it waits.", "Enquanto pausado, o que vai para ele espera."]),
    (
        "at.resume_what",
        ["What waits for it goes on once it is resumed.", "O que espera por ele continua quando for retomado."],
    ),
    ("at.tested", ["What came of the sample", "O resultado da amostra"]),
    ("at.test_ok", ["accepted", "aceita"]),
    ("at.test_bad", ["not accepted", "não aceita"]),
    ("at.back", ["Back to the destination", "Voltar ao destino"]),
    ("at.pending", ["Waiting", "Na fila"]),
    ("at.oldest", ["the oldest", "a mais antiga"]),
    ("at.delivered", ["Delivered", "Entregues"]),
    ("at.last", ["the last", "a última"]),
    ("at.dead", ["Dead letters", "Entregas mortas"]),
    ("at.dropped", ["Dropped", "Descartadas"]),
    ("at.trouble", ["Last failure:", "Última falha:"]),
    ("at.all_dead", ["All of its dead letters", "Todas as entregas mortas dele"]),
    ("notice.paused", ["Paused; {n} deliveries wait.", "Pausado; {n} entregas esperam."]),
    ("notice.paused.one", ["Paused; {n} delivery waits.", "Pausado; {n} entrega espera."]),
    ("notice.resumed", ["Resumed; {n} deliveries go on.", "Retomado; {n} entregas continuam."]),
    ("notice.resumed.one", ["Resumed; {n} delivery goes on.", "Retomado; {n} entrega continua."]),
];
