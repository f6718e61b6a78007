/**
 * DuckDB macros behind the supported functions. Timestamps are nanoseconds in HUGEINT; values that fit 64 bits
 * (years 1678 to 2261) take a path some thirty times faster.
 * An error is raised as `SF|code|state|message`, which `storage/duckdb.ts` turns into Snowflake's.
 */
const DAY = '86400000000000';

export const MACROS = `
CREATE MACRO sf_raise(code, state, message) AS error('SF|' || code || '|' || state || '|' || message);
CREATE MACRO sf_small(ns) AS (ns BETWEEN -9200000000000000000 AND 9200000000000000000);
CREATE MACRO sf_floor(ns, unit) AS CASE WHEN sf_small(ns)
  THEN CAST((CAST(ns AS BIGINT) - (CAST(ns AS BIGINT) % unit + unit) % unit) // unit AS HUGEINT)
  ELSE (ns - (ns % unit + unit) % unit) // unit END;
CREATE MACRO sf_us(ns) AS CAST(sf_floor(ns, 1000) AS BIGINT);
CREATE MACRO sf_ts(ns) AS make_timestamp(sf_us(ns));
CREATE MACRO sf_ns(ts) AS CAST(epoch_us(ts) AS HUGEINT) * 1000;
CREATE MACRO sf_date(ns) AS CAST(sf_ts(ns) AS DATE);
CREATE MACRO sf_sub(ns, unit) AS CAST(ns - sf_floor(ns, unit) * unit AS BIGINT);
CREATE MACRO sf_big_ts(ns) AS make_timestamp(CAST((ns - (ns % 1000 + 1000) % 1000) // 1000 AS BIGINT));
CREATE MACRO sf_strftime(ns, format) AS CASE WHEN sf_small(ns)
  THEN strftime(make_timestamp_ns(CAST(ns AS BIGINT)), format) ELSE strftime(sf_big_ts(ns), format) END;
CREATE MACRO sf_big_nanos(ns) AS lpad(CAST((ns % 1000000000 + 1000000000) % 1000000000 AS VARCHAR), 9, '0');
CREATE MACRO sf_fraction(ns, digits) AS left(lpad(CAST(sf_sub(ns, 1000000000) AS VARCHAR), 9, '0'), digits);
CREATE MACRO sf_offset_hours(o) AS CASE WHEN o < 0 THEN '-' ELSE '+' END || lpad(CAST(abs(o) // 60 AS VARCHAR), 2, '0');
CREATE MACRO sf_offset_minutes(o) AS lpad(CAST(abs(o) % 60 AS VARCHAR), 2, '0');
CREATE MACRO sf_zone_offset(ns, zone) AS
  CAST((epoch_us(timezone(zone, make_timestamptz(sf_us(ns)))) - sf_us(ns)) // 60000000 AS SMALLINT);
CREATE MACRO sf_to_local(ns, zone) AS ns + CAST(sf_zone_offset(ns, zone) AS HUGEINT) * 60000000000;
CREATE MACRO sf_from_local(ns, zone) AS
  CAST(epoch_us(timezone(zone, sf_ts(ns))) AS HUGEINT) * 1000 + sf_sub(ns, 1000);

CREATE MACRO sf_match_timestamp(x) AS regexp_extract(trim(x),
  '^(\\d{1,4}-\\d{1,2}-\\d{1,2})(?:[ T]+(\\d{1,2}:\\d{2}(?::\\d{2})?)(?:\\.(\\d{1,9}))?)?\\s*(Z|[+-]\\d{2}:?\\d{2})?$', ['d', 't', 'f', 'z']);
CREATE MACRO sf_matched_ns(m) AS sf_ns(CAST(m.d || ' ' || CASE WHEN m.t = '' THEN '00:00' ELSE m.t END AS TIMESTAMP))
  + CAST(rpad(m.f, 9, '0') AS BIGINT);
CREATE MACRO sf_matched_offset(m) AS CASE WHEN m.z = '' OR m.z = 'Z' THEN 0 ELSE
  CAST(CASE WHEN m.z[1] = '-' THEN -1 ELSE 1 END * (CAST(m.z[2:3] AS INTEGER) * 60 + CAST(right(m.z, 2) AS INTEGER)) AS SMALLINT) END;
CREATE MACRO sf_not_timestamp(x) AS sf_raise('100035', '22007', 'Timestamp ''' || x || ''' is not recognized');
CREATE MACRO sf_text_ntz(x) AS list_transform([sf_match_timestamp(x)], lambda m: CASE WHEN x IS NULL THEN NULL
  WHEN m.d = '' THEN sf_not_timestamp(x) ELSE sf_matched_ns(m) END)[1];
CREATE MACRO sf_matched_instant(x, m, zone) AS CASE WHEN x IS NULL THEN NULL WHEN m.d = '' THEN sf_not_timestamp(x)
  ELSE list_transform([sf_matched_ns(m)], lambda local: CASE WHEN m.z = '' THEN sf_from_local(local, zone)
    ELSE local - CAST(sf_matched_offset(m) AS HUGEINT) * 60000000000 END)[1] END;
CREATE MACRO sf_text_ltz(x, zone) AS list_transform([sf_match_timestamp(x)], lambda m: sf_matched_instant(x, m, zone))[1];
CREATE MACRO sf_tz(ns, o) AS CASE WHEN ns IS NOT NULL THEN {'i': CAST(ns AS HUGEINT), 'o': CAST(o AS SMALLINT)} END;
CREATE MACRO sf_text_tz(x, zone) AS list_transform([sf_match_timestamp(x)], lambda m:
  list_transform([sf_matched_instant(x, m, zone)], lambda i:
    sf_tz(i, CASE WHEN m.z = '' THEN sf_zone_offset(i, zone) ELSE sf_matched_offset(m) END))[1])[1];
CREATE MACRO sf_text_date(x) AS list_transform([sf_match_timestamp(x)], lambda m: CASE WHEN x IS NULL THEN NULL WHEN m.d = ''
  THEN sf_raise('100040', '22007', 'Date ''' || x || ''' is not recognized') ELSE CAST(m.d AS DATE) END)[1];
CREATE MACRO sf_match_time(x) AS regexp_extract(trim(x), '^(\\d{1,2}):(\\d{2})(?::(\\d{2})(?:\\.(\\d{1,9}))?)?$', ['h', 'm', 's', 'f']);
CREATE MACRO sf_text_time(x) AS list_transform([sf_match_time(x)], lambda t: CASE WHEN x IS NULL THEN NULL
  WHEN t.h = '' OR CAST(t.h AS INTEGER) > 23 OR CAST(t.m AS INTEGER) > 59 OR (t.s <> '' AND CAST(t.s AS INTEGER) > 59)
  THEN sf_raise('100108', '22007', 'Time ''' || x || ''' is not recognized')
  ELSE CAST(t.h AS BIGINT) * 3600000000000 + CAST(t.m AS BIGINT) * 60000000000
    + CASE WHEN t.s = '' THEN 0 ELSE CAST(t.s AS BIGINT) * 1000000000 END
    + CASE WHEN t.f = '' THEN 0 ELSE CAST(rpad(t.f, 9, '0') AS BIGINT) END END)[1];
CREATE MACRO sf_text_boolean(x) AS CASE WHEN x IS NULL THEN NULL
  WHEN lower(trim(x)) IN ('true', 't', 'yes', 'y', 'on', '1') THEN TRUE
  WHEN lower(trim(x)) IN ('false', 'f', 'no', 'n', 'off', '0') THEN FALSE
  ELSE sf_raise('100037', '22018', 'Boolean value ''' || x || ''' is not recognized') END;
CREATE MACRO sf_text_binary(x) AS CASE WHEN x IS NULL THEN NULL WHEN length(x) % 2 = 0 AND regexp_full_match(x, '[0-9a-fA-F]*')
  THEN unhex(x) ELSE sf_raise('100115', '22000', 'The following string is not a legal hex-encoded value: ''' || x || '''') END;

CREATE MACRO sf_special(x) AS CASE WHEN isnan(x) THEN 'NaN' WHEN x > 0 THEN 'inf' ELSE '-inf' END;
CREATE MACRO sf_real_text(x) AS CASE WHEN x IS NULL THEN NULL WHEN NOT isfinite(x) THEN sf_special(x)
  ELSE regexp_replace(CAST(x AS VARCHAR), '\\.0$', '') END;
CREATE MACRO sf_digits(s) AS ltrim(replace(split_part(s, 'e', 1), '.', ''), '0');
CREATE MACRO sf_point(s) AS
  length(split_part(split_part(s, 'e', 1), '.', 1)) - (length(replace(split_part(s, 'e', 1), '.', '')) - length(sf_digits(s)))
  + CASE WHEN contains(s, 'e') THEN CAST(split_part(s, 'e', 2) AS INTEGER) ELSE 0 END - 1;
CREATE MACRO sf_mantissa(d) AS d[1] || CASE WHEN length(rtrim(d[2:], '0')) > 0 THEN '.' || rtrim(d[2:], '0') ELSE '.0' END;
CREATE MACRO sf_real_plain(s) AS left(s, 1) || '.' || coalesce(nullif(rtrim(replace(substr(s, 2), '.', ''), '0'), ''), '0')
  || 'E' || CAST(strpos(s, '.') - 2 AS VARCHAR);
CREATE MACRO sf_real_e(x) AS CASE WHEN x >= 1 AND x < 1e15 THEN sf_real_plain(CAST(x AS VARCHAR))
  WHEN x IS NULL THEN NULL WHEN NOT isfinite(x) THEN sf_special(x) WHEN x = 0 THEN '0.0E0'
  ELSE CASE WHEN x < 0 THEN '-' ELSE '' END || sf_mantissa(sf_digits(CAST(abs(x) AS VARCHAR))) || 'E'
    || CAST(sf_point(CAST(abs(x) AS VARCHAR)) AS VARCHAR) END;

CREATE MACRO sf_parse_json(x) AS CASE WHEN x IS NULL OR trim(x) = '' THEN NULL
  WHEN json_valid(x) THEN regexp_replace(x, '("(?:[^"\\\\]|\\\\.)*")|[ \\t\\r\\n]+', '\\1', 'g')
  ELSE sf_raise('100069', '22P02', 'Error parsing JSON: ' || left(x, 100)) END;
CREATE MACRO sf_json_path(x, path) AS CASE
  WHEN json_type(x, path) = 'DOUBLE' AND length(regexp_replace(CAST(json_extract(x, path) AS VARCHAR), '[^0-9]', '', 'g')) > 15
  THEN sf_raise('000002', '0A000', 'Unsupported feature ''path to a number of more than 15 digits''.')
  ELSE CAST(json_extract(x, path) AS VARCHAR) END;
CREATE MACRO sf_json_text(x) AS CASE WHEN x[1] = '"' THEN json_extract_string(x, '$') WHEN x = 'null' THEN NULL ELSE x END;
CREATE MACRO sf_typeof(x) AS CASE json_type(x) WHEN 'NULL' THEN 'NULL_VALUE' WHEN 'UBIGINT' THEN 'INTEGER' WHEN 'BIGINT' THEN 'INTEGER'
  WHEN 'DOUBLE' THEN CASE WHEN regexp_full_match(x, '-?[0-9]+(\\.0*)?') THEN 'INTEGER' ELSE 'DECIMAL' END ELSE json_type(x) END;

CREATE MACRO sf_md5_lower(x) AS CAST('0x' || substr(md5(x), 17, 16) AS UBIGINT);
CREATE MACRO sf_md5_upper(x) AS CAST('0x' || substr(md5(x), 1, 16) AS UBIGINT);
CREATE MACRO sf_signed64(h) AS CAST(CASE WHEN h % 18446744073709551616 >= 9223372036854775808
  THEN h % 18446744073709551616 - 18446744073709551616 ELSE h % 18446744073709551616 END AS BIGINT);
CREATE MACRO sf_zero() AS sf_raise('100051', '22012', 'Division by zero');
CREATE MACRO sf_divide(a, b) AS CASE WHEN b = 0 THEN sf_zero()
  ELSE CASE WHEN (a < 0) <> (b < 0) THEN -1 ELSE 1 END * ((2 * abs(a) + abs(b)) // (2 * abs(b))) END;
CREATE MACRO sf_randstr(n) AS substr(md5(CAST(random() AS VARCHAR)) || md5(CAST(random() AS VARCHAR)) || md5(CAST(random() AS VARCHAR)) || md5(CAST(random() AS VARCHAR)), 1, n);
CREATE MACRO sf_day(ns) AS CAST(sf_floor(ns, ${DAY}) AS BIGINT);
`;
