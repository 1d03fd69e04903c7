"""What keeps a link from its work, in French. The daemon says it in English, as in its log and `/-/ready`.

A reason is made of phrases, each put into French by itself. What others said (a broker, the system, a TLS
library) stays as it came.
"""

from __future__ import annotations

import re
from typing import Final

from camwatch.i18n import Lang

_THIN: Final = "\N{NARROW NO-BREAK SPACE}"
_PHRASES: Final = {
    r"no address is known for host (\S+)": r"aucune adresse n’est connue pour l’hôte \1",
    r"(\S+) did not answer within (\S+) s": r"\1 n’a pas répondu en \2 s",
    r", though it let us in": r", après avoir accepté la connexion",
    r"nobody listens at (\S+)": r"rien n’écoute à l’adresse \1",
    r"(\S+) cannot be reached:": r"\1 est injoignable :",
    r"the broker closed the connection": r"le courtier a fermé la connexion",
    r"the connection broke:": r"la connexion s’est rompue :",
    r"(\S+) broke off the TLS handshake:": r"\1 a rompu la négociation TLS :",
    r"no packet for (\S+) s, and no answer when asked for as long": (
        r"aucun paquet depuis \1 s, ni de réponse à une question depuis autant"
    ),
    r"the broker answers but delivers nothing: no message for (\S+) s": (
        r"le courtier répond mais ne remet rien : aucun message depuis \1 s"
    ),
    r"messages come in, but no canary among them": r"des messages arrivent, mais pas le témoin",
    r"the broker refuses the canary on (\S+): reason code (\d+)": (
        r"le courtier refuse le témoin sur \1 : code \2"
    ),
    r"(`\w+` \S+) cannot be used:": r"\1 est inutilisable :",
    r"the certificate of (\S+) is for another name:": r"le certificat de \1 est pour un autre nom :",
    r"the certificate of (\S+) is not trusted by": r"le certificat de \1 n’est pas reconnu par",
    r"the system's authorities \(no `ca_file`\)": r"les autorités du système (pas de `ca_file`)",
    r"the broker refused the TLS session:": r"le courtier a refusé la session TLS :",
    r"(\S+) does not speak TLS:": r"\1 ne parle pas TLS :",
    r"TLS with (\S+) failed:": r"échec de TLS avec \1 :",
    r"(\S+) does not take up a WebSocket at (\S+):": r"\1 n’accepte pas de WebSocket à \2 :",
    r"the broker's first answer is not MQTT 5:": r"la première réponse du courtier n’est pas du MQTT 5 :",
    r"what came cannot be taken as MQTT:": r"ce qui est arrivé n’est pas du MQTT :",
    r"the broker sent a packet of (\d+) bytes, though we take (\d+) at most": (
        r"le courtier a envoyé un paquet de \1 octets, \2 au plus sont admis"
    ),
    r"(\S+) closed the connection without an answer to CONNECT": (
        r"\1 a fermé la connexion sans répondre à CONNECT"
    ),
    r"the broker refuses MQTT (\S+):": r"le courtier refuse MQTT \1 :",
    r"the broker refuses client id (\S+):": r"le courtier refuse l’identifiant \1 :",
    r"the broker refuses the session:": r"le courtier refuse la session :",
    r"the broker refuses the subscription to": r"le courtier refuse l’abonnement à",
    r"the broker refuses user ('[^']*'):": r"le courtier refuse l’utilisateur \1 :",
    r"the broker refuses an anonymous session:": r"le courtier refuse une session anonyme :",
    r"the broker ended the session:": r"le courtier a mis fin à la session :",
    r"the broker answered for (\d+) topic filters, not (\d+)": (
        r"le courtier a répondu pour \1 filtres, non \2"
    ),
    r"messages arrive (\S+) s late, longer than a camera may be silent": (
        r"les messages arrivent avec \1 s de retard, plus qu’une caméra n’a le droit de se taire"
    ),
    r"is the broker overloaded, or the network\?": r"le courtier ou le réseau est-il surchargé ?",
    r"what the broker kept is still arriving, (\S+) s after the connection": (
        r"ce que le courtier a gardé arrive encore, \1 s après la connexion"
    ),
    r"not connected yet": r"pas encore connecté",
    r"check `url`, the network and whether the broker is well": r"vérifier `url`, le réseau et le courtier",
    r"check `url` and the DNS": r"vérifier `url` et le DNS",
    r"check `url` and the network": r"vérifier `url` et le réseau",
    r"does this port speak TLS\?": r"ce port parle-t-il TLS ?",
    r"is the broker well\?": r"le courtier va-t-il bien ?",
    r"is there a broker behind `url`\?": r"y a-t-il un courtier derrière `url` ?",
    r"if it speaks MQTT 3.1.1 only, set": r"s’il ne parle que MQTT 3.1.1, mettre",
    r"try `protocol": r"essayer `protocol",
    r"start the broker, or check `url`": r"démarrer le courtier, ou vérifier `url`",
    r"its log may say why; two clients with one `client_id` drive each other out": (
        r"son journal dit peut-être pourquoi ; deux clients du même `client_id` se chassent l’un l’autre"
    ),
    r"the broker is frozen, or the network between is gone": r"le courtier est figé, ou le réseau est coupé",
    r"not even the canary on (\S+) came back: check access list and queue of": (
        r"même le témoin sur \1 n’est pas revenu : vérifier les droits et la file de"
    ),
    r"a backlog goes first; if there is none, let (.+?) write and read (\S+) in the broker's access list": (
        r"un retard passe d’abord ; s’il n’y en a pas, donner à \1 le droit d’écrire et de lire \2"
    ),
    r"let (.+?) write and read that topic in the broker's access list": (
        r"donner à \1 le droit d’écrire et de lire ce sujet"
    ),
    r"let this user read them in the broker's access list": r"donner à cet utilisateur le droit de les lire",
    r"set `ca_file` to the authority that signed it": r"mettre dans `ca_file` l’autorité qui l’a signé",
    r"use mqtt:// or ws://, or check the port in `url`": (
        r"prendre mqtt:// ou ws://, ou vérifier le port de `url`"
    ),
    r"check the port and the path in `url`": r"vérifier le port et le chemin de `url`",
    r"if the port wants TLS, use mqtts:// or wss://": r"si le port veut TLS, prendre mqtts:// ou wss://",
    r"if it wants a client certificate, set (`\w+`) and": r"s’il veut un certificat de client, donner \1 et",
    r"check (`\w+`) and (`\w+`)": r"vérifier \1 et \2",
    r"check (`\w+`)": r"vérifier \1",
    r"set another `client_id`": r"prendre un autre `client_id`",
    r"another client came as (\S+): each daemon needs its own": (
        r"un autre client est venu comme \1 : à chaque camwatch son propre"
    ),
    r"\buser ('[^']*')": r"l’utilisateur \1",
    r"an anonymous session": r"une session anonyme",
}
_FRENCH: Final = [
    (re.compile(english), re.sub(" (?=[:;?])", _THIN, french)) for english, french in _PHRASES.items()
]


def reason_in(lang: Lang, reason: str) -> str:
    """Return a reason as people read it in their language."""
    if lang == "fr":
        for english, french in _FRENCH:
            reason = english.sub(french, reason)
    return reason
