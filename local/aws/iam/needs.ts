/** What a call to AWS needs to be allowed: actions and the resources they are for, as the services name them. */
import type { AwsCall } from '../interceptors.ts';
import type { Place } from '../template/resources.ts';

export type Need = { action: string; resource: string };

/** The six characters that Secrets Manager appends to the name of a secret in its ARN. */
const SUFFIX = '-a1B2c3';

export function needsOf({ service, operation, input }: Pick<AwsCall, 'service' | 'operation' | 'input'>, place: Place) {
  const action = `${service}:${operation}`;
  const arn = (rest: string) => `arn:aws:${service}:${place.region}:${place.account}:${rest}`;
  const named = (name: string, kind: string) => (name.startsWith('arn:') ? name : arn(`${kind}${name}`));
  const need = (resource: string): Need => ({ action, resource });
  switch (service) {
    case 'dynamodb':
      return [need(named(String(input['TableName']), 'table/'))];
    case 'events': {
      const entries = (input['Entries'] ?? []) as { EventBusName?: string }[];
      const buses = new Set(entries.map(({ EventBusName }) => EventBusName ?? 'default'));
      return [...buses].map((bus) => need(named(bus, 'event-bus/')));
    }
    case 'secretsmanager': {
      const secret = named(String(input['SecretId']), 'secret:');
      const whole = String(input['SecretId']).startsWith('arn:') && /-[A-Za-z0-9]{6}$/.test(secret);
      return [need(whole ? secret : secret + SUFFIX)];
    }
    default:
      return [need(named(String(input['FunctionName']), 'function:'))];
  }
}
