// Puts an AsyncAPI document to AsyncAPI's own parser, and payloads to the schemas in it.
//
//   node validate.cjs DOCUMENT < PAYLOADS
//
// DOCUMENT: a file. PAYLOADS, one JSON object on each line: {"message": NAME, "payload": ANY}, with
// NAME a message of the document. All examples in the document are checked as well. Prints one JSON
// object on each line: {"severity": 0-3, "code", "path", "message"}; severity 0 is an error, 1 a
// warning, 2 information, 3 a hint. Run in the folder that has node_modules.

const { readFileSync } = require('fs');
const { createRequire } = require('module');

const installed = createRequire(`${process.cwd()}/`);
const { Parser } = installed('@asyncapi/parser');
const Ajv = installed('ajv');

const say = (severity, code, path, message) =>
  console.log(JSON.stringify({ severity, code, path, message }));

async function main() {
  const parsed = await new Parser().parse(readFileSync(process.argv[2], 'utf8'));
  for (const found of parsed.diagnostics) {
    say(found.severity, String(found.code), found.path.join('.'), found.message);
  }
  if (parsed.document === undefined) return;
  // Extensions of the parser stand in the schemas, so that unknown words are no error here.
  const ajv = new Ajv({ strict: false, allErrors: true });
  const checks = new Map();
  for (const message of parsed.document.components().messages().all()) {
    const check = ajv.compile(message.payload().json());
    checks.set(message.id(), check);
    const examples = message.examples().all();
    if (examples.length === 0) say(0, 'no-example', message.id(), 'a message without an example');
    for (const example of examples) judge(check, `${message.id()} ${example.name()}`, example.payload());
  }
  for (const line of readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
    const { message, payload } = JSON.parse(line);
    if (checks.has(message)) judge(checks.get(message), message, payload);
    else say(0, 'no-such-message', message, 'the document does not have it');
  }
}

function judge(check, path, payload) {
  if (!check(payload)) say(0, 'payload', path, new Ajv().errorsText(check.errors));
}

main();
