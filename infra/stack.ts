/** One environment: table, functions, schedules, bus, alarms. Network, Kafka and Snowflake are the user's own. */
import { Annotations, Stack } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import type { Infrastructure } from '../lambdas/config/load.ts';
import type { ResolvedConfig } from '../lambdas/config/resolved.ts';
import { eventBus, publishOnEvents, sizesOf, tellOnEvents } from './events.ts';
import { configLayer, worker } from './functions.ts';
import { snowflakeIdentity } from './identity.ts';
import { vpcEndpoints } from './network.ts';
import { observe } from './observability/observe.ts';
import { peopleRoles } from './people.ts';
import { connectionWarnings } from './quotas.ts';
import { schedules } from './schedules.ts';
import { checkpointTable } from './state.ts';
import { topics } from './topics.ts';

export type SnowmeltProps = {
  config: ResolvedConfig;
  infrastructure: Infrastructure;
  /** Folder with a folder per function (scripts/bundle.ts). */
  dist: string;
  /** Folder that becomes the layer; holds snowmelt/config.json. */
  layer: string;
};

export class SnowmeltStack extends Stack {
  constructor(scope: Construct, { config, infrastructure, dist, layer: folder }: SnowmeltProps) {
    super(scope, `snowmelt-${config.app}`, { description: 'Snowmelt: Snowflake changes to Kafka, exactly once' });
    const key = infrastructure.key === undefined ? null : Key.fromKeyArn(this, 'Key', infrastructure.key);
    const table = checkpointTable(this, config.table.name, key);
    const bus = eventBus(this, config);
    const layer = configLayer(this, folder);
    const shared = { config, infrastructure, table, bus, layer, dist, key };

    const plan = worker(this, 'plan', shared);
    const recount = worker(this, 'recount', shared);
    schedules(this, config, plan, recount, key);
    const publishers = [undefined, ...sizesOf(config)].map((memory) => {
      const publish = worker(this, 'publish', shared, memory);
      publishOnEvents(this, config, bus, publish, memory);
      return publish;
    });
    const operate = worker(this, 'operate', shared); // invoked by a person
    const { notifications } = infrastructure;
    if (notifications !== undefined) tellOnEvents(this, config, bus, notifications, plan.failures, key);

    peopleRoles(this, { table, operate: operate.fn, key });
    snowflakeIdentity(this, config, [plan, recount, ...publishers, operate]);
    topics(this, config, infrastructure);
    vpcEndpoints(this, infrastructure);
    observe(this, config, infrastructure, { plan, recount, publishers, operate });
    for (const [i, warning] of connectionWarnings(config, infrastructure).entries())
      Annotations.of(this).addWarningV2(`snowmelt:connections-${i}`, warning);
  }
}
