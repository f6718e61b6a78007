/** Sign-in, renewal and the end of sessions. */
import type { Counters } from './counters.ts';
import type { Faults } from './faults.ts';
import type { Json } from './http.ts';
import { ServiceError, success, text } from './http.ts';
import type { Exchange } from './look.ts';
import type { Settings } from './options.ts';
import type { Queries } from './queries.ts';
import type { Session, Sessions } from './sessions.ts';
import { parameterList } from './sessions.ts';
import { signIn } from './sign-in.ts';

type Parts = { settings: Settings; sessions: Sessions; queries: Queries; faults: Faults; counters: Counters };

export function sessionRoutes({ settings, sessions, queries, faults, counters }: Parts) {
  async function login({ url, body, seen }: Exchange): Promise<Json> {
    const data = (body.data ?? {}) as Json;
    seen.user = text(data.LOGIN_NAME);
    const slow = faults.take(['slow-login'], seen);
    if (slow !== undefined) await new Promise((go) => setTimeout(go, slow.ms ?? 1000));
    const refused = faults.take(['login-refused'], seen);
    try {
      if (refused !== undefined) {
        const message = refused.message ?? 'Incorrect username or password was specified.';
        throw new ServiceError(refused.code ?? '390100', message);
      }
      const user = signIn(data, settings, Date.now());
      const session = await sessions.open(
        user,
        text(data.ACCOUNT_NAME),
        named({
          database: url.searchParams.get('databaseName'),
          schema: url.searchParams.get('schemaName'),
          warehouse: url.searchParams.get('warehouse'),
          role: url.searchParams.get('roleName'),
        }),
        (data.SESSION_PARAMETERS ?? {}) as Record<string, string>,
      );
      counters.add('logins');
      Object.assign(seen, { user: user.name, sessionId: session.id });
      return success(loginData(session));
    } catch (error) {
      counters.add('loginsRefused');
      throw error;
    }
  }

  function loginData(session: Session): Json {
    const { database, schema, warehouse, role } = session.engine;
    return {
      masterToken: session.masterToken,
      token: session.token,
      validityInSeconds: Math.ceil(settings.sessionTokenMs / 1000),
      masterValidityInSeconds: Math.ceil(settings.masterTokenMs / 1000),
      displayUserName: session.user.name,
      serverVersion: '9.0.0',
      firstLogin: false,
      healthCheckInterval: 45,
      sessionId: session.id,
      parameters: parameterList(session),
      sessionInfo: { databaseName: database, schemaName: schema, warehouseName: warehouse, roleName: role },
    };
  }

  function renew({ request, seen }: Exchange): Json {
    if (faults.take(['master-expired'], seen) !== undefined) {
      throw new ServiceError('390114', 'Authentication token has expired. The user must authenticate again.');
    }
    const session = sessions.renew(request.headers.authorization);
    counters.add('renewals');
    seen.sessionId = session.id;
    return success({
      sessionToken: session.token,
      validityInSecondsST: Math.ceil(settings.sessionTokenMs / 1000),
      masterToken: session.masterToken,
      validityInSecondsMT: Math.ceil(settings.masterTokenMs / 1000),
      sessionId: session.id,
    });
  }

  async function authorize({ request, seen }: Exchange): Promise<Session> {
    const session = sessions.authorize(request.headers.authorization);
    Object.assign(seen, { user: session.user.name, sessionId: session.id });
    if (faults.take(['session-expired'], seen) !== undefined) sessions.expire('session', session);
    if (faults.take(['session-gone'], seen) !== undefined) await end(session);
    return sessions.authorize(request.headers.authorization);
  }

  /** A session that ends takes its running statements with it. */
  async function end(session: Session): Promise<void> {
    queries.abortOf(session);
    await sessions.close(session);
  }

  return { login, renew, authorize, end };
}

function named<T extends string>(values: Record<T, string | null>): Partial<Record<T, string>> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null)) as Partial<Record<T, string>>;
}
