/** A client of adaface-service: generated operations, and what makes them handy. */

import { type Client, createClient, createConfig } from './generated/client/index.js';
import type { Problem } from './generated/index.js';

export type { Client } from './generated/client/index.js';
export * from './generated/index.js';

/** A client of the service at `url`; `key` is an access key, where the service asks for one. */
export function connect(url: string, key?: string): Client {
  const headers = key === undefined ? {} : { 'X-API-Key': key };
  return createClient(createConfig({ baseUrl: url, headers }));
}

/** The service answered with an error. `slug` names the cause and never changes. */
export class ProblemError extends Error {
  readonly status: number;
  readonly slug: string;
  readonly problem: Partial<Problem> & Record<string, unknown>;
  /** Seconds, where waiting helps. */
  readonly retryAfter: number | undefined;

  constructor(response: Response, problem: Partial<Problem> & Record<string, unknown>) {
    super(`${response.status} ${problem.type ?? response.statusText}: ${problem.detail ?? ''}`);
    this.name = 'ProblemError';
    this.status = response.status;
    this.slug = (problem.type ?? '').replace('urn:problem:', '');
    this.problem = problem;
    const wait = response.headers.get('Retry-After');
    this.retryAfter = wait === null ? undefined : Number(wait);
  }
}

type Outcome<T> = { data: T | undefined; error?: unknown; response?: Response };

/** What an operation answered. Throws ProblemError for an error of the service, others as they are. */
export async function answer<T>(asked: Promise<Outcome<T>>): Promise<T> {
  const outcome = await asked;
  if (outcome.error === undefined) {
    return outcome.data as T;
  }
  if (outcome.response === undefined || outcome.response.ok) {
    throw outcome.error;
  }
  const known = typeof outcome.error === 'object' && outcome.error !== null;
  throw new ProblemError(outcome.response, known ? { ...outcome.error } : {});
}

/**
 * A JPEG, PNG or WebP file as the body of an operation: `embedFaces({ client, ...photograph(file) })`.
 * The generated types know the JSON body only, which is a third larger.
 */
export function photograph(file: Blob | ArrayBuffer | Uint8Array) {
  return {
    body: file as never,
    bodySerializer: null,
    headers: { 'Content-Type': 'application/octet-stream' },
  };
}

/** All pages of a listing; `ask` is given each page's `after`. */
export async function* pages<P extends { next: string | null }>(
  ask: (after: string | undefined) => Promise<Outcome<P>>,
): AsyncGenerator<P> {
  let after: string | null | undefined;
  do {
    const page: P = await answer(ask(after ?? undefined));
    yield page;
    after = page.next;
  } while (after !== null);
}
