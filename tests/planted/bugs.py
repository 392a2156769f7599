"""The table of planted bugs: mistakes that would cost a firm money or trust, each with the test that must notice it.

A row is one exact edit of one file. If the text is no longer there, the table is stale and says so.
"""

from __future__ import annotations

from budget_bugs import BUDGET_BUGS
from bug import Bug
from pool_bugs import POOL_BUGS
from time_bugs import TIME_BUGS
from together_bugs import TOGETHER_BUGS
from webhook_bugs import WEBHOOK_BUGS

E = "tests/engine/"


BUGS: tuple[Bug, ...] = (
    Bug(
        "ack_before_commit", "api/hooks.py",
        "        accepted = await self._batcher.submit(inputs)\n",
        "        accepted = __import__('asyncio').ensure_future(self._batcher.submit(inputs)) and []\n",
        "tests/api/test_hooks.py::"
        "test_L1_a_connection_cut_in_the_middle_of_a_batch_gives_503_and_the_repeat_gives_one_row",
        "The sender is told yes while the commit is still on its way; a crash loses what was acknowledged (L1).",
    ),
    Bug(
        "idempotency_in_memory", "api/idempotency.py",
        "        stored = await _reserve(cursor, caller.tenant, place, digest(asked))\n",
        "        kept = request.app.state._state.setdefault('kept', {})\n"
        "        stored, kept[place] = kept.get(place), Outcome(body={})\n",
        "tests/api/test_two_processes.py::test_a_repeat_that_reaches_another_process_gets_the_first_answer",
        "A process remembers its own keys only; the repeat at another one takes effect again (D2).",
    ),
    Bug(
        "dedup_key_not_checked", "engine/inputs.py",
        "            conflict=not first and hashes[item.dedup] != body_hash,\n",
        "            conflict=False,\n",
        E + "test_records_in_any_order.py::test_D2_a_known_key_with_other_content_is_refused_and_changes_nothing",
        "Another message under a used key is answered with yes and thrown away (D2).",
    ),
    Bug(
        "duplicates_journaled", "engine/polling.py",
        "item.source_id, item.source_version),\n",
        "item.source_id, item.source_version, str(uuid7())),\n",
        E + "test_polling.py::test_D3_readings_overlap_and_what_is_known_is_not_stored_again",
        "A second delivery becomes a second input (D3).",
    ),
    Bug(
        "cursor_before_page", "engine/polling.py",
        "        async with tenant_transaction(connection, setup.tenant) as cursor:\n"
        "            await fence(cursor, self.leases, {shard})\n",
        "        async with tenant_transaction(connection, setup.tenant) as cursor:\n"
        "            await cursor.execute(_CURSOR, (setup.tenant, system, topic, page.cursor))\n"
        "        async with tenant_transaction(connection, setup.tenant) as cursor:\n"
        "            await fence(cursor, self.leases, {shard})\n",
        E + "test_polling.py::test_L4_the_cursor_is_stored_with_its_page_or_not_at_all",
        "The cursor moves past records that were never stored (L4).",
    ),
    Bug(
        "two_pollers", "engine/polling.py",
        "        if every_s is None or shard not in self.leases.held or time",
        "        if every_s is None or time",
        E + "test_polling.py::test_F27_only_the_worker_that_holds_the_stream_reads_it",
        "Every worker reads every stream: a second owner of one timer (D6).",
    ),
    Bug(
        "stale_version_accepted", "engine/records.py",
        '        return "stale"\n',
        '        return "changed"\n',
        E + "test_records_in_any_order.py::test_O2_an_older_version_in_the_same_batch_is_superseded",
        "An older version that arrives late replaces the newer one (O2).",
    ),
    Bug(
        "less_or_equal_for_less", "engine/records.py",
        '    if change.source_version < known["source_version"]:\n',
        '    if change.source_version <= known["source_version"]:\n',
        E + "test_records_in_any_order.py::"
        "test_the_same_version_with_other_content_is_a_correction_and_is_kept_in_the_history",
        "A correction under the same version is thrown away as old.",
    ),
    Bug(
        "wake_after_its_hour", "adapters/postgres/migrations/claims.sql",
        "where q.shard = s.shard and q.wake_at <= at\n",
        "where q.shard = s.shard and q.wake_at < at\n",
        E + "test_ends_wakes_and_notices.py::"
        "test_D6_a_lane_wakes_by_itself_when_its_hour_has_come_and_not_before",
        "`<` for `<=`: what is due at midnight is not due at midnight (D6).",
    ),
    Bug(
        "last_day_included", "kit/dates.py",
        "(self.end is None or day < self.end)",
        "(self.end is None or day <= self.end)",
        "tests/flows/test_propagate_amendment.py::"
        "test_an_amendment_with_an_end_gives_the_rate_back_to_the_contract",
        "A range that ends on a day also covers it: one day is charged at the old rate (EX-4.0a).",
    ),
    Bug(
        "rounding_by_float", "kit/money.py",
        "    return amount.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)\n",
        "    return Decimal(str(round(float(amount), digits)))\n",
        "tests/domain/test_money_rules.py::"
        "test_EX_0_1_half_an_hour_at_185_25_is_92_63_and_its_refund_mirrors_it",
        "Money through a float: half a cent goes the wrong way (M6).",
    ),
    Bug(
        "rounding_per_sum", "domain/charges.py",
        "    return rate.times(hours).rounded()\n",
        "    return rate.times(hours)\n",
        "tests/domain/test_money_rules.py::test_EX_2_1_the_net_is_the_sum_of_rounded_lines",
        "Lines are not rounded each: the invoice is not the sum of its lines (EX-2.1).",
    ),
    Bug(
        "split_loses_the_remainder", "kit/money.py",
        "        floors[n] += unit\n",
        "        floors[n] += 0\n",
        "tests/domain/test_money_rules.py::test_EX_2_3_three_equal_parts_of_100_add_up",
        "Three thirds of 100.00 are 99.99 (M4).",
    ),
    Bug(
        "set_for_set_local", "engine/rows.py",
        "select set_config('tieline.tenant', %s, true)",
        "select set_config('tieline.tenant', %s, false)",
        E + "test_tenant_context.py::test_X23_the_tenant_is_forgotten_when_the_transaction_ends",
        "The tenant stays on the connection for whoever borrows it next (X23).",
    ),
    Bug(
        "security_not_forced", "adapters/postgres/migrations/guard.sql",
        "enable row level security, force row level security",
        "enable row level security",
        "tests/security/test_database_tenants.py::test_X25_every_table_is_under_forced_security_with_one_policy_of_tenants",
        "The owner of tables and partitions sees every firm (T2, X25).",
    ),
    Bug(
        "ciphertext_not_bound", "adapters/cipher.py",
        "        return nonce + self._aead.encrypt(nonce, plaintext, context)\n\n"
        "    def open(self, ciphertext: bytes, context: bytes) -> bytes:\n        try:\n"
        "            return self._aead.decrypt(ciphertext[:_NONCE], ciphertext[_NONCE:], context)\n",
        "        return nonce + self._aead.encrypt(nonce, plaintext, None)\n\n"
        "    def open(self, ciphertext: bytes, context: bytes) -> bytes:\n        try:\n"
        "            return self._aead.decrypt(ciphertext[:_NONCE], ciphertext[_NONCE:], None)\n",
        "tests/adapters/test_cipher.py::test_X11_a_ciphertext_moved_to_another_tenant_does_not_open",
        "What was sealed for one firm opens for another (X11).",
    ),
    Bug(
        "private_addresses_reached", "adapters/egress.py",
        "    if not allow_private and not address.is_global:\n",
        "    if False:\n",
        "tests/security/test_egress_addresses.py::test_X18_an_address_inside_or_of_special_meaning_is_refused",
        "A configured address makes the product talk to the inside of the network (X18).",
    ),
    Bug(
        "signature_not_checked", "connectors/events/signature.py",
        "    if not any(matches):\n",
        "    if not matches:\n",
        "tests/connectors/events/test_events_inbox.py::test_X27_an_unsigned_or_foreign_message_is_refused",
        "Anybody may hand in approved hours (X27).",
    ),
    Bug(
        "replays_accepted", "connectors/ironclad/webhook.py",
        "    if abs(now - sent_at) > WINDOW:\n",
        "    if now < sent_at - WINDOW:\n",
        "tests/connectors/ironclad/test_ironclad_webhook.py::test_X28_a_webhook_outside_five_minutes_is_refused",
        "A recorded message is taken again days later (X28).",
    ),
    Bug(
        "no_fence", "engine/leases.py",
        "        if seen != self.mine:\n",
        "        if not seen and self.mine:\n",
        E + "test_doubt_and_takeover.py::test_D5_the_fence_refuses_an_old_epoch",
        "A worker that lost a shard goes on writing to it (D5).",
    ),
    Bug(
        "send_after_the_lease", "engine/leases.py",
        "        return self.held.get(shard) == epoch and time.monotonic() < self.deadline\n",
        "        return self.held.get(shard) == epoch\n",
        E + "test_doubt_and_takeover.py::test_D5_a_call_that_the_lease_forbade_goes_back_into_the_queue",
        "A send starts although a successor may be at work already (D5).",
    ),
    Bug(
        "shard_taken_twice", "engine/leases.py",
        "update shards set owner = %s, epoch = epoch + 1 from free",
        "update shards set owner = %s from free",
        E + "test_leases.py::test_D5_a_dead_worker_is_succeeded_with_a_higher_epoch",
        "The successor works under the epoch of the dead: their writes cannot be told apart (D5).",
    ),
    Bug(
        "takes_over_from_itself", "engine/pumps/takeover.py",
        'if row["epoch"] < leases.held.get(row["shard"], -1)]',
        'if row["shard"] in leases.held]',
        E + "test_doubt_and_takeover.py::test_D5_taking_over_touches_only_what_an_earlier_owner_left",
        "Calls of our own that are under way are declared lost (D5).",
    ),
    Bug(
        "sent_without_intent", "engine/pumps/pump.py",
        "            self._doubtful += begun.sending\n            raise\n",
        "            self._doubtful += begun.sending\n            await self._launch(setup, begun)\n",
        E + "test_doubt_and_takeover.py::test_F33_an_intent_whose_commit_is_in_doubt_is_sent_exactly_once",
        "The call is made though its intent may not be stored: an effect that no audit knows (A1, F33).",
    ),
    Bug(
        "doubt_forgotten", "engine/pumps/pump.py",
        "            self._doubtful += begun.sending\n            raise\n",
        "            raise\n",
        E + "test_doubt_and_takeover.py::test_F33_what_is_in_doubt_is_remembered_while_the_store_stays_away",
        "An intent whose commit was in doubt stays `sending` for ever (F33, V1).",
    ),
    Bug(
        "unknown_retried_blindly", "engine/verdict.py",
        '                next="look",\n',
        '                next="repeat",\n',
        E + "test_unknown_outcomes.py::test_class_Q_waits_for_the_search_to_catch_up_before_it_decides",
        "A lost answer is sent again to a system that does not know our key: two documents (D4).",
    ),
    Bug(
        "look_without_wait", "engine/verdict.py",
        "                delay_s=settle_s,\n",
        "                delay_s=0.0,\n",
        E + "test_doubt_and_takeover.py::test_D4_the_look_after_a_lost_answer_waits_until_it_can_be_trusted",
        "The search does not show the finished write yet; it is taken for absent and made again (D4).",
    ),
    Bug(
        "ambiguous_repeated", "engine/commands.py",
        "else status end,\n    attempts = 0, updated_at = now()\n"
        "  where tenant_id = %s and replica_id = any(%s) and status in ('held', 'pending', 'differs', 'written')\n",
        "else 'pending' end,\n    attempts = 0, updated_at = now()\n"
        "  where tenant_id = %s and replica_id = any(%s) and status <> 'in_step'\n",
        E + "test_orders_of_people.py::test_D4_trying_again_never_repeats_a_call_that_only_a_person_can_judge",
        "`tieline retry` puts a call that nobody can judge back into the queue (D4).",
    ),
    Bug(
        "exception_swallowed", "engine/pumps/calls.py",
        "    except Exception as error:  # every failure of a connector is judged in one place\n"
        "        return Outcome(sending=sending, verdict=judge(error, sending.operation, sending.attempts))\n",
        "    except Exception:\n        ref = ExternalRef(id='')\n",
        E + "test_orders_of_people.py::test_a_refused_document_waits_for_a_person_and_goes_out_when_told_to",
        "A refusal passes for success (no logging instead of deciding).",
    ),
    Bug(
        "retry_after_ignored", "engine/verdict.py",
        "            wait = min(error.retry_after_s if error.retry_after_s is not None else backoff(attempts), 3600.0)\n",
        "            wait = backoff(attempts)\n",
        E + "test_unknown_outcomes.py::test_F7_a_throttled_system_is_paused_as_long_as_it_asks",
        "A system that asks for a second of peace is called at once (F7, V3).",
    ),
    Bug(
        "yes_not_bound_to_the_document", "engine/planning/replicas.py",
        '        row["subject"] == item.wanted.subject and bytes(row["digest"]) == item.wanted.covers\n',
        '        row["subject"] == item.wanted.subject\n',
        E + "test_acts_and_gates.py::test_O6_a_yes_to_another_document_sends_nothing",
        "A release of one invoice posts another one (O6, X35).",
    ),
    Bug(
        "gate_ignored", "engine/planning/difference.py",
        '        if wanted.gate is not None and action != "none":\n',
        "        if False:\n",
        E + "test_acts_and_gates.py::test_a_gated_change_waits_as_a_plan_and_exactly_that_plan_is_applied",
        "An amendment reaches the systems without anybody's apply.",
    ),
    Bug(
        "stale_plan_applied", "engine/commands.py",
        '            if plan["state"] == "stale" or lane["wanted"] != lane["planned"]:\n',
        "            if False:\n",
        E + "test_acts_and_gates.py::test_a_plan_is_stale_once_the_record_has_changed",
        "A person lets a plan go that is no longer what would happen.",
    ),
    Bug(
        "sent_before_planned", "engine/pumps/intents.py",
        'row["status"] in SENDABLE and row["wanted"] == row["planned"] and not row["group_busy"]',
        'row["status"] in SENDABLE and not row["group_busy"]',
        E + "test_acts_and_gates.py::test_O1_nothing_is_sent_between_a_change_and_the_plan_that_knows_it",
        "What the records no longer say is still sent (O1).",
    ),
    Bug(
        "read_once_judged_once", "engine/planning/replicas.py",
        "    before = locked.get(item.wanted.replica_id)\n    action, hold = judge_change(before, item.wanted)\n",
        "    before = item.before\n    action, hold = judge_change(before, item.wanted)\n",
        E + "test_slow_and_shared.py::test_D1_two_lanes_that_plan_a_shared_client_at_once_send_it_once",
        "Two contracts plan their client at once; the second overwrites what was sent meanwhile (D1, O1).",
    ),
    Bug(
        "poison_spreads", "engine/intake.py",
        "            if len(steps) > 1:\n",
        "            if False:\n",
        E + "test_poison.py::test_F50_an_input_that_cannot_be_stored_is_rejected_alone_and_the_batch_goes_on",
        "One unstorable message rejects the batch that it came with (F50).",
    ),
    Bug(
        "one_statement_per_hold", "engine/holds.py",
        "    await write(cursor, _RAISE, [_row(hold) for hold in unique.values()], tenant)\n",
        "    for hold in unique.values():\n        await write(cursor, _RAISE, [_row(hold)], tenant)\n",
        E + "test_set_based.py::test_a_hundred_lanes_take_as_many_statements_as_one_at_every_step",
        "A loop around a statement: the night of 200 000 lanes becomes a day.",
    ),
    Bug(
        "inheritance_forgotten", "engine/worker.py",
        "            self._inherited |= set(taken)\n",
        "            self._inherited = set(taken)\n",
        E + "test_doubt_and_takeover.py::test_F31_a_take_over_that_met_a_dead_store_is_made_up_for_at_the_next_beat",
        "The store blinks during a take-over and nobody ever resolves what the dead worker left (F31, V1).",
    ),
    Bug(
        "lost_shard_costs_all", "engine/pumps/pump.py",
        "                if len(items) > 1:\n",
        "                if len(items) > 1 and not isinstance(error, LeaseLost):\n",
        E + "test_doubt_and_takeover.py::test_D5_one_lost_shard_does_not_cost_the_outcomes_of_the_others",
        "One shard moves on and the answers of all others are thrown away (D5, V1).",
    ),
    Bug(
        "poisonous_reading_dropped", "engine/pumps/poison.py",
        "        return replace(result, seen=None, failed=failed)\n",
        "        return None\n",
        E + "test_poison.py::test_F50_a_read_back_that_cannot_be_stored_holds_its_own_replica",
        "A vendor shows text that cannot be stored; it is read again for ever and nobody is told (F50).",
    ),
    Bug(
        "withdrawn_order_stays_queued", "engine/planning/replicas.py",
        '    await write(cursor, _UNQUEUE, [row for row in rows if row["status"] in RESTING], setup.tenant)\n',
        "",
        E + "test_acts_and_gates.py::test_X35_a_document_that_changes_after_its_release_needs_a_new_one",
        "What waits for a person again is still claimed four times a second (V3).",
    ),
    Bug(
        "unanswerable_hold", "engine/pumps/outcomes.py",
        "if o.verdict.tell and o not in over]\n",
        "if o.verdict.tell]\n",
        E + "test_ends_wakes_and_notices.py::"
        "test_a_notice_whose_answer_was_lost_is_not_repeated_and_nobody_is_asked",
        "A hold is raised that nobody can lift.",
    ),
    Bug(
        "sealed_before_its_predecessor", "engine/feed/sealer.py",
        "from run r where r.base = r.sealed)",
        "from run r)",
        "tests/feed/test_positions.py::test_a_number_that_was_committed_before_the_one_under_it_waits_for_it",
        "A follower sees the second event of a contract before the first, which then appears behind it.",
    ),
    Bug(
        "hash_without_its_firm", "engine/feed/chain.py",
        "        _LINK, before, row.tenant, row.epoch,",
        "        _LINK, before, row.epoch,",
        "tests/feed/test_chain.py::test_A2_the_same_row_has_another_hash_in_every_place_that_it_could_be_moved_to",
        "A sealed row that was moved between firms or epochs keeps its hash (A2).",
    ),
    Bug(
        "restored_store_sealed", "engine/feed/outside.py",
        "    if known is None or known[\"epoch\"] != seen.epoch:\n        return False\n",
        "    if known is None or known[\"epoch\"] != seen.epoch or known[\"hash\"] is None:\n        return True\n",
        "tests/feed/test_epochs.py::test_F40_a_restored_store_is_not_sealed_until_a_person_says_so",
        "After a restore positions that others have seen are given to other events (F40).",
    ),
    Bug(
        "two_schedulers_lead", "engine/duties/leases.py",
        "and (d.owner is null or d.owner = %(owner)s or d.lease_until <= clock_timestamp())",
        "and true",
        "tests/duties/test_one_leaseholder.py::test_F27_three_schedulers_compete_and_one_has_the_duty",
        "Every scheduler takes the duty from the one that has it; rounds run side by side (F27).",
    ),
    Bug(
        "nobodys_turn_unseen", "engine/duties/watches.py",
        "  (r.status in ('pending', 'unknown', 'written')\n",
        "  (r.status in ('pending', 'unknown')\n",
        "tests/duties/test_liveness.py::test_L5_what_nothing_will_ever_move_is_found_before_it_is_late",
        "A document that is written and that nobody will ever read back stands still in silence (L5).",
    ),
    Bug(
        "unsettled_month_dropped", "adapters/postgres/migrations/guard.sql",
        "where e.kept_because is null limit 4",
        "limit 4",
        "tests/duties/test_retention.py::test_a_month_with_an_unsettled_call_stays_until_it_is_settled",
        "The intent of a call whose outcome nobody knows is dropped with its month; it may be made again (D4).",
    ),
    Bug(
        "orders_shed_with_webhooks", "api/pressure.py",
        "        if critical or now - self._measured_at > STALE_S",
        "        if now - self._measured_at > STALE_S",
        "tests/duties/test_back_pressure.py::test_V4_what_a_person_orders_is_let_in_while_webhooks_are_refused",
        "A burst of webhooks keeps finance from releasing invoices.",
    ),
    Bug(
        "silence_taken_for_absence", "reconciliation/checking.py",
        "        there = await system.look(envelope)\n    except TielineError:\n        return later(suspect, now)\n",
        "        there = await system.look(envelope)\n    except TielineError:\n        there = None\n",
        "tests/reconciliation/test_census_of_netsuite.py::"
        "test_F11_a_locked_record_that_drops_out_of_searches_is_not_called_missing",
        "A record that could not be asked for is called deleted, and is made again or let go.",
    ),
    *BUDGET_BUGS,
    *POOL_BUGS,
    *TIME_BUGS,
    *TOGETHER_BUGS,
    *WEBHOOK_BUGS,
)  # fmt: skip
