"""What the pages say and do, without a browser: every page is whole HTML, every button a form."""

from __future__ import annotations

import re

import httpx2
from console_answers import DIGEST, READER, STRANGER, Answers


def log_in(client: httpx2.Client, key: str = READER) -> httpx2.Response:
    return client.post("/console/login", data={"api_key": key})


def csrf(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found
    return found.group(1)


def test_a_pasted_key_opens_the_list_and_never_comes_back_to_the_browser(client: httpx2.Client) -> None:
    page = log_in(client)
    assert page.status_code == 200
    assert "Data platform for Hanse Logistik" in page.text
    assert READER not in page.text
    cookie = page.history[0].headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and READER not in cookie


def test_an_unknown_key_is_refused_with_the_way_to_a_good_one(client: httpx2.Client) -> None:
    page = log_in(client, "tl_nobody")
    assert page.status_code == 401
    assert "tieline up" in page.text


def test_without_a_session_every_page_leads_to_the_login(client: httpx2.Client) -> None:
    for path in ("/console/", "/console/contracts/con_1"):
        assert str(client.get(path).url).endswith("/console/login")


def test_a_key_without_the_right_sees_the_reason_and_whom_to_ask(client: httpx2.Client) -> None:
    page = log_in(client, STRANGER)
    assert page.status_code == 403
    assert "contract:read" in page.text and "administrator" in page.text


def test_a_firm_without_contracts_reads_when_the_first_one_will_appear(client: httpx2.Client, answers: Answers) -> None:
    answers.contracts.clear()
    assert "No contract yet" in log_in(client).text


def test_a_filter_that_leaves_nothing_says_so_and_offers_all(client: httpx2.Client, answers: Answers) -> None:
    del answers.contracts["con_2"], answers.contracts["con_5"]
    log_in(client)
    page = client.get("/console/?status=blocked").text
    assert "No contract has this status" in page and "Show all" in page


def test_the_contract_page_names_reason_owner_money_and_the_command(client: httpx2.Client) -> None:
    log_in(client)
    page = client.get("/console/contracts/con_2").text
    for said in ("names service line DATTA", "pmo", "EUR 46,000", "tieline retry --hold", "Look again now"):
        assert said in page


def test_D4_after_a_lost_answer_a_person_says_what_was_seen_and_cannot_just_try_again(
    client: httpx2.Client, answers: Answers
) -> None:
    log_in(client)
    page = client.get("/console/contracts/con_5").text
    assert "the answer was lost" in page and "tieline settle 0192f0aa" in page and "Look again now" not in page
    places = re.findall(r'action="([^"]*/settle)"', page)
    assert len(places) == 2
    client.post(places[0], data={"csrf": csrf(page), "external_id": " 4711 "})
    client.post(places[1], data={"csrf": csrf(page), "happened": "no"})
    order = f"holds/{answers.contracts['con_5']['holds'][0]['hold_id']}/settle"
    assert [(path, body) for path, _, body in answers.orders] == [
        (order, {"external_id": "4711"}),
        (order, {"happened": False}),
    ]


def test_a_lost_answer_that_belongs_to_no_contract_is_settled_from_the_list(
    client: httpx2.Client, answers: Answers
) -> None:
    stray = {**answers.contracts["con_5"]["holds"][0], "contract_id": None}
    answers.strays = [stray]
    page = log_in(client).text
    places = re.findall(r'action="([^"]*/settle)"', page)
    assert client.post(places[1], data={"csrf": csrf(page), "happened": "no"}).status_code == 200
    assert [(path, body) for path, _, body in answers.orders] == [
        (f"holds/{stray['hold_id']}/settle", {"happened": False})
    ]


def test_a_plan_shows_old_and_new_and_its_button_applies_exactly_it_once(
    client: httpx2.Client, answers: Answers
) -> None:
    log_in(client)
    page = client.get("/console/contracts/con_3").text
    assert "EUR 150" in page and "EUR 165" in page
    form = {"csrf": csrf(page), "digest": DIGEST}
    for _ in range(2):
        assert client.post("/console/contracts/con_3/plans/pln_1/apply", data=form).status_code == 200
    assert answers.orders == [("plans/pln_1/apply", '"apply-pln_1"', {"digest": DIGEST})] * 2


def test_a_release_is_bound_to_the_digest_that_was_shown(client: httpx2.Client, answers: Answers) -> None:
    log_in(client)
    page = client.get("/console/contracts/con_4").text
    assert "EUR 1,440.00" in page and DIGEST in page
    client.post("/console/contracts/con_4/invoices/inv_1/release", data={"csrf": csrf(page), "digest": DIGEST})
    assert answers.orders == [("invoices/inv_1/release", '"release-inv_1"', {"digest": DIGEST})]


def test_a_refused_order_shows_the_contract_again_with_the_reason(client: httpx2.Client, answers: Answers) -> None:
    log_in(client)
    page = client.get("/console/contracts/con_3").text
    answers.refuse = {"status": 409, "detail": "The plan is out of date: ask for a new one."}
    page = client.post("/console/contracts/con_3/plans/pln_1/apply", data={"csrf": csrf(page)})
    assert page.status_code == 409
    assert "out of date" in page.text and "Data platform for Hanse Logistik" in page.text


def test_a_form_without_the_sessions_token_or_from_elsewhere_orders_nothing(
    client: httpx2.Client, answers: Answers
) -> None:
    log_in(client)
    token = csrf(client.get("/console/contracts/con_3").text)
    path = "/console/contracts/con_3/plans/pln_1/apply"
    assert client.post(path, data={"csrf": "guessed"}).status_code == 403
    assert client.post(path, data={"csrf": token}, headers={"origin": "https://evil.example"}).status_code == 403
    assert answers.orders == []


def test_a_store_that_is_down_is_told_in_one_sentence(client: httpx2.Client, answers: Answers) -> None:
    log_in(client)
    answers.down = True
    page = client.get("/console/contracts/con_1")
    assert page.status_code == 503 and "please repeat in a moment" in page.text


def test_a_contract_that_is_not_there_says_so(client: httpx2.Client) -> None:
    log_in(client)
    assert client.get("/console/contracts/con_9").status_code == 404


def test_words_from_a_contract_are_text_and_never_markup(client: httpx2.Client, answers: Answers) -> None:
    answers.contracts["con_1"]["title"] = "<script>alert(1)</script>"
    page = log_in(client).text
    assert "<script" not in page and "&lt;script&gt;" in page


def test_pages_forbid_scripts_frames_and_caches(client: httpx2.Client) -> None:
    headers = log_in(client).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "script-src" not in policy
    assert headers["cache-control"] == "no-store"


def test_logging_out_ends_the_session_on_the_server(client: httpx2.Client) -> None:
    page = log_in(client).text
    client.post("/console/logout", data={"csrf": csrf(page)})
    assert str(client.get("/console/").url).endswith("/console/login")


def test_the_timeline_tells_what_was_written_where_and_each_hold_once(client: httpx2.Client) -> None:
    log_in(client)
    page = client.get("/console/contracts/con_1").text
    told = [
        re.sub("<[^>]+>", "", each).split("UTC")[1].strip() for each in re.findall("<li><time.*?</li>", page, re.DOTALL)
    ]
    assert told == [
        "approval given with a key",
        "Client written in tryton, id 40 tieline",
        "hold: Tax code REDUCED has no rate. finance",
        "contract signed ironclad",
    ]


def test_a_message_that_became_no_contract_stands_under_the_list_with_its_way_out(
    client: httpx2.Client, answers: Answers
) -> None:
    page = log_in(client).text
    assert page.count('class="card bad"') == 1
    assert "legalEntity is &#39;DE09&#39;" in page and "Belongs to no contract yet" in page
    path = re.search(r'action="([^"]*/holds/[^"]*)"', page)
    assert path
    assert client.post(path.group(1), data={"csrf": csrf(page)}).status_code == 200
    assert [order[0] for order in answers.orders] == [f"holds/{answers.strays[0]['hold_id']}/retry"]
