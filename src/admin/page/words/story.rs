//! A lead's story, an event, and what a person may see of them.

use super::Word;

pub(super) const WORDS: &[Word] = &[
    ("curtain.show", ["Show personal data", "Mostrar dados pessoais"]),
    ("curtain.hide", ["Hide personal data", "Ocultar dados pessoais"]),
    (
        "curtain.what",
        [
            "Personal data is hidden. It is shown to you for ten minutes, and the log says that you asked.",
            "Os dados pessoais estão ocultos. São mostrados a você por dez minutos, e o log registra o pedido.",
        ],
    ),
    ("lead.title", ["Lead {id}", "Lead {id}"]),
    ("lead.status", ["status", "status"]),
    ("lead.next", ["What is next", "O que vem a seguir"]),
    ("lead.where", ["Where it may be", "Onde ele pode estar"]),
    ("lead.story", ["What happened", "O que aconteceu"]),
    ("lead.event_n", ["event {n}", "evento {n}"]),
    (
        "lead.unknown",
        [
            "Lead {id} of platform {platform} was never listed.",
            "O lead {id} da plataforma {platform} nunca apareceu na lista.",
        ],
    ),
    ("stage.baseline", ["It was there before leadhook began", "Já existia antes de o leadhook começar"]),
    ("stage.set_aside", ["Its details are still to be read", "Os detalhes ainda não foram lidos"]),
    ("stage.unreadable", ["Its details could not be read", "Não foi possível ler os detalhes"]),
    (
        "stage.dropped",
        [
            "Its details could not be read, and a person dropped it",
            "Não foi possível ler os detalhes, e alguém o descartou",
        ],
    ),
    ("stage.recorded", ["Read and recorded", "Lido e registrado"]),
    ("stage.forgotten", ["A person had it forgotten", "Alguém pediu que fosse esquecido"]),
    ("story.listed", ["First listed by WeClever", "Apareceu na lista do WeClever"]),
    ("story.finalized_after", ["finalized after {from}", "finalizado depois de {from}"]),
    ("story.finalized_between", ["finalized between {from} and {to}", "finalizado entre {from} e {to}"]),
    (
        "story.flaps",
        [
            "Its status changes with nearly every list: it waits before it is read again",
            "O status muda a quase cada lista: espera antes de ser lido de novo",
        ],
    ),
    ("story.asked", ["Its details were asked for", "Os detalhes foram pedidos"]),
    (
        "story.reading_failed",
        ["Reading its details failed, try {n}: {error}", "A leitura dos detalhes falhou, tentativa {n}: {error}"],
    ),
    ("story.reading_given_up", ["Reading it was given up", "A leitura foi abandonada"]),
    ("story.event", ["Event {n}: {type}", "Evento {n}: {type}"]),
    (
        "story.event_not_kept",
        [
            "Event {n}: {type}; only its outcome is kept, it is older than [store] retention",
            "Evento {n}: {type}; só o resultado foi guardado, é mais antigo que [store] retention",
        ],
    ),
    ("story.nowhere", ["No route wanted it: it went nowhere", "Nenhuma rota o quis: não foi a lugar nenhum"]),
    ("story.rating", ["rating {score}, from “{text}”", "nota {score}, de “{text}”"]),
    (
        "story.rating_unreadable",
        [
            "the rating “{text}” cannot be read, and never counts as low",
            "a nota “{text}” não pode ser lida e nunca conta como baixa",
        ],
    ),
    (
        "story.attempt",
        [
            "Event {n} to {destination}, attempt {attempt}: {said}, {outcome} ({ms} ms)",
            "Evento {n} para {destination}, tentativa {attempt}: {said}, {outcome} ({ms} ms)",
        ],
    ),
    ("story.step", ["step {step}", "etapa {step}"]),
    ("story.uncounted", ["not counted as a try", "não conta como tentativa"]),
    ("story.delivered", ["Event {n} to {destination}: delivered", "Evento {n} para {destination}: entregue"]),
    (
        "story.sent_again",
        ["Event {n} to {destination}: sent again by a person", "Evento {n} para {destination}: reenviado por alguém"],
    ),
    ("story.dead", ["Event {n} to {destination}: given up, {why}", "Evento {n} para {destination}: abandonado, {why}"]),
    (
        "story.moved",
        ["Event {n}: moved away from {destination} by a person", "Evento {n}: movido de {destination} por alguém"],
    ),
    (
        "story.dropped",
        ["Event {n} to {destination}: dropped by a person", "Evento {n} para {destination}: descartado por alguém"],
    ),
    ("story.answer", ["The answer", "A resposta"]),
    ("story.cut", ["... (cut)", "... (cortado)"]),
    ("story.no_time", ["time not kept", "hora não guardada"]),
    ("story.to_letter", ["See why, and send it again", "Ver por quê e reenviar"]),
    ("story.to_event", ["The event", "O evento"]),
    ("story.to_destination", ["To {destination}", "Para {destination}"]),
    ("route.yes", ["route “{route}”: yes", "rota “{route}”: sim"]),
    (
        "route.other_type",
        ["route “{route}”: no, it takes other events", "rota “{route}”: não, ela recebe outros eventos"],
    ),
    (
        "route.condition_false",
        ["route “{route}”: no, its condition does not hold", "rota “{route}”: não, a condição não se aplica"],
    ),
    (
        "route.cannot_tell",
        [
            "route “{route}”: no, its condition could not be evaluated",
            "rota “{route}”: não, a condição não pôde ser avaliada",
        ],
    ),
    ("route.first_won", ["route “{route}”: no, an earlier route won", "rota “{route}”: não, uma rota anterior venceu"]),
    (
        "route.about_itself",
        ["route “{route}”: no, it is about that destination", "rota “{route}”: não, trata do próprio destino"],
    ),
    ("outcome.accepted", ["accepted", "aceito"]),
    ("outcome.retry", ["to be tried again", "será tentado de novo"]),
    ("outcome.throttled", ["asked to wait", "pediu para esperar"]),
    ("outcome.given_up", ["refused", "recusado"]),
    ("outcome.gone", ["gone", "não existe mais"]),
    ("next.answer", ["It is on its way now.", "Está a caminho agora."]),
    ("next.time", ["The next attempt.", "A próxima tentativa."]),
    (
        "next.earlier",
        [
            "It goes after an earlier event of this lead, which still waits there.",
            "Vai depois de um evento anterior deste lead, que ainda espera lá.",
        ],
    ),
    (
        "next.contact",
        [
            "Its contact has had as much there as rate_per_contact allows for now.",
            "O contato já recebeu lá tudo o que rate_per_contact permite por enquanto.",
        ],
    ),
    ("next.pause", ["The destination asked to be left alone until then.", "O destino pediu para esperar até lá."]),
    (
        "next.recovery",
        [
            "The destination keeps failing: only a probe is sent now and then, until one is accepted.",
            "O destino continua falhando: só vai um teste de vez em quando, até um ser aceito.",
        ],
    ),
    ("next.service", ["It waits for the service to run.", "Espera o serviço rodar."]),
    (
        "next.paused",
        [
            "The destination is paused by hand, until somebody resumes it.",
            "O destino está pausado até alguém retomá-lo.",
        ],
    ),
    (
        "next.disabled",
        [
            "The destination said that it is gone (410) and is disabled: mend it, then resume it.",
            "O destino disse que não existe mais (410) e está desativado: corrija-o e depois retome.",
        ],
    ),
    (
        "next.parked",
        [
            "Its destination or its route has left the file: put it back, or move or drop what waits there.",
            "O destino ou a rota saiu do arquivo: coloque de volta, ou mova ou descarte o que espera lá.",
        ],
    ),
    ("next.dead", ["It is not sent again by itself: a person decides.", "Não é reenviado sozinho: alguém decide."]),
    ("next.read_set_aside", ["Its details are read again then.", "Os detalhes são lidos de novo então."]),
    (
        "next.read_again",
        [
            "It has no rating yet, and its details are read again then.",
            "Ainda não tem nota, e os detalhes são lidos de novo então.",
        ],
    ),
    (
        "next.baseline",
        [
            "It is not sent unless it is finalized again; leadhook backfill or leadhook reconcile --fix sends it.",
            "Não é enviado a menos que seja finalizado de novo; leadhook backfill ou leadhook reconcile --fix o enviam.",
        ],
    ),
    ("next.reading_dropped", ["A person dropped it: it is not read again.", "Alguém o descartou: não é lido de novo."]),
    (
        "next.forgotten",
        ["A person had it forgotten: it is not sent again.", "Foi esquecido a pedido: não é enviado de novo."],
    ),
    (
        "next.settled",
        [
            "All is settled. It is looked at again when WeClever lists it with another status.",
            "Tudo resolvido. É visto de novo quando o WeClever o listar com outro status.",
        ],
    ),
    (
        "next.nowhere",
        [
            "No route wanted it when it was recorded; leadhook backfill sends it by today's routes.",
            "Nenhuma rota o quis quando foi registrado; leadhook backfill o envia pelas rotas de hoje.",
        ],
    ),
    (
        "next.listing",
        [
            "It may not be listed yet, or lie before what is read; and the number must be its weclever_lead_id.",
            "Talvez ainda não esteja na lista, ou seja anterior ao que é lido; e o número deve ser o weclever_lead_id.",
        ],
    ),
    ("step.done", ["done", "feita"]),
    ("step.skipped", ["left out, for its when does not hold", "pulada, pois o when não se aplica"]),
    ("step.failed_next", ["failed; it goes on here", "falhou; continua daqui"]),
    ("step.failed", ["failed", "falhou"]),
    ("step.next", ["next", "próxima"]),
    ("step.later", ["to come", "depois"]),
    ("step.unknown", ["nobody knows whether its last try got through", "ninguém sabe se a última tentativa chegou"]),
    ("event.where", ["Where it went", "Para onde foi"]),
    ("event.route", ["route “{route}”", "rota “{route}”"]),
    ("event.tries", ["{n} attempts", "{n} tentativas"]),
    ("event.tries.one", ["{n} attempt", "{n} tentativa"]),
    ("event.request", ["The request, by today's file", "A requisição, pelo arquivo de hoje"]),
    ("event.no_request", ["Nothing would be sent now: {why}", "Nada seria enviado agora: {why}"]),
    ("event.body", ["The event", "O evento"]),
    ("request.headers", ["Headers", "Cabeçalhos"]),
    ("delivery.pending", ["waits", "espera"]),
    ("delivery.delivered", ["delivered", "entregue"]),
    ("delivery.dead", ["dead letter", "entrega morta"]),
    ("delivery.dropped", ["dropped", "descartado"]),
];
