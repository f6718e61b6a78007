/** Configurations that are synthesised: the users' examples, and one with all that the stack can be asked for. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../infra/synthesize.ts';
import { readConfigFile } from '../../lambdas/config/load.ts';
import { FUNCTIONS } from '../../scripts/bundle.ts';

export function examples(): { name: string; text: string }[] {
  return readdirSync(join(root, 'config'))
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => ({ name: file, text: readConfigFile(join(root, 'config', file)) }));
}

/** In place of the bundles: what a template needs of them. */
export function emptyBundles(dist: string): void {
  for (const name of FUNCTIONS) {
    mkdirSync(join(dist, name), { recursive: true });
    writeFileSync(join(dist, name, 'index.mjs'), 'export const handler = async () => {};\n');
  }
}

export const everything = `
app: all
snowflake:
  account: myorg-myaccount
  user: SNOWMELT
  role: SNOWMELT
  warehouse: SNOWMELT_XS
  throughVpc: true
  auth: { method: key-pair, secret: snowmelt/snowflake }
kafka:
  brokers: [b-1.example.com:9098]
  auth: { method: iam }
aws:
  vpc:
    subnets: [subnet-0a1b2c3d4e5f60718, subnet-1a2b3c4d5e6f70819]
    securityGroups: [sg-0a1b2c3d4e5f60718]
    endpoints: { vpc: vpc-0a1b2c3d4e5f60718, routeTables: [rtb-0a1b2c3d4e5f60718] }
  key: arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9
  cluster: arn:aws:kafka:eu-central-1:123456789012:cluster/events/4c5d6e7f-8a9b-4c0d-9e1f-2a3b4c5d6e7f-3
  topics: { replication: 3, minInsync: 2 }
  publishers: 50
  alarms:
    page: arn:aws:sns:eu-central-1:123456789012:page
    ticket: arn:aws:sns:eu-central-1:123456789012:ticket
  notifications: arn:aws:sns:eu-central-1:123456789012:people
sources:
  orders:
    table: SALES.PUBLIC.ORDERS
    key: [ORDER_ID]
    topic: { name: all.orders, partitions: 12 }
    partitions: 4
    memory: 3538
  customers:
    table: SALES.PUBLIC.CUSTOMERS
    key: [CUSTOMER_ID]
    topic: { name: all.customers, partitions: 3 }
    every: 15m
`;
