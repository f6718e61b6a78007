/** Who may import whom (docs/design.md, Layout), as data, and a function that finds what breaks it. */
import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, normalize } from 'node:path';
import ts from 'typescript';

export type Import = { from: string; to: string };

/** A rule goes by the longest path that a file starts with. Everything may import from its own folder. */
type Rule = {
  /** Paths of this repository that may be imported, as prefixes. */
  files: string[];
  /** Packages and Node's modules; a `*` at the end stands for anything. */
  packages: string[];
};

/** The values that the ports speak of come with them. */
const PORTS = ['lambdas/protocol/ports/', 'lambdas/protocol/position.ts', 'lambdas/protocol/window.ts'];
const ADAPTER = [...PORTS, 'lambdas/config/', 'lambdas/errors.ts'];
/** Nothing here reaches outside of the process. */
const PURE = [
  'node:crypto',
  'node:util',
  'node:buffer',
  'node:zlib',
  'node:timers*',
  'node:perf_hooks',
  'node:stream*',
];

/** What the stack's roles, topics and cost follow from, as data: the command line knows it without the CDK. */
const WITHOUT_CDK = ['cost', 'kafka-acls', 'kafka-rights', 'msk', 'policies', 'quotas', 'statements', 'topic-list'].map(
  (name) => `infra/${name}.ts`,
);
const NO_CDK: Rule = { files: [...WITHOUT_CDK, 'lambdas/config/'], packages: [] };

const HANDLER: Rule = { files: ['lambdas/'], packages: ['node:crypto'] };

export const RULES: Record<string, Rule> = {
  'lambdas/': HANDLER,
  'lambdas/errors.ts': { files: [], packages: [] },
  'lambdas/protocol/': { files: ['lambdas/errors.ts'], packages: ['node:crypto'] },
  'lambdas/config/': { files: ['lambdas/errors.ts'], packages: ['node:fs', 'zod', 'yaml'] },
  'lambdas/snowflake/': {
    files: ADAPTER,
    packages: [...PURE, 'snowflake-sdk', 'node:http', 'node:https', 'node:module'],
  },
  'lambdas/kafka/': {
    files: ADAPTER,
    packages: [...PURE, 'kafkajs', 'kafkajs/*', 'node:net', 'node:tls'],
  },
  'lambdas/checkpoints/': { files: ADAPTER, packages: [...PURE, '@aws-sdk/client-dynamodb'] },
  'lambdas/encoding/': { files: ADAPTER, packages: PURE },
  'lambdas/encoding/registries/': {
    files: [...ADAPTER, 'lambdas/encoding/'],
    packages: [...PURE, 'node:http', 'node:https'],
  },
  'lambdas/aws/': {
    files: ADAPTER,
    packages: [
      ...PURE,
      '@aws-sdk/client-eventbridge',
      '@aws-sdk/client-lambda',
      '@aws-sdk/client-secrets-manager',
      '@aws-sdk/client-sts',
      '@aws-lambda-powertools/*',
      'aws-msk-iam-sasl-signer-js',
    ],
  },
  'infra/': {
    files: ['lambdas/config/', 'lambdas/checkpoints/definition.ts', 'lambdas/aws/metrics.ts', 'lambdas/errors.ts'],
    packages: ['aws-cdk-lib', 'aws-cdk-lib/*', 'cdk-nag', 'constructs', 'node:*'],
  },
  ...Object.fromEntries(WITHOUT_CDK.map((file) => [file, NO_CDK])),
  'cli/': { files: ['lambdas/', ...WITHOUT_CDK], packages: ['commander', 'node:*'] },
};

/** The imports of all TypeScript files under the folders that have rules. `root` is the repository. */
export function importsOf(root: string): Import[] {
  return ['lambdas', 'infra', 'cli']
    .flatMap((folder) => filesUnder(root, folder))
    .flatMap((file) => imports(root, file));
}

/** The imports that no rule allows, as `from -> to`. */
export function forbidden(all: Import[]): string[] {
  return all.filter((one) => !allowed(one)).map(({ from, to }) => `${from} -> ${to}`);
}

function allowed({ from, to }: Import): boolean {
  const folder = Object.keys(RULES)
    .filter((prefix) => from.startsWith(prefix))
    .sort((a, b) => b.length - a.length)[0];
  if (folder === undefined) return false;
  const { files, packages } = RULES[folder]!;
  if (to.endsWith('.ts'))
    return (folder !== 'lambdas/' && to.startsWith(folder)) || files.some((path) => to.startsWith(path));
  return packages.some((name) => (name.endsWith('*') ? to.startsWith(name.slice(0, -1)) : to === name));
}

function filesUnder(root: string, folder: string): string[] {
  try {
    return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
      .map((name) => join(folder, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function imports(root: string, from: string): Import[] {
  return specifiers(readFileSync(join(root, from), 'utf8')).map((name) => ({ from, to: target(from, name) }));
}

function target(from: string, name: string): string {
  if (name.startsWith('.')) return normalize(join(dirname(from), name));
  return isBuiltin(name) && !name.startsWith('node:') ? `node:${name}` : name;
}

/** Everything that a text names in `import`, `export from`, `import()`, `import type` and `require()`. */
export function specifiers(text: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined) {
      found.push((node.moduleSpecifier as ts.StringLiteral).text);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      found.push((node.argument.literal as ts.StringLiteral).text);
    } else if (ts.isCallExpression(node) && isLoader(node.expression)) {
      const name = node.arguments[0];
      found.push(name !== undefined && ts.isStringLiteralLike(name) ? name.text : '(computed)');
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest));
  return found;
}

/** `import(...)`, `require(...)` and `createRequire(...)(...)`. */
function isLoader(callee: ts.Expression): boolean {
  if (callee.kind === ts.SyntaxKind.ImportKeyword) return true;
  if (ts.isIdentifier(callee)) return callee.text === 'require';
  return (
    ts.isCallExpression(callee) && ts.isIdentifier(callee.expression) && callee.expression.text === 'createRequire'
  );
}
