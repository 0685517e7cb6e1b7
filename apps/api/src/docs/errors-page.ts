/** `docs/errors.md`, written from the registry: the page cannot know a code that the service does not, nor miss one. */
import { errors, type ErrorCode } from '@likeness/contracts';

export function errorsPage(): string {
  const codes = Object.keys(errors) as ErrorCode[];
  return `${HEAD}\n${codes.map(section).join('\n')}`;
}

const HEAD = `# Errors

Every refusal is a problem document (RFC 9457, \`application/problem+json\`) with a stable \`code\`; the same codes stand in the \`error\` of a generation that
failed. \`detail\` has the offending value, \`errors\` names the fields by JSON pointer (\`?name\` in a query, \`name:\` for a header), \`request_id\` is the
\`X-Request-Id\` of the answer. \`retryable\` says whether the same request may succeed later without being changed.

This page is written from \`libs/contracts/src/errors.ts\`.
`;

function section(code: ErrorCode): string {
  const { status, title, hint, example, retryable } = errors[code];
  return `## ${code}

${title} **${status}**, ${retryable ? 'may succeed later' : 'will not succeed unchanged'}.

${hint}

> ${example}
`;
}
