/** Snowflake's own errors, one function each: code, SQL state and message text as an account words them. */
import { SqlError } from '../contract.ts';

const compilation = (code: string, state: string, text: string): SqlError =>
  new SqlError(code, state, `SQL compilation error:${text.startsWith('error line') ? ' ' : '\n'}${text}`);

export const syntaxError = (line: number, pos: number, what: string): SqlError =>
  compilation('001003', '42000', `syntax error line ${line} at position ${pos} unexpected '${what}'.`);

/** Valid Snowflake that the stand-in does not run. Never a guess: the caller sees that it is not here. */
export const unsupported = (feature: string): SqlError =>
  new SqlError('000002', '0A000', `Unsupported feature '${feature}'.`);

export const statementCount = (actual: number): SqlError =>
  new SqlError('000008', '0A000', `Actual statement count ${actual} did not match the desired statement count 1.`);

export const unknownFunction = (name: string): SqlError => compilation('002140', '42601', `Unknown function ${name}`);

export const badArguments = (name: string, types: string): SqlError =>
  compilation(
    '001044',
    '42P13',
    `error line 0 at position 0\nInvalid argument types for function '${name}': (${types})`,
  );

export const invalidIdentifier = (name: string): SqlError =>
  compilation('000904', '42000', `error line 1 at position 0\ninvalid identifier '${name}'`);

export const ambiguousColumn = (name: string): SqlError =>
  compilation('000940', '42702', `ambiguous column name '${name}'`);

export const missingTable = (name: string): SqlError =>
  compilation('002003', '42S02', `Object '${name}' does not exist or not authorized.`);

export const missingObject = (kind: string, name: string): SqlError =>
  compilation('002003', '02000', `${kind} '${name}' does not exist or not authorized.`);

export const insufficientPrivileges = (kind: string, name: string): SqlError =>
  new SqlError(
    '003001',
    '42501',
    `SQL access control error:\nInsufficient privileges to operate on ${kind} '${name}'.`,
  );

/** Of a database made from a share. Its code is a choice. */
export const individualPrivileges = (granted: boolean): SqlError =>
  compilation(
    '003011',
    '42501',
    `${granted ? 'Granting' : 'Revoking'} individual privileges on imported database is not allowed. Use '${granted ? 'GRANT' : 'REVOKE'} IMPORTED PRIVILEGES' instead.`,
  );

/** Of USE, which names no object. */
export const noSuchObject = (): SqlError =>
  compilation('002043', '02000', 'Object does not exist, or operation cannot be performed.');

export const existsAlready = (name: string): SqlError =>
  compilation('002002', '42710', `Object '${name}' already exists.`);

export const noDatabase = (): SqlError =>
  new SqlError(
    '090105',
    '22000',
    "Cannot perform operation. This session does not have a current database. Call 'USE DATABASE', or use a qualified name.",
  );

export const noSchema = (): SqlError =>
  new SqlError(
    '090106',
    '22000',
    "Cannot perform operation. This session does not have a current schema. Call 'USE SCHEMA', or use a qualified name.",
  );

/** Tracking is off, was off inside the range, or its history was lost with the object. */
export const changeTrackingMissing = (qualifiedName: string): SqlError =>
  compilation(
    '091930',
    '2F003',
    `Change tracking is not enabled or has been missing for the time range requested on table '${qualifiedName}'.`,
  );

/** The code of those that are deterministic is a choice. */
export const untrackable = (what: string): SqlError =>
  compilation('091912', '2F003', `Change tracking is not supported on queries with ${what}.`);

export const appendOnlyOnDynamic = (): SqlError =>
  compilation('091930', '2F003', 'Change tracking of type APPEND_ONLY is not supported on dynamic tables.');

/** Whatever is wrong with what a view reads. */
export const viewFails = (name: string, why: string): SqlError =>
  compilation('002037', '42601', `Failure during expansion of view '${name}': ${why}`);

export const viewColumns = (name: string, declared: number, given: number): SqlError =>
  compilation(
    '002057',
    '42601',
    `View definition for '${name}' declared ${declared} column(s), but view query produces ${given} column(s).`,
  );

export const timeTravelGone = (table: string): SqlError =>
  new SqlError(
    '000707',
    '02000',
    `Time travel data is not available for table ${table}. The requested time is either beyond the allowed time travel period or before the object creation time.`,
  );

export const futureData = (code: string, table: string): SqlError =>
  new SqlError(code, '02000', `Future data is not yet available for table ${table}.`);

export const notConstantPoint = (which: string): SqlError =>
  compilation(
    '001015',
    '22023',
    `argument TIMESTAMP to function ${which} needs to be constant, found 'CURRENT_TIMESTAMP()'`,
  );

export const badOffset = (which: string, value: string): SqlError =>
  compilation('002121', '22023', `Invalid data type [${value}] in ${which}(OFFSET => ${value})`);

export const statementNotFound = (id: string): SqlError => compilation('000709', '02000', `Statement ${id} not found`);

export const statementNotAPoint = (id: string): SqlError =>
  compilation('000709', '02000', `Statement ${id} cannot be used to specify time for time travel query.`);

export const streamNotFound = (name: string): SqlError => compilation('002003', '02000', `Stream '${name}' not found.`);

export const baseDropped = (table: string): SqlError =>
  compilation('002003', '02000', `Base TABLE ${table} dropped, cannot read from stream on it.`);

export const staleStream = (name: string): SqlError =>
  compilation('091901', '2F003', `Stream '${name}' is stale and can no longer be read.`);

export const notAStream = (name: string, function_: string): SqlError =>
  compilation(
    '001008',
    '22023',
    `Invalid value ['${name}'] for function '${function_}', parameter 1: must be a valid stream name`,
  );

export const nullIntoNotNull = (column: string): SqlError =>
  new SqlError('100072', '22000', `NULL result in a non-nullable column ${column}`);

export const stringTooLong = (value: string): SqlError =>
  new SqlError('100078', '22000', `String '${value}' is too long and would be truncated`);

export const duplicateMergeRow = (): SqlError =>
  new SqlError('100090', '42P18', 'Duplicate row detected during DML action');

/** VALUES takes constants and simple functions only. */
export const notInValues = (what: string): SqlError =>
  compilation('002014', '22000', `Invalid expression [${what}] in VALUES clause`);

export const bindNotSet = (index: string): SqlError =>
  compilation('002049', '42601', `Bind variable ${index} not set.`);

export const columnCount = (expected: number, actual: number): SqlError =>
  compilation(
    '002020',
    '21S01',
    `Insert value list does not match column list expecting ${expected} but got ${actual}`,
  );

export const invalidValue = (what: string): SqlError => compilation('001008', '22023', `invalid value ${what}`);

export const incompatibleTypes = (from: string, to: string): SqlError =>
  compilation('002023', '22000', `Expression type does not match column data type, expecting ${to} but got ${from}`);

export const invalidCast = (from: string, to: string): SqlError =>
  compilation('001065', '22023', `invalid type [CAST(${from} AS ${to})] for parameter '${to}'`);

export const cancelled = (): SqlError => new SqlError('000604', '57014', 'SQL execution canceled');

export const compilationError = compilation;
