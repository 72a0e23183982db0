module covey/bench/rivals

go 1.26.0

require (
	covey v0.0.0
	github.com/VictoriaMetrics/fastcache v1.12.2
	github.com/allegro/bigcache/v3 v3.1.0
	github.com/coocood/freecache v1.2.4
	github.com/dgraph-io/ristretto/v2 v2.3.0
	github.com/maypok86/otter/v2 v2.2.1
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/dustin/go-humanize v1.0.1 // indirect
	github.com/golang/snappy v0.0.4 // indirect
	github.com/klauspost/cpuid/v2 v2.0.9 // indirect
	github.com/zeebo/xxh3 v1.0.2 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace covey => ../..
