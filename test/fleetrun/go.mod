module github.com/growthgenius/growthgenius-go/test/fleetrun

go 1.26.0

replace github.com/growthgenius/growthgenius-go => ../..

replace github.com/growthgenius/growthgenius-go/sqlstore => ../../sqlstore

replace github.com/growthgenius/growthgenius-go/redisstore => ../../redisstore

require (
	github.com/growthgenius/growthgenius-go v0.0.0
	github.com/growthgenius/growthgenius-go/redisstore v0.0.0
	github.com/growthgenius/growthgenius-go/sqlstore v0.0.0
	github.com/jackc/pgx/v5 v5.12.0
	github.com/redis/go-redis/v9 v9.23.0
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/go-json-experiment/json v1.27.2 // indirect
	github.com/google/go-querystring v1.2.0 // indirect
	github.com/hashicorp/go-cleanhttp v0.5.2 // indirect
	github.com/hashicorp/go-retryablehttp v0.7.8 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.3 // indirect
	go.uber.org/atomic v1.12.0 // indirect
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	golang.org/x/time v0.16.0 // indirect
)
