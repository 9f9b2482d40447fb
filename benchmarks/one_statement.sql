-- The limit: one payment of a cent in as few statements as can be, with all that the program writes for it: the claimed
-- key and its kept reply, the locked invoice and company, the journal entry; then the ledger entry and the settled invoice,
-- since an entry is open only when the statement that writes it ends. The triggers write the history. What the program
-- checks before it writes is left out, and nobody is signed in.
-- Run by pgbench with the variables last (of the invoices), company, user_id and run (a number that is new each time).
\set invoice 20 * random(0, :last / 20 - 1) + random(2, 5)
\set reference random(1, 1000000000000000)
BEGIN;
WITH key AS (
  INSERT INTO core_idempotencykey (user_id, company_id, key, fingerprint, entity_tag, status, body)
  VALUES (:user_id::bigint, :company::bigint, :run || '-' || :reference,
    encode(sha256((:invoice || ' ' || :reference)::bytea), 'hex'), '', 201,
    jsonb_build_object('id', :invoice::bigint, 'amount', '0.01', 'reference', :reference::text))
  ON CONFLICT DO NOTHING
  RETURNING id
), invoice AS (
  SELECT invoices_invoice.*
  FROM key, invoices_invoice JOIN parties_company ON parties_company.id = company_id
  WHERE invoices_invoice.id = :invoice::bigint AND total - paid >= 0.01
  FOR UPDATE OF invoices_invoice FOR SHARE OF parties_company
), entry AS (
  INSERT INTO audit_change (company_id, action, actor_id, actor, request_id, reason)
  SELECT company_id, 'payment.applied', :user_id::bigint, 'bench@example.test', '', '' FROM invoice
  RETURNING id
)
SELECT id AS entry FROM entry \gset
WITH invoice AS (
  SELECT * FROM invoices_invoice WHERE id = :invoice::bigint
), payment AS (
  INSERT INTO payments_payment (company_id, invoice_id, kind, amount, currency, method, reference, reference_key,
    paid_at, reason, version, change_id)
  SELECT company_id, id, 'Payment', 0.01, currency, 'EFT', :reference, :reference, now(), '', 1, :entry::bigint
  FROM invoice
)
UPDATE invoices_invoice AS settled
SET paid = invoice.paid + 0.01, version = invoice.version + 1, change_id = :entry::bigint,
  entry_count = invoice.entry_count + 1, search_text = invoice.search_text || E'\n' || :reference,
  status = CASE WHEN invoice.paid + 0.01 = invoice.total THEN 'Paid' ELSE 'PartiallyPaid' END
FROM invoice WHERE settled.id = invoice.id;
END;
