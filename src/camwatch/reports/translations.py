"""What a report says, in French and in English. Forms of a plural are parted by `|`.

Written with ordinary spaces: `Language` puts the narrow no-break ones where French wants them.
"""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    # The head
    "title": ("Rapport de disponibilité", "Availability report"),
    "all_operators": ("Tous les exploitants", "All operators"),
    "total": ("Total", "Total"),
    "period": ("Période", "Period"),
    "from_to": ("du {first} au {last}", "{first} to {last}"),
    "partial": (
        "Période en cours : les comptes s’arrêtent au {until}.",
        "Not over yet: the accounts end at {until}.",
    ),
    "stale": (
        "camwatch ne fonctionne plus depuis le {vouched} : le temps qui suit, jusqu’au {until}, est inconnu.",
        "camwatch has not run since {vouched}: the time after it, up to {until}, is unknown.",
    ),
    "folded": (
        (
            "Avant le {folded}, l’historique ne garde que des sommes par jour : "
            "les pannes y sont comptées, mais plus listées, et n’entrent pas dans la durée moyenne."
        ),
        (
            "Before {folded} the record holds sums of days only: outages are counted, "
            "but neither listed nor in the mean time to repair."
        ),
    ),
    "zone": ("Fuseau horaire", "Time zone"),
    "made": ("Établi le", "Made"),
    "by": ("Par", "By"),
    "vouched": ("L’historique répond de tout jusqu’au", "The record vouches for everything before"),
    "corrections": ("Corrections au journal", "Corrections in the journal"),
    "head": ("Empreinte de la dernière", "Hash of the newest"),
    "anchor": ("Ancrage au journal", "Anchor in the journal"),
    "sealed": ("Sceau du registre", "Seal of the record"),
    "only": ("Seulement", "Only"),
    "units": (
        "Durées en heures:minutes:secondes. Pourcentages et durées sont arrondis par défaut.",
        "Durations in hours:minutes:seconds. Percentages and durations are rounded down.",
    ),
    "no_value": ("– : pas de valeur", "–: no value"),
    "nothing": (
        "Aucune caméra en service dans la période : il n’y a pas de disponibilité à donner.",
        "No camera was in service in the period: there is no availability to give.",
    ),
    "idle": ("Caméras sans chiffre", "Cameras without a figure"),
    "idle_planned": ("{n} prévue|{n} prévues", "{n} planned|{n} planned"),
    "idle_in_service": (
        "{n} jamais en service dans la période|{n} jamais en service dans la période",
        "{n} never in service in the period|{n} never in service in the period",
    ),
    "idle_retired": ("{n} retirée|{n} retirées", "{n} retired|{n} retired"),
    # Figures
    "figures": ("Chiffres", "Figures"),
    "cameras": ("Caméras en service", "Cameras in service"),
    "availability": ("Disponibilité", "Availability"),
    "availability_lower": ("au moins", "at least"),
    "availability_upper": ("au plus", "at most"),
    "coverage": ("Couverture", "Coverage"),
    "contractual": ("Disponibilité contractuelle", "Contractual availability"),
    "objective": ("Objectif", "Objective"),
    "objective_met": ("Objectif atteint", "Objective met"),
    "contractual_met": ("Objectif atteint, au sens du contrat", "Objective met, by contract"),
    "budget": ("Budget d’indisponibilité", "Error budget"),
    "budget_used": ("Budget consommé", "Budget used"),
    "budget_left": ("Budget restant", "Budget left"),
    "in_service": ("Temps en service", "Time in service"),
    "up": ("En marche", "Up"),
    "down": ("En panne", "Down"),
    "unknown": ("Inconnu", "Unknown"),
    "maintenance": ("Maintenance", "Maintenance"),
    "uncertain_up": ("dont incertain, en marche", "of it uncertain, up"),
    "uncertain_down": ("dont incertain, en panne", "of it uncertain, down"),
    "excluded": ("Panne exclue du contrat", "Down, excluded by contract"),
    "outages": ("Pannes commencées", "Outages begun"),
    "outages_ended": ("Pannes terminées", "Outages ended"),
    "mttr": ("Durée moyenne de panne (MTTR)", "Mean time to repair (MTTR)"),
    "mtbf": ("Temps moyen entre pannes (MTBF)", "Mean time between failures (MTBF)"),
    "reboots": ("Redémarrages vus", "Reboots seen"),
    "yes": ("oui", "yes"),
    "no": ("non", "no"),
    # The same, where there is little room
    "short_availability": ("Dispo.", "Avail."),
    "short_contractual": ("Contrat", "Contract"),
    "short_coverage": ("Couv.", "Cover."),
    "short_outages": ("Pannes", "Outages"),
    "short_down": ("En panne", "Down"),
    "short_objective": ("Objectif", "Objective"),
    "short_objective_met": ("Atteint", "Met"),
    "short_contractual_met": ("Contrat", "Contract"),
    "short_budget": ("Budget", "Budget"),
    "short_budget_used": ("Consommé", "Used"),
    "short_budget_left": ("Restant", "Left"),
    "column_cameras": ("Caméras", "Cameras"),
    "column_availability": ("Dispo­nibilité", "Avail­ability"),
    "column_availability_lower": ("Borne basse", "Lower bound"),
    "column_availability_upper": ("Borne haute", "Upper bound"),
    "column_coverage": ("Couver­ture", "Cover­age"),
    "column_contractual": ("Contrac­tuelle", "Contract­ual"),
    "column_outages": ("Pannes", "Outages"),
    "column_down": ("En panne", "Down"),
    "column_mttr": ("MTTR", "MTTR"),
    "column_objective": ("Objectif", "Objective"),
    "column_objective_met": ("Atteint", "Met"),
    "column_contractual_met": ("Atteint au sens du contrat", "Met by contract"),
    "column_budget": ("Budget d’indispo­nibilité", "Error budget"),
    "column_budget_used": ("Budget consommé", "Budget used"),
    "column_budget_left": ("Budget restant", "Budget left"),
    # Tables
    "by_operator": ("Par exploitant", "By operator"),
    "by_purpose": ("Par usage", "By purpose"),
    "objectives": ("Objectifs par usage", "Objectives by purpose"),
    "by_site": ("Par site", "By site"),
    "worst": ("Caméras le plus longtemps en panne", "Cameras down the longest"),
    "by_camera": ("Par caméra", "By camera"),
    "outage_list": ("Pannes", "Outages"),
    "exclusions": ("Pannes exclues du contrat", "Outages excluded by contract"),
    "blind": ("Périodes aveugles", "Blind intervals"),
    "windows": ("Maintenances", "Maintenance"),
    "none": ("Aucune.", "None."),
    "operator": ("Exploitant", "Operator"),
    "purpose": ("Usage", "Purpose"),
    "site": ("Site", "Site"),
    "camera": ("Caméra", "Camera"),
    "number": ("N°", "No."),
    "start": ("Début", "Start"),
    "end": ("Fin", "End"),
    "duration": ("Durée", "Duration"),
    "inside": ("dont période", "in period"),
    "cause": ("Cause vue", "Seen cause"),
    "attributed": ("Cause attribuée", "Attributed"),
    "who": ("Par qui", "Who"),
    "made_on": ("Le", "When"),
    "why": ("Motif", "Why"),
    "what": ("Quoi", "What"),
    "links": ("Liaison", "Link"),
    "goes_on": ("continue", "goes on"),
    "start_between": ("début entre le {earliest} et le {latest}", "began between {earliest} and {latest}"),
    "end_between": ("fin entre le {earliest} et le {latest}", "ended between {earliest} and {latest}"),
    "voided": (
        "annulée : des messages tardifs prouvent que la caméra fonctionnait ; elle ne compte pas",
        "voided: late heartbeats prove that the camera was alive; it does not count",
    ),
    "excluded_mark": ("exclue", "excluded"),
    "cancelled": ("annulée", "cancelled"),
    "announced": ("annoncée", "announced"),
    "corrected": ("correction n° {n}", "correction no. {n}"),
    # Words of the record
    "purpose_video_protection": ("Vidéoprotection", "Video protection"),
    "purpose_access_control": ("Contrôle d’accès", "Access control"),
    "purpose_traffic": ("Circulation", "Traffic"),
    "cause_timeout": ("silence", "silence"),
    "cause_will": ("connexion perdue", "connection lost"),
    "cause_goodbye": ("arrêt annoncé", "announced stop"),
    "attributed_power": ("alimentation", "power"),
    "attributed_network": ("réseau", "network"),
    "attributed_camera": ("caméra", "camera"),
    "attributed_vandalism": ("vandalisme", "vandalism"),
    "attributed_works": ("travaux", "works"),
    "attributed_other": ("autre", "other"),
    "gap_link": ("liaison perdue", "link lost"),
    "gap_stall": ("camwatch arrêté net (machine en pause)", "camwatch stood still (paused machine)"),
    "gap_offline": ("camwatch ne fonctionnait pas", "camwatch did not run"),
    "gap_lost": ("la base a perdu ce qui était enregistré", "the store has lost what was recorded"),
    "gap_lag": ("messages trop en retard", "messages too late"),
    "gap_clock_step": ("horloge avancée", "clock set ahead"),
    "scope_camera": ("caméra", "camera"),
    "scope_site": ("site", "site"),
    "scope_operator": ("exploitant", "operator"),
    # The chart
    "days": ("Jours", "Days"),
    "months": ("Mois", "Months"),
    "legend": ("Légende", "Legend"),
    "level_0": ("100 %", "100 %"),
    "level_1": ("99 % et plus", "99 % or more"),
    "level_2": ("95 % et plus", "95 % or more"),
    "level_3": ("80 % et plus", "80 % or more"),
    "level_4": ("moins de 80 %", "less than 80 %"),
    "level_unknown": ("inconnu", "unknown"),
    "level_maintenance": ("maintenance", "maintenance"),
    "level_nothing": ("hors service", "not in service"),
    "partly": ("en partie inconnu", "partly unknown"),
    "chart_perfect": ("Toujours en marche quand elle était vue.", "Always up while seen."),
    "chart_unseen": ("Jamais vue.", "Never seen."),
    "chart_few": ("Moins de 100 % : {days}.", "Below 100 %: {days}."),
    "contents": ("Sommaire", "Contents"),
    "colon": (" :", ":"),
    "excluded_time": ("Temps exclu", "Excluded"),
    "explained": (
        (
            "Disponibilité = en marche / (en marche + en panne). "
            "Couverture = (en marche + en panne) / (en marche + en panne + inconnu). "
            "Disponibilité contractuelle : sans le temps des pannes exclues. "
            "Bornes : le temps inconnu, et celui où un changement a eu lieu à un instant non connu, "
            "compté tout en panne, ou tout en marche. "
            "Budget = (1 − objectif) × (en marche + en panne). "
            "Un groupe : les millisecondes de ses caméras, additionnées, puis divisées."
        ),
        (
            "Availability = up / (up + down). Coverage = (up + down) / (up + down + unknown). "
            "Contractual availability: without the time of excluded outages. "
            "Bounds: time that is unknown, or in which a change came at an instant that is not known, "
            "had it all been down, or all up. "
            "Budget = (1 − objective) × (up + down). "
            "A group: the milliseconds of its cameras, added up, then divided."
        ),
    ),
}
