/**
 * A whole program against FinTrack: sign in, bill a customer, take payments, meet a conflict, read a list.
 *
 *   npm run generate -- ../../docs/openapi.yaml && npm run build
 *   node dist/example.js http://127.0.0.1:8000 finance@demo.fintrack.test fintrack-demo
 *
 * `fintrack.d.ts` is generated from the OpenAPI document: a path, a field or a reply that does not exist does not compile.
 */
import { randomUUID } from "node:crypto";
import createClient from "openapi-fetch";
import type { components, paths } from "./fintrack.js";

type Problem = components["schemas"]["Problem"];
type InvoiceRow = components["schemas"]["InvoiceRow"];
type Reply<Data> = { data?: Data; error?: Problem };

/** FinTrack refused a request; `problem.code` says why. */
class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(`${problem.code}: ${problem.detail}`);
  }
}

/** The data of a reply. Throws Refused where it is a problem. */
function dataOf<Data>({ data, error }: Reply<Data>): Data {
  if (error !== undefined) throw new Refused(error);
  return data as Data;
}

/** A client that is signed in. The access token lives for `expiresIn` seconds. */
async function signIn(baseUrl: string, email: string, password: string) {
  const client = createClient<paths>({ baseUrl });
  const { access } = dataOf(await client.POST("/api/auth/login", { body: { email, password } }));
  return createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${access}` } });
}

type Client = Awaited<ReturnType<typeof signIn>>;

/** A new customer and a draft for them. */
async function makeDraft(client: Client) {
  const customer = dataOf(
    await client.POST("/api/customers", { body: { name: "Acme Mining", countryCode: "ZA" } }),
  );
  const items = [
    { description: "Consulting", qty: 2, unitPrice: "100.00" },
    { description: "Books", qty: 1, unitPrice: "50.00", vatRate: 0 },
  ];
  return dataOf(await client.POST("/api/invoices", { body: { customerId: customer.id, items } }));
}

/** Books a payment once, however often it is sent: a lost reply is asked for again with the same key. */
async function pay(client: Client, id: number, amount: string, version: number) {
  const request = {
    params: { path: { id }, header: { "Idempotency-Key": randomUUID() } },
    body: { amount, method: "EFT", version },
  } as const;
  return dataOf(await client.POST("/api/invoices/{id}/payments", request));
}

/** Pays what is outstanding; where somebody changed the invoice meanwhile, as it stands now. */
async function payTheRest(client: Client, id: number, version: number) {
  const { outstanding } = dataOf(await client.GET("/api/invoices/{id}", { params: { path: { id } } }));
  try {
    return await pay(client, id, outstanding, version);
  } catch (error) {
    if (!(error instanceof Refused) || error.problem.status !== 409) throw error;
    const { changedBy, currentVersion = 0 } = error.problem;
    console.log(`409 ${error.problem.code}: ${changedBy} made version ${currentVersion}`);
    return await pay(client, id, outstanding, currentVersion);
  }
}

/** All invoices of a status, page by page. */
async function* invoices(client: Client, status: InvoiceRow["status"]): AsyncGenerator<InvoiceRow> {
  let cursor: string | undefined;
  do {
    const query = { status, pageSize: 2, cursor };
    const page = dataOf(await client.GET("/api/invoices", { params: { query } }));
    yield* page.results;
    cursor = page.next === null ? undefined : (new URL(page.next).searchParams.get("cursor") ?? undefined);
  } while (cursor !== undefined);
}

async function main([address, email, password]: string[]) {
  if (!address || !email || !password) throw new Error("Give the address, the e-mail and the password.");
  const client = await signIn(address, email, password);

  const draft = await makeDraft(client);
  const path = { id: draft.id };
  const issued = dataOf(
    await client.POST("/api/invoices/{id}/issue", { params: { path }, body: { version: draft.version } }),
  );
  console.log(`${issued.invoiceNumber}: total ${issued.total} ${issued.currency}`);

  const part = await pay(client, draft.id, "100.00", issued.version);
  console.log(`${part.status}: outstanding ${part.outstanding}`);
  const rest = await payTheRest(client, draft.id, issued.version);
  console.log(`${rest.status}: outstanding ${rest.outstanding}`);

  let paid = 0;
  for await (const row of invoices(client, "Paid")) paid += row.isOverdue ? 0 : 1;
  console.log(`${paid} invoices are paid`);
}

await main(process.argv.slice(2));
