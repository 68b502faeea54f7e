//! Signing in and out.

use super::Word;

pub(super) const WORDS: &[Word] = &[
    (
        "sign_in.how",
        [
            "On the machine where the service runs, in the directory of its file, run this, and open the link that it prints:",
            "Na máquina onde o serviço roda, no diretório do arquivo dele, execute isto e abra o link que aparece:",
        ],
    ),
    (
        "sign_in.code",
        [
            "The link works once, for five minutes. Where it does not open by itself, enter what stands behind its #.",
            "O link vale uma vez, por cinco minutos. Se ele não abrir sozinho, informe o que vem depois do #.",
        ],
    ),
    (
        "sign_in.code_or_token",
        [
            "The link works once, for five minutes. Or enter the token that stands in the file under [admin].",
            "O link vale uma vez, por cinco minutos. Ou informe o token que está no arquivo, em [admin].",
        ],
    ),
    ("sign_in.field", ["Code", "Código"]),
    ("sign_in.field_or_token", ["Code or token", "Código ou token"]),
    (
        "sign_in.wrong",
        [
            "That did not open it: a link works once, for five minutes. Make a new one.",
            "Não foi possível entrar: um link vale uma vez, por cinco minutos. Gere outro.",
        ],
    ),
    ("notice.signed_out", ["You are signed out.", "Você saiu."]),
];
