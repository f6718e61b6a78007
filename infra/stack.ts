/** One environment: table, functions, schedules, bus. Network, Kafka and Snowflake are the user's own. */
import { Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { Infrastructure } from '../lambdas/config/load.ts';
import type { ResolvedConfig } from '../lambdas/config/resolved.ts';
import { eventBus, publishOnEvents } from './events.ts';
import { configLayer, worker } from './functions.ts';
import { schedules } from './schedules.ts';
import { checkpointTable } from './state.ts';

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
    const table = checkpointTable(this, config.table.name);
    const bus = eventBus(this, config);
    const layer = configLayer(this, folder);
    const shared = { config, table, bus, layer, dist, vpc: infrastructure.vpc };
    schedules(this, config, worker(this, 'plan', shared), worker(this, 'recount', shared));
    publishOnEvents(this, config, bus, worker(this, 'publish', shared));
    worker(this, 'operate', shared); // invoked by a person
  }
}
