// The Go program: gosnowflake's rows, encoding/json, franz-go. peer <address> <set> <broker> <topic>
//
// Idempotent, so at least once: nothing remembers how far it came.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	sf "github.com/snowflakedb/gosnowflake"
	"github.com/twmb/franz-go/pkg/kgo"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func usage() (cpuMs float64, rssMb float64) {
	var used syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	ms := func(t syscall.Timeval) float64 { return float64(t.Sec)*1e3 + float64(t.Usec)/1e3 }
	return ms(used.Utime) + ms(used.Stime), float64(used.Maxrss) / 1024
}

func open(address string) *sql.DB {
	at, err := url.Parse(address)
	must(err)
	port, err := strconv.Atoi(at.Port())
	must(err)
	return sql.OpenDB(sf.NewConnector(sf.SnowflakeDriver{}, sf.Config{
		Account: "bench", User: "bench", Password: "bench",
		Host: at.Hostname(), Port: port, Protocol: "http",
		Database: "BENCH", Schema: "PUBLIC", Warehouse: "WH",
		// https://pkg.go.dev/github.com/snowflakedb/gosnowflake#Config
		DisableOCSPChecks: true, DisableTelemetry: true,
	}))
}

// Numbers that JSON has, all else as text.
func plain(value any) any {
	switch v := value.(type) {
	case []byte:
		return string(v)
	case interface{ Text(byte, int) string }:
		return json.Number(v.Text('f', 2))
	}
	return value
}

func main() {
	address, index, broker, topic := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	// Numbers as they are instead of as text: https://pkg.go.dev/github.com/snowflakedb/gosnowflake#WithHigherPrecision
	ctx := sf.WithHigherPrecision(context.Background())
	db := open(address)
	must(db.PingContext(ctx))
	client, err := kgo.NewClient(
		kgo.SeedBrokers(broker),
		kgo.DefaultProduceTopic(topic),
		// https://pkg.go.dev/github.com/twmb/franz-go/pkg/kgo#ProducerOpt; idempotent unless told otherwise
		kgo.ProducerBatchMaxBytes(1_000_000),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerLinger(5*time.Millisecond),
		kgo.MaxBufferedRecords(50_000),
	)
	must(err)
	must(client.Ping(ctx))

	before, _ := usage()
	began := time.Now()
	rows, err := db.QueryContext(ctx, fmt.Sprintf("SELECT * FROM BENCH.PUBLIC.FLIGHTS /* set %s */", index))
	must(err)
	names, err := rows.Columns()
	must(err)
	values, places := make([]any, len(names)), make([]any, len(names))
	for at := range values {
		places[at] = &values[at]
	}
	count, size := 0, 0
	var acked atomic.Int64
	done := func(_ *kgo.Record, err error) {
		must(err)
		acked.Add(1)
	}
	for rows.Next() {
		must(rows.Scan(places...))
		row := make(map[string]any, len(names))
		for at, name := range names {
			row[name] = plain(values[at])
		}
		value, err := json.Marshal(row)
		must(err)
		client.Produce(ctx, &kgo.Record{Value: value}, done)
		count++
		size += len(value)
	}
	must(rows.Err())
	must(client.Flush(ctx))
	if int(acked.Load()) != count {
		must(fmt.Errorf("%d of %d records were acknowledged", acked.Load(), count))
	}
	wall := float64(time.Since(began).Microseconds()) / 1e3
	cpu, rss := usage()
	// As bench/measured/meter.ts has them. Go has no event loop that could stall.
	must(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"rows": count, "bytes": size, "wallMs": wall, "cpuMs": cpu - before, "totalCpuMs": cpu, "rssMb": rss, "stallMs": 0,
	}))
}
