"""Hold codes that connectors and the engine report. They bring their own sentence; here is whose turn it is."""

from __future__ import annotations

from tieline.domain.hold_codes import HoldCode, Owner, hold_code

_DETAIL = "{detail}"  # systems and the engine bring their own sentence; the catalogue says whose turn it is


def _system(code: str, owner: Owner, title: str, way_out: str) -> HoldCode:
    return hold_code(code, owner, title, _DETAIL, way_out)


SYSTEM_CODES = (
    _system(
        "MAPPING_MISSING",
        "integration",
        "A value is not mapped",
        "Add the value to the overlay of the system in tieline.yaml, or correct it in its source, then retry the hold.",
    ),
    _system(
        "MAPPING_DEFECT",
        "integration",
        "A message could not be understood",
        "The message is kept whole. Send its trace to the developers of the connector, then retry after the repair.",
    ),
    _system(
        "SOURCE_GONE",
        "integration",
        "A record was announced and is gone",
        "Look in the source system whether the record was deleted on purpose; if not, restore it there and retry.",
    ),
    _system(
        "NOT_THE_OWNER",
        "integration",
        "A system changed what it does not own",
        "Undo the change in that system, or declare it the owner of the field in tieline.yaml.",
    ),
    _system(
        "AMENDMENT_WITHDRAWN",
        "legal",
        "A signed amendment was withdrawn",
        "Decide in the CLM whether the withdrawal was meant; if it was, sign an amendment that states the rates instead.",
    ),
    _system(
        "CLIENT_AMBIGUOUS",
        "finance",
        "Several customers match",
        "Merge or deactivate the doubles in the ERP, so that one customer carries our number, then retry the hold.",
    ),
    _system(
        "CLIENT_INACTIVE",
        "finance",
        "Customer is inactive",
        "Reactivate the customer in the ERP, then retry the hold.",
    ),
    _system(
        "ADDRESS_MISSING",
        "finance",
        "Customer has no address",
        "Add an invoice address to the customer in the ERP, then retry the hold.",
    ),
    _system(
        "TASK_NOT_OPEN",
        "pmo",
        "Work element is closed in the system",
        "Reopen the element in the ERP, then retry the hold.",
    ),
    _system(
        "MARKER_TWICE",
        "integration",
        "Our marker is there twice",
        "Delete the double in the system; keep the one that documents point to, then retry the hold.",
    ),
    _system(
        "PERIOD_CLOSED",
        "finance",
        "Accounting period is closed",
        "Open the period in the ERP, or ask for an invoice dated in an open period.",
    ),
    _system(
        "INVOICE_POSTED",
        "finance",
        "Invoice is posted already",
        "A posted invoice cannot be withdrawn: correct it with a credit memo in the ERP.",
    ),
    _system(
        "ALREADY_POSTED",
        "finance",
        "Somebody else posted the invoice",
        "Compare the posted invoice with the released one in the ERP; if it differs, credit it there.",
    ),
    _system(
        "ERP_WARNING",
        "finance",
        "The ERP asks a question",
        "Answer the warning in the ERP as the named user, then retry the hold.",
    ),
    _system(
        "WAITS_FOR_OTHER",
        "integration",
        "Waits for another document",
        "Nothing to do while the other document is on its way; resolve its own hold if it has one.",
    ),
    _system(
        "WRONG_LEGAL_ENTITY",
        "integration",
        "Connection belongs to another company",
        "Give the connection's user access to the company, or correct roles and companies in tieline.yaml.",
    ),
    _system(
        "CURRENCY_NOT_CARRIED",
        "finance",
        "System does not keep this currency",
        "Activate the currency in the ERP, or move the contract to a legal entity whose books use it.",
    ),
    _system(
        "ACCESS_MISSING",
        "integration",
        "Connection lacks a right",
        "Grant the integration user the named right in the system, then retry the hold.",
    ),
    _system(
        "NOT_PERMITTED",
        "integration",
        "Connection lacks a right",
        "Grant the integration role the named permission in the system, then retry the hold.",
    ),
    _system(
        "CREDENTIAL_INVALID",
        "integration",
        "Credentials are refused",
        "Renew the secret that tieline.yaml refers to; calls go on by themselves, `tieline doctor` shows when.",
    ),
    _system(
        "READBACK_DIFFERS",
        "integration",
        "System shows something else than it was told",
        "Compare both sides with `tieline trace`, correct the system or its mapping, then retry the hold to read again.",
    ),
    _system(
        "MISSING_IN_SYSTEM",
        "integration",
        "Document is gone from the system",
        "Restore the document in the system's recycle bin or archive, then retry the hold to read again.",
    ),
    _system(
        "DRIFT_MISSING",
        "integration",
        "Document was deleted in the system",
        "Restore it in the system and retry the hold, or have it made again: tieline census repair ‹run› --apply.",
    ),
    _system(
        "DRIFT_DIFFERS",
        "integration",
        "Document was changed in the system",
        "Undo the change in the system and retry the hold, or send ours again: tieline census repair ‹run› --apply.",
    ),
    _system(
        "DRIFT_STALE",
        "integration",
        "System holds an older version",
        "Send the newest version again: tieline census repair ‹run› --apply. Ask the vendor why an old call came last.",
    ),
    _system(
        "DRIFT_DUPLICATE",
        "finance",
        "Document is there twice",
        "Delete the double in the system, bill nothing on it, and run the census again.",
    ),
    _system(
        "DRIFT_ORPHAN",
        "integration",
        "Document that nobody planned",
        "Find out who made it, delete it in the system if it is wrong, and run the census again.",
    ),
    _system(
        "DRIFT_TOO_MUCH",
        "integration",
        "Too much is gone at once",
        "Look whether the key lost a right or a subsidiary was moved; if it is true: tieline census allow ‹run›.",
    ),
    _system(
        "AMBIGUOUS",
        "integration",
        "Outcome of a call is unknown",
        "Look in the system whether the document is there. If it is: `tieline settle HOLD --there ITS_ID`; "
        "if it certainly is not: `tieline settle HOLD --not-there`, and it is sent once more.",
    ),
    _system(
        "MOVEMENT_CHANGED",
        "integration",
        "A frozen document would change",
        "Nothing was changed. Send the output of `tieline trace` to the developers.",
    ),
    _system(
        "FLOW_DEFECT",
        "integration",
        "Tieline could not decide",
        "Everything stays as it is. Send the output of `tieline trace` to the developers.",
    ),
    _system(
        "PLAN_UNSTORABLE",
        "integration",
        "A plan could not be stored",
        "Everything stays as it is. Send the output of `tieline trace` to the developers.",
    ),
    _system(
        "UNAVAILABLE",
        "integration",
        "System cannot be reached",
        "Nothing to do for a short outage: calls are repeated by themselves. `tieline doctor` shows the connection.",
    ),
    _system(
        "THROTTLED",
        "integration",
        "System asks for less",
        "Nothing to do: calls go on at the pace that the system allows. Raise its quota if this is frequent.",
    ),
    _system(
        "OUTCOME_UNKNOWN",
        "integration",
        "Answer of a call was lost",
        "Nothing to do: the outcome is found out by itself. Look at the system's own log if this is frequent.",
    ),
    _system(
        "CONFLICT",
        "integration",
        "Document was changed meanwhile",
        "See in the system who else changes the document, agree on one owner, then retry the hold.",
    ),
    _system(
        "REJECTED",
        "integration",
        "System refuses the document",
        "Correct what the sentence names in the source or in the system's settings, then retry the hold.",
    ),
    _system(
        "NOT_FOUND",
        "integration",
        "Document is not there",
        "Look whether the document was deleted or moved in the system, restore it, then retry the hold.",
    ),
    _system(
        "NOT_ALLOWED",
        "integration",
        "A signature or right is refused",
        "Compare signing secret and rights of the connection with those in the system, then deliver again.",
    ),
    _system(
        "BLOCKED",
        "pmo",
        "A person must act first",
        "Do what the sentence names in the system, then retry the hold.",
    ),
    _system(
        "DEFECT",
        "integration",
        "Defect of a connector",
        "The outcome is treated as unknown. Send the output of `tieline trace` to the connector's developers.",
    ),
    _system(
        "OVERDUE",
        "integration",
        "Not finished in time",
        "Look with `tieline get contract` who is next, and act or ask them; the alert ends when it is done.",
    ),
    _system(
        "WEBHOOK_DISABLED",
        "integration",
        "A webhook endpoint was switched off",
        "Ask the endpoint's owner to take messages again, then `tieline webhooks enable` it: it goes on where it stood.",
    ),
    _system(
        "WEBHOOK_REFUSED",
        "integration",
        "A webhook endpoint refuses a message",
        "Ask the endpoint's owner why it refuses the message; when it is mended, `tieline webhooks resend` sends it again.",
    ),
)
