// Run before the npm scripts, by whatever Node is there: so no TypeScript and no new syntax in this file.
'use strict';
var major = Number(process.versions.node.split('.')[0]);
if (!(major >= 24)) {
  console.error(
    'Snowmelt needs Node 24 or newer; this is ' +
      process.version +
      '.\n' +
      'On Linux (x64, arm64) `npm ci` brings it along: run npm ci again, without --omit=optional.\n' +
      'Elsewhere install it first: https://nodejs.org/en/download',
  );
  process.exit(1);
}
