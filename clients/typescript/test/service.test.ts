/** Run by tests/clients/test_typescript.py, which starts the service and writes the photographs. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import {
  answer,
  connect,
  createCollection,
  createPerson,
  embedBatch,
  enrollFace,
  identifyFaces,
  listModels,
  listPersons,
  pages,
  photograph,
  ProblemError,
  verifyFaces,
} from 'adaface-client';

const url = process.env['ADAFACE_URL']!;
const client = connect(url, process.env['ADAFACE_KEY']);
const collection = 'typescript';

const read = (name: string) => readFile(join(process.env['ADAFACE_PHOTOGRAPHS']!, name));

test('two people are enrolled, verified and identified', async () => {
  await answer(createCollection({ client, body: { id: collection } }));
  for (const name of ['eileen', 'ann']) {
    await answer(createPerson({ client, path: { collection }, body: { id: name, name } }));
    const image = await read(`${name}-0`);
    const path = { collection, person: name };
    const done = await answer(enrollFace({ client, path, ...photograph(image) }));
    assert.equal(done.faces.length, 1);
  }
  const [source, target] = await Promise.all(
    ['eileen-0', 'eileen-1'].map(async (name) => ({ image: (await read(name)).toString('base64') })),
  );
  const verified = await answer(verifyFaces({ client, body: { source: source!, target: target! } }));
  assert.equal(verified.decision, 'match');
  const probe = photograph(await read('ann-0'));
  const found = await answer(identifyFaces({ client, query: { collection }, ...probe }));
  assert.equal(found.results[0]?.candidates[0]?.person.name, 'ann');
});

test('a list is read page after page', async () => {
  const ids: string[][] = [];
  const ask = (after?: string) =>
    listPersons({ client, path: { collection }, query: { limit: 1, ...(after && { after }) } });
  for await (const page of pages(ask)) {
    ids.push(page.items.map((each) => each.id));
  }
  assert.deepEqual(ids, [['eileen'], ['ann']]);
});

test('a problem is an error that says what to do', async () => {
  const again = answer(createPerson({ client, path: { collection }, body: { id: 'ann' } }));
  await assert.rejects(again, (error) => {
    assert(error instanceof ProblemError);
    assert.equal(error.status, 409);
    assert.equal(error.slug, 'person-exists');
    assert(error.problem.request_id);
    return true;
  });
});

test('a wrong key is a problem, too', async () => {
  await assert.rejects(answer(listModels({ client: connect(url, 'wrong') })), { status: 401 });
});

test('a request is cancelled', async () => {
  const image = (await read('group')).toString('base64');
  const controller = new AbortController();
  const body = { images: Array<string>(40).fill(image) };
  const asked = answer(embedBatch({ client, body, signal: controller.signal }));
  setTimeout(() => controller.abort(), 1000);
  await assert.rejects(asked, { name: 'AbortError' });
});
