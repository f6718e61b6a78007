/**
 * Set before snowflake-sdk is loaded, so this is imported first: at import the SDK would call cloud metadata addresses and
 * load a native library, and after each login send telemetry.
 */
process.env.SNOWFLAKE_DISABLE_PLATFORM_DETECTION = 'true';
process.env.SNOWFLAKE_DISABLE_MINICORE = 'true';
process.env.SF_TELEMETRY_DISABLE_CONNECTION_SHAPE = '1';
